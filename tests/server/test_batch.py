"""The answers of one turn of the loop."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bicorn.apps.exchange import Channel
from bicorn.server import batch
from bicorn.server.batch import Batch
from tests.driving import Drive, settle

# The module's own, which are C's in the compiled reading.
ALONE, LONGEST, PAUSE, SLOW = 16, 0.001, 256, 0.005


class Clock:
    """Stands in for `time.monotonic`."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(batch, "monotonic", clock)
    return clock


def hello(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    return [environ["PATH_INFO"].encode()]


def empty(environ: Any, start_response: Any) -> list[bytes]:
    start_response("204 No Content", [])
    return []


def large(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    return [bytes(70_000)]


def together(drive: Drive) -> Batch:
    """From now on answers wait for each other."""
    batch = drive.service.batch
    batch.straight = 0
    return batch


class Waiting(Channel):
    """A connection that counts how often it was sent."""

    def __init__(self) -> None:
        self.flushes = 0

    def flush(self) -> None:
        """Count."""
        self.flushes += 1


def connections(count: int) -> list[Waiting]:
    return [Waiting() for _ in range(count)]


async def test_at_first_answers_go_straight_out() -> None:
    with Drive(hello, wsgi=True) as drive:
        drive.get("/a")
        assert drive.answer().body == b"/a"
        assert drive.service.batch.straight == PAUSE - 1


async def test_answers_of_one_turn_go_out_when_the_loop_has_turned() -> None:
    with Drive(hello, wsgi=True) as drive:
        together(drive)
        other, transport = drive.connect()
        drive.get("/a")
        other.data_received(b"GET /b HTTP/1.1\r\nHost: h\r\n\r\n")
        assert drive.take() == transport.take() == b""
        await settle(1)
        assert drive.answer().body == b"/a"
        assert transport.take().endswith(b"/b")


async def test_pipelined_answers_go_out_in_one_write() -> None:
    with Drive(hello, wsgi=True) as drive:
        together(drive)
        drive.feed(b"GET /a HTTP/1.1\r\nHost: h\r\n\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\n")
        await settle(1)
        assert [answer.body for answer in drive.answers()] == [b"/a", b"/b"]


async def test_large_answers_go_straight_out() -> None:
    with Drive(large, wsgi=True) as drive:
        together(drive)
        drive.get()
        assert len(drive.answer().body) == 70_000


async def test_a_connection_that_closes_sends_its_answer_first() -> None:
    with Drive(hello, wsgi=True) as drive:
        together(drive)
        drive.get("/a", "Connection: close")
        assert drive.answer().body == b"/a"
        assert drive.is_closed()


async def test_a_client_that_has_sent_its_last_gets_its_answer() -> None:
    with Drive(hello, wsgi=True) as drive:
        together(drive)
        drive.get("/a")
        drive.connection.eof_received()
        assert drive.answer().body == b"/a"


async def test_a_refusal_takes_the_answer_before_it_along() -> None:
    with Drive(hello, wsgi=True) as drive:
        together(drive)
        drive.feed(b"GET /a HTTP/1.1\r\nHost: h\r\n\r\nno request\r\n\r\n")
        assert [answer.status for answer in drive.answers()] == [200, 400]


async def test_an_answer_that_waits_is_owed() -> None:
    """So the connection is not closed to make room for another one."""
    with Drive(empty, wsgi=True) as drive:
        together(drive)
        drive.get("/a")
        assert not drive.connection.is_idle()
        await settle(1)
        assert drive.connection.is_idle()


async def test_an_answer_whose_client_has_gone_is_dropped() -> None:
    with Drive(hello, wsgi=True) as drive:
        together(drive)
        drive.get("/a")
        drive.transport.lose()
        await settle(2)
        assert drive.take() == b""


async def test_no_answer_waits_longer_than_allowed(clock: Clock) -> None:
    batch = Batch(asyncio.get_running_loop())
    first, second, third = connections(3)
    batch.wait(first)
    clock.now += LONGEST / 2
    batch.wait(second)
    assert first.flushes == 0
    clock.now += LONGEST
    batch.wait(third)
    assert first.flushes == 1
    assert second.flushes == 1
    assert third.flushes == 0
    await settle(1)
    assert third.flushes == 1
    assert first.flushes == 1


async def test_after_a_slow_call_answers_go_straight_out(clock: Clock) -> None:
    batch = Batch(asyncio.get_running_loop())
    batch.straight = 0
    for connection in connections(2):
        batch.wait(connection)
        clock.now += SLOW * 0.9
    assert batch.straight == 0
    [connection] = connections(1)
    clock.now += SLOW
    batch.wait(connection)
    assert batch.straight == PAUSE


async def test_one_client_at_a_time_waits_for_nobody(clock: Clock) -> None:
    batch = Batch(asyncio.get_running_loop())
    batch.straight = 0
    for number in range(ALONE):
        assert batch.straight == 0, number
        [connection] = connections(1)
        batch.wait(connection)
        await settle(1)
        assert connection.flushes == 1
    assert batch.straight == PAUSE


async def test_a_crowd_is_worth_waiting_for(clock: Clock) -> None:
    batch = Batch(asyncio.get_running_loop())
    batch.straight = 0
    for _ in range(ALONE * 2):
        for connection in connections(2):
            batch.wait(connection)
        await settle(1)
        for connection in connections(1):
            batch.wait(connection)
        await settle(1)
    assert batch.straight == 0
