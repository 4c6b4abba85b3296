"""Requests that take too long, in a whole server on real sockets; applications wait for what the test lets happen."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import queue
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Literal

import pytest

from bicorn.apps.loader import LoadedApp
from bicorn.config.settings import Config
from bicorn.observe.access import AccessRecord
from bicorn.server.listener import Listener
from bicorn.server.overdue_pool import LeavingPool
from bicorn.server.server import Server
from tests.driving import Records, read_answers

GET = b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n"
LIMIT = 0.2

pytestmark = pytest.mark.slow  # each takes longer than the limit


class Site:
    """A server in this loop, and clients in threads, since an inline application holds the loop."""

    def __init__(self, app: Any, interface: Literal["asgi", "wsgi"], **settings: Any) -> None:
        self.sock = socket.socket()
        self.sock.bind(("127.0.0.1", 0))
        self.sock.listen()
        self.recycled: list[str] = []
        self.access = Records()
        loaded = LoadedApp(call=app, interface=interface, kind=interface.upper(), name="main:app")
        config = Config(app="main:app", **({"request_timeout": LIMIT, "graceful_timeout": 2} | settings))
        listener = Listener(self.sock, "", "http")
        self.server = Server(config, [("", loaded)], [listener], self.access, recycle=self.recycled.append)  # type: ignore[arg-type]

    async def ask(self, path: bytes = b"/", request: bytes = b"") -> bytes:
        """All that comes until the server closes."""
        return await asyncio.to_thread(self._ask, request or GET % path)

    def _ask(self, request: bytes) -> bytes:
        with socket.create_connection(self.sock.getsockname(), timeout=5) as client:
            client.sendall(request)
            data = b""
            with contextlib.suppress(ConnectionResetError):
                while piece := client.recv(65536):
                    data += piece
            return data

    @property
    def records(self) -> list[AccessRecord]:
        return self.access.records


@contextlib.asynccontextmanager
async def serving(app: Any, interface: Literal["asgi", "wsgi"] = "asgi", **settings: Any) -> AsyncIterator[Site]:
    site = Site(app, interface, **settings)
    started = asyncio.Event()
    task = asyncio.create_task(site.server.serve(started.set))
    await asyncio.wait_for(started.wait(), 5)
    try:
        yield site
    finally:
        site.server.stop()
        await asyncio.wait_for(task, 10)
        site.sock.close()


@pytest.fixture(autouse=True)
def quick_collection() -> Iterator[None]:
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # the loop is in debug mode, and it is held here on purpose
    yield
    logging.getLogger("asyncio").setLevel(logging.NOTSET)


def one_error(caplog: pytest.LogCaptureFixture) -> str:
    [record] = [record for record in caplog.records if record.name == "bicorn.error" and record.levelno >= 30]
    assert record.levelname == "ERROR"
    return record.getMessage()


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)


# -- ASGI


class Slow:
    """Waits for longer than the limit, before or after its answer has begun."""

    def __init__(self) -> None:
        self.ended = ""
        self.release = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            raise NotImplementedError
        path = scope["path"]
        kind = b"text/event-stream" if path == "/events" else b"text/plain"
        if path != "/":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind)]})
        if path not in ("/", "/begun"):
            await send({"type": "http.response.body", "body": b"x", "more_body": path != "/background"})
        try:
            await self.query_the_database()
        except asyncio.CancelledError:
            self.ended += "cancelled"
            raise
        self.ended += "done"
        if path == "/events":
            await send({"type": "http.response.body", "body": b"end"})

    async def query_the_database(self) -> None:
        await self.release.wait()


@pytest.mark.parametrize("path", [b"/", b"/begun"])
async def test_a_task_that_takes_too_long_is_cancelled_and_answered_for(
    path: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    app = Slow()
    async with serving(app) as site:
        [answer] = read_answers(await site.ask(path))
        assert (answer.status, answer.body) == (504, b"no answer within 0.2 s\n")
        assert answer.headers["connection"] == "close"
        await until(lambda: app.ended)
    assert app.ended == "cancelled"
    message = one_error(caplog)
    assert message.startswith(f"GET {path.decode()} from 127.0.0.1:")
    assert " has taken 0." in message
    assert "(request-timeout): it is cancelled\n" in message
    assert "query_the_database" in message  # the innermost coroutine
    assert [record.status for record in site.records] == [504]
    assert site.recycled == []


async def test_an_answer_that_has_begun_is_cut(caplog: pytest.LogCaptureFixture) -> None:
    app = Slow()
    async with serving(app) as site:
        data = await site.ask(b"/half")
        assert data.endswith(b"1\r\nx\r\n")
        await until(lambda: app.ended)
    assert "it is cancelled" in one_error(caplog)
    assert [record.status for record in site.records] == [200]


@pytest.mark.parametrize("path", [b"/events", b"/background"])
async def test_an_event_stream_and_work_after_the_answer_have_no_limit(
    path: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    app = Slow()
    async with serving(app) as site:
        asking = asyncio.create_task(site.ask(path, GET.replace(b"Host", b"Connection: close\r\nHost") % path))
        await asyncio.sleep(2 * LIMIT)
        app.release.set()
        [answer] = read_answers(await asking)
        assert answer.body == (b"xend" if path == b"/events" else b"x")
        await until(lambda: app.ended)
    assert app.ended == "done"
    assert not [record for record in caplog.records if record.levelno >= 30]


async def test_the_time_of_the_client_does_not_count(caplog: pytest.LogCaptureFixture) -> None:
    """Neither while it sends its body, nor while it reads what was sent."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            raise NotImplementedError
        while (await receive())["more_body"]:
            pass
        await send({"type": "http.response.start", "status": 200, "headers": [(b"connection", b"close")]})
        await send({"type": "http.response.body", "body": bytes(30_000_000)})

    def slow() -> int:
        with socket.create_connection(site.sock.getsockname(), timeout=5) as client:
            client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na")
            over.wait(2 * LIMIT)
            client.sendall(b"b")
            client.recv(1)
            over.wait(2 * LIMIT)
            size = 1
            while data := client.recv(1 << 20):
                size += len(data)
            return size

    over = threading.Event()
    async with serving(app) as site:
        assert await asyncio.to_thread(slow) > 30_000_000
    assert not [record for record in caplog.records if record.levelno >= 30]


async def test_requests_are_not_blamed_for_a_loop_that_stood_still() -> None:
    limit = 5 * LIMIT  # a busy machine may need some of it to ask at all

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            raise NotImplementedError
        if scope["path"] == "/hold":
            threading.Event().wait(1.5 * limit)
        else:
            waiting.set()
            await go.wait()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"connection", b"close")]})
        await send({"type": "http.response.body", "body": b"done"})

    waiting, go = asyncio.Event(), asyncio.Event()
    async with serving(app, request_timeout=limit) as site:
        other = asyncio.create_task(site.ask(b"/"))
        await waiting.wait()
        await site.ask(b"/hold")
        go.set()
        assert (await other).endswith(b"done")


# -- WSGI in threads


def test_a_thread_that_had_to_hurry_is_not_counted_as_idle() -> None:
    """Two threads that did six things one after the other are two: with one of them stuck, new work finds the other,
    and with both stuck a new thread."""
    pool = LeavingPool(2)
    done: queue.SimpleQueue[int] = queue.SimpleQueue()
    go = threading.Event()

    class Asked:
        def call(self, number: int) -> None:
            if number < 0:
                done.put(number)
                go.wait(20)
            done.put(number)

    for number in range(6):
        pool.submit(apply, Asked().call, number)
    assert sorted(done.get(timeout=5) for _ in range(6)) == list(range(6))
    for round_ in range(3):
        stuck = [Asked(), Asked()]
        for asked in stuck:
            pool.submit(apply, asked.call, -1)
        assert [done.get(timeout=5) for _ in stuck] == [-1, -1], round_
        for asked in stuck:
            assert pool.leave(asked)  # type: ignore[arg-type]
        pool.submit(apply, Asked().call, 7)
        assert done.get(timeout=5) == 7
    go.set()
    pool.shutdown()


def apply(call: Any, argument: Any) -> None:
    call(argument)


async def test_a_thread_that_takes_too_long_is_left_and_its_place_taken(caplog: pytest.LogCaptureFixture) -> None:
    go = threading.Event()

    def query_the_database() -> None:
        go.wait(5)

    def app(environ: Any, start_response: Any) -> list[bytes]:
        if environ["PATH_INFO"] != "/":
            query_the_database()
        start_response("200 OK", [("Connection", "close")])
        return [b"done"]

    async with serving(app, "wsgi", threads=2) as site:
        for round_ in range(3):
            asking = [asyncio.create_task(site.ask(b"/slow")) for _ in range(2)]
            for each in asking:
                [answer] = read_answers(await each)
                assert (answer.status, answer.body) == (504, b"no answer within 0.2 s\n")
            # All threads are stuck, and there are two all the same.
            for data in await asyncio.gather(*(site.ask(b"/") for _ in range(4))):
                assert data.endswith(b"done")
            # A stop waits for none of them; those just answered may still be on their way out of their threads.
            await until(lambda: not site.server._overdue._service.running)  # type: ignore[union-attr]
            if round_ == 1:
                go.set()  # those that come back are not needed any more
                await until(lambda: not site.server._overdue.pool._left)  # type: ignore[union-attr]
                go.clear()
        go.set()
    assert site.recycled == ["a request was over request-timeout"]
    messages = [record.getMessage() for record in caplog.records if record.levelno >= 30]
    assert len(messages) == 6
    assert all("its thread is left to itself\n" in message for message in messages)
    assert all("query_the_database" in message for message in messages)
    assert sorted(record.status for record in site.records) == [200] * 12 + [504] * 6


async def test_who_waits_too_long_for_a_thread_is_answered_too(caplog: pytest.LogCaptureFixture) -> None:
    go = threading.Event()

    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("Connection", "close")])
        yield b"some"
        for _ in range(50):  # a piece at a time is taken by its client at once: the time is the application's
            go.wait(0.01)
            yield b"more"
        yield b"end"

    async with serving(app, "wsgi", threads=2) as site:
        answers = await asyncio.gather(*(site.ask() for _ in range(4)))
        go.set()
        assert all(not data.endswith(b"0\r\n\r\n") or b"504" in data for data in answers)
        assert len([data for data in answers if data.startswith(b"HTTP/1.1 200")]) >= 2
    assert len([record for record in caplog.records if record.levelno >= 40]) == 4


# -- WSGI inline


async def test_an_inline_application_is_answered_for_from_beside_the_loop(caplog: pytest.LogCaptureFixture) -> None:
    go = threading.Event()

    def query_the_database() -> None:
        assert go.wait(5)

    def app(environ: Any, start_response: Any) -> list[bytes]:
        if environ["PATH_INFO"] != "/":
            start_response("200 OK", [("X-Dropped", "this")])
            query_the_database()
        start_response("200 OK", [("Connection", "close")], (None, ValueError(), None))
        return [b"done"]

    async with serving(app, "wsgi") as site:

        def ask() -> bytes:
            try:
                return site._ask(GET % b"/slow")  # while the loop stands still
            finally:
                go.set()

        [answer] = read_answers(await asyncio.to_thread(ask))
        assert (answer.status, answer.body, answer.headers["connection"]) == (504, b"no answer within 0.2 s\n", "close")
        assert (await site.ask(b"/")).endswith(b"done")  # the loop goes on
    message = one_error(caplog)
    assert "GET /slow from 127.0.0.1:" in message
    assert "answered for it" in message
    assert "query_the_database" in message
    assert [record.status for record in site.records] == [504, 200]
    assert site.recycled == ["a request was over request-timeout"]


async def test_an_inline_answer_that_has_begun_is_cut_from_beside_the_loop(caplog: pytest.LogCaptureFixture) -> None:
    go = threading.Event()
    closed = threading.Event()

    class Pieces:
        def __iter__(self) -> Iterator[bytes]:
            yield b"piece"
            assert go.wait(5)
            yield b"dropped"

        def close(self) -> None:
            closed.set()

    def app(environ: Any, start_response: Any) -> Pieces:
        start_response("200 OK", [])
        return Pieces()

    async with serving(app, "wsgi") as site:

        def ask() -> bytes:
            try:
                return site._ask(GET % b"/")
            finally:
                go.set()

        assert (await asyncio.to_thread(ask)).endswith(b"5\r\npiece\r\n")
        await until(closed.is_set)
    assert "its connection is cut" in one_error(caplog)
    assert [record.status for record in site.records] == [200]


async def test_an_inline_stream_that_a_slow_client_suspends_is_not_blamed(caplog: pytest.LogCaptureFixture) -> None:
    def app(environ: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("Connection", "close")])
        for _ in range(100):
            yield bytes(100_000)

    def slow() -> int:
        with socket.create_connection(site.sock.getsockname(), timeout=5) as client:
            client.sendall(GET % b"/")
            size = len(client.recv(1))
            threading.Event().wait(2 * LIMIT)
            while data := client.recv(1 << 20):
                size += len(data)
            return size

    async with serving(app, "wsgi") as site:
        assert await asyncio.to_thread(slow) > 10_000_000
    assert not [record for record in caplog.records if record.levelno >= 30]


async def test_what_is_quick_enough_passes_unchanged() -> None:
    def app(environ: Any, start_response: Any) -> Any:
        if environ["PATH_INFO"] == "/wrong":
            start_response("200 OK", [])
            return 5
        if environ["PATH_INFO"] == "/raises":
            raise ValueError
        start_response("200 OK", [("Connection", "close")])
        return {"/list": [b"list"], "/tuple": (b"tuple",), "/iterator": iter([b"iter", b"ator"])}[environ["PATH_INFO"]]

    closing = GET.replace(b"Host", b"Connection: close\r\nHost")
    async with serving(app, "wsgi") as site:
        for path in (b"/list", b"/tuple", b"/iterator"):
            [answer] = read_answers(await site.ask(path))
            assert answer.body == path[1:]
        for path in (b"/wrong", b"/raises"):
            [answer] = read_answers(await site.ask(request=closing % path))
            assert answer.status == 500
