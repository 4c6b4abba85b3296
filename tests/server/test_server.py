"""A whole server in this process, on real sockets: start, accept, drain, stop."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import logging
import os
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Literal
from unittest import mock

import pytest

from bicorn.apps.loader import LoadedApp
from bicorn.config.settings import Config
from bicorn.errors import AppBootError, TLSConfigError
from bicorn.server.connection import Connection
from bicorn.server.door import Door
from bicorn.server.listener import Listener
from bicorn.server.server import Server
from tests.driving import Records, read_answers, settle

GET = b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n"


def ours(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    """What the server has logged; asyncio in its debug mode has its own to say."""
    return [record for record in caplog.records if record.name.startswith("bicorn")]


class Site:
    """An ASGI application with a lifespan, and a log of what happened to it."""

    def __init__(self, name: str = "site", log: list[str] | None = None) -> None:
        self.name = name
        self.log: list[str] = [] if log is None else log
        self.go = asyncio.Event()
        self.waiting = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            self.log.append(f"{self.name} up")
            scope["state"]["name"] = self.name
            await send({"type": "lifespan.startup.complete"})
            await receive()
            self.log.append(f"{self.name} down")
            await send({"type": "lifespan.shutdown.complete"})
            return
        if scope["path"].endswith("/wait"):
            self.waiting += 1
            try:
                await self.go.wait()
            except asyncio.CancelledError:
                self.log.append("cancelled")
                raise
        if scope["path"].endswith("/stubborn"):
            self.waiting += 1
            while True:
                with contextlib.suppress(asyncio.CancelledError):
                    await self.go.wait()
                    break
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": f"{scope['state']['name']} {scope['path']}".encode()})


def loaded(app: Any, interface: Literal["asgi", "wsgi"] = "asgi") -> LoadedApp:
    return LoadedApp(call=app, interface=interface, kind=interface.upper(), name="main:app")


def listener(family: int = socket.AF_INET, address: Any = ("127.0.0.1", 0), scheme: Any = "http") -> Listener:
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.bind(address)
    sock.listen()
    return Listener(sock=sock, url=str(sock.getsockname()), scheme=scheme)


@pytest.fixture
def listening() -> Iterator[Listener]:
    made = listener()
    yield made
    made.sock.close()


@contextlib.asynccontextmanager
async def serving(server: Server) -> AsyncIterator[asyncio.Task[None]]:
    """A server that has started; it is stopped at the end, where the test has not done it."""
    started = asyncio.Event()
    task = asyncio.create_task(server.serve(started.set))
    waiting = asyncio.create_task(started.wait())
    await asyncio.wait([task, waiting], return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    assert started.is_set(), task
    try:
        yield task
    finally:
        server.stop()
        await asyncio.wait_for(task, 10)


async def connect(listening: Listener) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    name = listening.sock.getsockname()
    if isinstance(name, str):
        return await asyncio.open_unix_connection(name)
    return await asyncio.open_connection(*name[:2])


async def ask(listening: Listener, path: bytes = b"/") -> bytes:
    reader, writer = await connect(listening)
    writer.write(GET.replace(b"Host", b"Connection: close\r\nHost") % path)
    data = await reader.read()
    writer.close()
    [answer] = read_answers(data)
    return answer.body


async def until(condition: Any) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)


def config(**settings: Any) -> Config:
    return Config(app="main:app", **settings)


# -- Serving


async def test_a_server_serves_from_start_to_stop(listening: Listener) -> None:
    site = Site()
    server = Server(config(), [("", loaded(site))], [listening])
    async with serving(server) as task:
        assert site.log == ["site up"]
        assert await ask(listening, b"/a") == b"site /a"
        server.stop()
        await asyncio.wait_for(task, 5)
        assert site.log == ["site up", "site down"]
    # The listening socket is the owner's: it is still open, and queues.
    with socket.create_connection(listening.sock.getsockname()):
        pass


async def test_several_applications_and_several_listeners(tmp_path: Path) -> None:
    log: list[str] = []

    def wsgi(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [f"{environ['SCRIPT_NAME']} {environ['PATH_INFO']}".encode()]

    apps = [("", loaded(Site("root", log))), ("/api", loaded(Site("api", log))), ("/old", loaded(wsgi, "wsgi"))]
    listeners = [listener(), listener(socket.AF_UNIX, str(tmp_path / "sock"))]
    server = Server(config(), apps, listeners)
    async with serving(server):
        for each in listeners:
            assert await ask(each, b"/x") == b"root /x"
            assert await ask(each, b"/api/x") == b"api /api/x"
            assert await ask(each, b"/old/x") == b"/old /x"
        assert len(server.lifespans) == 2
    assert log == ["root up", "api up", "api down", "root down"]
    assert (tmp_path / "sock").exists()  # it is the supervisor's, and other workers listen on it
    for each in listeners:
        each.sock.close()


async def test_threads(listening: Listener) -> None:
    names: set[str] = set()
    barrier = threading.Barrier(3, timeout=5)

    def wsgi(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        barrier.wait()
        names.add(threading.current_thread().name)
        start_response("200 OK", [])
        return [b"done"]

    server = Server(config(threads=3), [("", loaded(wsgi, "wsgi"))], [listening])
    async with serving(server):
        assert await asyncio.gather(*(ask(listening) for _ in range(3))) == [b"done"] * 3
    assert len(names) == 3
    assert all(name.startswith("bicorn-wsgi") for name in names)


async def test_what_a_lifespan_sets_in_its_context_the_requests_see(listening: Listener) -> None:
    """What was set before the server began, at least: the lifespan's own context is its own."""
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            raise NotImplementedError
        body = variable.get().encode()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    variable.set("set")
    async with serving(Server(config(), [("", loaded(app))], [listening])):
        assert await ask(listening) == b"set"


async def test_small_pieces_do_not_wait_for_the_clients_acknowledgement(listening: Listener) -> None:
    """asyncio sets TCP_NODELAY only where a socket knows its protocol, which one that was inherited may not."""
    seen: list[int] = []

    def look(connection: Any, transport: Any) -> None:
        sock = transport.get_extra_info("socket")
        seen.append(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        made(connection, transport)

    made = Connection.connection_made
    with mock.patch.object(Looking, "look", staticmethod(look)), mock.patch("bicorn.server.door.Connection", Looking):
        async with serving(Server(config(), [("", loaded(Site()))], [listening])):
            await ask(listening)
    assert seen
    assert all(seen)


class Looking(Connection):
    """A connection that can be looked at when it is made, compiled or not."""

    def connection_made(self, transport: Any) -> None:
        self.look(self, transport)

    @staticmethod
    def look(connection: Any, transport: Any) -> None:
        raise NotImplementedError


# -- What keeps it from starting


async def test_a_lifespan_that_fails_stops_the_start_and_ends_the_others(listening: Listener) -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        raise RuntimeError("no database")

    log: list[str] = []
    apps = [("", loaded(Site("root", log))), ("/api", loaded(broken))]
    with pytest.raises(AppBootError, match="no database"):
        await Server(config(), apps, [listening]).serve(lambda: log.append("started"))
    assert log == ["root up", "root down"]


async def test_a_certificate_that_cannot_be_used_stops_the_start(listening: Listener, tmp_path: Path) -> None:
    site = Site()
    server = Server(config(certfile=(str(tmp_path / "missing.pem"),)), [("", loaded(site))], [listening])
    with pytest.raises(TLSConfigError):
        await server.serve()
    assert site.log == []


async def test_a_listener_that_cannot_be_used_closes_the_others() -> None:
    site = Site()
    good, bad = listener(), listener()
    bad.sock.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        await Server(config(), [("", loaded(site))], [good, bad]).serve()
    assert site.log == ["site up", "site down"]
    good.sock.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(*good.url.strip("()").replace("'", "").split(", "))


# -- Stopping


async def test_a_stop_waits_for_requests_and_closes_what_is_idle(listening: Listener) -> None:
    site = Site()
    server = Server(config(), [("", loaded(site))], [listening])
    async with serving(server) as task:
        idle, idle_writer = await connect(listening)
        idle_writer.write(GET % b"/")
        await idle.readuntil(b"site /")
        waiting = asyncio.create_task(ask(listening, b"/wait"))
        await until(lambda: site.waiting)
        server.stop()
        assert await idle.read() == b""
        assert not task.done()
        site.go.set()
        assert await waiting == b"site /wait"
        await asyncio.wait_for(task, 5)
        idle_writer.close()
    assert site.log == ["site up", "site down"]


async def test_a_request_that_is_on_its_way_is_served(listening: Listener) -> None:
    """It is in the kernel's buffer, on a connection that looks idle, when the stop comes."""
    server = Server(config(), [("", loaded(Site()))], [listening])
    async with serving(server):
        loop = asyncio.get_running_loop()
        sock = socket.create_connection(listening.sock.getsockname())
        with sock:
            sock.setblocking(False)
            await loop.sock_sendall(sock, GET % b"/")
            await loop.sock_recv(sock, 1000)
            sock.send(GET % b"/late")
            server.stop()
            data = b""
            while piece := await loop.sock_recv(sock, 1000):
                data += piece
            [answer] = read_answers(data)
            assert (answer.body, answer.headers["connection"]) == (b"site /late", "close")


async def test_what_outlasts_the_graceful_timeout_is_cancelled_and_named(
    listening: Listener, caplog: pytest.LogCaptureFixture
) -> None:
    site = Site()
    server = Server(config(graceful_timeout=0.01), [("", loaded(site))], [listening])
    async with serving(server) as task:
        waiting = asyncio.create_task(ask(listening, b"/wait"))
        await until(lambda: site.waiting)
        server.stop()
        await asyncio.wait_for(task, 5)
        assert await waiting == b"Internal Server Error\n"
    assert site.log == ["site up", "cancelled", "site down"]
    assert [record.message.partition(" from")[0] for record in ours(caplog)] == ["cut at the stop: GET /wait"]


async def test_an_application_that_does_not_let_itself_be_cancelled(
    listening: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bicorn.server.drain.CANCEL_TIME", 0.01)
    site = Site()
    server = Server(config(graceful_timeout=0.01), [("", loaded(site))], [listening])
    async with serving(server) as task:
        waiting = asyncio.create_task(ask(listening, b"/stubborn"))
        await until(lambda: site.waiting)
        server.stop()
        await asyncio.wait_for(task, 5)
        with pytest.raises((ConnectionResetError, ValueError)):
            await waiting
        site.go.set()
    assert site.log == ["site up", "site down"]


async def test_a_second_stop_does_not_wait(listening: Listener) -> None:
    site = Site()
    server = Server(config(), [("", loaded(site))], [listening])
    async with serving(server) as task:
        waiting = asyncio.create_task(ask(listening, b"/wait"))
        await until(lambda: site.waiting)
        server.stop()
        await settle(20)
        assert not task.done()
        server.stop(graceful=False)
        await asyncio.wait_for(task, 5)
        assert await waiting == b"Internal Server Error\n"


async def test_a_stop_at_once(listening: Listener, caplog: pytest.LogCaptureFixture) -> None:
    site = Site()
    server = Server(config(), [("", loaded(site))], [listening])
    async with serving(server) as task:
        reader, writer = await connect(listening)
        writer.write(b"GET / HT")
        waiting = asyncio.create_task(ask(listening, b"/wait"))
        await until(lambda: site.waiting)
        server.stop(graceful=False)
        await asyncio.wait_for(task, 5)
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
        writer.close()
        with contextlib.suppress(ValueError, ConnectionResetError):
            await waiting
    assert site.log == ["site up", "cancelled", "site down"]


async def test_a_thread_at_work_does_not_hold_a_stop_for_ever(
    listening: Listener, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bicorn.server.drain.CANCEL_TIME", 0.01)
    gate, arrived = threading.Event(), threading.Event()

    def wsgi(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        arrived.set()
        gate.wait(5)
        start_response("200 OK", [])
        return [b"too late"]

    server = Server(config(threads=2, graceful_timeout=0.01), [("", loaded(wsgi, "wsgi"))], [listening])
    async with serving(server) as task:
        waiting = asyncio.create_task(ask(listening))
        await until(arrived.is_set)
        server.stop()
        await asyncio.wait_for(task, 5)
        with pytest.raises((ConnectionResetError, ValueError)):
            await waiting
        gate.set()
    assert any(message.startswith("cut at the stop: GET /") for message in caplog.messages)


async def test_background_work_after_a_response_is_waited_for(listening: Listener) -> None:
    log: list[str] = []
    go = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            raise NotImplementedError
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"done"})
        await go.wait()
        log.append("background done")

    server = Server(config(), [("", loaded(app))], [listening])
    async with serving(server) as task:
        assert await ask(listening) == b"done"
        server.stop()
        await settle(20)
        assert not task.done()
        go.set()
        await asyncio.wait_for(task, 5)
    assert log == ["background done"]


async def test_a_server_that_is_cancelled_leaves_nothing_open(listening: Listener) -> None:
    site = Site()
    before = len(os.listdir("/dev/fd"))
    server = Server(config(), [("", loaded(site))], [listening])
    started = asyncio.Event()
    task = asyncio.create_task(server.serve(started.set))
    await started.wait()
    reader, writer = await connect(listening)
    writer.write(GET % b"/")
    await reader.readuntil(b"site /")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    with contextlib.suppress(ConnectionResetError):
        assert await reader.read() == b""
    writer.close()
    with contextlib.suppress(ConnectionResetError):
        await writer.wait_closed()
    await asyncio.sleep(0)
    assert site.log == ["site up", "site down"]
    assert len(os.listdir("/dev/fd")) == before


async def test_stopping_a_server_that_does_not_serve_is_nothing(listening: Listener) -> None:
    Server(config(), [("", loaded(Site()))], [listening]).stop()


async def test_the_access_log_is_fed(listening: Listener, caplog: pytest.LogCaptureFixture) -> None:
    records = Records()
    server = Server(config(), [("", loaded(Site()))], [listening], records)  # type: ignore[arg-type]
    with caplog.at_level(logging.DEBUG, "bicorn"):
        async with serving(server):
            await ask(listening, b"/logged")
    assert [(record.target, record.status) for record in records.records] == [("/logged", 200)]


# -- Stopping, step by step


async def exchange(listening: Listener, request: bytes = GET % b"/") -> bytes:
    reader, writer = await connect(listening)
    writer.write(request)
    data = await reader.read()
    writer.close()
    return data


async def test_during_the_drain_delay_it_accepts_and_says_that_each_answer_is_the_last(listening: Listener) -> None:
    site = Site()
    server = Server(config(drain_delay=30), [("", loaded(site))], [listening])
    async with serving(server) as task:
        server.stop()
        await settle(20)
        for _ in range(3):
            [answer] = read_answers(await exchange(listening))
            assert (answer.body, answer.headers["connection"]) == (b"site /", "close")
        assert not task.done()
        server.stop()  # who repeats TERM is not impatient
        await settle(20)
        assert not task.done()
        server.stop(graceful=False)
        await asyncio.wait_for(task, 5)


async def test_a_worker_that_is_replaced_alone_has_no_drain_delay(listening: Listener) -> None:
    server = Server(config(drain_delay=30), [("", loaded(Site()))], [listening])
    async with serving(server) as task:
        server.stop(alone=True)
        await asyncio.wait_for(task, 5)


async def test_applications_find_the_event_of_the_stop_in_their_state(listening: Listener) -> None:
    seen: list[bool] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            assert not scope["state"]["bicorn.shutdown"].is_set()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            seen.append(scope["state"]["bicorn.shutdown"].is_set())
            await send({"type": "lifespan.shutdown.complete"})
            return
        await scope["state"]["bicorn.shutdown"].wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"try again"})

    server = Server(config(), [("", loaded(app))], [listening])
    async with serving(server) as task:
        waiting = asyncio.create_task(exchange(listening))
        await until(lambda: server.lifespans)
        await settle(20)
        server.stop()
        [answer] = read_answers(await waiting)
        assert (answer.body, answer.headers["connection"]) == (b"try again", "close")
        await asyncio.wait_for(task, 5)
    assert seen == [True]


async def test_wsgi_applications_find_it_in_their_environ(listening: Listener) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("503 Service Unavailable" if environ["bicorn.shutdown"].is_set() else "200 OK", [])
        return [b""]

    server = Server(config(drain_delay=0.5), [("", loaded(app, "wsgi"))], [listening])
    async with serving(server) as task:
        last = b"GET / HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\r\n"
        [before] = read_answers(await exchange(listening, last))
        server.stop()
        await settle(5)
        [after] = read_answers(await exchange(listening))
        assert (before.status, after.status) == (200, 503)
        await asyncio.wait_for(task, 5)


@pytest.mark.parametrize("alone", [False, True])
async def test_what_the_kernel_has_queued_is_accepted_unless_others_do(listening: Listener, alone: bool) -> None:
    server = Server(config(), [("", loaded(Site()))], [listening])
    async with serving(server) as task:
        with mock.patch.object(Door, "sweep", autospec=True, side_effect=Door.sweep) as sweep:
            server.stop(alone=alone)
            await asyncio.wait_for(task, 5)
        assert sweep.called is not alone


class Streaming:
    """An application with an endless stream, which listens for the client's end or does not."""

    def __init__(self, kind: bytes, *, listens: bool) -> None:
        self.kind = kind
        self.listens = listens
        self.ended = ""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            raise NotImplementedError
        assert (await receive())["type"] == "http.request"
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", self.kind)]})
        await send({"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True})
        if self.listens:
            assert (await receive())["type"] == "http.disconnect"
            self.ended = "told"
            await send({"type": "http.response.body", "body": b"data: bye\n\n", "more_body": True})
            return
        try:
            while True:
                await asyncio.sleep(0.01)
                await send({"type": "http.response.body", "body": b"data: 2\n\n", "more_body": True})
        except OSError:
            self.ended = "could not send"
            raise
        except asyncio.CancelledError:
            self.ended = "cancelled"
            raise


@pytest.mark.parametrize(
    ("kind", "listens", "ended", "warned"),
    [
        (b"text/event-stream", True, "told", False),
        (b"Text/Event-Stream; charset=utf-8", False, "could not send", False),
        (b"text/csv", False, "cancelled", True),
    ],
)
async def test_event_streams_are_told_and_ended_and_other_streams_have_their_time(
    listening: Listener,
    kind: bytes,
    listens: bool,
    ended: str,
    warned: bool,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("bicorn.server.drain.STREAM_TIME", 0.05)
    monkeypatch.setattr("bicorn.server.drain.LOOK", 0.01)
    app = Streaming(kind, listens=listens)
    server = Server(config(graceful_timeout=0.4), [("", loaded(app))], [listening])
    async with serving(server) as task:
        reader, writer = await connect(listening)
        writer.write(GET % b"/")
        await reader.readuntil(b"data: 1\n\n")
        server.stop()
        data = await reader.read()
        # An end that is one, for who was told or could be ended; a cut stream has none.
        assert data.endswith(b"0\r\n\r\n") is not warned
        assert (b"bye" in data) is listens
        writer.close()
        await asyncio.wait_for(task, 5)
    assert app.ended == ended
    assert [record.levelname for record in ours(caplog)] == ["WARNING"] * warned


async def test_a_wsgi_event_stream_is_ended(listening: Listener, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bicorn.server.drain.STREAM_TIME", 0.05)
    monkeypatch.setattr("bicorn.server.drain.LOOK", 0.01)
    closed = threading.Event()

    class Events:
        def __iter__(self) -> Iterator[bytes]:
            while not closed.wait(0.01):
                yield b"data: 1\n\n"

        def close(self) -> None:
            closed.set()

    def wsgi(environ: dict[str, Any], start_response: Any) -> Events:
        start_response("200 OK", [("Content-Type", "text/event-stream")])
        return Events()

    server = Server(config(threads=2), [("", loaded(wsgi, "wsgi"))], [listening])
    async with serving(server) as task:
        reader, writer = await connect(listening)
        writer.write(GET % b"/")
        await reader.readuntil(b"data: 1\n\n")
        server.stop()
        assert (await reader.read()).endswith(b"0\r\n\r\n")
        writer.close()
        await asyncio.wait_for(task, 5)
        assert closed.is_set()
