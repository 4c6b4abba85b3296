"""Plain ASGI applications, one callable for each shape of answer: the server's own cost and nothing else.

`lifespan` answers the start-up and shutdown events, so that no server logs or pays for an app without them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

HELLO = b"Hello, World!"
CHUNK = b"x" * 1024
MEBIBYTE = b"x" * (1 << 20)


async def lifespan(receive: Receive, send: Send) -> None:
    while True:
        event = await receive()
        await send({"type": event["type"] + ".complete"})
        if event["type"] == "lifespan.shutdown":
            return


async def answer(send: Send, body: bytes) -> None:
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def small(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """13 bytes of text."""
    if scope["type"] != "http":
        return await lifespan(receive, send)
    await send(
        {
            "type": "http.response.start",
            "status": 200,
            "headers": [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", b"13")],
        }
    )
    await send({"type": "http.response.body", "body": HELLO})


async def upload(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Reads the whole request body and answers its length."""
    if scope["type"] != "http":
        return await lifespan(receive, send)
    parts: list[bytes] = []
    more = True
    while more:
        event = await receive()
        parts.append(event.get("body", b""))
        more = event.get("more_body", False)
    await answer(send, b"%d" % len(b"".join(parts)))


async def stream(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """100 events of 1 KiB, no content-length."""
    if scope["type"] != "http":
        return await lifespan(receive, send)
    headers = [(b"content-type", b"application/octet-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for _ in range(100):
        await send({"type": "http.response.body", "body": CHUNK, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def large(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """1 MiB in one event."""
    if scope["type"] != "http":
        return await lifespan(receive, send)
    await answer(send, MEBIBYTE)
