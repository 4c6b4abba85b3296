"""Both of Falcon's applications: ``application`` is WSGI, ``asgi`` is ASGI."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import falcon
import falcon.asgi

HERE = Path(__file__)


class Hello:
    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        response.content_type = "text/plain"
        response.text = "hello"

    on_head = on_get


class Query:
    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        response.media = {"name": request.get_param("name")}


class Echo:
    def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
        response.media = request.get_media()


class Form:
    def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
        fields = request.get_media()
        response.media = {"name": fields["name"], "colour": fields["colour"]}


class Upload:
    def on_post(self, request: falcon.Request, response: falcon.Response) -> None:
        for part in request.get_media():
            content = part.stream.read()
            response.media = described(part.filename, content)


class Stream:
    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        response.content_type = "text/plain"
        response.stream = self.lines()

    def lines(self) -> Iterator[bytes]:
        for number in range(50):
            yield f"line {number}\n".encode()


class Cookies:
    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        response.set_cookie("first", "1", secure=False)
        response.set_cookie("second", "2", secure=False)
        response.media = {}


class Whoami:
    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        response.media = request.cookies


class Boom:
    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        raise RuntimeError("boom in the site")


class File:
    def on_get(self, request: falcon.Request, response: falcon.Response) -> None:
        response.content_type = "text/x-python"
        response.set_stream(HERE.open("rb"), HERE.stat().st_size)


def described(name: str, content: bytes) -> dict[str, Any]:
    return {"name": name, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


class AsyncMixin:
    """Falcon wants coroutines in ASGI; most views above do nothing that has to wait."""


def asynchronous(view: Any) -> Any:
    """A resource for ASGI whose methods call those of ``view``."""
    methods = {}
    for name in ("on_get", "on_head", "on_post"):
        if method := getattr(view, name, None):

            async def responder(self: Any, request: Any, response: Any, method: Any = method) -> None:
                method(request, response)

            methods[name] = responder
    return type(type(view).__name__, (AsyncMixin,), methods)()


class AsyncEcho:
    async def on_post(self, request: Any, response: Any) -> None:
        response.media = await request.get_media()


class AsyncUpload:
    async def on_post(self, request: Any, response: Any) -> None:
        async for part in await request.get_media():
            response.media = described(part.filename, await part.stream.read())


class AsyncStream:
    async def on_get(self, request: Any, response: Any) -> None:
        response.content_type = "text/plain"
        response.stream = self.lines()

    async def lines(self) -> AsyncIterator[bytes]:
        for number in range(50):
            yield f"line {number}\n".encode()


class Lifespan:
    """Middleware that sees start-up and shutdown, and answers what it saw."""

    def __init__(self) -> None:
        self.pool = ""
        self.done: list[str] = []

    async def process_startup(self, scope: Any, event: Any) -> None:
        self.pool = "open"

    async def process_shutdown(self, scope: Any, event: Any) -> None:
        print("the pool is closed", flush=True)

    async def on_get(self, request: Any, response: Any) -> None:
        response.media = {"pool": self.pool}


class Background:
    def __init__(self) -> None:
        self.done: list[str] = []

    async def on_get(self, request: Any, response: Any) -> None:
        response.media = self.done

    async def on_post(self, request: Any, response: Any) -> None:
        async def task() -> None:
            self.done.append("task")

        response.schedule(task)
        response.media = {"started": True}


def views() -> dict[str, Any]:
    return {"/": Hello(), "/query": Query(), "/cookies": Cookies(), "/whoami": Whoami(), "/boom": Boom()}


application = falcon.App()
for path, view in {
    **views(),
    "/json": Echo(),
    "/form": Form(),
    "/upload": Upload(),
    "/stream": Stream(),
    "/file": File(),
}.items():
    application.add_route(path, view)

middleware = Lifespan()
asgi = falcon.asgi.App(middleware=[middleware])
for path, view in {
    **{path: asynchronous(view) for path, view in views().items()},
    "/json": AsyncEcho(),
    "/form": AsyncEcho(),
    "/upload": AsyncUpload(),
    "/stream": AsyncStream(),
    "/lifespan": middleware,
    "/background": Background(),
}.items():
    asgi.add_route(path, view)
