"""The same small site as an ASGI and as a WSGI application, for tests that look at HTTP itself."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

CONTENT = b"".join(hashlib.sha256(b"%d" % n).digest() for n in range(50_000))  # 1.6 MB
BLOCK = bytes(65536)
FILE = Path("content.bin")  # in the folder of the test


def content_file() -> str:
    """A file with `CONTENT` in it."""
    if not FILE.exists() or FILE.stat().st_size != len(CONTENT):
        part = FILE.with_suffix(".part")
        part.write_bytes(CONTENT)
        part.replace(FILE)
    return str(FILE)


def large_file() -> str:
    """A file of 256 MiB that takes no room: a socket's buffers cannot hold it."""
    path = FILE.with_suffix(".large")
    with path.open("ab") as file:
        file.truncate(256 << 20)
    return str(path)


def has_arrived(name: str, n: int) -> bool:
    """Whether the client says that it has the piece: no other is made before."""
    return Path(f"{name}-{n}").exists()


def numbers(query: str) -> tuple[int, int]:
    """How many pieces of which size a stream is to have."""
    asked = parse_qs(query)
    return int(asked.get("count", ["5"])[0]), int(asked.get("size", ["10"])[0])


def piece(n: int, size: int) -> bytes:
    return (b"%d." % n * size)[:size]


async def asgi(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "lifespan":
        raise NotImplementedError
    path = scope["path"]

    async def start(status: int = 200, *headers: tuple[bytes, bytes], **more: Any) -> None:
        await send({"type": "http.response.start", "status": status, "headers": headers, **more})

    async def body(data: bytes = b"", more: bool = False) -> None:
        await send({"type": "http.response.body", "body": data, "more_body": more})

    async def read() -> bytes:
        data = bytearray()
        while True:
            message = await receive()
            data += message.get("body", b"")
            if not message.get("more_body"):
                return bytes(data)

    if path == "/echo":
        data = await read()
        await start(200, (b"x-sha256", hashlib.sha256(data).hexdigest().encode()))
        await body(data)
    elif path == "/content":
        await start()
        await body(CONTENT)
    elif path == "/stream":
        count, size = numbers(scope["query_string"].decode())
        await start()
        for n in range(count):
            await body(piece(n, size), True)
        await body()
    elif path == "/endless":
        await start()
        while True:
            await body(BLOCK, True)
    elif path == "/ignore":
        await asyncio.sleep(float(scope["query_string"]))
        await start()
        await body(b"ignored")
    elif path == "/drip":
        await start()
        for n in range(3):
            await body(b"%d" % n, True)
            while not has_arrived(scope["query_string"].decode(), n):
                await asyncio.sleep(0.001)
        await body()
    elif path == "/file":
        await start()
        await send({"type": "http.response.pathsend", "path": content_file()})
    elif path == "/large-file":
        await start()
        await send({"type": "http.response.pathsend", "path": large_file()})
    elif path == "/error":
        raise RuntimeError("on purpose")
    elif path == "/half":
        await start()
        await body(b"half", True)
        await asyncio.sleep(0)
        raise RuntimeError("on purpose")
    elif path == "/sleep":
        await asyncio.sleep(0.2)
        await start()
        await body(b"slept")
    elif path == "/hints":
        await send({"type": "http.response.early_hint", "links": [b"</a.css>; rel=preload"]})
        await start(200, (b"trailer", b"x-sum"), trailers=True)
        await body(b"hello")
        await send({"type": "http.response.trailers", "headers": [(b"x-sum", b"5")]})
    else:
        await start(200, (b"content-type", b"text/plain"))
        await body(f"{scope['method']} {path}".encode())


def wsgi(environ: dict[str, Any], start_response: Any) -> Any:
    path = environ["PATH_INFO"]

    def start(status: str = "200 OK", *headers: tuple[str, str]) -> Any:
        return start_response(status, list(headers))

    if path == "/echo":
        data = environ["wsgi.input"].read()
        start("200 OK", ("X-Sha256", hashlib.sha256(data).hexdigest()))
        return [data]
    if path == "/content":
        start()
        return [CONTENT]
    if path == "/stream":
        count, size = numbers(environ["QUERY_STRING"])
        start()
        return (piece(n, size) for n in range(count))
    if path == "/endless":
        start()
        return itertools.repeat(BLOCK)
    if path == "/drip":
        start()
        return drip(environ["QUERY_STRING"])
    if path == "/file":
        start()
        return environ["wsgi.file_wrapper"](open(content_file(), "rb"))
    if path == "/large-file":
        start()
        return environ["wsgi.file_wrapper"](open(large_file(), "rb"))
    if path == "/error":
        raise RuntimeError("on purpose")
    if path == "/half":
        start()
        return half()
    if path == "/sleep":
        time.sleep(0.2)
        start()
        return [b"slept"]
    if path == "/write":
        write = start()
        for n in range(3):
            write(b"%d" % n * 100_000)
        return [b"end"]
    start("200 OK", ("Content-Type", "text/plain"))
    return [f"{environ['REQUEST_METHOD']} {path}".encode()]


def drip(name: str) -> Iterator[bytes]:
    for n in range(3):
        yield b"%d" % n
        while not has_arrived(name, n):
            time.sleep(0.001)


def half() -> Iterator[bytes]:
    yield b"half"
    raise RuntimeError("on purpose")
