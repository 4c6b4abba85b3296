"""Where connections come in, on real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any

import pytest

from bicorn.config.settings import Config
from bicorn.server import door
from bicorn.server.door import APART, AT_ONCE, Door
from bicorn.server.listener import Listener
from bicorn.server.service import Service
from bicorn.server.tls import build_context
from tests.driving import Drive, settle
from tests.server.tls_files import Files

GET = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


async def app(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"served"})


class Hall:
    """A door, the service behind it, and a listening socket that somebody else has too."""

    def __init__(self, service: Service, config: Config, path: str, tls: Any = None) -> None:
        family = socket.AF_UNIX if path else socket.AF_INET
        self.sock = socket.socket(family, socket.SOCK_STREAM)
        self.sock.bind(path or ("127.0.0.1", 0))
        self.sock.listen()
        self.service = service
        self.door = Door(config, Listener(self.sock, "", "https" if tls else "http"), service, tls)

    def client(self, data: bytes = GET) -> socket.socket:
        client = socket.socket(self.sock.family, socket.SOCK_STREAM)
        client.connect(self.sock.getsockname())
        client.sendall(data)
        client.setblocking(False)
        return client


@contextlib.asynccontextmanager
async def opened(path: str = "", tls: Any = None, **settings: Any) -> AsyncIterator[Hall]:
    with Drive(app, **settings) as drive:
        drive.transport.lose()
        hall = Hall(drive.service, drive.config, path, tls)
        await hall.door.open()
        try:
            yield hall
        finally:
            hall.door.close()
            hall.sock.close()
            for connection in list(drive.service.connections):
                connection.abort()
            await settle()


async def read(client: socket.socket) -> bytes:
    loop = asyncio.get_running_loop()
    data = b""
    with client:
        while piece := await asyncio.wait_for(loop.sock_recv(client, 65536), 5):
            data += piece
    return data


kinds = pytest.mark.parametrize("name", ["", "sock"], ids=["tcp", "unix"])


@kinds
async def test_it_accepts_until_it_is_closed(name: str, tmp_path: Path) -> None:
    async with opened(name and str(tmp_path / name)) as hall:
        assert (await read(hall.client())).endswith(b"served")
        hall.door.close()
        await settle()
        late = hall.client()
        await settle(20)
        assert not hall.service.connections  # the kernel has it: the socket's owner still listens
        late.close()


@kinds
async def test_a_sweep_accepts_what_is_queued(name: str, tmp_path: Path) -> None:
    async with opened(name and str(tmp_path / name)) as hall:
        queue = hall.door.hold()
        assert queue is not None
        hall.door.close()
        await settle()
        clients = [hall.client() for _ in range(5)]
        await settle()
        assert not hall.service.connections
        opening = hall.door.sweep(queue)
        assert len(opening) == 5
        assert queue.fileno() == -1
        await asyncio.gather(*opening)
        for client in clients:
            assert (await read(client)).endswith(b"served")


async def test_a_sweep_takes_no_more_than_can_have_been_queued() -> None:
    async with opened(backlog=2) as hall:
        queue = hall.door.hold()
        assert queue is not None
        hall.door.close()
        hall.sock.listen(10)
        clients = [hall.client(b"") for _ in range(5)]
        opening = hall.door.sweep(queue)
        assert len(opening) == 3  # Linux's queue holds one more than its backlog
        await asyncio.gather(*opening)
        for client in clients:
            client.close()


# -- libuv accepts one connection a turn


def on_uvloop(test: Coroutine[Any, Any, None]) -> None:
    loop = pytest.importorskip("uvloop").new_event_loop()
    try:
        loop.run_until_complete(asyncio.wait_for(test, 20))
    finally:
        loop.close()


@pytest.mark.parametrize("encrypted", [False, True])
def test_who_has_come_during_a_long_turn_is_let_in_at_once(tmp_path: Path, encrypted: bool) -> None:
    async def several() -> None:
        async with opened(tls=tls) as hall:
            for _ in range(2):  # also after an idle while
                clients = [hall.client(b"") for _ in range(AT_ONCE)]
                time.sleep(APART * 2)
                await settle(8)
                found = hall.service.handshakes if encrypted else hall.service.connections
                assert len(found) == AT_ONCE
                for client in clients:
                    client.close()
                while hall.service.handshakes or hall.service.connections:
                    await asyncio.sleep(0)

    tls = None
    if encrypted:
        files = Files(tmp_path)
        tls = build_context(Config(certfile=(files.cert,), keyfile=(files.key,)))
    on_uvloop(several())


@pytest.mark.parametrize(("apart", "limit"), [(float("inf"), 0), (0.0, AT_ONCE)], ids=["short turns", "near the limit"])
def test_it_is_left_to_libuv(monkeypatch: pytest.MonkeyPatch, apart: float, limit: int) -> None:
    async def several() -> None:
        async with opened(limit_connections=limit) as hall:
            clients = [hall.client() for _ in range(5)]
            for client in clients:
                assert (await read(client)).endswith(b"served")

    monkeypatch.setattr(door, "APART", apart)
    monkeypatch.setattr(Door, "_let_in", None)
    on_uvloop(several())


def test_those_who_are_being_let_in_belong_to_a_sweep() -> None:
    async def several() -> None:
        async with opened() as hall:
            clients = [hall.client() for _ in range(5)]
            hall.door._accept_others()
            queue = hall.door.hold()
            assert queue is not None
            hall.door.close()
            opening = hall.door.sweep(queue)
            assert len(opening) == 5
            await asyncio.gather(*opening)
            for client in clients:
                assert (await read(client)).endswith(b"served")

    on_uvloop(several())


async def test_what_was_never_opened_can_be_closed_and_has_no_queue() -> None:
    with Drive(app) as drive, socket.socket() as sock:
        door = Door(drive.config, Listener(sock, ""), drive.service, None)
        assert door.hold() is None
        door.close()


async def test_a_handshake_is_known_until_it_is_done(tmp_path: Path) -> None:
    files = Files(tmp_path)
    tls = build_context(Config(certfile=(files.cert,), keyfile=(files.key,)))
    async with opened(tls=tls) as hall:
        client = hall.client(b"")
        while not hall.service.handshakes:
            await asyncio.sleep(0)
        reader, writer = await asyncio.open_connection(sock=client, ssl=files.client(), server_hostname="localhost")
        writer.write(GET)
        assert (await reader.read()).endswith(b"served")
        assert not hall.service.handshakes
        writer.close()
