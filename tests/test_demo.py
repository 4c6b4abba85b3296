from __future__ import annotations

import asyncio
import hashlib
import io
import json
import re
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest

from bicorn import demo
from bicorn.apps.detect import Kind, detect
from bicorn.apps.lifespan import Lifespan
from bicorn.apps.loader import load


async def get(path: str, method: str = "GET", **scope: Any) -> tuple[int, dict[str, str], bytes]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        await asyncio.Event().wait()

    base = {"type": "http", "method": method, "path": path, "http_version": "1.1", "headers": [(b"host", b"localhost")]}
    await demo.asgi_app({**base, "asgi": {"version": "3.0", "spec_version": "2.5"}, **scope}, receive, send)
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], headers, b"".join(message["body"] for message in sent[1:])


def call(path: str, method: str = "GET", body: bytes = b"") -> tuple[str, bytes]:
    environ: dict[str, Any] = {"REQUEST_METHOD": method, "PATH_INFO": path, "SCRIPT_NAME": "/wsgi", "HTTP_X_A": "b"}
    environ |= {
        "wsgi.input": io.BytesIO(body),
        "CONTENT_LENGTH": str(len(body)),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "QUERY_STRING": "",
    }
    setup_testing_defaults(environ)
    statuses: list[str] = []
    answer = validator(demo.wsgi_app)(environ, lambda status, headers, exc_info=None: statuses.append(status))
    try:
        return statuses[0] if statuses else "", b"".join(answer)
    finally:
        answer.close()  # type: ignore[attr-defined]


def test_they_load_as_the_demo_names_them() -> None:
    assert load(demo.APP).kind == "ASGI 3"
    (mount,) = demo.MOUNTS
    prefix, _, target = mount.partition("=")
    assert (prefix, load(target).kind) == ("/wsgi", "WSGI")
    assert detect(demo.asgi_app).kind is Kind.ASGI3


async def test_the_page_needs_nothing_from_elsewhere() -> None:
    status, headers, body = await get("/")
    text = body.decode()
    assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert headers["content-length"] == str(len(body))
    assert "bicorn main:app" in text
    links = re.findall(r"""(?:src|href)=["']([^"']+)""", text)
    assert all(link.startswith("data:") for link in links)
    assert "https://" not in text


async def test_every_element_the_script_looks_for_is_there() -> None:
    text = (await get("/"))[2].decode()
    assert set(re.findall(r'find\("([\w-]+)"\)', text)) <= set(re.findall(r'id="([\w-]+)"', text))


async def test_asgi_facts() -> None:
    status, headers, body = await get("/facts", state={"started": 1.0})
    facts = json.loads(body)
    assert (status, headers["cache-control"]) == (200, "no-store")
    assert facts["about"]["Interface"] == "ASGI 3"
    assert facts["about"]["Started"].endswith(" s ago")
    assert facts["headers"] == [["host", "localhost"]]
    assert "Started" not in json.loads((await get("/facts"))[2])["about"]


@pytest.mark.parametrize(
    ("path", "method", "scope", "status"),
    [
        ("/site/", "GET", {"root_path": "/site"}, 200),
        ("/", "HEAD", {}, 200),
        ("/nothing", "GET", {}, 404),
        ("/", "POST", {}, 405),
    ],
)
async def test_routes(path: str, method: str, scope: dict[str, Any], status: int) -> None:
    assert (await get(path, method, **scope))[0] == status


async def test_other_protocols_are_refused() -> None:
    with pytest.raises(NotImplementedError, match="'carrier pigeon'"):
        await get("/", type="carrier pigeon")


async def test_a_websocket_gets_everything_back() -> None:
    came = [{"type": "websocket.connect"}, {"type": "websocket.receive", "text": "hello"}]
    came.append({"type": "websocket.disconnect", "code": 1000})
    sent: list[Any] = []

    async def receive() -> Any:
        return came.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    await demo.asgi_app({"type": "websocket", "path": "/echo"}, receive, send)
    assert sent == [{"type": "websocket.accept"}, {"type": "websocket.send", "text": "hello"}]


async def test_ticks_to_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "TICKS", 3)
    monkeypatch.setattr(demo, "TICK_SECONDS", 0.001)
    status, headers, body = await get("/ticks")
    events = body.decode().split("\n\n")
    assert (status, headers["content-type"]) == (200, "text/event-stream")
    assert [json.loads(event.removeprefix("data: "))["count"] for event in events[:3]] == [1, 2, 3]
    assert events[3:] == ["event: end\ndata: {}", ""]


async def test_ticks_end_when_the_client_leaves() -> None:
    messages = [{"type": "http.request"}, {"type": "http.disconnect"}]
    sent: list[Any] = []

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": "/ticks"}
    await asyncio.wait_for(demo.asgi_app(scope, receive, send), 5)
    assert len(sent) == 2


async def test_lifespan() -> None:
    lifespan = Lifespan(demo.asgi_app, mode="on")
    await lifespan.startup()
    assert lifespan.state["started"] > 0
    await lifespan.shutdown()


def test_wsgi_facts() -> None:
    status, body = call("/facts")
    facts = json.loads(body)
    assert status == "200 OK"
    assert facts["about"]["Interface"] == "WSGI 1.0"
    assert facts["about"]["Mounted at"] == "/wsgi"
    assert ["x-a", "b"] in facts["headers"]


@pytest.mark.parametrize("body", [b"", b"hello", b"x" * 200_000])
def test_upload(body: bytes) -> None:
    status, answer = call("/upload", "POST", body)
    assert status == "200 OK"
    told = json.loads(answer)
    assert (told["size"], told["sha256"]) == (len(body), hashlib.sha256(body).hexdigest())


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [("/nothing", "GET", "404 Not Found"), ("/upload", "GET", "405 Method Not Allowed"), ("/facts", "HEAD", "200 OK")],
)
def test_wsgi_routes(path: str, method: str, status: str) -> None:
    environ = {"REQUEST_METHOD": method, "PATH_INFO": path}
    setup_testing_defaults(environ)
    statuses: list[str] = []
    demo.wsgi_app(environ, lambda status, headers: statuses.append(status))
    assert statuses == [status]
