"""Large reads are taken apart in slices, a turn of the loop for each, as far as they are dear."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from bicorn.server import slices
from bicorn.server.slices import CHEAP, DEAR, FIRST, SMALLEST, Slices


class Connection:
    """What `Slices` sees of a connection, with a clock that goes on by `cost` for each byte that is taken."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, cost: float) -> None:
        self.cost = cost
        self.taken: list[bytes] = []
        self.closed = False
        self.reads = True
        self.turns: list[Callable[[], None]] = []
        self.service = SimpleNamespace(loop=SimpleNamespace(call_soon=self.turns.append))
        self.transport = SimpleNamespace(pause_reading=self.pause)
        self.now = 0.0
        monkeypatch.setattr(slices, "time", SimpleNamespace(perf_counter=lambda: self.now))

    def take(self, data: bytes) -> None:
        self.taken.append(data)
        self.now += self.cost * len(data)

    def pause(self) -> None:
        self.reads = False

    def read_on(self) -> None:
        self.reads = True

    def turn(self) -> None:
        turns, self.turns[:] = self.turns[:], []
        for each in turns:
            each()


def feed(connection: Any, data: bytes) -> Slices:
    made = Slices(connection)
    made.receive(data)
    return made


def run_out(connection: Connection) -> int:
    count = 0
    while connection.turns:
        connection.turn()
        count += 1
        assert count < 10_000
    return count


def test_what_is_cheap_is_taken_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = Connection(monkeypatch, 0.0)
    made = feed(connection, b"x" * FIRST)
    assert connection.taken == [b"x" * FIRST]
    assert connection.reads
    assert not made.is_waiting
    assert not connection.turns


def test_what_is_cheap_is_soon_taken_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = Connection(monkeypatch, 0.0)
    made = feed(connection, b"x" * (4 * FIRST))
    run_out(connection)
    made.receive(b"y" * (4 * FIRST))
    assert connection.taken[-1] == b"y" * (4 * FIRST)


def test_what_is_dear_waits_and_nothing_is_read_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = Connection(monkeypatch, 1e-6)
    data = bytes(range(256)) * 1024
    made = feed(connection, data)
    assert made.is_waiting
    assert not connection.reads
    assert run_out(connection) > 32
    assert b"".join(connection.taken) == data
    assert connection.reads
    assert not made.is_waiting
    # Only the first slice, before anything was known, cost more than a turn may.
    assert max(map(len, connection.taken[2:])) * 1e-6 <= 3 * DEAR


def test_a_dear_read_of_one_slice_ends_the_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = Connection(monkeypatch, 2 * CHEAP / 8192)
    feed(connection, b"x" * 8192)
    assert len(connection.taken) == 1
    assert not connection.reads
    assert run_out(connection) == 1
    assert connection.reads


def test_no_slice_is_smaller_than_worth_a_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = Connection(monkeypatch, 1.0)
    feed(connection, b"x" * (4 * FIRST))
    run_out(connection)
    assert {len(data) for data in connection.taken[3:-1]} == {SMALLEST}


def test_what_comes_all_the_same_is_kept_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = Connection(monkeypatch, 1e-6)
    made = feed(connection, b"a" * (2 * FIRST))
    made.receive(b"b" * FIRST)
    run_out(connection)
    assert b"".join(connection.taken) == b"a" * (2 * FIRST) + b"b" * FIRST


def test_nothing_is_taken_after_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = Connection(monkeypatch, 1e-6)
    made = feed(connection, b"x" * (4 * FIRST))
    connection.closed = True
    run_out(connection)
    assert len(connection.taken) == 1
    assert not made.is_waiting
