"""Sending files, and writing while the loop stands still, on real sockets."""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bicorn.errors import ClientDisconnected
from bicorn.server import sendfile
from tests.driving import Drive, settle, until

CONTENT = os.urandom(1000) * 3000


@pytest.fixture
def file(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "file").write_bytes(CONTENT)
    descriptor = os.open(tmp_path / "file", os.O_RDWR)
    yield descriptor
    os.close(descriptor)


async def nothing(scope: Any, receive: Any, send: Any) -> None:
    await asyncio.Event().wait()


ways = pytest.mark.parametrize("way", [sendfile.copy, sendfile.read_and_write])


@ways
@pytest.mark.parametrize(("offset", "count"), [(0, len(CONTENT)), (5, 10), (1_000_000, 1_500_000), (0, 0)])
async def test_the_bytes_that_were_asked_for_are_sent(way: Any, file: int, offset: int, count: int) -> None:
    with Drive(nothing) as drive:
        task = asyncio.create_task(way(drive.connection, file, offset, count))
        await until(lambda: len(drive.sent()) >= count and task.done())
        await task
        assert drive.take() == CONTENT[offset : offset + count]


@ways
async def test_what_was_written_before_comes_before(way: Any, file: int) -> None:
    with Drive(nothing) as drive:
        drive.transport.hold()
        drive.connection.write(b"head")
        task = asyncio.create_task(way(drive.connection, file, 0, len(CONTENT)))
        await settle()
        drive.transport.release()
        await until(lambda: len(drive.sent()) >= 0 and task.done())
        assert drive.take() == b"head" + CONTENT


@ways
async def test_a_client_that_goes(way: Any, file: int) -> None:
    with Drive(nothing) as drive:
        drive.transport.hold()
        task = asyncio.create_task(way(drive.connection, file, 0, len(CONTENT)))
        await settle()
        assert not task.done()
        drive.transport.lose()
        with pytest.raises(ClientDisconnected):
            await task


async def test_a_client_that_has_gone_before_the_loop_knows(file: int) -> None:
    with Drive(nothing) as drive:
        drive.transport.break_socket()
        with pytest.raises(ClientDisconnected):
            await sendfile.copy(drive.connection, file, 0, len(CONTENT))
        assert drive.transport.aborted


async def test_a_client_that_went_before_it_began(file: int) -> None:
    with Drive(nothing) as drive:
        drive.transport.lose()
        with pytest.raises(ClientDisconnected):
            await sendfile.copy(drive.connection, file, 0, len(CONTENT))


@ways
async def test_a_file_that_becomes_shorter(way: Any, file: int) -> None:
    with Drive(nothing) as drive, pytest.raises(OSError, match="the file became shorter while it was sent"):
        await way(drive.connection, file, len(CONTENT) - 10, 20)


async def test_other_connections_have_a_turn_between_two_blocks(file: int) -> None:
    turns: list[int] = []

    def turn() -> None:
        turns.append(1)
        asyncio.get_running_loop().call_soon(turn)

    with Drive(nothing) as drive:
        task = asyncio.create_task(sendfile.copy(drive.connection, file, 0, len(CONTENT)))
        turn()
        await until(lambda: len(drive.sent()) >= 0 and task.done())
        assert len(turns) >= len(CONTENT) >> 20


async def test_a_client_that_stalls_in_the_middle_of_a_file_is_cut(file: int) -> None:
    with Drive(nothing, timeout_write=30) as drive:
        drive.transport.reads = False
        task = asyncio.create_task(sendfile.copy(drive.connection, file, 0, len(CONTENT)))
        await settle()
        drive.pass_time(29)
        assert not drive.is_closed()
        drive.take()  # it reads a little, after all
        await settle()
        drive.pass_time(29)
        assert not drive.is_closed()
        drive.pass_time(2)
        assert drive.transport.aborted
        drive.transport.lose()
        with pytest.raises(ClientDisconnected):
            await task


async def test_after_a_file_there_is_no_deadline(file: int) -> None:
    with Drive(nothing, timeout_write=30, timeout_keep_alive=0) as drive:
        task = asyncio.create_task(sendfile.copy(drive.connection, file, 0, len(CONTENT)))
        await until(lambda: len(drive.sent()) >= 0 and task.done())
        drive.take()
        drive.pass_time(100)
        assert not drive.is_closed()


async def test_the_transport_is_left_as_it_was(file: int) -> None:
    with Drive(nothing) as drive:
        limits = drive.transport.get_write_buffer_limits()
        task = asyncio.create_task(sendfile.copy(drive.connection, file, 0, 100))
        await until(task.done)
        assert drive.transport.get_write_buffer_limits() == limits


async def test_descriptors_are_given_back(file: int) -> None:
    with Drive(nothing) as drive:
        before = len(os.listdir("/dev/fd"))
        for _ in range(3):
            task = asyncio.create_task(sendfile.copy(drive.connection, file, 0, 100))
            await until(task.done)
        drive.transport.hold()
        task = asyncio.create_task(sendfile.copy(drive.connection, file, 0, 100))
        await settle()
        task.cancel()
        await asyncio.wait([task])
        assert len(os.listdir("/dev/fd")) == before


# -- Writing while the loop stands still


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs:
        yield ours, theirs


def test_everything_is_written_to_a_slow_peer(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    digest = hashlib.sha256()

    def read() -> None:
        left = len(CONTENT)
        while left:
            data = theirs.recv(50_000)
            digest.update(data)
            left -= len(data)

    reader = threading.Thread(target=read)
    reader.start()
    assert sendfile.write_all(ours.fileno(), CONTENT, 5)
    reader.join()
    assert digest.digest() == hashlib.sha256(CONTENT).digest()


def test_a_peer_that_takes_nothing_is_given_up(pair: tuple[socket.socket, socket.socket]) -> None:
    assert not sendfile.write_all(pair[0].fileno(), CONTENT, 0.01)


def test_a_peer_that_has_gone_is_noticed(pair: tuple[socket.socket, socket.socket]) -> None:
    pair[1].close()
    assert not sendfile.write_all(pair[0].fileno(), CONTENT, 0)


def test_nothing_is_written_at_once(pair: tuple[socket.socket, socket.socket]) -> None:
    assert sendfile.write_all(pair[0].fileno(), b"", 0)


# -- What the kernel holds


def test_the_kernel_tells_how_much_waits() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as ours:
        theirs, _ = server.accept()
        with theirs:
            ours.setblocking(False)
            assert sendfile.queued(ours) == 0
            sent = 0
            while True:
                try:
                    sent += ours.send(bytes(100_000))
                except BlockingIOError:
                    break
            held = sendfile.queued(ours)
            assert 0 < held <= sent
            while sent:
                sent -= len(theirs.recv(100_000))
            assert sendfile.queued(ours) < held


def test_no_socket_holds_nothing() -> None:
    assert sendfile.queued(None) == 0
