"""What all connections share."""

from __future__ import annotations

import asyncio
import re
from typing import Any
from unittest import mock

import pytest

from bicorn.apps.exchange import Endpoint
from bicorn.config.settings import Config
from bicorn.server.service import TICK, Service
from bicorn.wire.head import Head
from tests.driving import Drive, Records, settle
from tests.fakes import FakeLoop

LINE = re.compile(rb"date: (Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n")


def service(**settings: Any) -> Service:
    return Service(Config(app="main:app", **settings), FakeLoop(), None)  # type: ignore[arg-type]


def endpoint(prefix: str) -> Endpoint:
    made = Endpoint()
    made.prefix = prefix
    return made


def head(path: bytes) -> Head:
    made = Head()
    made.path, made.escaped = path, b"%" in path
    return made


# -- Mounts


@pytest.mark.parametrize(
    ("path", "prefix"),
    [
        (b"/", ""),
        (b"/a", "/a"),
        (b"/a/", "/a"),
        (b"/a/b", "/a/b"),
        (b"/a/bc", "/a"),
        (b"/a/b/c", "/a/b"),
        (b"/ab", ""),
        (b"/%61/x", "/a"),
        (b"/%61%2fb", "/a/b"),
        (b"/\xc3", ""),
        (b"/%C3%BC/x", "/ü"),
        (b"*", ""),
    ],
)
def test_the_longest_mount_that_fits_whole_segments_wins(path: bytes, prefix: str) -> None:
    made = service()
    made.mount([endpoint(each) for each in ("/a", "", "/a/b", "/ü")])
    assert made.endpoint(head(path)).prefix == prefix


def test_without_mounts_everything_is_the_roots() -> None:
    made = service()
    made.mount([endpoint("")])
    assert made.endpoint(head(b"/a")) is made.root


# -- Origins


def test_connections_to_one_address_share_their_origin() -> None:
    made = service()
    first = made.origin("http", ("127.0.0.1", 80))
    assert first is made.origin("http", ("127.0.0.1", 80))
    assert first is not made.origin("https", ("127.0.0.1", 80))
    assert (first.scheme, first.server) == ("http", ("127.0.0.1", 80))
    assert made.origin("http", ("::1", 80, 0, 0)).server == ("::1", 80)
    assert made.origin("http", "/run/x").server == ("/run/x", None)
    assert made.origin("http", b"\0abstract").server == ("\0abstract", None)
    assert made.origin("http", "").server is None


def test_what_is_kept_of_addresses_is_bounded() -> None:
    """A wildcard socket answers on as many addresses as the machine has, which may be a whole IPv6 network."""
    made = service()
    for n in range(3000):
        assert made.origin("http", (f"::{n:x}", 80, 0, 0)).server == (f"::{n:x}", 80)
    assert made.origin("http", ("::5", 80, 0, 0)) is made.origin("http", ("::5", 80, 0, 0))
    assert made.origin("http", ("::aaa", 80, 0, 0)) is not made.origin("http", ("::aaa", 80, 0, 0))


# -- Settings


def test_zero_pipelined_requests_means_as_many_as_there_are() -> None:
    assert service(limit_pipelined_requests=0).pipelined_limit > 1_000_000


async def test_fields_of_the_server_and_of_the_operator() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})

    with Drive(app, server_header=True, date_header=True, headers=[("X-Zone", "é")]) as drive:
        drive.service.start_clock()
        answer = await drive.ask()
        drive.service.stop_clock()
        assert answer.headers["server"] == "bicorn"
        assert answer.headers["x-zone"] == "é"
        assert LINE.fullmatch(b"date: " + answer.headers["date"].encode() + b"\r\n")


# -- The clock


class Ticked:
    """A connection that only counts."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def tick(self, now: float) -> None:
        self.times.append(now)

    def is_idle(self) -> bool:
        return False


def test_the_clock_looks_at_every_connection_twice_a_second() -> None:
    made = service()
    loop: Any = made.loop
    first, second = Ticked(), Ticked()
    made.opened(first)
    made.start_clock()
    loop.advance(1.2)
    made.opened(second)
    loop.advance(1.0)
    start = first.times[0]
    assert first.times == [start + n * TICK for n in range(5)]
    assert second.times == first.times[-2:]
    assert made.now == first.times[-1]
    made.gone(second)
    made.stop_clock()
    made.stop_clock()
    loop.advance(10)
    assert len(first.times) == 5


def test_a_connection_may_go_while_the_clock_looks() -> None:
    made = service()

    class Goes(Ticked):
        def tick(self, now: float) -> None:
            made.gone(self)
            super().tick(now)

    both = [Goes(), Goes()]
    for each in both:
        made.opened(each)
    made.start_clock()
    assert [len(each.times) for each in both] == [1, 1]
    assert not made.connections


def test_the_date_is_made_once_a_second() -> None:
    made = service()
    loop: Any = made.loop
    with mock.patch("bicorn.server.service.time.time") as clock:
        clock.return_value = 1_700_000_000.9
        made.start_clock()
        first = made.defaults.date
        assert first == b"date: Tue, 14 Nov 2023 22:13:20 GMT\r\n"
        loop.advance(0.5)
        assert made.defaults.date is first
        clock.return_value = 1_700_000_001.4
        loop.advance(0.5)
        assert made.defaults.date == b"date: Tue, 14 Nov 2023 22:13:21 GMT\r\n"
    assert made.defaults.lines.endswith(made.defaults.date)


def test_without_a_date_there_is_none() -> None:
    made = service(date_header=False)
    made.start_clock()
    assert made.defaults.date == b""


def test_the_clock_flushes_the_access_log() -> None:
    records = Records()
    records.flush = mock.Mock()  # type: ignore[method-assign]
    made = Service(Config(app="main:app"), FakeLoop(), records)  # type: ignore[arg-type]
    made.start_clock()
    records.flush.assert_called_once()


# -- Being drained


async def test_a_stopping_server_is_told_when_nothing_is_left() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})
        await background.wait()

    background = asyncio.Event()
    with Drive(app) as drive:
        await drive.ask()
        made = drive.service
        made.check_drained()  # nobody asks
        made.draining = True
        made.drained = drive.loop.create_future()
        made.check_drained()
        drive.connection.start_draining()
        assert not made.drained.done()
        drive.transport.lose()
        assert not made.drained.done()  # the application still works
        background.set()
        await settle()
        assert made.drained.done()
        made.check_drained()


# -- Being replaced


def told(made: Service) -> list[str]:
    """What it says, as it says it."""
    said: list[str] = []
    made.recycle = said.append
    return said


@pytest.mark.parametrize(("jitter", "latest"), [(None, 44), (0, 40), (25, 65)])
def test_after_so_many_requests_and_a_few_more_by_chance_a_worker_asks_once_to_be_replaced(
    jitter: int | None, latest: int
) -> None:
    limits = set()
    for _ in range(200):
        made = service(max_requests=40, max_requests_jitter=jitter)
        said = told(made)
        for _ in range(39):
            made.count()
        assert said == []
        while not said:
            made.count()
        limits.add(made.requests)
        assert said == [f"max-requests ({made.requests}) reached"]
        made.count()
        made.ask_to_recycle("again")
        assert len(said) == 1
    assert min(limits) == 40
    assert max(limits) <= latest
    assert len(limits) == 1 or max(limits) > 41


def test_without_a_limit_requests_are_only_counted() -> None:
    made = service()
    said = told(made)
    for _ in range(1000):
        made.count()
    assert (made.requests, said) == (1000, [])


async def test_every_request_counts_also_one_that_shares_its_connection() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})

    with Drive(app) as drive:
        for _ in range(3):
            await drive.ask()
        drive.connect()
        assert drive.service.requests == 3


async def test_room_is_made_by_looking_at_a_few() -> None:
    """Whoever opens connections one after the other must not have us look at all of them each time."""
    service = Service(Config(app="main:app", limit_connections=1000), asyncio.get_running_loop(), None)
    looked_at = []

    class Busy:
        deadline = 0.0

        def is_idle(self) -> bool:
            looked_at.append(self)
            return False

    for _ in range(1000):
        assert service.opened(Busy())
    assert not service.opened(Busy())
    assert 0 < len(looked_at) < 100
    first = list(looked_at)
    assert not service.opened(Busy())
    assert not set(first) & set(looked_at[len(first) :])
