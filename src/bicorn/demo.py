"""``bicorn demo``: an ASGI and a WSGI application behind one page, on one port.

The page is ``demo.html``; ``asgi_app`` serves it at ``/``, and ``wsgi_app`` is mounted at ``/wsgi``. Both are written
against the bare protocols, so that they need nothing installed and can be read as examples.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import platform
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path

from bicorn import __version__
from bicorn.types import Environ, Message, Receive, Scope, Send, StartResponse

__all__ = ["APP", "MOUNTS", "asgi_app", "wsgi_app"]

APP = "bicorn.demo:asgi_app"
MOUNTS = ("/wsgi=bicorn.demo:wsgi_app",)

TICKS = 120
TICK_SECONDS = 0.25
UPLOAD_CHUNK = 64 * 1024

_HTML, _JSON, _EVENTS = "text/html; charset=utf-8", "application/json", "text/event-stream"
# The page brings everything itself, and may talk to nobody else.
_PAGE_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:"
)


@cache
def page() -> bytes:
    """The page, read once per worker."""
    return (Path(__file__).parent / "demo.html").read_bytes()


def _facts(interface: str, more: dict[str, str], headers: Iterable[tuple[str, str]]) -> bytes:
    about = {
        "Interface": interface,
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "Server": f"Bicorn {__version__}",
        "Worker": f"process {os.getpid()}",
    }
    return json.dumps({"about": about | more, "headers": list(headers)}).encode()


# The ASGI application


async def asgi_app(scope: Scope, receive: Receive, send: Send) -> None:
    """``/`` is the page, ``/facts`` says who answers, ``/ticks`` streams a counter as server-sent events; a WebSocket
    gets everything back."""
    if scope["type"] == "lifespan":
        await _lifespan(scope, receive, send)
        return
    if scope["type"] == "websocket":
        await _echo(receive, send)
        return
    if scope["type"] != "http":
        raise NotImplementedError(f"the demo has nothing for {scope['type']!r}")
    path = scope["path"].removeprefix(scope.get("root_path", ""))
    if scope["method"] not in ("GET", "HEAD"):
        await _answer(send, 405, "text/plain", b"only GET here\n", allow="GET, HEAD")
    elif path == "/":
        await _answer(send, 200, _HTML, page(), **{"content-security-policy": _PAGE_POLICY})
    elif path == "/facts":
        await _answer(send, 200, _JSON, _asgi_facts(scope), **{"cache-control": "no-store"})
    elif path == "/ticks":
        await _tick(receive, send)
    else:
        await _answer(send, 404, "text/plain", b"the demo has nothing here: see /\n")


async def _lifespan(scope: Scope, receive: Receive, send: Send) -> None:
    await receive()
    scope["state"]["started"] = time.time()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


def _asgi_facts(scope: Scope) -> bytes:
    asgi = scope["asgi"]
    more = {"Spoken": f"HTTP/{scope['http_version']}, ASGI HTTP {asgi.get('spec_version', '2.0')}"}
    if started := scope.get("state", {}).get("started"):
        more["Started"] = f"{max(0.0, time.time() - started):.0f} s ago"
    more["Event loop"] = type(asyncio.get_running_loop()).__module__.partition(".")[0]
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]]
    return _facts(f"ASGI {asgi['version'].removesuffix('.0')}", more, headers)


async def _answer(send: Send, status: int, content_type: str, body: bytes, **headers: str) -> None:
    fields = {"content-type": content_type, "content-length": str(len(body)), **headers}
    pairs = [(name.encode(), value.encode()) for name, value in fields.items()]
    await send({"type": "http.response.start", "status": status, "headers": pairs})
    await send({"type": "http.response.body", "body": body})


async def _tick(receive: Receive, send: Send) -> None:
    """Count until the client leaves, at most ``TICKS`` times."""
    headers = [(b"content-type", _EVENTS.encode()), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    leaving = asyncio.ensure_future(_wait_for_disconnect(receive))
    try:
        for count in range(1, TICKS + 1):
            event = json.dumps({"count": count, "of": TICKS, "time": time.time()})
            await send({"type": "http.response.body", "body": f"data: {event}\n\n".encode(), "more_body": True})
            await asyncio.wait({leaving}, timeout=TICK_SECONDS)
            if leaving.done():
                return
        await send({"type": "http.response.body", "body": b"event: end\ndata: {}\n\n"})
    finally:
        leaving.cancel()


async def _echo(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({**message, "type": "websocket.send"})


async def _wait_for_disconnect(receive: Receive) -> None:
    message: Message = {}
    while message.get("type") != "http.disconnect":
        message = await receive()


# The WSGI application


def wsgi_app(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """``/facts`` says who answers, ``/upload`` answers a POST with the size and the SHA-256 of its body."""
    route = environ["REQUEST_METHOD"].replace("HEAD", "GET"), environ.get("PATH_INFO", "")
    respond = _WSGI_ROUTES.get(route)
    if respond is not None:
        status, content_type, body = "200 OK", _JSON, respond(environ)
    elif any(path == route[1] for _, path in _WSGI_ROUTES):
        status, content_type, body = "405 Method Not Allowed", "text/plain", b"not with this method\n"
    else:
        status, content_type, body = "404 Not Found", "text/plain", b"the demo has nothing here: see /\n"
    headers = [("Content-Type", content_type), ("Content-Length", str(len(body))), ("Cache-Control", "no-store")]
    start_response(status, headers)
    return [body]


def _wsgi_facts(environ: Environ) -> bytes:
    more = {
        "Spoken": f"{environ['SERVER_PROTOCOL']}, PEP 3333",
        "Mounted at": environ.get("SCRIPT_NAME") or "/",
        "Thread": threading.current_thread().name,
    }
    headers = [
        (name.removeprefix("HTTP_").replace("_", "-").lower(), str(value))
        for name, value in environ.items()
        if name.startswith("HTTP_")
    ]
    return _facts("WSGI {}.{}".format(*environ["wsgi.version"]), more, headers)


def _wsgi_upload(environ: Environ) -> bytes:
    started = time.perf_counter()
    digest, size = hashlib.sha256(), 0
    for chunk in _chunks(environ["wsgi.input"].read):
        digest.update(chunk)
        size += len(chunk)
    elapsed = time.perf_counter() - started
    return json.dumps({"size": size, "sha256": digest.hexdigest(), "seconds": round(elapsed, 6)}).encode()


def _chunks(read: Callable[[int], bytes]) -> Iterator[bytes]:
    while chunk := read(UPLOAD_CHUNK):
        yield chunk


_WSGI_ROUTES: dict[tuple[str, str], Callable[[Environ], bytes]] = {
    ("GET", "/facts"): _wsgi_facts,
    ("POST", "/upload"): _wsgi_upload,
}
