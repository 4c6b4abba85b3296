"""WSGI applications on an exchange: calling, sending, suspending, closing (PEP 3333)."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import io
import logging
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bicorn.apps.files import FileWrapper
from bicorn.apps.spool import SPOOL_SIZE
from bicorn.errors import AppProtocolError, ClientDisconnected
from tests.driving import Drive, settle, until

Environ = dict[str, Any]
App = Callable[[Environ, Any], Any]
WHERE = "from 127.0.0.1:50000"


class Closing:
    """An iterable of an application's, which counts how often it is closed."""

    def __init__(self, pieces: Iterable[bytes], log: list[str] | None = None) -> None:
        self.pieces = iter(pieces)
        self.log = log if log is not None else []
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        piece = next(self.pieces)
        self.log.append(f"gave {piece[:9]!r}")
        return piece

    def close(self) -> None:
        self.closed += 1
        self.log.append("closed")


def returns(result: Any, *headers: tuple[str, str], status: str = "200 OK") -> App:
    """An application that returns this, or what this gives when it is called."""

    def app(environ: Environ, start_response: Any) -> Any:
        start_response(status, list(headers))
        return result() if callable(result) else result

    return app


def mistake(caplog: pytest.LogCaptureFixture) -> str:
    """The one error that was logged."""
    [record] = caplog.records
    assert record.getMessage() == f"error in the WSGI application: GET / {WHERE}"
    assert record.exc_info is not None
    assert isinstance(record.exc_info[1], AppProtocolError)
    return str(record.exc_info[1])


# -- Whole answers


LISTS: list[Any] = [[b"hello"], [b"he", b"", b"llo"], (b"hello",), [bytearray(b"hel"), memoryview(b"lo")]]


@pytest.mark.parametrize("result", LISTS)
async def test_a_list_is_one_write_with_its_length(result: Any) -> None:
    with Drive(returns(result, ("X-A", "1")), wsgi=True) as drive:
        for _ in range(2):
            drive.get()
            assert drive.transport.writes == [b"HTTP/1.1 200 OK\r\nX-A: 1\r\ncontent-length: 5\r\n\r\nhello"]
            drive.take()
        assert not drive.running


async def test_an_empty_list_is_an_empty_body() -> None:
    with Drive(returns([]), wsgi=True) as drive:
        assert (await drive.ask()).headers == {"content-length": "0"}


async def test_a_list_is_joined_only_once_it_is_large() -> None:
    with Drive(returns([bytes(200_000)]), wsgi=True) as drive:
        assert len((await drive.ask()).body) == 200_000


async def test_the_applications_own_length_is_kept() -> None:
    with Drive(returns([b"hello"], ("Content-Length", "5")), wsgi=True) as drive:
        assert (await drive.ask()).headers == {"content-length": "5"}


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
async def test_statuses_without_a_body(status: str) -> None:
    with Drive(returns([], ("ETag", '"x"'), status=status), wsgi=True) as drive:
        answer = await drive.ask()
        assert (answer.status, answer.headers) == (int(status[:3]), {"etag": '"x"'})


async def test_a_head_request_is_answered_without_a_body() -> None:
    with Drive(returns([b"hello"]), wsgi=True) as drive:
        assert (await drive.ask(head=True)).headers == {"content-length": "5"}
        assert (await drive.ask()).body == b"hello"


# -- The request's body


def echo(environ: Environ, start_response: Any) -> list[bytes]:
    data = environ["wsgi.input"].read()
    start_response("200 OK", [("X-Length", environ.get("CONTENT_LENGTH", "none"))])
    return [data]


async def test_an_application_is_called_once_its_request_is_complete() -> None:
    with Drive(echo, wsgi=True) as drive:
        drive.feed(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\n")
        drive.feed(b"ab")
        drive.feed(b"cd")
        assert drive.take() == b""
        assert not drive.running
        drive.feed(b"ef")
        assert drive.answer().body == b"abcdef"


async def test_100_continue_is_sent_at_once_since_the_whole_body_is_wanted() -> None:
    with Drive(echo, wsgi=True) as drive:
        drive.feed(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
        assert drive.take() == b"HTTP/1.1 100 Continue\r\n\r\n"
        drive.feed(b"bo")
        drive.feed(b"dy")
        answer = drive.answer()
        assert (answer.body, answer.informational) == (b"body", [])


async def test_a_large_body_is_read_from_a_file_and_reading_never_pauses() -> None:
    files = []

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        files.append(environ["wsgi.input"])
        return echo(environ, start_response)

    with Drive(app, wsgi=True) as drive:
        size = SPOOL_SIZE + 100_000
        drive.feed(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(size // 50_000):
            drive.feed(bytes(50_000))
            assert drive.reads()
        drive.feed(bytes(size % 50_000))
        assert drive.answer().body == bytes(size)
    assert files[0].closed


async def test_a_body_the_disk_does_not_take_is_a_500(monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    class Full(io.BytesIO):
        def write(self, data: Any) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "SpooledTemporaryFile", lambda *_, **__: Full())
    with Drive(echo, wsgi=True) as drive:
        drive.feed(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nab")
        drive.feed(b"cd")
        assert drive.answer().status == 500
        assert drive.transport.eof
    reason = "the request's body could not be stored: No space left on device"
    assert caplog.messages == [f"500 to 127.0.0.1:50000: {reason}"]


async def test_a_client_that_goes_in_the_middle_of_its_body() -> None:
    called: list[int] = []

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        called.append(1)
        return echo(environ, start_response)

    with Drive(app, wsgi=True) as drive:
        drive.feed(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nab")
        drive.feed(b"cd")
        drive.transport.lose()
        assert not drive.running
    assert called == []


async def test_a_request_that_was_cancelled_before_its_body_was_complete_does_not_begin() -> None:
    with Drive(echo, wsgi=True) as drive:
        drive.feed(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nab")
        assert drive.connection.exchange is not None
        drive.connection.exchange.cancel()
        drive.feed(b"cd")
        assert drive.take() == b""


# -- start_response and write


async def test_the_second_call_of_start_response_needs_exc_info(caplog: pytest.LogCaptureFixture) -> None:
    def app(environ: Environ, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        start_response("200 OK", [])
        return [b""]

    with Drive(app, wsgi=True) as drive:
        assert (await drive.ask()).status == 500
    assert mistake(caplog) == "start_response was called a second time without exc_info"


async def test_with_exc_info_the_second_call_replaces_the_first() -> None:
    def app(environ: Environ, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("X-First", "1")])
        try:
            raise ValueError
        except ValueError:
            start_response("503 Later", [("X-Second", "1")], sys.exc_info())
        return [b"sorry"]

    with Drive(app, wsgi=True) as drive:
        answer = await drive.ask()
        assert (answer.status, answer.headers) == (503, {"x-second": "1", "content-length": "5"})


async def test_with_exc_info_once_the_headers_are_out_the_exception_is_raised(caplog: pytest.LogCaptureFixture) -> None:
    def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"half"
        try:
            raise ValueError("boom")
        except ValueError:
            start_response("500 Oh", [], sys.exc_info())

    with Drive(app, wsgi=True) as drive:
        drive.get()
        assert drive.sent().endswith(b"4\r\nhalf\r\n")
        assert drive.transport.aborted
    assert "ValueError: boom" in caplog.text


async def test_what_write_was_given_is_out_before_it_returns() -> None:
    seen = []

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        write = start_response("200 OK", [])
        for piece in (b"one", b"", b"two"):
            write(piece)
            seen.append(drive.sent()[-8:])
        return [b"three"]

    with Drive(app, wsgi=True) as drive:
        answer = await drive.ask()
        assert answer.body == b"onetwothree"
    assert seen == [b"3\r\none\r\n", b"3\r\none\r\n", b"3\r\ntwo\r\n"]


async def test_write_and_a_length() -> None:
    def app(environ: Environ, start_response: Any) -> list[bytes]:
        write = start_response("200 OK", [("Content-Length", "5")])
        write(b"hel")
        write(bytearray(b"lo"))
        return []

    with Drive(app, wsgi=True) as drive:
        answer = await drive.ask()
        assert (answer.headers, answer.body) == ({"content-length": "5"}, b"hello")


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize(
    "returned", [lambda: [b"end"], lambda: iter([b"e", b"nd"]), lambda: FileWrapper(io.BytesIO(b"end"))]
)
async def test_what_write_is_given_for_a_client_that_is_behind_waits_in_a_file(scheme: str, returned: Any) -> None:
    """Behind bytes that the transport holds, and through TLS, nothing leaves before the loop turns."""

    def app(environ: Environ, start_response: Any) -> Any:
        write = start_response("200 OK", [])
        drive.transport.hold()
        drive.connection.write([b"HTTP/1.1 102 Processing\r\n\r\n"])  # something is held back
        for number in range(100):
            write(b"%05d" % number * 10_000)
        held.append(drive.transport.get_write_buffer_size())
        return returned()

    held: list[int] = []
    with Drive(app, wsgi=True, scheme=scheme) as drive:
        drive.get()
        assert held[0] < 200_000  # of 5,000,000
        while drive.connection.exchange is not None:
            drive.transport.release(1 << 20)
            await settle()
            assert drive.transport.get_write_buffer_size() < 300_000
        drive.transport.release()
        answer = drive.answer()
        assert answer.body == b"".join(b"%05d" % number * 10_000 for number in range(100)) + b"end"
        assert not drive.running


async def test_what_was_kept_is_dropped_with_an_application_that_fails() -> None:
    def app(environ: Environ, start_response: Any) -> Any:
        write = start_response("200 OK", [])
        drive.transport.hold()
        drive.connection.write([b" " * 100_000])
        write(bytes(2_000_000))
        write(bytes(2_000_000))
        raise ValueError

    with Drive(app, wsgi=True) as drive:
        drive.get()
        assert b" HTTP/1.1 500 " in drive.sent()  # nothing of the answer was out


async def test_write_says_when_the_client_has_gone(caplog: pytest.LogCaptureFixture) -> None:
    raised: list[type] = []

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        write = start_response("200 OK", [])
        write(b"one")
        drive.transport.break_socket()
        for _ in range(2):
            try:
                write(b"two")
            except OSError as error:
                raised.append(type(error))
        with pytest.raises(ClientDisconnected):
            start_response("200 OK", [], (ValueError, ValueError(), None))
        return [b"three"]

    with Drive(app, wsgi=True) as drive, caplog.at_level(logging.INFO, "bicorn"):
        drive.get()
        assert drive.transport.aborted
        drive.transport.lose()
    assert raised == [ClientDisconnected] * 2
    assert caplog.messages == []


async def test_an_application_may_let_the_disconnect_end_it(caplog: pytest.LogCaptureFixture) -> None:
    def app(environ: Environ, start_response: Any) -> list[bytes]:
        write = start_response("200 OK", [])
        drive.transport.break_socket()
        write(b"one")
        raise AssertionError("it went on")

    with Drive(app, wsgi=True) as drive, caplog.at_level(logging.INFO, "bicorn"):
        drive.get()
        drive.transport.lose()
    assert caplog.messages == []


async def test_a_late_call_is_named() -> None:
    kept: list[Any] = []

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        kept[:] = [start_response, start_response("200 OK", [])]
        return [b"hello"]

    with Drive(app, wsgi=True) as drive:
        await drive.ask()
        with pytest.raises(AppProtocolError, match=r"write\(\) was called after the response was complete"):
            kept[1](b"late")
        with pytest.raises(AppProtocolError, match="a second time"):
            kept[0]("200 OK", [])
        assert (await drive.ask()).body == b"hello"


# -- Mistakes


MISTAKES: list[tuple[Any, str]] = [
    (lambda e, s: [b"x"], "the application returned without calling start_response"),
    (lambda e, s: iter([b"x"]), "the application gave a body before it called start_response"),
    (lambda e, s: iter([]), "the application returned without calling start_response"),
    (returns(["text"]), "a response body must be bytes, not str"),
    (returns([b"x", "text"]), "a response body must be bytes, not str"),
    (returns("text"), "a response body must be bytes, not str"),
    (returns(b"bytes"), "a response body must be bytes, not int"),
    (returns(lambda: iter([b"", None])), "a response body must be bytes, not NoneType"),
    (returns(None), "the application returned NoneType, which is no iterable of bytes"),
    (returns(5), "the application returned int, which is no iterable of bytes"),
    (returns([], status="OK"), "the status must be a string like '200 OK', not 'OK'"),
    (returns([], status="100 Continue"), "the response status must be 200 to 999, not 100"),
    (returns([], ("X", "a\r\nb: c")), "the response header b'X' has a control character in its value: b'a\\r\\nb: c'"),
    (returns([], ("X Y", "1")), "the response header name b'X Y' is not a token"),
    (returns([b"x"], ("Content-Length", "5")), "the response body is 4 bytes shorter than its content-length"),
    (returns([b"xy"], ("Content-Length", "1")), "the response body is 1 bytes longer than its content-length"),
    (
        returns(lambda: iter([b"xy"]), ("Content-Length", "1")),
        "the response body is 1 bytes longer than its content-length",
    ),
    (returns([b"x"], status="204 No"), "a 204 response must not have a body"),
    (returns([b"x"], status="304 No"), "a 304 response must not have a body"),
]


@pytest.mark.parametrize(("app", "reason"), MISTAKES, ids=[reason[:60] for _, reason in MISTAKES])
async def test_a_mistake_is_named_and_answered_with_500(
    caplog: pytest.LogCaptureFixture, app: App, reason: str
) -> None:
    with Drive(app, wsgi=True) as drive:
        answer = await drive.ask()
        assert (answer.status, answer.body) == (500, b"Internal Server Error\n")
        assert not drive.transport.closed
    assert mistake(caplog) == reason


@pytest.mark.parametrize("kind", [ValueError, SystemExit, KeyboardInterrupt, asyncio.CancelledError, GeneratorExit])
async def test_whatever_an_application_raises_is_a_500(caplog: Any, kind: type[BaseException]) -> None:
    def app(environ: Environ, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        raise kind("boom")

    with Drive(app, wsgi=True) as drive:
        assert (await drive.ask()).status == 500
        assert (await drive.ask()).status == 500
    assert caplog.messages == [f"error in the WSGI application: GET / {WHERE}"] * 2


async def test_an_exception_in_the_middle_cuts_the_connection() -> None:
    log: list[str] = []

    def pieces() -> Iterator[bytes]:
        yield b"half"
        raise ValueError("boom")

    with Drive(returns(lambda: Closing(pieces(), log)), wsgi=True) as drive:
        drive.get()
        assert drive.sent().endswith(b"4\r\nhalf\r\n")
        assert drive.transport.aborted
        drive.transport.lose()
    assert log == ["gave b'half'", "closed"]


async def test_less_than_announced_cuts_the_connection(caplog: pytest.LogCaptureFixture) -> None:
    with Drive(returns(lambda: iter([b"half"]), ("Content-Length", "8")), wsgi=True) as drive:
        drive.get()
        assert drive.sent().endswith(b"\r\n\r\nhalf")
        assert drive.transport.aborted
    assert mistake(caplog) == "the response body is 4 bytes shorter than its content-length"


# -- Iterables


async def test_each_piece_goes_out_before_the_next_is_asked_for() -> None:
    seen = []

    def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        for piece in (b"one", b"", b"two"):
            yield piece
            seen.append(drive.sent()[-8:])

    with Drive(app, wsgi=True) as drive:
        drive.get()
        assert drive.answer().body == b"onetwo"
        assert not drive.running
    assert seen == [b"3\r\none\r\n", b"3\r\none\r\n", b"3\r\ntwo\r\n"]


async def test_start_response_may_be_called_by_the_first_piece() -> None:
    def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
        yield b""
        start_response("201 Made", [])
        yield b"one"

    with Drive(app, wsgi=True) as drive:
        assert (await drive.ask()).status == 201


async def test_an_iterable_with_a_length_of_its_own() -> None:
    with Drive(returns(lambda: iter([b"he", b"llo"]), ("Content-Length", "5")), wsgi=True) as drive:
        answer = await drive.ask()
        assert (answer.headers, answer.body) == ({"content-length": "5"}, b"hello")


@pytest.mark.parametrize("pieces", [[], [b""], [b"one"], [b"one", b"two"]])
@pytest.mark.parametrize("head", [False, True])
async def test_an_iterable_is_closed_once(pieces: list[bytes], head: bool) -> None:
    made: list[Closing] = []

    def result() -> Closing:
        made.append(Closing(pieces))
        return made[-1]

    with Drive(returns(result), wsgi=True) as drive:
        answer = await drive.ask(head=head)
        assert answer.body == (b"" if head else b"".join(pieces))
    assert [each.closed for each in made] == [1]


async def test_an_iterable_that_cannot_be_iterated_is_closed_too() -> None:
    class Odd:
        closed = 0

        def __iter__(self) -> Iterator[bytes]:
            raise ValueError

        def close(self) -> None:
            self.closed += 1

    odd = Odd()
    with Drive(returns(lambda: odd), wsgi=True) as drive:
        assert (await drive.ask()).status == 500
    assert odd.closed == 1


@pytest.mark.parametrize("kind", [ValueError, SystemExit])
async def test_an_error_in_close_is_told_and_hurts_nobody(caplog: Any, kind: type[BaseException]) -> None:
    class Bad(Closing):
        def close(self) -> None:
            raise kind("in close")

    with Drive(returns(lambda: Bad([b"hello"])), wsgi=True) as drive:
        assert (await drive.ask()).body == b"hello"
        assert (await drive.ask()).body == b"hello"
        assert not drive.running
    assert caplog.messages == [f"error in the WSGI application's close(): GET / {WHERE}"] * 2


async def test_a_body_can_be_read_until_the_iterable_is_closed() -> None:
    seen = []

    def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        try:
            yield b"x"
        finally:
            seen.append(environ["wsgi.input"].read())

    with Drive(app, wsgi=True) as drive:
        drive.feed(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbo")
        drive.feed(b"dy")
        assert drive.answer().body == b"x"
    assert seen == [b"body"]


# -- A slow client


def stream(log: list[str], count: int = 10, size: int = 50_000) -> App:
    return returns(lambda: Closing((b"%d" % n * size for n in range(count)), log))


async def test_a_generator_is_suspended_while_the_client_does_not_read_and_goes_on_afterwards() -> None:
    log: list[str] = []
    with Drive(stream(log), wsgi=True) as drive:
        drive.transport.hold()
        drive.get()
        assert len(log) == 2  # the second piece went over the 64 KiB that may wait
        assert len(drive.running) == 1
        await settle()
        assert len(log) == 2
        drive.transport.release(90_000)
        assert len(log) == 4
        drive.transport.release()
        await until(lambda: log[-1] == "closed")
        assert drive.answer().body == b"".join(b"%d" % n * 50_000 for n in range(10))
        assert not drive.running
        assert (await drive.ask()).status == 200


async def test_a_suspended_generator_goes_on_in_its_own_context() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")
    seen = []

    def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
        seen.append(variable.get())
        variable.set(environ["PATH_INFO"])
        start_response("200 OK", [])
        try:
            for _ in range(4):
                yield bytes(70_000)
                seen.append(variable.get())
        finally:
            seen.append(f"end of {variable.get()}")

    with Drive(app, wsgi=True) as drive:
        drive.transport.hold()
        drive.get("/1")
        drive.transport.release(70_000)
        drive.transport.release(70_000)
        drive.transport.lose()
        drive.connection, drive.transport = drive.connect()
        await drive.ask("/2")
    assert seen == ["unset", "/1", "/1", "end of /1", "unset", *["/2"] * 4, "end of /2"]
    assert variable.get() == "unset"


async def test_a_suspended_generator_is_closed_when_the_client_goes() -> None:
    log: list[str] = []
    with Drive(stream(log), wsgi=True) as drive:
        drive.transport.hold()
        drive.get()
        drive.transport.lose()
        assert log[-1] == "closed"
        assert log.count("closed") == 1
        assert not drive.running
        drive.connection.resume_writing()  # as a loop may still say
        assert log.count("closed") == 1


async def test_a_suspended_generator_is_closed_when_time_is_up() -> None:
    log: list[str] = []
    with Drive(stream(log), wsgi=True) as drive:
        drive.transport.hold()
        drive.get()
        [exchange] = drive.running
        exchange.cancel()
        assert log.count("closed") == 1
        assert not drive.running


async def test_a_suspended_generator_that_fails_later_cuts_the_connection(caplog: pytest.LogCaptureFixture) -> None:
    def pieces() -> Iterator[bytes]:
        yield bytes(100_000)
        raise ValueError("boom")

    with Drive(returns(pieces), wsgi=True) as drive:
        drive.transport.hold()
        drive.get()
        assert len(drive.running) == 1
        drive.transport.release()
        assert drive.transport.aborted
        assert not drive.running
    assert "boom" in caplog.text


async def test_a_generator_that_never_ends_is_ended_by_the_client() -> None:
    """Inline, the loop cannot say that the client has gone: the socket must."""

    def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        try:
            for n in range(100_000):
                yield b"data: %d\n\n" % n
                if n == 3:
                    drive.transport.break_socket()
        finally:
            seen.append(n)

    seen: list[int] = []
    with Drive(app, wsgi=True) as drive:
        drive.get()
        assert seen == [4]
        assert drive.transport.aborted
        drive.transport.lose()
        assert not drive.running


async def test_a_generator_that_a_fast_client_reads_lets_the_loop_have_its_turns() -> None:
    turns: list[int] = []

    def app(environ: Environ, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        drive.loop.call_soon(turns.append, 1)
        for _ in range(40):
            yield bytes(50_000)
            drive.sent()
        assert turns

    with Drive(app, wsgi=True) as drive:
        assert len((await drive.ask()).body) == 2_000_000


async def test_the_rest_waits_in_the_transport_where_the_socket_takes_only_a_part() -> None:
    with Drive(returns(lambda: iter([bytes(5_000_000)])), wsgi=True) as drive:
        drive.get()
        await until(lambda: len(drive.sent()) > 5_000_000 and not drive.running)
        assert len(drive.answer().body) == 5_000_000


async def test_through_tls_each_piece_leaves_with_a_turn_of_the_loop() -> None:
    log: list[str] = []
    with Drive(stream(log, count=3, size=10), wsgi=True, scheme="https") as drive:
        drive.get()
        assert len(log) == 1
        await settle(1)
        assert len(log) == 2
        await settle()
        assert drive.answer().body == b"0" * 10 + b"1" * 10 + b"2" * 10
        assert not drive.running


async def test_through_tls_a_slow_client_is_waited_for() -> None:
    log: list[str] = []
    with Drive(stream(log, count=6), wsgi=True, scheme="https") as drive:
        drive.transport.hold()
        drive.get()
        await settle()
        assert len(log) == 2
        drive.transport.release(90_000)
        await settle()
        assert len(log) == 4
        drive.transport.lose()
        await settle()
        assert log[-1] == "closed"
        assert not drive.running


async def test_the_next_request_waits_for_the_end_of_a_suspended_answer() -> None:
    with Drive(stream([], count=4), wsgi=True) as drive:
        drive.transport.hold()
        drive.get()
        drive.get()
        drive.transport.release()
        await settle()
        assert [len(answer.body) for answer in drive.answers()] == [200_000, 200_000]


async def test_a_suspended_answer_leaves_nothing_for_the_collector() -> None:
    log: list[str] = []
    with Drive(stream(log, count=4), wsgi=True) as drive:
        drive.transport.hold()
        drive.get()
        drive.transport.lose()
    gc.collect()
    gc.disable()
    try:
        before = len(gc.get_objects())
        for _ in range(20):
            with Drive(stream(log, count=4), wsgi=True) as drive:
                drive.transport.hold()
                drive.get()
                drive.transport.lose()
        del drive
        gc.collect()
        assert len(gc.get_objects()) < before + 200
    finally:
        gc.enable()


# -- Files


CONTENT = bytes(range(256)) * 4096  # 1 MiB


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "file.bin"
    file.write_bytes(CONTENT)
    return file


class Opened:
    """An application that wraps a file; it keeps the files it has opened."""

    def __init__(self, opening: Callable[[], Any], *headers: tuple[str, str], skip: int = 0) -> None:
        self.opening, self.headers, self.skip = opening, list(headers), skip
        self.files: list[Any] = []

    def __call__(self, environ: Environ, start_response: Any) -> Any:
        self.files.append(self.opening())
        self.files[-1].read(self.skip)
        start_response("200 OK", self.headers)
        return environ["wsgi.file_wrapper"](self.files[-1], 1000)


@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_wrapped_file_is_sent_with_its_length_and_closed(path: Path, scheme: str) -> None:
    app = Opened(lambda: open(path, "rb"), skip=10)  # noqa: SIM115
    with Drive(app, wsgi=True, scheme=scheme) as drive:
        for _ in range(2):
            answer = await drive.ask()
            assert answer.headers == {"content-length": str(len(CONTENT) - 10)}
            assert answer.body == CONTENT[10:]
        await settle()
        assert not drive.running
    assert [file.closed for file in app.files] == [True, True]


async def test_a_wrapped_file_that_is_longer_than_announced(path: Path) -> None:
    app = Opened(lambda: open(path, "rb"), ("Content-Length", "1000"))  # noqa: SIM115
    with Drive(app, wsgi=True) as drive:
        assert (await drive.ask()).body == CONTENT[:1000]


async def test_a_wrapped_file_that_is_shorter_than_announced(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    app = Opened(lambda: open(path, "rb"), ("Content-Length", str(len(CONTENT) + 5)))  # noqa: SIM115
    with Drive(app, wsgi=True) as drive:
        assert (await drive.ask()).status == 500
        await settle()
        assert app.files[0].closed
    assert mistake(caplog) == "the response body is 5 bytes shorter than its content-length"


async def test_a_head_request_for_a_wrapped_file(path: Path) -> None:
    app = Opened(lambda: open(path, "rb"))  # noqa: SIM115
    with Drive(app, wsgi=True) as drive:
        answer = await drive.ask(head=True)
        assert (answer.headers, answer.body) == ({"content-length": str(len(CONTENT))}, b"")
        await settle()
        assert app.files[0].closed


async def test_a_wrapped_file_that_is_none_is_read(path: Path) -> None:
    app = Opened(lambda: io.BytesIO(CONTENT))
    with Drive(app, wsgi=True) as drive:
        answer = await drive.ask()
        assert answer.headers == {"transfer-encoding": "chunked"}
        assert answer.body == CONTENT
    assert app.files[0].closed


async def test_a_wrapped_file_after_write_is_read(path: Path) -> None:
    def app(environ: Environ, start_response: Any) -> Any:
        start_response("200 OK", [])(b"first ")
        return environ["wsgi.file_wrapper"](path.open("rb"))

    with Drive(app, wsgi=True) as drive:
        assert (await drive.ask()).body == b"first " + CONTENT


async def test_a_client_that_goes_in_the_middle_of_a_wrapped_file(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    app = Opened(lambda: open(path, "rb"))  # noqa: SIM115
    with Drive(app, wsgi=True) as drive:
        drive.get()
        await settle()
        assert len(drive.running) == 1
        assert not app.files[0].closed
        drive.transport.lose()
        await until(lambda: not drive.running)
        assert app.files[0].closed
    assert caplog.messages == []


async def test_a_wrapped_file_whose_wrapper_is_wrapped(path: Path) -> None:
    def app(environ: Environ, start_response: Any) -> Any:
        start_response("200 OK", [])
        return closing(environ["wsgi.file_wrapper"](path.open("rb"), 100_000))

    def closing(wrapper: Any) -> Iterator[bytes]:
        yield from wrapper
        wrapper.close()

    with Drive(app, wsgi=True) as drive:
        assert (await drive.ask()).body == CONTENT


async def test_the_close_of_a_wrapped_file_runs_in_the_requests_context(path: Path) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")
    seen = []

    def app(environ: Environ, start_response: Any) -> Any:
        variable.set("mine")
        start_response("200 OK", [])
        wrapper = environ["wsgi.file_wrapper"](path.open("rb"))
        close = wrapper.close

        def closing() -> None:
            seen.append(variable.get())
            close()

        wrapper.close = closing
        return wrapper

    with Drive(app, wsgi=True) as drive:
        await drive.ask()
        await settle()
    assert seen == ["mine"]


# -- Where it runs


async def test_each_request_has_a_context_of_its_own() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")
    seen = []

    def app(environ: Environ, start_response: Any) -> list[bytes]:
        seen.append(variable.get())
        variable.set("set")
        return returns([b""])(environ, start_response)  # type: ignore[no-any-return]

    with Drive(app, wsgi=True) as drive:
        await drive.ask()
        await drive.ask()
    assert seen == ["unset", "unset"]


async def test_inline_an_answer_is_there_when_data_received_returns() -> None:
    with Drive(returns([b"hello"]), wsgi=True) as drive:
        drive.get()
        assert drive.answer().body == b"hello"
        assert not drive.running
