"""A connection's deadlines, in made-up time, and how it ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from tests.driving import Drive, settle

Send = Callable[[dict[str, Any]], Any]
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"


@pytest.fixture(autouse=True)
def quiet(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "bicorn")
    return caplog


async def respond(send: Send, body: bytes = b"hello", *, more: bool = False) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body, "more_body": more})


async def hello(scope: Any, receive: Any, send: Send) -> None:
    await respond(send)


async def large(scope: Any, receive: Any, send: Send) -> None:
    await respond(send, bytes(1_000_000))


async def reading(scope: Any, receive: Any, send: Send) -> None:
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        size += len(message["body"])
        if not message["more_body"]:
            return await respond(send, b"%d" % size)


class Waits:
    """An application that reads and answers when it is told to."""

    def __init__(self) -> None:
        self.go = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Send) -> None:
        await self.go.wait()
        await reading(scope, receive, send)


# -- Idle


async def test_an_idle_connection_is_closed_at_the_keep_alive_deadline(caplog: pytest.LogCaptureFixture) -> None:
    with Drive(hello, timeout_keep_alive=75) as drive:
        drive.pass_time(40)
        await drive.ask()
        drive.pass_time(74)
        assert not drive.is_closed()
        drive.pass_time(2)
        assert drive.is_closed()
        assert not drive.transport.aborted
        assert drive.take() == b""
    assert caplog.messages == []


async def test_a_connection_that_never_asks_is_closed_too() -> None:
    with Drive(hello, timeout_keep_alive=5) as drive:
        drive.pass_time(4)
        assert not drive.is_closed()
        drive.pass_time(2)
        assert drive.is_closed()


async def test_no_deadline_is_no_deadline() -> None:
    none = {"timeout_keep_alive": 0, "timeout_request_head": 0, "timeout_request_body": 0, "timeout_write": 0}
    with Drive(reading, min_body_rate=0, **none) as drive:
        drive.pass_time(100_000, 100)
        drive.feed(b"POST / HT")
        drive.pass_time(100_000, 100)
        drive.feed(b"TP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n")
        drive.pass_time(100_000, 100)
        drive.transport.hold()
        drive.feed(b"x")
        await settle()
        drive.pass_time(100_000, 100)
        assert not drive.is_closed()


@pytest.mark.parametrize("keep_alive", [5, 75])
async def test_a_client_that_reads_a_large_answer_slowly_is_not_taken_for_idle(keep_alive: int) -> None:
    with Drive(large, timeout_keep_alive=keep_alive, timeout_write=30) as drive:
        drive.transport.hold()
        drive.get()
        await settle()
        for _ in range(99):
            drive.pass_time(10)
            drive.transport.release(10_000)
        assert not drive.is_closed()
        drive.transport.release()
        for _ in range(2 * keep_alive):
            if not drive.is_closed():
                drive.pass_time(1)
        assert drive.is_closed()
        assert not drive.transport.aborted


# -- A head


async def test_a_head_has_a_deadline_however_its_bytes_trickle(caplog: pytest.LogCaptureFixture) -> None:
    with Drive(hello, timeout_request_head=10) as drive:
        drive.feed(b"G")
        for byte in b"ET / HTTP":
            drive.tick(1)
            drive.feed(bytes([byte]))
        assert drive.take() == b""
        drive.tick(1)
        answer = drive.answer()
        assert (answer.status, answer.headers["connection"]) == (408, "close")
        assert drive.transport.eof
    assert caplog.messages == ["408 to 127.0.0.1:50000: no complete head within 10 s"]


async def test_the_deadline_of_a_head_counts_from_its_own_first_byte() -> None:
    with Drive(hello, timeout_request_head=10) as drive:
        drive.pass_time(60)
        drive.feed(GET[:5])
        for _ in range(5):
            drive.pass_time(6)
            drive.feed(GET[5:] + GET[:5])
            await settle()
            assert drive.answer().status == 200
        drive.pass_time(9)
        assert not drive.sent()
        drive.pass_time(2)
        assert drive.answer().status == 408


async def test_a_head_that_waits_behind_an_answer_has_time_after_it() -> None:
    app = Waits()
    with Drive(app, timeout_request_head=10) as drive:
        drive.get()
        await settle()
        drive.feed(GET[:5])
        drive.pass_time(60)
        app.go.set()
        await settle()
        assert drive.answer().status == 200
        drive.pass_time(9)
        drive.feed(GET[5:])
        await settle()
        assert drive.answer().status == 200


# -- A body


async def test_a_body_may_pause_only_so_long(caplog: pytest.LogCaptureFixture) -> None:
    with Drive(reading, timeout_request_body=30, min_body_rate=0, access=True) as drive:
        drive.feed(POST % 10)
        await settle()
        for _ in range(5):
            drive.pass_time(29)
            drive.feed(b"x")
            await settle()
        drive.pass_time(29)
        assert not drive.sent()
        drive.pass_time(2)
        await settle()
        assert drive.answer().status == 408
        assert not drive.running
        assert drive.access is not None
        assert [record.status for record in drive.access.records] == [408]
    assert caplog.messages == ["408 to 127.0.0.1:50000: no body for 30 s"]


async def test_a_body_that_pauses_after_the_response_has_begun_cuts_it() -> None:
    async def app(scope: Any, receive: Any, send: Send) -> None:
        await respond(send, b"some", more=True)
        await reading(scope, receive, send)

    with Drive(app, timeout_request_body=30) as drive:
        drive.feed(POST % 10)
        await settle()
        drive.pass_time(31)
        assert drive.transport.aborted
        await settle()


async def test_a_body_has_a_least_rate(caplog: pytest.LogCaptureFixture) -> None:
    with Drive(reading, min_body_rate=240) as drive:
        drive.feed(POST % 1_000_000)
        await settle()
        for second in range(1, 21):
            drive.feed(bytes(200))  # enough with the five seconds that do not count
            await settle()
            drive.pass_time(1)
            assert not drive.sent(), second
        for _ in range(15):
            drive.feed(bytes(200))
            await settle()
            drive.pass_time(1)
        assert drive.answer().status == 408
    assert caplog.messages == ["408 to 127.0.0.1:50000: the body comes slower than 240 bytes/s"]


async def test_the_least_rate_holds_without_a_deadline_too() -> None:
    with Drive(reading, min_body_rate=240, timeout_request_body=0) as drive:
        drive.feed(POST % 1_000_000)
        await settle()
        drive.pass_time(4)
        assert not drive.sent()
        drive.pass_time(4)
        assert drive.answer().status == 408


async def test_a_body_that_comes_well_has_all_the_time_it_needs() -> None:
    with Drive(reading) as drive:
        drive.feed(POST % 300_000)
        await settle()
        for _ in range(300):
            drive.tick(1)
            drive.feed(bytes(1000))
            await settle()
        assert drive.answer().body == b"300000"


async def test_how_long_an_application_takes_to_read_is_not_the_clients_fault() -> None:
    app = Waits()
    with Drive(app) as drive:
        drive.feed(POST % 80_000)
        await settle()
        drive.feed(bytes(70_000))
        assert not drive.reads()
        drive.pass_time(1000)
        app.go.set()
        await settle()
        drive.pass_time(10)  # the rate is taken anew from here on
        assert not drive.sent() or drive.answer().status == 408
        drive.feed(bytes(10_000))
        await settle()


async def test_the_rate_is_taken_anew_once_the_application_reads_on() -> None:
    app = Waits()
    with Drive(app) as drive:
        drive.feed(POST % 80_000)
        await settle()
        drive.feed(bytes(70_000))
        drive.pass_time(1000)
        app.go.set()
        await settle()
        drive.pass_time(4)
        drive.feed(bytes(10_000))
        await settle()
        assert drive.answer().body == b"80000"


async def test_a_client_that_was_not_told_to_continue_has_no_deadline_yet() -> None:
    app = Waits()
    with Drive(app) as drive:
        drive.feed(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n")
        await settle()
        drive.pass_time(1000)
        assert not drive.sent()
        app.go.set()
        await settle()
        assert drive.take() == b"HTTP/1.1 100 Continue\r\n\r\n"
        drive.pass_time(4)
        assert not drive.sent()
        drive.pass_time(27)
        assert drive.answer().status == 408


async def test_asking_again_and_again_does_not_move_the_deadline() -> None:
    async def app(scope: Any, receive: Any, send: Send) -> None:
        while True:
            waiting = asyncio.create_task(receive())
            await asyncio.wait([waiting], timeout=0)
            if waiting.done():
                return
            waiting.cancel()

    with Drive(app, timeout_request_body=30, min_body_rate=0) as drive:
        drive.feed(POST % 4)
        for _ in range(40):
            await settle(10)
            drive.tick(1)
        assert drive.answer().status == 408
        await settle(20)


@pytest.mark.parametrize("rate", [0, 240])
async def test_the_rest_of_an_unread_body_has_a_deadline_and_no_second_answer(rate: int) -> None:
    with Drive(hello, min_body_rate=rate) as drive:
        drive.feed(POST % 1000)
        await settle()
        assert drive.answer().status == 200
        drive.pass_time(31)
        assert drive.take() == b""
        assert drive.transport.eof


async def test_the_rest_of_an_unread_body_may_come_at_its_rate() -> None:
    with Drive(hello) as drive:
        drive.feed(POST % 20_000)
        await settle()
        assert drive.answer().status == 200
        for _ in range(40):
            drive.feed(bytes(500))
            drive.pass_time(1)
        drive.feed(GET)
        await settle()
        assert drive.answer().status == 200


# -- The application


async def test_an_application_has_no_deadline() -> None:
    app = Waits()
    with Drive(app) as drive:
        for request in (GET, POST % 4 + b"body"):
            app.go.clear()
            drive.feed(request)
            await settle()
            drive.pass_time(10_000, 10)
            app.go.set()
            await settle()
            assert drive.answer().status == 200


async def test_the_deadline_of_a_body_is_over_with_the_body() -> None:
    app = Waits()
    with Drive(app) as drive:
        drive.feed(POST % 4)
        await settle()
        drive.feed(b"body")
        drive.pass_time(10_000, 10)
        app.go.set()
        await settle()
        assert drive.answer().body == b"4"


# -- Writing


CUT = "connection from 127.0.0.1:50000 cut: it has read nothing for 30 s (timeout-write)"


async def stream(scope: Any, receive: Any, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    for _ in range(1000):
        await send({"type": "http.response.body", "body": bytes(50_000), "more_body": True})


def wsgi_stream(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [])
    return (bytes(50_000) for _ in range(1000))


@pytest.mark.parametrize("wsgi", [False, True])
@pytest.mark.parametrize("scheme", ["http", "https"])
async def test_a_client_that_reads_nothing_is_cut(quiet: pytest.LogCaptureFixture, wsgi: bool, scheme: str) -> None:
    with Drive(wsgi_stream if wsgi else stream, wsgi=wsgi, scheme=scheme, timeout_write=30) as drive:
        drive.transport.hold()
        drive.get()
        await settle()
        drive.pass_time(29)
        assert not drive.is_closed()
        drive.pass_time(2)
        assert drive.transport.aborted
        drive.transport.lose()
        await settle()
        assert not drive.running
    assert quiet.messages == [CUT]


async def test_a_client_that_reads_a_little_is_not_cut() -> None:
    with Drive(stream, timeout_write=30) as drive:
        drive.transport.hold()
        drive.get()
        await settle()
        for _ in range(20):
            drive.pass_time(20)
            drive.transport.release(10)
        assert not drive.is_closed()
        drive.pass_time(40)
        assert drive.transport.aborted
        drive.transport.lose()
        await settle()


async def test_a_client_that_always_lags_by_the_same_is_not_cut() -> None:
    """What waits is then as much at every look, though the client takes what it is given."""
    go = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Send) -> None:
        await respond(send, bytes(80_000), more=True)
        while True:
            await go.wait()
            go.clear()
            await send({"type": "http.response.body", "body": bytes(1000), "more_body": True})

    with Drive(app, timeout_write=30) as drive:
        drive.transport.hold()
        drive.get()
        await settle()
        drive.transport.release(70_000)
        drive.pass_time(1)
        before = drive.connection.unsent()
        for _ in range(100):
            go.set()
            await settle()
            drive.transport.release(1000 + 8)
            drive.pass_time(1)
        assert abs(drive.connection.unsent() - before) < 1000
        assert not drive.is_closed()
        drive.pass_time(31)
        assert drive.transport.aborted


async def test_a_client_that_stalls_in_the_last_kilobytes_is_cut_too() -> None:
    with Drive(hello, timeout_write=30, timeout_keep_alive=5) as drive:
        drive.transport.hold()
        drive.get()
        await settle()
        drive.pass_time(40)
        assert drive.transport.aborted


async def test_a_client_that_has_caught_up_is_left_alone() -> None:
    app_go = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Send) -> None:
        await respond(send, bytes(100_000), more=True)
        await app_go.wait()
        await send({"type": "http.response.body"})

    with Drive(app, timeout_write=30) as drive:
        drive.transport.hold()
        drive.get()
        await settle()
        drive.pass_time(20)
        drive.transport.release()
        drive.pass_time(1000)
        assert not drive.is_closed()
        app_go.set()
        await settle()
        assert len(drive.answer().body) == 100_000


# -- Closing


async def test_closing_waits_for_a_client_that_reads_slowly() -> None:
    with Drive(large, timeout_write=30) as drive:
        drive.transport.hold()
        drive.get("/", "Connection: close")
        await settle()
        assert drive.is_closed()
        for _ in range(90):
            drive.pass_time(10)
            drive.transport.release(10_000)
            assert not drive.transport.aborted
        drive.pass_time(40)
        assert drive.transport.aborted


async def test_closing_does_not_wait_for_a_client_that_reads_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with Drive(hello, timeout_write=30) as drive:
        drive.transport.hold()
        drive.get("/", "Connection: close")
        await settle()
        drive.pass_time(31)
        assert not drive.transport.aborted
        drive.pass_time(2)
        assert drive.transport.aborted
    assert caplog.messages == [CUT]


async def test_closing_does_not_wait_for_a_peer_that_never_closes_its_side() -> None:
    """As most do not, through TLS."""
    with Drive(hello, scheme="https") as drive:
        drive.get("/", "Connection: close")
        await settle()
        assert drive.is_closed()
        drive.pass_time(1.5)
        assert not drive.transport.aborted
        drive.pass_time(1.5)
        assert drive.transport.aborted


async def test_closing_looks_twice_before_it_aborts() -> None:
    """A TLS transport holds bytes that show nowhere while the kernel's buffer is empty for a moment."""
    with Drive(large, scheme="https", timeout_write=0) as drive:
        drive.transport.hold()
        drive.get("/", "Connection: close")
        await settle()
        drive.pass_time(3)
        drive.transport.release()
        drive.tick(2)
        assert not drive.transport.aborted
        drive.pass_time(3)
        assert drive.transport.aborted


async def test_lingering_ends_in_closing() -> None:
    with Drive(hello) as drive:
        drive.feed(b"nonsense\r\n\r\n")
        assert drive.transport.eof
        assert not drive.is_closed()
        drive.pass_time(1.5)
        assert not drive.is_closed()
        drive.pass_time(1)
        assert drive.is_closed()
        assert not drive.transport.aborted


async def test_lingering_waits_for_a_client_that_reads_slowly() -> None:
    with Drive(large) as drive:
        drive.transport.hold()
        drive.feed(POST % 10_000_000)
        await settle()
        drive.feed(bytes(100_000))
        assert drive.transport.eof
        for _ in range(20):
            drive.pass_time(10)
            drive.transport.release(10_000)
            assert not drive.is_closed()
        drive.transport.release()
        drive.pass_time(3)
        assert drive.is_closed()
        assert not drive.transport.aborted


async def test_a_peer_that_has_gone_may_make_the_half_close_fail() -> None:
    with Drive(hello) as drive:

        def fail() -> None:
            raise OSError(107, "Transport endpoint is not connected")

        drive.transport.write_eof = fail  # type: ignore[method-assign]
        drive.feed(b"nonsense\r\n\r\n")
        assert drive.answer().status == 400


async def test_what_an_idle_connection_keeps_is_little() -> None:
    with Drive(reading) as drive:
        await drive.ask(method="POST", body=bytes(50_000))
        drive.tick(1)
        assert drive.connection.http.buffered() == 0
        assert drive.connection.is_idle()
