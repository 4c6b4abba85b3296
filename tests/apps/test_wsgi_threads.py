"""WSGI applications in a pool of threads."""

from __future__ import annotations

import concurrent.futures
import contextvars
import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bicorn.errors import ClientDisconnected
from tests.driving import Drive, settle, until

Environ = dict[str, Any]
PATIENCE = 5.0


@pytest.fixture
def pool() -> Iterator[concurrent.futures.ThreadPoolExecutor]:
    with concurrent.futures.ThreadPoolExecutor(4, "wsgi") as pool:
        yield pool


class Gate:
    """Where an application's threads wait until a test lets them on."""

    def __init__(self) -> None:
        self.arrived = 0
        self.lock = threading.Lock()
        self.opened = threading.Event()

    def wait(self) -> None:
        with self.lock:
            self.arrived += 1
        assert self.opened.wait(PATIENCE)


def hello(environ: Environ, start_response: Any) -> list[bytes]:
    start_response("200 OK", [("X-Thread", threading.current_thread().name)])
    return [b"hello"]


Pool = concurrent.futures.ThreadPoolExecutor


async def test_an_application_runs_in_a_thread(pool: Pool) -> None:
    with Drive(hello, wsgi=True, pool=pool) as drive:
        answer = await drive.ask()
        assert answer.headers["x-thread"].startswith("wsgi")
        assert (await drive.ask()).body == b"hello"
        await until(lambda: not drive.running)


async def test_an_environ_says_so(pool: Pool) -> None:
    def app(environ: Environ, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [repr(environ["wsgi.multithread"]).encode()]

    with Drive(app, wsgi=True, pool=pool) as drive:
        assert (await drive.ask()).body == b"True"


async def test_requests_of_several_connections_run_at_once(pool: Pool) -> None:
    gate = Gate()

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        gate.wait()
        return hello(environ, start_response)

    with Drive(app, wsgi=True, pool=pool) as drive:
        connections = [drive.connect() for _ in range(4)]
        for connection, _ in connections:
            connection.data_received(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await until(lambda: gate.arrived == 4)
        assert len(drive.running) == 4
        gate.opened.set()
        await until(lambda: all(b"hello" in transport.written for _, transport in connections))
        await until(lambda: not drive.running)


async def test_requests_of_one_connection_are_answered_in_order(pool: Pool) -> None:
    def app(environ: Environ, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [environ["PATH_INFO"].encode()]

    with Drive(app, wsgi=True, pool=pool) as drive:
        drive.feed(b"".join(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % n for n in range(50)))
        await until(lambda: drive.sent().endswith(b"/49"))
        assert [answer.body for answer in drive.answers()] == [b"/%d" % n for n in range(50)]


async def test_a_body_arrives_in_the_thread(pool: Pool) -> None:
    def app(environ: Environ, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [environ["wsgi.input"].read()]

    with Drive(app, wsgi=True, pool=pool) as drive:
        drive.feed(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbo")
        drive.feed(b"dy")
        await until(lambda: b"body" in drive.sent())
        assert drive.answer().body == b"body"


def mistakes() -> dict[str, tuple[Callable[..., Any], str]]:
    def raises(environ: Environ, start_response: Any) -> Any:
        raise ValueError("boom")

    def exits(environ: Environ, start_response: Any) -> Any:
        raise SystemExit("boom")

    def forgets(environ: Environ, start_response: Any) -> Any:
        return [b"boom"]

    def wrong(environ: Environ, start_response: Any) -> Any:
        start_response("200 OK", [("Content-Length", "1")])
        return [b"boom"]

    return {
        "ValueError": (raises, "ValueError: boom"),
        "SystemExit": (exits, "SystemExit: boom"),
        "no start": (forgets, "returned without calling start_response"),
        "too long": (wrong, "3 bytes longer"),
    }


@pytest.mark.parametrize(("app", "reason"), mistakes().values(), ids=mistakes())
async def test_an_error_is_a_500(pool: Pool, caplog: pytest.LogCaptureFixture, app: Any, reason: str) -> None:
    with Drive(app, wsgi=True, pool=pool) as drive:
        assert (await drive.ask()).status == 500
        assert (await drive.ask()).status == 500
        await until(lambda: not drive.running)
    assert reason in caplog.text


async def test_each_piece_is_out_before_the_next_is_asked_for(pool: Pool) -> None:
    sent = []

    def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        for piece in (b"one", b"two"):
            yield piece
            sent.append(bytes(drive.transport.written)[-8:])

    with Drive(app, wsgi=True, pool=pool) as drive:
        assert (await drive.ask()).body == b"onetwo"
    assert sent == [b"3\r\none\r\n", b"3\r\ntwo\r\n"]


async def test_write_waits_until_its_bytes_are_out(pool: Pool) -> None:
    sent = []

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        write = start_response("200 OK", [])
        write(b"one")
        sent.append(bytes(drive.transport.written)[-8:])
        return [b"two"]

    with Drive(app, wsgi=True, pool=pool) as drive:
        assert (await drive.ask()).body == b"onetwo"
    assert sent == [b"3\r\none\r\n"]


async def test_a_slow_client_holds_only_its_own_thread(pool: Pool) -> None:
    asked: list[int] = []

    def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        if environ["PATH_INFO"] == "/stream":
            for n in range(10):
                asked.append(n)
                yield bytes(50_000)
        else:
            yield b"quick"

    with Drive(app, wsgi=True, pool=pool) as drive:
        drive.transport.hold()
        drive.get("/stream")
        await until(lambda: len(asked) == 2)
        slow, transport = drive.connection, drive.transport
        drive.connection, drive.transport = drive.connect()
        for _ in range(5):
            assert (await drive.ask()).body == b"quick"
        assert len(asked) == 2
        drive.connection, drive.transport = slow, transport
        drive.transport.release(90_000)
        await until(lambda: len(asked) == 4)
        drive.transport.release()
        await until(lambda: drive.connection.exchange is None)
        assert len(drive.answer().body) == 500_000
        await until(lambda: not drive.running)


async def test_a_thread_that_waits_for_its_client_is_freed_when_the_client_goes(
    pool: Pool, caplog: pytest.LogCaptureFixture
) -> None:
    log: list[object] = []

    def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        try:
            while True:
                yield bytes(50_000)
        finally:
            log.append(threading.current_thread().name)

    with Drive(app, wsgi=True, pool=pool) as drive, caplog.at_level(logging.INFO, "bicorn"):
        drive.transport.hold()
        drive.get()
        await until(lambda: not drive.connection.writable)
        drive.transport.lose()
        await until(lambda: not drive.running)
    assert [str(name)[:4] for name in log] == ["wsgi"]
    assert caplog.messages == []


async def test_write_in_a_thread_says_when_the_client_goes(pool: Pool) -> None:
    raised: list[type] = []

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        write = start_response("200 OK", [])
        for _ in range(10):
            try:
                write(bytes(50_000))
            except OSError as error:
                raised.append(type(error))
        return []

    with Drive(app, wsgi=True, pool=pool) as drive:
        drive.transport.hold()
        drive.get()
        await until(lambda: not drive.connection.writable)
        drive.transport.lose()
        await until(lambda: not drive.running)
    assert len(raised) >= 8
    assert set(raised) == {ClientDisconnected}


async def test_a_thread_that_is_at_work_when_its_client_goes(pool: Pool, caplog: pytest.LogCaptureFixture) -> None:
    gate = Gate()
    raised: list[type] = []

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        gate.wait()
        try:
            start_response("200 OK", [])
        except OSError as error:
            raised.append(type(error))
            raise
        return [b"nobody reads this"]

    with Drive(app, wsgi=True, pool=pool) as drive, caplog.at_level(logging.INFO, "bicorn"):
        drive.get()
        await until(lambda: gate.arrived == 1)
        drive.transport.lose()
        assert len(drive.running) == 1  # it is still at work, and counted
        gate.opened.set()
        await until(lambda: not drive.running)
        assert drive.take() == b""
    assert raised == [ClientDisconnected]
    assert caplog.messages == []


async def test_a_request_whose_client_goes_while_it_waits_for_a_thread_is_not_begun() -> None:
    gate = Gate()
    called: list[str] = []

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        called.append(environ["PATH_INFO"])
        gate.wait()
        return hello(environ, start_response)

    with Pool(1) as pool, Drive(app, wsgi=True, pool=pool) as drive:
        drive.get("/first")
        await until(lambda: gate.arrived == 1)
        waiting, transport = drive.connect()
        waiting.data_received(b"GET /second HTTP/1.1\r\nHost: x\r\n\r\n")
        transport.lose()
        gate.opened.set()
        await until(lambda: not drive.running)
        assert drive.answer().body == b"hello"
    assert called == ["/first"]


async def test_what_a_cancelled_thread_still_gives_is_dropped(pool: Pool) -> None:
    gate = Gate()

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        gate.wait()
        return [b"too late"]

    with Drive(app, wsgi=True, pool=pool) as drive:
        drive.get()
        await until(lambda: gate.arrived == 1)
        [exchange] = drive.running
        exchange.cancel()
        gate.opened.set()
        await until(lambda: not drive.running)
        assert drive.take() == b""


async def test_a_stream_that_is_cancelled_writes_no_more(pool: Pool) -> None:
    def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        while True:
            yield b"more"

    with Drive(app, wsgi=True, pool=pool) as drive:
        drive.get()
        await until(lambda: b"more" in drive.sent())
        [exchange] = drive.running
        exchange.cancel()
        before = len(drive.sent())
        await until(lambda: not drive.running)
        assert len(drive.sent()) == before


async def test_iterables_are_closed_once_in_their_thread_and_their_context(pool: Pool) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")
    log: list[tuple[str, str]] = []

    class Result:
        def __iter__(self) -> Iterator[bytes]:
            return iter([b"hello"])

        def close(self) -> None:
            log.append((threading.current_thread().name[:4], variable.get()))

    def app(environ: Environ, start_response: Any) -> Result:
        assert variable.get() == "unset"
        variable.set("mine")
        start_response("200 OK", [])
        return Result()

    with Drive(app, wsgi=True, pool=pool) as drive:
        for _ in range(3):
            assert (await drive.ask()).body == b"hello"
            await until(lambda: not drive.running)
    assert log == [("wsgi", "mine")] * 3


async def test_a_wrapped_file_does_not_hold_its_thread(pool: Pool, tmp_path: Path) -> None:
    content = bytes(range(256)) * 20_000  # more than a socket takes at once
    (tmp_path / "file").write_bytes(content)
    files = []

    def app(environ: Environ, start_response: Any) -> Any:
        files.append((tmp_path / "file").open("rb"))
        start_response("200 OK", [])
        return environ["wsgi.file_wrapper"](files[-1])

    with Pool(1) as pool_of_one, Drive(app, wsgi=True, pool=pool_of_one) as drive:
        drive.get()
        await until(lambda: len(files) == 1)
        await settle()
        first = drive.transport
        drive.connection, drive.transport = drive.connect()
        assert (await drive.ask()).body == content  # though the first one's client has read nothing
        drive.connection, drive.transport = first.get_protocol(), first  # type: ignore[assignment]
        await until(lambda: drive.sent().endswith(content))
        await until(lambda: not drive.running)
        assert [file.closed for file in files] == [True, True]


async def test_a_client_that_goes_in_the_middle_of_a_wrapped_file(pool: Pool, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(5_000_000))
    files = []

    def app(environ: Environ, start_response: Any) -> Any:
        files.append((tmp_path / "file").open("rb"))
        start_response("200 OK", [])
        return environ["wsgi.file_wrapper"](files[-1])

    with Drive(app, wsgi=True, pool=pool) as drive:
        drive.get()
        await until(lambda: len(files) == 1 and len(drive.running) == 1)
        await settle()
        drive.transport.lose()
        await until(lambda: not drive.running)
        assert files[0].closed


async def test_a_wrapped_file_that_is_through_before_its_thread_is(tmp_path: Path) -> None:
    """The file is closed in the request's context, which the thread may not have left yet."""
    (tmp_path / "file").write_bytes(b"content")
    gate = Gate()

    def app(environ: Environ, start_response: Any) -> Any:
        start_response("200 OK", [])
        return environ["wsgi.file_wrapper"]((tmp_path / "file").open("rb"))

    class SlowPool(Pool):
        """Its threads linger in the context after the call."""

        def submit(self, run: Any, /, *call: Any) -> Any:  # type: ignore[override]
            def linger() -> None:
                call[0](*call[1:])
                gate.wait()

            return super().submit(run, linger)

    with SlowPool(1) as pool, Drive(app, wsgi=True, pool=pool) as drive:
        assert (await drive.ask()).body == b"content"
        await until(lambda: not drive.running)
        gate.opened.set()
