"""Whose turn it is to accept."""

from __future__ import annotations

import asyncio
import socket
import time
from typing import Any

import pytest

from bicorn.observe.scoreboard import Scoreboard
from bicorn.observe.slot import STALE, Slot
from bicorn.server.door import Door
from bicorn.server.listener import Listener
from bicorn.server.turns import AHEAD, Turns
from tests.driving import Drive

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def workers(*connections: int) -> tuple[Scoreboard, list[Slot]]:
    """A scoreboard with so many workers that serve, and what they have open."""
    board = Scoreboard(len(connections) + 2)
    slots = []
    for number, count in enumerate(connections, 1):
        board.assign(number, 1000 + number, 1)
        slot = board.slot(number)
        slot.beat(time.monotonic())
        slot.phase("serving")
        slot.connected(count)
        slots.append(slot)
    return board, slots


def test_a_worker_with_less_than_the_others_accepts() -> None:
    _, (own, *_) = workers(0, 100, 100)
    assert Turns(own).may_accept(50)


def test_a_worker_with_more_than_the_others_lets_them_go_first() -> None:
    _, (own, *_) = workers(0, 10, 10)
    turns = Turns(own)
    assert turns.may_accept(10)
    assert not turns.may_accept(10 + 2 * AHEAD)


def test_it_may_again_when_they_have_caught_up() -> None:
    _, (own, other) = workers(0, 0)
    turns = Turns(own)
    assert not turns.may_accept(10)
    other.connected(10)
    assert turns.may_accept(10)


def test_a_few_more_when_nobody_else_came() -> None:
    _, (own, _) = workers(0, 0)
    turns = Turns(own)
    assert not turns.may_accept(10)
    turns.insist(10)
    assert turns.may_accept(11)
    assert not turns.may_accept(10 + AHEAD)


def test_who_is_alone_accepts_and_looks_again() -> None:
    board, (own,) = workers(0)
    turns = Turns(own)
    assert turns.may_accept(1000)
    board.assign(2, 1, 1)
    other = board.slot(2)
    other.beat(time.monotonic())
    other.phase("serving")
    assert not turns.may_accept(1100)


def test_who_is_stuck_stopping_or_starting_does_not_count() -> None:
    board, (own, stuck, stopping, starting, retired) = workers(0, 1, 2, 3, 4)
    now = time.monotonic()
    assert own.others(now) == (4, 10)
    stuck.beat(now - STALE - 1)
    stopping.phase("draining")
    starting.phase("importing main:app")
    assert own.others(now) == (1, 4)
    board.retire(5)
    assert own.others(now) == (0, 0)
    assert retired.others(now) == (1, 0)


# On real sockets, with the loop that this is for


class Pair:
    """Our door, and another worker on the same socket."""

    def __init__(self, drive: Drive, sock: socket.socket) -> None:
        _, (own, self.other) = workers(0, 0)
        drive.service.slot = own
        self.sock = sock
        self.service = drive.service
        self.taken: list[socket.socket] = []
        self.door = Door(drive.config, Listener(sock, ""), drive.service, None)

    def connect(self, count: int) -> list[socket.socket]:
        clients = [socket.create_connection(self.sock.getsockname()) for _ in range(count)]
        for client in clients:
            client.sendall(GET)
        return clients

    async def accept(self) -> None:
        """What the other worker does all the time."""
        loop = asyncio.get_running_loop()
        while True:
            self.taken.append((await loop.sock_accept(self.sock))[0])
            self.other.connected(len(self.taken))

    async def until(self, count: int) -> None:
        """Wait until all are with one or the other."""
        async with asyncio.timeout(10):
            while len(self.service.connections) + len(self.taken) < count:
                await asyncio.sleep(0.001)


async def app(scope: Any, receive: Any, send: Any) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


@pytest.fixture(name="listening")
def listening_socket() -> socket.socket:
    sock = socket.create_server(("127.0.0.1", 0), backlog=100)
    sock.setblocking(False)
    return sock


def run(sock: socket.socket, others_accept: bool, count: int) -> tuple[int, int]:
    """How many connections we have got, and the other, of so many that came at once."""
    uvloop = pytest.importorskip("uvloop")

    async def scenario() -> tuple[int, int]:
        with Drive(app, workers=2) as drive:
            drive.transport.lose()
            pair = Pair(drive, sock)
            await pair.door.open()
            accepting = asyncio.ensure_future(pair.accept()) if others_accept else None
            clients = pair.connect(count)
            await pair.until(count)
            if accepting is not None:
                accepting.cancel()
            ours = len(pair.service.connections)
            pair.door.close()
            for connection in list(pair.service.connections):
                connection.abort()
            for one in (*clients, *pair.taken, sock):
                one.close()
            await asyncio.sleep(0.01)
            return ours, len(pair.taken)

    loop = uvloop.new_event_loop()
    try:
        result: tuple[int, int] = loop.run_until_complete(scenario())
        return result
    finally:
        loop.close()


def test_two_workers_share_what_comes_at_once(listening: socket.socket) -> None:
    ours, theirs = run(listening, True, 60)
    assert ours + theirs == 60
    assert 20 <= ours <= 40


def test_a_client_that_nobody_else_takes_is_not_left_waiting(listening: socket.socket) -> None:
    assert run(listening, False, 30) == (30, 0)
