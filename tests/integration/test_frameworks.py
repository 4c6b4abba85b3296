"""The same small site in seven frameworks, unchanged, behind a real server."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.integration.running import Running

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

SITES = Path(__file__).parent / "sites"
FILE = os.urandom(300_000)


@dataclass(frozen=True)
class Framework:
    """How one framework's site is served.

    Args:
        package: what has to be installed.
        target: what is written on the command line.
        kind: what Bicorn has to find out.
        lacks: the features its site does not have.
        arguments: further options.
    """

    package: str
    target: str
    kind: str
    lacks: frozenset[str] = frozenset()
    arguments: tuple[str, ...] = ()


NO_ASYNC = frozenset({"background", "lifespan"})
FRAMEWORKS = {
    "fastapi": Framework("fastapi", "fastapi_site:app", "ASGI 3"),
    "fastapi, two workers": Framework(
        "fastapi",
        "fastapi_site:app",
        "ASGI 3",
        frozenset({"background"}),  # each worker keeps its own list
        ("--workers", "2", "--worker-class", "uvicorn.workers.UvicornWorker"),
    ),
    "starlette": Framework("starlette", "starlette_site", "ASGI 3"),
    "starlette, asyncio": Framework("starlette", "starlette_site", "ASGI 3", arguments=("--loop", "asyncio")),
    "litestar": Framework("litestar", "litestar_site:app", "ASGI 3"),
    "quart": Framework("quart", "quart_site:app", "ASGI 3"),
    "falcon asgi": Framework("falcon", "falcon_site:asgi", "ASGI 3", frozenset({"file"})),
    "falcon wsgi": Framework("falcon", "falcon_site", "WSGI", NO_ASYNC),
    "flask": Framework("flask", "flask_site:app", "WSGI", NO_ASYNC),
    "flask, four threads": Framework("flask", "flask_site", "WSGI", NO_ASYNC, ("-k", "gthread", "--threads", "4")),
    "django wsgi": Framework("django", "mysite.wsgi", "WSGI", NO_ASYNC),
    "django asgi": Framework("django", "mysite.asgi:application", "ASGI 3", NO_ASYNC),
}


@dataclass
class Site:
    """A framework's site, being served."""

    framework: Framework
    server: Running
    client: httpx.Client

    def needs(self, feature: str) -> None:
        """Skip the test when this framework's site does not have ``feature``."""
        if feature in self.framework.lacks:
            pytest.skip(f"the site has no {feature}")


@pytest.fixture(scope="module", params=FRAMEWORKS)
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    framework = FRAMEWORKS[request.param]
    pytest.importorskip(framework.package)
    folder: Path = tmp_path_factory.mktemp("site")
    if framework.package == "django":
        make_django_project(folder)
    else:
        module = framework.target.partition(":")[0]
        shutil.copy(SITES / f"{module}.py", folder)
    server = Running(folder, framework.target, "--bind", "127.0.0.1:0", *framework.arguments)
    try:
        server.ready()
        with httpx.Client(base_url=server.urls[0], timeout=20, trust_env=False) as client:
            yield Site(framework, server, client)
            assert server.stop() == 0, server.log()
        if "lifespan" not in framework.lacks:
            assert "the pool is closed" in server.log()
    finally:
        server.clean_up()


def make_django_project(folder: Path) -> None:
    """What every Django project starts as, with our views."""
    subprocess.run([sys.executable, "-m", "django", "startproject", "mysite", str(folder)], check=True, timeout=60)
    shutil.copy(SITES / "django_urls.py", folder / "mysite" / "urls.py")
    settings = folder / "mysite" / "settings.py"
    settings.write_text(settings.read_text() + "\nDEBUG = False\nALLOWED_HOSTS = ['*']\n")


def test_it_is_recognised(site: Site) -> None:
    assert f" is {site.framework.kind}" in site.server.log()


def test_get(site: Site) -> None:
    response = site.client.get("/")
    assert (response.status_code, response.text) == (200, "hello")
    assert response.headers["content-type"].startswith("text/plain")
    assert "date" in response.headers


def test_head(site: Site) -> None:
    response = site.client.head("/")
    assert response.content == b""
    # Litestar and Starlette answer HEAD as they like; what counts is that the connection stays usable.
    assert response.status_code in (200, 405)
    assert site.client.get("/").text == "hello"


def test_query(site: Site) -> None:
    assert site.client.get("/query", params={"name": "Zoë & co/ü"}).json() == {"name": "Zoë & co/ü"}


@pytest.mark.parametrize("size", [1, 100_000])
def test_json(site: Site, size: int) -> None:
    body = {"text": "ü" * size, "list": [1, 2.5, None, True]}
    assert site.client.post("/json", json=body).json() == body


def test_json_sent_in_chunks(site: Site) -> None:
    parts = [b'{"a": ', b'"' + b"x" * 5000, b'"}']
    headers = {"content-type": "application/json"}
    response = site.client.post("/json", content=iter(parts), headers=headers)
    assert response.json() == {"a": "x" * 5000}


def test_form(site: Site) -> None:
    fields = {"name": "Zoë", "colour": "blue & green"}
    assert site.client.post("/form", data=fields).json() == fields


def test_upload(site: Site) -> None:
    response = site.client.post("/upload", files={"file": ("data.bin", FILE, "application/octet-stream")})
    assert response.json() == {"name": "data.bin", "size": len(FILE), "sha256": hashlib.sha256(FILE).hexdigest()}


def test_streaming(site: Site) -> None:
    with site.client.stream("GET", "/stream") as response:
        assert response.headers.get("transfer-encoding") == "chunked"
        text = "".join(response.iter_text())
    assert text == "".join(f"line {number}\n" for number in range(50))


def test_a_stream_that_is_left_harms_nobody(site: Site) -> None:
    with site.client.stream("GET", "/stream") as response:
        next(response.iter_raw(1))
    assert site.client.get("/").text == "hello"


def test_a_file(site: Site) -> None:
    site.needs("file")
    response = site.client.get("/file")
    assert response.headers["content-type"].startswith("text/x-python")
    assert response.text.startswith(('"""', "from __future__", "# No"))
    assert len(response.content) == int(response.headers["content-length"])


def test_cookies(site: Site) -> None:
    with httpx.Client(base_url=site.server.urls[0], trust_env=False) as client:
        response = client.get("/cookies")
        assert len(response.headers.get_list("set-cookie")) == 2
        assert client.get("/whoami").json() == {"first": "1", "second": "2"}


def test_not_found(site: Site) -> None:
    assert site.client.get("/nothing-here").status_code == 404


def test_an_error_is_the_frameworks_500_and_the_next_request_is_served(site: Site) -> None:
    assert site.client.get("/boom").status_code == 500
    assert site.client.get("/").text == "hello"
    if site.framework.package not in ("django", "litestar"):  # they log errors only in debug mode
        site.server.wait_for("boom in the site")


def test_background_task(site: Site) -> None:
    site.needs("background")
    assert site.client.post("/background").json() == {"started": True}
    for _ in range(200):
        if site.client.get("/background").json() == ["task"]:
            return
    pytest.fail("the background task did not run")


def test_lifespan(site: Site) -> None:
    site.needs("lifespan")
    assert site.client.get("/lifespan").json() == {"pool": "open"}


def test_many_requests_on_one_connection(site: Site) -> None:
    assert {site.client.get("/").text for _ in range(100)} == {"hello"}
