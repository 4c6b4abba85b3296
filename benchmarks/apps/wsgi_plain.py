"""Plain WSGI applications, one callable for each shape of answer: the server's own cost and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

Environ = dict[str, Any]
StartResponse = Callable[[str, list[tuple[str, str]]], object]

HELLO = b"Hello, World!"
CHUNK = b"x" * 1024
MEBIBYTE = b"x" * (1 << 20)


def answer(start_response: StartResponse, body: bytes) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))])
    return [body]


def small(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """13 bytes of text."""
    start_response("200 OK", [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", "13")])
    return [HELLO]


def upload(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Reads the whole request body and answers its length."""
    body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
    return answer(start_response, str(len(body)).encode())


def stream(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
    """100 chunks of 1 KiB from a generator, no content-length."""
    start_response("200 OK", [("Content-Type", "application/octet-stream")])
    for _ in range(100):
        yield CHUNK


def large(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """1 MiB in one piece."""
    return answer(start_response, MEBIBYTE)
