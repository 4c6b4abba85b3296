"""A Socket.IO chat of one room: what anyone says, all hear. Over plain HTTP it says hello."""

from __future__ import annotations

from typing import Any

import socketio
from asgi_plain import small

server = socketio.AsyncServer(async_mode="asgi", cors_allowed_origins="*")


@server.event  # type: ignore[untyped-decorator]
async def connect(sid: str, environ: dict[str, Any], auth: dict[str, str]) -> None:
    await server.save_session(sid, {"name": auth["name"]})
    await server.enter_room(sid, "room")


@server.event  # type: ignore[untyped-decorator]
async def say(sid: str, text: str) -> str:
    session = await server.get_session(sid)
    await server.emit("said", {"from": session["name"], "text": text}, room="room")
    return "heard"


app = socketio.ASGIApp(server, other_asgi_app=small)
