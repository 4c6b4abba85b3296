"""WebSockets of real clients and real frameworks, behind a real server."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import websockets
from websockets.asyncio.client import connect

from tests.integration.running import PATIENCE, Running
from tests.server.tls_files import Files

pytestmark = [pytest.mark.slow, pytest.mark.timeout(120)]

BARE = """
import asyncio, os

async def app(scope, receive, send):
    assert scope["type"] in ("websocket", "http")
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})
        return
    await receive()
    if scope["path"] == "/no":
        await send({"type": "websocket.http.response.start", "status": 418, "headers": []})
        await send({"type": "websocket.http.response.body", "body": b"short and stout"})
        return
    await send({"type": "websocket.accept", "subprotocol": (scope["subprotocols"] or [None])[0]})
    if scope["path"] == "/pid":
        await send({"type": "websocket.send", "text": str(os.getpid())})
    if scope["path"] == "/fail":
        raise RuntimeError("on purpose")
    while (message := await receive())["type"] == "websocket.receive":
        await send({**message, "type": "websocket.send"})
    print("told", message["code"], flush=True)
"""

NAMING = """
import sys
inner = app

async def app(scope, receive, send):
    if scope["type"] == "http":
        print("modules", [name for name in sys.modules if "bicorn" in name and "websocket" in name], flush=True)
    await inner(scope, receive, send)
"""

FRAMEWORKS = {
    "starlette": """
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute

async def echo(websocket):
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(text)

app = Starlette(routes=[WebSocketRoute("/ws", echo)])
""",
    "fastapi": """
from fastapi import FastAPI, WebSocket, WebSocketDisconnect

app = FastAPI()

@app.websocket("/ws")
async def echo(websocket: WebSocket):
    await websocket.accept()
    try:
        while True:
            await websocket.send_text(await websocket.receive_text())
    except WebSocketDisconnect:
        pass
""",
    "quart": """
from quart import Quart, websocket

app = Quart(__name__)

@app.websocket("/ws")
async def echo():
    while True:
        await websocket.send(await websocket.receive())
""",
    "litestar": """
from litestar import Litestar, websocket_listener

@websocket_listener("/ws")
async def echo(data: str) -> str:
    return data

app = Litestar([echo])
""",
}


def site(serve: Callable[..., Running], folder: Path, code: str, *arguments: str) -> Running:
    (folder / "ws_site.py").write_text(code)
    return serve(*arguments, app="ws_site:app").ready()


def run(work: Awaitable[None]) -> None:
    async def limited() -> None:
        await asyncio.wait_for(work, 4 * PATIENCE)

    asyncio.run(limited())


async def talk(url: str, **options: Any) -> None:
    """What every client and every server must be able to do together."""
    async with connect(url, max_size=None, **options) as client:
        for text in ("hello", "", "é" * 70_000):
            await client.send(text)
            assert await client.recv() == text
        for number in range(200):
            await client.send(str(number))
        assert [await client.recv() for _ in range(200)] == [str(number) for number in range(200)]
        await (await client.ping())
    assert client.close_code == 1000


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_the_websockets_client(serve: Callable[..., Running], folder: Path, loop: str) -> None:
    running = site(serve, folder, BARE, "--loop", loop)
    url = f"ws://127.0.0.1:{running.port}/ws"

    async def work() -> None:
        await talk(url)
        await talk(url, compression=None)
        async with connect(url, subprotocols=[websockets.Subprotocol("chat")], max_size=None) as client:
            assert client.subprotocol == "chat"
            data = bytes(range(256)) * 20_000
            await client.send([data[:1000], data[1000:]])
            assert await client.recv() == data

    run(work())
    running.wait_for("told 1000")


def test_the_aiohttp_client(serve: Callable[..., Running], folder: Path) -> None:
    running = site(serve, folder, BARE)

    async def work() -> None:
        async with aiohttp.ClientSession() as session:
            for compress in (0, 15):
                url = f"http://127.0.0.1:{running.port}/ws"
                async with session.ws_connect(url, compress=compress) as client:
                    await client.send_str("text " * 1000)
                    assert await client.receive_str() == "text " * 1000
                    await client.send_bytes(b"\0\1")
                    assert await client.receive_bytes() == b"\0\1"
                    await client.ping(b"?")
                    await client.close(code=4000)
                assert client.close_code == 4000
            with pytest.raises(aiohttp.WSServerHandshakeError, match="418"):
                await session.ws_connect(f"http://127.0.0.1:{running.port}/no")

    run(work())
    running.wait_for("told 4000")


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_frameworks(serve: Callable[..., Running], folder: Path, framework: str) -> None:
    pytest.importorskip(framework)
    running = site(serve, folder, FRAMEWORKS[framework])
    run(talk(f"ws://127.0.0.1:{running.port}/ws"))
    assert "Traceback" not in running.log()


def test_through_tls(serve: Callable[..., Running], folder: Path) -> None:
    files = Files(folder)
    certificate, key = files.pair("localhost", "127.0.0.1")
    running = site(serve, folder, BARE, "--certfile", certificate, "--keyfile", key)
    context = files.client()

    async def work() -> None:
        await talk(f"wss://127.0.0.1:{running.port}/ws", ssl=context)
        async with connect(f"wss://127.0.0.1:{running.port}/ws", ssl=context) as client:
            await client.send("x" * (17 << 20))
            with pytest.raises(websockets.ConnectionClosedError) as error:
                await client.recv()
            assert error.value.rcvd is not None
            assert error.value.rcvd.code == 1009

    run(work())


def test_an_application_that_fails(serve: Callable[..., Running], folder: Path) -> None:
    running = site(serve, folder, BARE)

    async def work() -> None:
        async with connect(f"ws://127.0.0.1:{running.port}/fail") as client:
            with pytest.raises(websockets.ConnectionClosedError):
                await client.recv()
        assert client.close_code == 1011

    run(work())
    running.wait_for("RuntimeError: on purpose")


def test_the_server_stops(serve: Callable[..., Running], folder: Path) -> None:
    running = site(serve, folder, BARE)

    async def work() -> None:
        async with connect(f"ws://127.0.0.1:{running.port}/ws") as client:
            await client.send("x")
            await client.recv()
            running.send(signal.SIGTERM)
            with pytest.raises(websockets.ConnectionClosedOK):
                await client.recv()
        assert client.close_code == 1001

    run(work())
    assert running.wait() == 0
    assert "told 1001" in running.log()


def test_a_reload_tells_clients_to_come_back_and_a_new_worker_serves_them(
    serve: Callable[..., Running], folder: Path
) -> None:
    running = site(serve, folder, BARE, "--reload-grace", "0")

    async def work() -> None:
        async with connect(f"ws://127.0.0.1:{running.port}/pid") as client:
            old = await client.recv()
            running.send(signal.SIGHUP)
            with pytest.raises(websockets.ConnectionClosedError):
                await client.recv()
            assert client.close_code == 1012
        async with connect(f"ws://127.0.0.1:{running.port}/pid") as client:
            assert await client.recv() != old

    run(work())


def test_a_server_without_websockets_does_not_import_them(serve: Callable[..., Running], folder: Path) -> None:
    code = BARE + NAMING
    running = site(serve, folder, code)
    assert running.get() == "ok"
    running.wait_for(r"modules \[\]")
