"""Connections: from bytes to exchanges and back, one request after the other."""

from __future__ import annotations

import asyncio
import inspect
import logging
import sys
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from tests.driving import Answer, Drive, settle, until

Send = Callable[[dict[str, Any]], Any]
eager = pytest.mark.skipif(sys.version_info < (3, 12), reason="tasks cannot start eagerly before Python 3.12")
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"


async def respond(send: Send, body: bytes = b"hello", *, more: bool = False) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body, "more_body": more})


async def hello(scope: Any, receive: Any, send: Send) -> None:
    await respond(send)


async def path(scope: Any, receive: Any, send: Send) -> None:
    await respond(send, scope["raw_path"])


async def slow_path(scope: Any, receive: Any, send: Send) -> None:
    await asyncio.sleep(0)
    await respond(send, scope["raw_path"])


async def reading(scope: Any, receive: Any, send: Send) -> None:
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message["body"]
        if not message["more_body"]:
            break
    await respond(send, body)


def wsgi_path(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    environ["wsgi.input"].read()
    start_response("200 OK", [])
    return [environ["PATH_INFO"].encode()]


class Gate:
    """An application that waits until it is let on; it keeps the messages it received meanwhile."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()
        self.received: list[str] = []

    async def __call__(self, scope: Any, receive: Any, send: Send) -> None:
        waiting = asyncio.create_task(self.listen(receive))
        await self.opened.wait()
        waiting.cancel()
        await respond(send)

    async def listen(self, receive: Any) -> None:
        while not self.received or self.received[-1] != "http.disconnect":
            self.received.append((await receive())["type"])


def paths(count: int, *, start: int = 0) -> bytes:
    return b"".join(b"GET /%d HTTP/1.1\r\nHost: x\r\n\r\n" % n for n in range(start, start + count))


def bodies(answers: list[Answer]) -> list[bytes]:
    return [answer.body for answer in answers]


# -- Heads, in whatever pieces they come


@pytest.mark.parametrize("size", [1, 2, 7])
async def test_a_head_may_come_in_pieces(size: int) -> None:
    with Drive(path) as drive:
        request = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
        for start in range(0, len(request), size):
            assert drive.take() == b""
            drive.feed(request[start : start + size])
        await settle()
        assert drive.answer().body == b"/a"


async def test_a_malformed_head_is_refused_told_and_closed(caplog: pytest.LogCaptureFixture) -> None:
    with Drive(hello) as drive:
        drive.feed(b"GET / HTTP/1.1\r\nHost: x\r\nBad Name: 1\r\n\r\n" + GET)
        answer = drive.answer()
        assert answer.status == 400
        assert answer.headers["connection"] == "close"
        assert answer.body.endswith(b"\n")
        assert drive.transport.eof
        drive.feed(GET)
        assert drive.take() == b""
    assert caplog.messages == [f"400 to 127.0.0.1:50000: {answer.body.decode().strip()}"]


async def test_what_was_asked_before_a_malformed_request_is_answered_first() -> None:
    with Drive(path) as drive:
        drive.feed(paths(2) + b"nonsense\r\n\r\n")
        await until(lambda: drive.transport.eof)
        assert [answer.status for answer in drive.answers()] == [200, 200, 400]


async def test_a_client_on_a_unix_socket_has_no_address_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with Drive(hello, extra={"peername": "", "sockname": "/x"}) as drive:
        drive.feed(b"nonsense\r\n\r\n")
    assert caplog.messages[0].startswith("400 to a unix socket: ")


async def test_a_body_over_the_limit_is_refused_before_it_comes() -> None:
    with Drive(hello, limit_request_body=10) as drive:
        drive.feed(POST % 11)
        assert drive.answer().status == 413
        assert drive.transport.eof


async def test_a_chunked_body_over_the_limit_ends_an_application_that_reads_it() -> None:
    with Drive(reading, limit_request_body=10, access=True) as drive:
        drive.feed(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n")
        await settle()
        drive.feed(b"6\r\n")
        await settle()
        assert drive.answer().status == 413
        assert not drive.running
        assert drive.access is not None
        assert [record.status for record in drive.access.records] == [413]


async def test_a_malformed_body_after_the_response_has_begun_cuts_the_connection() -> None:
    async def app(scope: Any, receive: Any, send: Send) -> None:
        await respond(send, b"early", more=True)
        assert (await receive())["type"] == "http.disconnect"

    with Drive(app, access=True) as drive:
        drive.feed(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        await settle()
        drive.feed(b"nonsense\r\n")
        await settle()
        assert drive.transport.aborted
        assert not drive.running
        drive.transport.lose()
        assert drive.access is not None
        assert [record.status for record in drive.access.records] == [200]


async def test_a_refusal_of_a_head_request_has_no_body() -> None:
    with Drive(Gate(), limit_concurrency=1) as drive:
        drive.get()
        await settle()
        drive.connection, drive.transport = drive.connect()
        drive.get(method="HEAD")
        assert drive.answer(head=True).status == 503


# -- Pipelining


async def test_pipelined_requests_are_answered_in_order_and_on_a_flat_stack() -> None:
    limit = sys.getrecursionlimit()
    with Drive(path, limit_pipelined_requests=0) as drive:
        sys.setrecursionlimit(len(inspect.stack(0)) + 60)
        try:
            drive.feed(paths(1000))
        finally:
            sys.setrecursionlimit(limit)
        await until(lambda: drive.sent().endswith(b"/999"))
        assert bodies(drive.answers()) == [b"/%d" % n for n in range(1000)]


async def test_pipelined_requests_to_an_application_that_waits() -> None:
    with Drive(slow_path) as drive:
        drive.feed(paths(100))
        await until(lambda: drive.sent().endswith(b"/99"))
        assert bodies(drive.answers()) == [b"/%d" % n for n in range(100)]


@pytest.mark.parametrize("pieces", [1, 3, 20])
async def test_pipelined_requests_with_bodies(pieces: int) -> None:
    request = b"".join(POST % 3 + b"%03d" % n for n in range(60))
    with Drive(reading) as drive:
        size = len(request) // pieces
        for start in range(0, len(request), size):
            drive.feed(request[start : start + size])
            await settle()
        await until(lambda: drive.sent().endswith(b"059"))
        assert bodies(drive.answers()) == [b"%03d" % n for n in range(60)]


@eager
async def test_others_have_a_turn_after_so_many_pipelined_requests() -> None:
    with Drive(path, limit_pipelined_requests=10) as drive:
        drive.feed(paths(25))
        assert len(drive.answers()) == 10
        await settle(1)
        assert len(drive.answers()) == 10
        await settle(1)
        assert len(drive.answers()) == 5
        await settle()
        assert drive.connection.is_idle()


@eager
async def test_more_bytes_while_requests_wait_for_their_turn() -> None:
    with Drive(path, limit_pipelined_requests=10) as drive:
        drive.feed(paths(15))
        drive.feed(paths(15, start=15))
        await settle()
        assert bodies(drive.answers()) == [b"/%d" % n for n in range(30)]
        assert drive.connection.is_idle()


async def test_a_client_that_pipelines_without_end_is_held() -> None:
    gate = Gate()
    with Drive(gate) as drive:
        drive.get()
        await settle()
        for _ in range(3):
            drive.feed(GET * 1000)
        assert not drive.reads()
        gate.opened.set()
        await until(lambda: drive.reads() and drive.connection.is_idle(), patience=30)
        assert len(drive.answers()) == 3001


@pytest.mark.parametrize("wsgi", [False, True])
async def test_a_client_that_asks_for_more_than_it_reads_waits(wsgi: bool) -> None:
    called: list[int] = []

    async def app(scope: Any, receive: Any, send: Send) -> None:
        called.append(1)
        await respond(send, bytes(50_000))

    def wsgi_app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        called.append(1)
        start_response("200 OK", [])
        return [bytes(50_000)]

    with Drive(wsgi_app if wsgi else app, wsgi=wsgi, timeout_write=30) as drive:
        drive.transport.hold()
        drive.feed(GET * 10 + GET[:5])
        await settle()
        assert len(called) == 2
        assert not drive.reads()
        drive.pass_time(20)
        drive.transport.release(90_000)
        await settle()
        assert len(called) == 4
        drive.transport.release()
        await until(lambda: len(called) == 10)
        await settle()
        assert drive.reads()
        drive.feed(GET[5:])
        await settle()
        assert len(drive.answers()) == 11


@eager
async def test_a_client_that_pipelines_faster_than_it_is_served_is_held() -> None:
    with Drive(path, limit_pipelined_requests=10) as drive:
        for n in range(4):
            drive.feed(paths(1000, start=1000 + 1000 * n))
        assert len(drive.answers()) == 10  # what comes before its turn waits
        assert not drive.reads()
        await until(lambda: drive.sent().endswith(b"/4999"))
        assert drive.reads()
        assert len(drive.answers()) == 3990
        assert drive.connection.is_idle()


async def test_nothing_more_is_begun_once_a_connection_is_cut() -> None:
    called: list[str] = []

    async def app(scope: Any, receive: Any, send: Send) -> None:
        called.append(scope["path"])
        await respond(send, b"half", more=True)
        raise ValueError

    with Drive(app) as drive:
        drive.feed(paths(3))
        await settle()
        assert drive.transport.aborted
    assert called == ["/0"]


async def test_nothing_more_is_begun_once_the_client_has_gone() -> None:
    called: list[str] = []

    async def app(scope: Any, receive: Any, send: Send) -> None:
        called.append(scope["path"])
        assert (await receive())["type"] == "http.request"
        await receive()

    with Drive(app) as drive:
        drive.feed(paths(3))
        await settle()
        drive.transport.lose()
        await settle()
    assert called == ["/0"]


# -- Keep-alive and close


CLOSES: list[tuple[bytes, bool]] = [
    (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", False),
    (b"GET / HTTP/1.1\r\nHost: x\r\nConnection: keep-alive\r\n\r\n", False),
    (b"GET / HTTP/1.1\r\nHost: x\r\nConnection: Close\r\n\r\n", True),
    (b"GET / HTTP/1.0\r\n\r\n", True),
    (b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", False),
]


@pytest.mark.parametrize(("request_", "closes"), CLOSES)
@pytest.mark.parametrize("app", [hello, slow_path])
async def test_who_asks_for_close_gets_it(request_: bytes, closes: bool, app: Any) -> None:
    with Drive(app) as drive:
        drive.feed(request_)
        await settle()
        answer = drive.answer()
        assert drive.is_closed() is closes
        assert not drive.transport.aborted
        if closes:
            assert answer.headers["connection"] == "close"
        elif b"1.0" in request_:
            assert answer.headers["connection"] == "keep-alive"
        else:
            assert "connection" not in answer.headers


async def test_an_application_may_close() -> None:
    async def app(scope: Any, receive: Any, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"Connection", b"close")]})
        await send({"type": "http.response.body"})

    with Drive(app) as drive:
        assert (await drive.ask()).headers["connection"] == "close"
        assert drive.is_closed()


async def test_a_connection_has_so_many_requests() -> None:
    with Drive(hello, limit_requests_per_connection=3) as drive:
        answers = [await drive.ask() for _ in range(3)]
        assert [answer.headers.get("connection") for answer in answers] == [None, None, "close"]
        assert drive.is_closed()


async def test_pipelined_requests_after_the_last_one_are_not_begun() -> None:
    with Drive(path, limit_requests_per_connection=3) as drive:
        drive.feed(paths(5))
        await until(lambda: drive.transport.eof)
        assert bodies(drive.answers()) == [b"/0", b"/1", b"/2"]
        assert not drive.is_closed()  # what was sent too much must not destroy the answers (RFC 9112 §9.6)
        drive.feed(GET)
        assert drive.take() == b""


async def test_an_idle_connection_that_the_client_closes() -> None:
    with Drive(hello) as drive:
        await drive.ask()
        assert drive.connection.eof_received() is False


# -- Bodies nobody reads


async def test_a_short_unread_body_is_dropped_and_the_connection_goes_on() -> None:
    with Drive(hello) as drive:
        drive.feed(POST % 1000 + bytes(400))
        await settle()
        assert drive.answer().status == 200
        drive.feed(bytes(600) + GET)
        await settle()
        assert drive.answer().status == 200


async def test_an_unread_body_that_is_complete_is_dropped_at_once() -> None:
    with Drive(hello) as drive:
        drive.feed((POST % 1000 + bytes(1000)) * 3)
        await settle()
        assert len(drive.answers()) == 3


async def test_a_long_unread_body_closes_the_connection_after_the_answer() -> None:
    with Drive(hello) as drive:
        drive.feed(POST % 1_000_000 + bytes(1000))
        await settle()
        assert drive.answer().status == 200
        drive.feed(bytes(100_000))
        assert drive.transport.eof
        assert not drive.is_closed()
        drive.feed(bytes(100_000))  # read and dropped
        assert not drive.is_closed()
        assert drive.reads()
        for _ in range(11):
            drive.feed(bytes(100_000))
        assert not drive.reads()  # there is an end to it
        assert not drive.is_closed()  # but the client still has its time to read the answer
        drive.pass_time(3)
        assert drive.is_closed()


async def test_an_unread_body_that_held_the_client_is_read_again() -> None:
    gate = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Send) -> None:
        await gate.wait()
        await respond(send)

    with Drive(app) as drive:
        drive.feed(POST % 80_000)
        await settle()
        drive.feed(bytes(70_000))
        assert not drive.reads()
        gate.set()
        await settle()
        assert drive.reads()
        drive.feed(bytes(10_000) + GET)
        await settle()
        assert len(drive.answers()) == 2


async def test_an_unread_body_that_held_the_client_is_dropped_before_closing() -> None:
    gate = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Send) -> None:
        await gate.wait()
        await respond(send)

    with Drive(app) as drive:
        drive.feed(b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 80000\r\n\r\n")
        await settle()
        drive.feed(bytes(70_000))
        assert not drive.reads()
        gate.set()
        await settle()
        assert drive.answer().status == 200
        assert drive.reads()
        assert drive.transport.eof


async def test_a_malformed_rest_of_an_unread_body_is_no_second_answer() -> None:
    with Drive(hello) as drive:
        drive.feed(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n")
        await settle()
        assert drive.answer().status == 200
        drive.feed(b"nonsense\r\n")
        assert drive.take() == b""
        assert drive.transport.eof


async def test_through_tls_an_unread_body_is_dropped_for_a_while_before_closing() -> None:
    """There is no half-close: closing at once would make the kernel reset the connection, and destroy the answer."""
    with Drive(hello, scheme="https", limit_request_body=10) as drive:
        drive.feed(POST % 1_000_000)
        assert drive.answer().status == 413
        drive.feed(bytes(100_000))
        assert not drive.is_closed()
        drive.pass_time(3)
        assert drive.is_closed()
        assert not drive.transport.aborted


# -- The peer sends no more


async def test_a_half_closed_client_gets_the_answers_of_a_wsgi_application() -> None:
    with Drive(wsgi_path, wsgi=True, limit_pipelined_requests=10) as drive:
        drive.feed(paths(45))
        assert drive.connection.eof_received() is True
        await until(lambda: drive.is_closed())
        assert bodies(drive.answers()) == [b"/%d" % n for n in range(45)]
        assert not drive.transport.aborted


async def test_a_half_closed_client_of_a_suspended_answer_gets_the_rest() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Length", "200000")])
        return iter([bytes(100_000), bytes(100_000)])

    with Drive(app, wsgi=True) as drive:
        drive.transport.hold()
        drive.get()
        assert drive.connection.eof_received() is True
        drive.transport.release()
        assert len(drive.answer().body) == 200_000
        assert drive.is_closed()


async def test_a_half_closed_client_gets_what_it_asked_behind_a_suspended_answer() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Length", "100000")])
        return iter([bytes(100_000)])

    with Drive(app, wsgi=True) as drive:
        drive.transport.hold()
        drive.feed(paths(2))
        assert drive.connection.eof_received() is True
        drive.transport.release()
        await until(lambda: drive.connection.exchange is None and drive.is_closed())
        assert [len(body) for body in bodies(drive.answers())] == [100_000, 100_000]


@pytest.mark.parametrize("rest", [b"GET /45", POST % 5 + b"1234"])
async def test_what_a_half_closed_client_left_unfinished_closes(rest: bytes) -> None:
    with Drive(wsgi_path, wsgi=True, limit_pipelined_requests=10) as drive:
        drive.feed(paths(45) + rest)
        assert drive.connection.eof_received() is True
        await until(lambda: drive.is_closed())
        assert bodies(drive.answers()) == [b"/%d" % n for n in range(45)]


async def test_a_client_that_ends_and_does_not_read_is_cut() -> None:
    with Drive(Gate(), timeout_write=30) as drive:
        drive.transport.hold()
        drive.connection.write(b"some")
        drive.get()
        await settle()
        assert drive.connection.eof_received() is False  # the transport closes itself, once it can
        drive.pass_time(31)
        assert drive.transport.aborted


async def test_an_asgi_application_is_told_that_a_half_closed_client_has_gone() -> None:
    gate = Gate()
    with Drive(gate) as drive:
        drive.get()
        await settle()
        assert drive.connection.eof_received() is False
        drive.transport.lose()
        await settle()
        assert gate.received == ["http.request", "http.disconnect"]
        gate.opened.set()
        await settle()


@eager
async def test_pipelined_requests_that_wait_for_their_turn_outlive_the_clients_end() -> None:
    with Drive(path, limit_pipelined_requests=10) as drive:
        drive.feed(paths(35))
        assert drive.connection.eof_received() is True
        await until(lambda: drive.is_closed())
        assert bodies(drive.answers()) == [b"/%d" % n for n in range(35)]


@pytest.mark.parametrize("received", [b"", b"GET /", POST % 5 + b"12"])
async def test_a_client_that_goes_before_it_has_asked(received: bytes) -> None:
    with Drive(wsgi_path, wsgi=True) as drive:
        if received:
            drive.feed(received)
        assert drive.connection.eof_received() is False
        drive.transport.lose()
        assert drive.take() == b""


async def test_through_tls_there_is_no_half_close() -> None:
    with Drive(Gate(), scheme="https") as drive:
        drive.get()
        await settle()
        assert drive.connection.eof_received() is False


async def test_the_end_while_the_last_answer_lingers() -> None:
    with Drive(hello) as drive:
        drive.feed(b"nonsense\r\n\r\n")
        assert drive.connection.eof_received() is False


# -- Limits


async def test_a_request_above_the_limit_of_concurrency_is_told_to_come_back(caplog: pytest.LogCaptureFixture) -> None:
    gate = Gate()
    with Drive(gate, limit_concurrency=2) as drive:
        others = [drive.connect() for _ in range(2)]
        for connection, _ in others:
            connection.data_received(GET)
        await settle()
        assert len(drive.running) == 2
        drive.get()
        answer = drive.answer()
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
        assert drive.transport.eof
        gate.opened.set()
        await settle()
        drive.connection, drive.transport = drive.connect()
        assert (await drive.ask()).status == 200
    assert len(caplog.messages) == 1
    assert "limit-concurrency" in caplog.messages[0]


async def test_the_longest_idle_connection_makes_room_for_a_new_one() -> None:
    gate = Gate()
    with Drive(gate, limit_connections=3) as drive:
        busy, _ = drive.connection, drive.transport
        busy.data_received(GET)
        first, second = drive.connect(), drive.connect()
        drive.tick(1)
        first[0].data_received(GET)
        gate.opened.set()
        await settle()
        drive.connect()
        assert [transport.closed for _, transport in (first, second)] == [False, True]


async def test_of_connections_idle_for_as_long_the_oldest_makes_room() -> None:
    """The clock is coarse: what was opened within half a second has the same deadline."""
    with Drive(hello, limit_connections=50) as drive:
        made = [drive.transport]
        for _ in range(120):
            made.append(drive.connect()[1])
            for transport in made:
                if transport.closed and not transport.get_protocol().closed:  # type: ignore[attr-defined]
                    transport.lose()
        assert [transport.closed for transport in made] == [True] * 71 + [False] * 50


async def test_without_an_idle_connection_there_is_no_room(caplog: pytest.LogCaptureFixture) -> None:
    gate = Gate()
    with Drive(gate, limit_connections=2) as drive:
        drive.get()
        _, partial = drive.connect()
        partial.get_protocol().data_received(b"GET /")  # type: ignore[attr-defined]
        drive.connection, drive.transport = drive.connect()
        answer = drive.answer()
        assert (answer.status, answer.headers["connection"]) == (503, "close")
        assert drive.is_closed()
        assert not partial.closed
        drive.transport.lose()
        partial.lose()
        drive.connection, drive.transport = drive.connect()
        gate.opened.set()
        assert (await drive.ask()).status == 200
    assert caplog.messages == ["503 to 127.0.0.1:50000: all 2 connections are busy (limit-connections)"]


async def test_a_connection_whose_client_still_reads_its_answer_is_not_idle() -> None:
    with Drive(hello, limit_connections=1) as drive:
        drive.transport.hold()
        drive.get()
        await settle()
        reading_still = drive.transport
        drive.connection, drive.transport = drive.connect()
        assert drive.answer().status == 503
        assert not reading_still.closed


# -- The stop of the worker


async def test_a_stop_closes_idle_connections() -> None:
    with Drive(hello) as drive:
        await drive.ask()
        drive.tick(2)
        drive.drain()
        assert drive.is_closed()
        assert not drive.transport.aborted


async def test_a_stop_waits_a_moment_for_the_next_request_of_a_client_that_has_just_had_an_answer() -> None:
    with Drive(hello) as drive:
        await drive.ask()
        drive.drain()
        drive.tick(0.5)
        assert not drive.is_closed()
        answer = await drive.ask()
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert drive.is_closed()


async def test_a_stop_waits_a_moment_for_the_first_request_of_a_client_that_has_just_connected() -> None:
    with Drive(hello) as drive:
        drive.drain()
        drive.tick(0.9)
        assert not drive.is_closed()
        drive.tick(0.2)
        assert drive.is_closed()


async def test_a_stop_closes_no_connection_whose_request_the_kernel_holds() -> None:
    with Drive(hello) as drive:
        drive.pass_time(60)
        drive.transport.send(b"G")
        drive.drain()
        assert not drive.is_closed()
        drive.tick(1)
        assert not drive.is_closed()  # nor when the moment is over
        answer = await drive.ask()
        assert (answer.status, answer.headers["connection"]) == (200, "close")


async def test_a_connection_whose_time_is_up_is_not_closed_while_the_kernel_holds_its_request() -> None:
    with Drive(hello, timeout_keep_alive=10) as drive:
        drive.transport.send(b"G")
        drive.tick(10)
        assert not drive.is_closed()
        assert (await drive.ask()).status == 200


async def test_without_a_keep_alive_timeout_every_idle_connection_may_be_in_use() -> None:
    with Drive(hello, timeout_keep_alive=0) as drive:
        drive.tick(60)
        drive.drain()
        assert not drive.is_closed()
        drive.tick(1)
        assert drive.is_closed()


async def test_an_answer_that_was_not_announced_as_the_last_is_followed_by_one_that_is() -> None:
    """Its head said nothing of the end, so the client may have sent its next request."""
    gate = Gate()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"half ", "more_body": True})
        await gate.opened.wait()
        await send({"type": "http.response.body", "body": b"done"})

    with Drive(app) as drive:
        drive.get()
        await settle()
        drive.drain()
        gate.opened.set()
        await settle()
        answer = drive.answer()
        assert answer.body == b"half done"
        assert "connection" not in answer.headers
        assert not drive.is_closed()
        assert (await drive.ask()).headers["connection"] == "close"
        assert drive.is_closed()


async def test_of_pipelined_requests_that_have_come_the_last_answer_is_the_last() -> None:
    gate = Gate()
    with Drive(gate) as drive:
        drive.feed(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n" * 3)
        await settle()
        drive.drain()
        gate.opened.set()
        await until(drive.is_closed)
        assert ["connection" in answer.headers for answer in drive.answers()] == [False, False, True]


async def test_before_it_stops_accepting_answers_say_that_they_are_the_last_and_nothing_else_changes() -> None:
    gate = Gate()
    with Drive(gate) as drive:
        drive.get()
        await settle()
        idle, _ = drive.connect()
        drive.service.draining = True
        for connection in drive.service.connections:
            connection.announce_close()
        drive.pass_time(30)
        assert not idle.transport.closed
        gate.opened.set()
        await settle()
        assert drive.answer().headers["connection"] == "close"
        assert drive.is_closed()
        drive.connection, drive.transport = drive.connect()
        drive.pass_time(30)
        answer = await drive.ask("/", body=b"abc", method="POST")
        assert answer.headers["connection"] == "close"


async def test_a_stop_lets_an_answer_finish_and_says_that_it_is_the_last() -> None:
    gate = Gate()
    with Drive(gate) as drive:
        drive.get()
        await settle()
        drive.drain()
        assert not drive.is_closed()
        gate.opened.set()
        await settle()
        assert drive.answer().headers["connection"] == "close"
        assert drive.is_closed()


async def test_a_request_whose_head_is_here_in_part_is_still_served_at_a_stop() -> None:
    with Drive(path) as drive:
        drive.feed(b"GET /a HTTP/1.1\r\n")
        drive.drain()
        assert not drive.is_closed()
        drive.feed(b"Host: x\r\n\r\n")
        await settle()
        answer = drive.answer()
        assert (answer.body, answer.headers["connection"]) == (b"/a", "close")
        assert drive.is_closed()


async def test_an_unread_body_does_not_keep_a_connection_open_at_a_stop() -> None:
    with Drive(hello) as drive:
        drive.feed(POST % 10)
        await settle()
        assert drive.answer().status == 200
        drive.drain()
        drive.feed(bytes(10))
        await settle()
        drive.tick(1)
        assert drive.is_closed()


async def test_a_client_that_still_reads_its_answer_gets_all_of_it_at_a_stop() -> None:
    with Drive(hello) as drive:
        drive.transport.hold()
        drive.get()
        await settle()
        drive.tick(2)
        drive.drain()
        assert drive.is_closed()
        assert not drive.transport.aborted


async def test_a_client_that_connects_during_a_stop_has_a_moment_to_ask() -> None:
    with Drive(hello) as drive:
        drive.drain()
        drive.connection, drive.transport = drive.connect()
        drive.tick(1)
        assert not drive.is_closed()
        answer = await drive.ask()
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        drive.connection, drive.transport = drive.connect()
        drive.tick(3)
        assert drive.is_closed()


# -- What the access log is told


async def test_each_answer_is_one_record() -> None:
    with Drive(path, access=True) as drive:
        await drive.ask("/a?b=1", "User-Agent: test")
        await drive.ask("/b", head=True, version="1.0")
        assert drive.access is not None
        first, second = drive.access.records
    assert (first.client, first.method, first.target, first.http_version) == ("127.0.0.1", "GET", "/a?b=1", "1.1")
    assert (first.status, first.response_bytes, first.scheme) == (200, 2, "http")
    assert first.request_headers == [(b"host", b"example.org"), (b"user-agent", b"test")]
    assert 0 <= first.duration < 5
    assert (second.method, second.http_version, second.status, second.response_bytes) == ("HEAD", "1.0", 200, 0)


@pytest.mark.parametrize(("started", "status"), [(False, 499), (True, 200)])
async def test_an_answer_that_the_client_did_not_wait_for(started: bool, status: int) -> None:
    async def app(scope: Any, receive: Any, send: Send) -> None:
        if started:
            await respond(send, b"some", more=True)
        await receive()
        await receive()

    with Drive(app, access=True) as drive:
        drive.get()
        await settle()
        drive.transport.lose()
        await settle()
        assert drive.access is not None
        [record] = drive.access.records
    assert (record.status, record.response_bytes) == (status, 4 if started else 0)


async def test_an_error_is_recorded_as_what_the_client_was_told() -> None:
    async def app(scope: Any, receive: Any, send: Send) -> None:
        await send({"type": "http.response.start", "status": 201, "headers": [(b"x", b"y")]})
        raise ValueError

    with Drive(app, access=True) as drive:
        assert (await drive.ask()).status == 500
        assert drive.access is not None
        [record] = drive.access.records
    assert record.status == 500
    assert (b"x", b"y") not in record.response_headers


async def test_an_access_log_that_fails_does_not_keep_applications_from_being_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    gate = Gate()
    with Drive(gate, access=True) as drive:
        assert drive.access is not None
        drive.access.log = None  # type: ignore[assignment, method-assign]
        drive.get()
        await settle()
        with pytest.raises(TypeError):
            drive.transport.lose()
        await settle()
        assert gate.received == ["http.request", "http.disconnect"]
        assert drive.connection.closed
        assert not drive.service.connections
        gate.opened.set()
        await settle()


async def test_debug_tells_of_clients_that_went(caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Any, receive: Any, send: Send) -> None:
        await receive()
        await receive()
        await respond(send)

    with Drive(app) as drive, caplog.at_level(logging.DEBUG, "bicorn"):
        drive.get("/x")
        await settle()
        drive.transport.lose()
        await settle()
    assert "the client disconnected: GET /x from 127.0.0.1:50000" in caplog.messages


# -- A connection that is gone


async def test_a_lost_connection_takes_everything_calmly() -> None:
    gate = Gate()
    with Drive(gate) as drive:
        drive.get()
        await settle()
        connection = drive.connection
        drive.transport.lose()
        connection.write(b"x")
        connection.write_piece(b"x")
        connection.want_body()
        connection.advance()
        connection.close()
        connection.linger()
        connection.abort()
        connection.hold_reading()
        connection.resume_reading()
        connection.tick(drive.service.now + 1000)
        assert drive.take() == b""
        gate.opened.set()
        await settle()
