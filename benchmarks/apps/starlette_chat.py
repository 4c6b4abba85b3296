"""A chat of one room in Starlette: what anyone says, all hear."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

_here: set[WebSocket] = set()


async def hello(request: Request) -> Response:
    return PlainTextResponse("Hello, World!")


async def chat(websocket: WebSocket) -> None:
    name = websocket.query_params["name"]
    await websocket.accept()
    _here.add(websocket)
    try:
        while True:
            said = await websocket.receive_json()
            for each in list(_here):
                await each.send_json({"from": name, "text": said["text"]})
    except WebSocketDisconnect:
        _here.discard(websocket)
        for each in list(_here):
            await each.send_json({"from": name, "text": "(left)"})


app = Starlette(routes=[Route("/", hello), WebSocketRoute("/chat", chat)])
