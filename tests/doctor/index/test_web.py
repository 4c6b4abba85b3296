from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from bicorn.doctor.index import web
from bicorn.doctor.index.settings import Settings
from bicorn.errors import DoctorError

from ..serving import Shelf


@pytest.fixture
def fetch() -> Iterator[web.Web]:
    found = web.Web(Settings(timeout=2.0))
    yield found
    found.close()


def test_an_answer_and_its_limit(served: Shelf, fetch: web.Web) -> None:
    served.answers["/x"] = lambda headers: (200, {"ETag": '"1"'}, b"x" * 200_000)
    url = served.url.replace("/simple", "/x")
    answer = fetch.get(url, limit=200_000)
    assert (answer.status, answer.headers["etag"], len(answer.body)) == (200, '"1"', 200_000)
    assert len(fetch.get(url, limit=10, most=100).body) == 100
    with pytest.raises(DoctorError, match="is larger than"):
        fetch.get(url, limit=199_999)


@pytest.mark.slow
def test_a_bomb_of_an_answer(served: Shelf, fetch: web.Web) -> None:
    import gzip

    bomb = gzip.compress(bytes(300 << 20), 1)
    served.answers["/x"] = lambda headers: (200, {"Content-Encoding": "gzip"}, bomb)
    with pytest.raises(DoctorError, match="is larger than 1 MB"):
        fetch.get(served.url.replace("/simple", "/x"), limit=1 << 20)


def test_redirections_end(served: Shelf, fetch: web.Web) -> None:
    served.answers["/x"] = lambda headers: (302, {"Location": "/x"}, b"")
    with pytest.raises(DoctorError, match="cannot be fetched"):
        fetch.get(served.url.replace("/simple", "/x"), limit=10)


def test_a_redirection_to_another_host_takes_no_password_along(served: Shelf, fetch: web.Web) -> None:
    seen: list[dict[str, str]] = []
    here = served.url.replace("/simple", "")
    served.answers["/x"] = lambda headers: (
        seen.append(headers) or (302, {"Location": here.replace("127.0.0.1", "localhost") + "/y"}, b"")
    )  # type: ignore[func-returns-value]
    served.answers["/y"] = lambda headers: seen.append(headers) or (200, {}, b"")  # type: ignore[func-returns-value]
    fetch.get(here.replace("//", "//me:secret@") + "/x", limit=10)
    assert [headers.get("authorization") for headers in seen] == ["Basic bWU6c2VjcmV0", None]


@pytest.mark.slow
@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n"])
def test_a_server_that_drips_is_given_up(monkeypatch: pytest.MonkeyPatch, fetch: web.Web, head: bytes) -> None:
    monkeypatch.setattr(web, "HEAD_SECONDS", 0.2)
    monkeypatch.setattr(web, "BODY_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=drip, args=(listener, head), daemon=True).start()
        start = time.monotonic()
        with pytest.raises(DoctorError, match="cannot be fetched"):
            fetch.get(f"http://127.0.0.1:{listener.getsockname()[1]}/", limit=1 << 20)
        assert time.monotonic() - start < 5


def test_a_body_that_comes_too_slowly_is_given_up(monkeypatch: pytest.MonkeyPatch, fetch: web.Web) -> None:
    monkeypatch.setattr(web, "SLOW_SECONDS", 0.0)
    monkeypatch.setattr(web, "SLOWEST", 1 << 40)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        head = b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n"
        threading.Thread(target=drip, args=(listener, head), daemon=True).start()
        with pytest.raises(DoctorError, match="it timed out"):
            fetch.get(f"http://127.0.0.1:{listener.getsockname()[1]}/", limit=1 << 20)


def test_a_silent_server_is_asked_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        with pytest.raises(DoctorError, match="it timed out"):
            web.Web(Settings(timeout=0.05)).get(f"http://127.0.0.1:{listener.getsockname()[1]}/", limit=1)
        listener.setblocking(False)
        listener.accept()[0].close()
        with pytest.raises(BlockingIOError):
            listener.accept()


def drip(listener: socket.socket, head: bytes) -> None:
    def one(connection: socket.socket) -> None:
        try:
            connection.sendall(head)
            for _ in range(1000):
                connection.sendall(b"X")
                time.sleep(0.02)
        except OSError:
            pass
        finally:
            connection.close()

    for _ in range(8):
        try:
            connection = listener.accept()[0]
        except OSError:
            return
        threading.Thread(target=one, args=(connection,), daemon=True).start()


@pytest.mark.parametrize(
    ("host", "names", "is_bypassed"),
    [
        ("a.example", "b.example, .example", True),
        ("example", "example", True),
        ("badexample", "example", False),
        ("10.0.0.1", "10.0.0.1:80", True),
        ("a", "*", True),
        ("a", "", False),
    ],
)
def test_who_is_reached_without_the_proxy(host: str, names: str, is_bypassed: bool) -> None:
    assert web._bypassed(host, names) is is_bypassed


def test_a_proxy_is_asked(served: Shelf) -> None:
    port = served.url.split(":")[2].partition("/")[0]
    through = web.Web(Settings(proxies={"http": f"http://127.0.0.1:{port}"}))
    through.get("http://index.example/simple/a/", limit=100)
    through.close()
    assert served.asked == ["http://index.example/simple/a/"]


def test_certificates_that_are_none(tmp_path: object) -> None:
    with pytest.raises(DoctorError, match=r"certificates in .*missing.pem cannot be used"):
        web.Web(Settings(cert=f"{tmp_path}/missing.pem")).get("https://127.0.0.1:9/", limit=1)
