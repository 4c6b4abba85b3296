"""Real client libraries against a server that is there: ``real.py SCENARIO PORT``, run where they are installed.

Each scenario raises where something is not as it should be, and else says in a line what it did.
"""

# ruff: noqa: PT017 - these are no tests of pytest
from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any

LIMIT = 30.0
SIZES = (0, 1, 125, 126, 4096, 65535, 65536, 1 << 20)


async def with_websockets(port: int) -> str:
    from websockets.asyncio.client import connect
    from websockets.exceptions import ConnectionClosed, InvalidStatus

    async with connect(f"ws://127.0.0.1:{port}/echo", subprotocols=["other", "chat"], max_size=1 << 22) as client:
        assert client.subprotocol == "chat"
        assert client.protocol.extensions, "permessage-deflate was not agreed on"
        assert client.response.headers["x-served"] == "yes"
        for size in SIZES:
            for message in ("é" * size, os.urandom(size)):
                await client.send(message)
                assert await client.recv() == message
        await client.send(["in ", "pieces ", "é"])
        assert await client.recv() == "in pieces é"
        await (await client.ping())
        for number in range(1000):
            await client.send(str(number))
        assert [await client.recv() for _ in range(1000)] == [str(number) for number in range(1000)]
    assert client.close_code == 1000
    async with connect(f"ws://127.0.0.1:{port}/close", compression=None) as client:
        try:
            await client.recv()
        except ConnectionClosed as closed:
            assert closed.rcvd is not None
            assert (closed.rcvd.code, closed.rcvd.reason) == (4321, "that is all")
    try:
        async with connect(f"ws://127.0.0.1:{port}/deny"):
            raise AssertionError("it was not denied")
    except InvalidStatus as denied:
        assert denied.response.status_code == 403
    return "echoes of 0 to 1 MiB, fragments, a ping, 1,000 in order, a subprotocol, closed by either side, denied"


async def with_aiohttp(port: int) -> str:
    import aiohttp

    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
        async with session.ws_connect("/echo", protocols=["chat"], compress=15, max_msg_size=1 << 22) as client:
            assert client.protocol == "chat"
            assert client.compress, "permessage-deflate was not agreed on"
            for size in SIZES:
                await client.send_str("é" * size)
                assert await client.receive_str() == "é" * size
                await client.send_bytes(bytes(size))
                assert await client.receive_bytes() == bytes(size)
            await client.ping(b"there?")
            await asyncio.gather(*(client.send_str(str(number)) for number in range(1000)))
            heard = [await client.receive_str() for _ in range(1000)]
            assert heard == [str(number) for number in range(1000)]
        assert client.close_code == 1000
        async with session.ws_connect("/close") as client:
            message = await client.receive()
            assert (message.type, message.data, message.extra) == (aiohttp.WSMsgType.CLOSE, 4321, "that is all")
        try:
            async with session.ws_connect("/deny"):
                raise AssertionError("it was not denied")
        except aiohttp.WSServerHandshakeError as denied:
            assert denied.status == 403
    return "echoes of 0 to 1 MiB, a ping, 1,000 in order, a subprotocol, closed by either side, denied"


async def chat(port: int) -> str:
    """Twenty people in one room, through `websockets` and `aiohttp` by turns; one leaves."""
    import json

    import aiohttp
    from websockets.asyncio.client import connect

    async with aiohttp.ClientSession() as session, connect(f"ws://127.0.0.1:{port}/chat?name=anna") as anna:
        others = [await session.ws_connect(f"ws://127.0.0.1:{port}/chat?name=p{number}") for number in range(19)]

        async def hears(name: str, text: str) -> None:
            for heard in [json.loads(await anna.recv()), *[await other.receive_json() for other in others]]:
                assert heard == {"from": name, "text": text}, heard

        await anna.send(json.dumps({"text": "hello, all"}))
        await hears("anna", "hello, all")
        for number in (3, 17):
            await others[number].send_json({"text": f"from {number} é"})
            await hears(f"p{number}", f"from {number} é")
        await others.pop().close()
        await hears("p18", "(left)")
        for other in others:
            await other.close()
    return "20 in a room, each hears all, one leaves"


async def with_socketio(port: int) -> str:
    import socketio

    clients = [socketio.AsyncClient(reconnection=False) for _ in range(4)]
    heard: list[asyncio.Queue[Any]] = [asyncio.Queue() for _ in clients]
    for number, client in enumerate(clients):
        client.on("said", heard[number].put)
        transports = ["websocket"] if number % 2 else None  # else it begins with long polling and changes over
        await client.connect(f"http://127.0.0.1:{port}", auth={"name": f"p{number}"}, transports=transports)
    for client in clients:
        for _ in range(200):
            if client.transport() == "websocket":
                break
            await asyncio.sleep(0.05)
        assert client.transport() == "websocket", client.transport()
    for number, client in enumerate(clients):
        text = f"é from {number} " * 1000
        assert await client.call("say", text) == "heard"
        for queue in heard:
            assert await queue.get() == {"from": f"p{number}", "text": text}
    for client in clients:
        await client.disconnect()
    return "4 in a room, two begin with long polling and change over; acknowledgements"


SCENARIOS: dict[str, Callable[[int], Awaitable[str]]] = {
    "websockets": with_websockets,
    "aiohttp": with_aiohttp,
    "chat": chat,
    "socketio": with_socketio,
}


async def main() -> None:
    async with asyncio.timeout(LIMIT):
        print(await SCENARIOS[sys.argv[1]](int(sys.argv[2])))


if __name__ == "__main__":
    sys.path.pop(0)  # this folder, whose modules have names of their own
    asyncio.run(main())
