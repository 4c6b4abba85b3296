"""WebSocket applications in plain ASGI: an echo, a broadcast, a sender that never stops. HTTP gets a hello.

`lifespan` answers the start-up and shutdown events, so that no server logs or pays for an app without them.
"""

from __future__ import annotations

from typing import Any

from asgi_plain import Receive, Send, small

_subscribers: set[Send] = set()
ENDLESS = b"x" * 65536


async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """`/` echoes, `/subscribe` gets what anyone sends to `/publish`, `/endless` sends as fast as it may."""
    if scope["type"] != "websocket":
        return await small(scope, receive, send)
    serve = _PATHS.get(scope["path"], _echo)
    await receive()
    await send({"type": "websocket.accept"})
    await serve(receive, send)


async def _echo(receive: Receive, send: Send) -> None:
    while (event := await receive())["type"] == "websocket.receive":
        text = event.get("text")
        if text is not None:
            await send({"type": "websocket.send", "text": text})
        else:
            await send({"type": "websocket.send", "bytes": event["bytes"]})


async def _subscribe(receive: Receive, send: Send) -> None:
    """The connection that says it is here hears back, so that who publishes knows that all are."""
    _subscribers.add(send)
    try:
        await send({"type": "websocket.send", "text": "here"})
        while (await receive())["type"] == "websocket.receive":
            pass
    finally:
        _subscribers.discard(send)


async def _publish(receive: Receive, send: Send) -> None:
    """One after the other, as a chat of a few lines does it."""
    while (event := await receive())["type"] == "websocket.receive":
        message = {"type": "websocket.send", "text": event["text"]}
        for each in tuple(_subscribers):
            await each(message)


async def _endless(receive: Receive, send: Send) -> None:
    while True:
        await send({"type": "websocket.send", "bytes": ENDLESS})


_PATHS = {"/subscribe": _subscribe, "/publish": _publish, "/endless": _endless}
