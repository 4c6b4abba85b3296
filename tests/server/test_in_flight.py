"""What the scoreboard says of requests, however they begin and end: while an application is at work, and no longer."""

from __future__ import annotations

import asyncio
import concurrent.futures
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from bicorn.observe.scoreboard import Held, Scoreboard, Seat
from tests.driving import Drive, settle, until

Environ = dict[str, Any]


class Shown(Drive):
    """A connection of a worker that has a place on a scoreboard."""

    def __init__(self, app: Any, **settings: Any) -> None:
        super().__init__(app, **settings)
        self.board = Scoreboard(1)
        self.service.slot = self.board.slot(1)
        self.service.mount([self.service.root])

    def seat(self) -> Seat:
        return self.board.read(1)

    def held(self) -> list[str]:
        return [f"{each.method} {each.target}" for each in self.seat().held]


class Asgi:
    """Waits until it is let on, then does what the path says."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"]
        if path == "/fail-at-once":
            raise RuntimeError("at once")
        if path != "/at-once":
            await self.gate.wait()
        if path == "/fail":
            raise RuntimeError("later")
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"done"})
        if path == "/background":
            self.gate.clear()
            await self.gate.wait()


async def test_while_an_application_waits() -> None:
    app = Asgi()
    with Shown(app) as drive:
        drive.get("/slow?page=1", method="POST", body=b"x")
        await settle()
        assert drive.held() == ["POST /slow?page=1"]
        app.gate.set()
        await until(lambda: not drive.running)
        assert drive.held() == []


@pytest.mark.parametrize("path", ["/at-once", "/fail-at-once", "/fail", "/slow"])
async def test_nothing_is_left_when_it_is_over(path: str) -> None:
    app = Asgi()
    app.gate.set()
    with Shown(app) as drive:
        for _ in range(40):  # there are fewer cells
            await drive.ask(path)
            await until(lambda: not drive.running)
            assert drive.held() == []
            if drive.is_closed():
                drive.connection, drive.transport = drive.connect()


async def test_work_behind_the_answer_is_shown() -> None:
    app = Asgi()
    app.gate.set()
    with Shown(app) as drive:
        await drive.ask("/background")
        assert drive.held() == ["GET /background"]
        app.gate.set()
        await until(lambda: not drive.running)
        assert drive.held() == []


async def test_a_client_that_has_gone_and_a_task_that_is_cancelled() -> None:
    app = Asgi()
    with Shown(app) as drive:
        drive.get("/slow")
        await settle()
        drive.transport.lose()
        await settle()
        assert drive.held() == ["GET /slow"], "its application is still at work"
        (exchange,) = drive.running
        exchange.cancel()
        await until(lambda: not drive.running)
        assert drive.held() == []


# WSGI


async def test_an_inline_application_is_shown_while_it_runs() -> None:
    seen: list[Any] = []

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        seen.append((drive.held(), drive.seat().held[0].thread))
        if environ["PATH_INFO"] == "/fail":
            raise RuntimeError("no")
        start_response("200 OK", [])
        return [b"done"]

    with Shown(app, wsgi=True) as drive:
        for target in ("/a?b=c", "/fail"):
            await drive.ask(target)
            assert seen.pop() == ([f"GET {target}"], 0)
            assert drive.held() == []
            if drive.is_closed():
                drive.connection, drive.transport = drive.connect()


async def test_an_upload_is_no_work_of_the_application_yet() -> None:
    def app(environ: Environ, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [environ["wsgi.input"].read()]

    with Shown(app, wsgi=True) as drive:
        drive.get("/", "Content-Length: 10", method="PUT")
        drive.feed(b"12345")
        assert drive.held() == []
        drive.feed(b"67890")
        assert drive.answer().body == b"1234567890"
        assert drive.held() == []


async def test_a_suspended_answer_is_shown_until_it_goes_on() -> None:
    def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        for _ in range(4):
            yield bytes(50_000)

    for finish in ("release", "lose"):
        with Shown(app, wsgi=True) as drive:
            drive.transport.hold()
            drive.get("/stream")
            assert drive.held() == ["GET /stream"]
            getattr(drive.transport, finish)()
            await until(lambda: not drive.running)
            assert drive.held() == []


async def test_a_thread_of_the_pool_is_named() -> None:
    gate = threading.Event()
    idents: list[int] = []

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        idents.append(threading.get_ident())
        gate.wait(10)
        start_response("200 OK", [])
        return [b"done"]

    with concurrent.futures.ThreadPoolExecutor(1) as pool, Shown(app, wsgi=True, pool=pool) as drive:
        drive.get("/first")
        second, _ = drive.connect()
        second.data_received(b"GET /second HTTP/1.1\r\nHost: x\r\n\r\n")
        await until(lambda: len(idents) == 1)
        first, queued = drive.seat().held
        assert (first.target, first.thread) == ("/first", idents[0])
        assert (queued.target, queued.thread) == ("/second", 0), "it waits for a thread"
        gate.set()
        await until(lambda: not drive.running)
        assert drive.held() == []


# The clock


async def test_the_clock_publishes_what_there_is() -> None:
    app = Asgi()
    with Shown(app) as drive:
        assert drive.seat().beat == 0.0
        app.gate.set()
        answer = await drive.ask("/")
        drive.take()
        app.gate.clear()
        drive.get("/slow")
        await settle()
        drive.service.start_clock()
        seat = drive.seat()
        drive.service.stop_clock()
        assert seat.beat > 0.0
        assert (seat.requests, seat.connections, seat.running) == (2, 1, 1)
        assert seat.bytes > len(answer.body)
        assert isinstance(seat.held[0], Held)
        app.gate.set()
        await until(lambda: not drive.running)


async def test_all_bytes_of_streams_are_counted() -> None:
    def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Length", "300000")])
        for _ in range(3):
            yield bytes(100_000)

    with Shown(app, wsgi=True) as drive:
        answer = await drive.ask()
        assert len(answer.body) == 300_000
        assert 300_000 < drive.service.sent < 300_500


async def test_without_a_scoreboard_nothing_is_written() -> None:
    app = Asgi()
    app.gate.set()
    with Drive(app) as drive:
        assert (await drive.ask()).body == b"done"
        drive.service.start_clock()
        drive.service.stop_clock()
