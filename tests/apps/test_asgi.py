"""ASGI applications on an exchange: what they are told, what they may send, how they end (ASGI HTTP spec 2.5)."""

from __future__ import annotations

import asyncio
import contextvars
import http
import logging
import sys
from collections.abc import Callable
from typing import Any

import pytest

from bicorn.errors import AppProtocolError, ClientDisconnected
from tests.driving import Drive, settle, until

Receive = Callable[[], Any]
Send = Callable[[dict[str, Any]], Any]

START = {"type": "http.response.start", "status": 200, "headers": []}
BODY = {"type": "http.response.body", "body": b"hello"}
eager = pytest.mark.skipif(sys.version_info < (3, 12), reason="tasks cannot start eagerly before Python 3.12")


def start(*headers: tuple[bytes, bytes], status: int = 200, **more: Any) -> dict[str, Any]:
    return {"type": "http.response.start", "status": status, "headers": list(headers), **more}


def body(data: object = b"", *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": data, "more_body": more}


async def hello(scope: Any, receive: Receive, send: Send) -> None:
    await send(START)
    await send(BODY)


async def read_all(receive: Receive) -> bytes:
    data = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnected("while its body was read")
        data += bytes(message["body"])
        if not message["more_body"]:
            return data


# -- Receiving


async def echo(scope: Any, receive: Receive, send: Send) -> None:
    data = await read_all(receive)
    await send(start())
    await send(body(data))


async def test_a_request_without_a_body_is_one_message() -> None:
    messages = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        messages.append(await receive())
        await hello(scope, receive, send)

    with Drive(app) as drive:
        await drive.ask()
    assert messages == [{"type": "http.request", "body": b"", "more_body": False}]


async def test_a_body_that_is_here_already_is_one_message() -> None:
    with Drive(echo) as drive:
        assert (await drive.ask(method="POST", body=b"all of it")).body == b"all of it"


async def test_a_body_comes_in_as_many_messages_as_the_client_takes() -> None:
    messages = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        while True:
            messages.append(await receive())
            if not messages[-1]["more_body"]:
                break
        await hello(scope, receive, send)

    with Drive(app) as drive:
        drive.feed(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\n")
        await settle()
        for piece in (b"ab", b"c", b"def"):
            drive.feed(piece)
            await settle()
        assert drive.answer().status == 200
    assert [(m["body"], m["more_body"]) for m in messages] == [(b"ab", True), (b"c", True), (b"def", False)]


async def test_a_chunked_body_and_its_end() -> None:
    with Drive(echo) as drive:
        drive.feed(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        await settle()
        drive.feed(b"3\r\nabc\r\n2;x=y\r\nde\r\n")
        await settle()
        drive.feed(b"0\r\nX-Sum: 5\r\n\r\n")
        await settle()
        assert drive.answer().body == b"abcde"


async def test_what_came_between_two_receives_is_one_message() -> None:
    go = asyncio.Event()
    messages = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await go.wait()
        messages.append(await receive())
        await hello(scope, receive, send)

    with Drive(app) as drive:
        drive.feed(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n")
        await settle()
        for byte in b"abcd":
            drive.feed(bytes([byte]))
        go.set()
        await settle()
    assert messages == [{"type": "http.request", "body": b"abcd", "more_body": False}]


async def test_after_its_body_a_request_waits_for_the_disconnect() -> None:
    messages = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        messages.extend([await receive(), await receive(), await receive()])

    with Drive(app) as drive:
        drive.get()
        await settle()
        assert len(messages) == 0
        assert len(drive.running) == 1
        drive.transport.lose()
        await settle()
    assert [message["type"] for message in messages] == ["http.request", "http.disconnect", "http.disconnect"]
    assert not drive.running


async def test_a_disconnect_takes_the_place_of_the_rest_of_a_body() -> None:
    messages = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        messages.extend([await receive(), await receive()])

    with Drive(app) as drive:
        drive.feed(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nab")
        await settle()
        drive.transport.lose(ConnectionResetError())
        await settle()
    assert [message["type"] for message in messages] == ["http.request", "http.disconnect"]


async def test_once_its_response_is_complete_an_application_receives_the_disconnect() -> None:
    messages = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await receive()
        await hello(scope, receive, send)
        messages.append(await receive())

    with Drive(app) as drive:
        await drive.ask()
        await settle()
    assert messages == [{"type": "http.disconnect"}]


async def test_whoever_waits_in_receive_is_told_that_the_response_is_complete() -> None:
    messages = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        async def listen() -> None:
            await receive()
            messages.append(await receive())

        listener = asyncio.create_task(listen())
        await asyncio.sleep(0)
        await hello(scope, receive, send)
        await listener

    with Drive(app) as drive:
        await drive.ask()
        await until(lambda: not drive.running)
    assert messages == [{"type": "http.disconnect"}]


async def test_an_application_that_does_not_read_holds_the_client_at_64_kib() -> None:
    go = asyncio.Event()
    sizes = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        while True:
            await go.wait()
            message = await receive()
            sizes.append(len(message["body"]))
            if not message["more_body"]:
                break
        await hello(scope, receive, send)

    with Drive(app) as drive:
        drive.feed(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n")
        await settle()
        drive.feed(bytes(40000))
        assert drive.reads()
        drive.feed(bytes(30000))
        assert not drive.reads()
        go.set()
        await settle()
        assert drive.reads()
        drive.feed(bytes(30000))
        await settle()
        assert drive.answer().status == 200
        assert drive.reads()
    assert sizes == [70000, 30000]


async def test_a_client_may_go_on_as_soon_as_the_application_has_what_was_here() -> None:
    go = asyncio.Event()

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await receive()
        go.set()
        await go.wait()
        await asyncio.Event().wait()

    with Drive(app) as drive:
        drive.feed(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n" + bytes(70_000))
        await until(go.is_set)
        assert drive.reads()


async def test_a_body_that_is_complete_above_64_kib_does_not_stop_the_next_request() -> None:
    with Drive(echo) as drive:
        assert len((await drive.ask(method="POST", body=bytes(200_000))).body) == 200_000
        assert drive.reads()
        assert len((await drive.ask(method="POST", body=bytes(200_000))).body) == 200_000


async def test_a_response_without_having_read_the_body_lets_the_client_go_on() -> None:
    with Drive(hello) as drive:
        drive.feed(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n" + bytes(50))
        await settle()
        assert drive.answer().status == 200
        drive.feed(bytes(50) + b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await settle()
        assert drive.answer().status == 200
        assert not drive.transport.closed


async def test_receive_can_be_a_task() -> None:
    messages = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        messages.append(await asyncio.create_task(receive()))
        waiting = asyncio.create_task(receive())
        await asyncio.wait([waiting], timeout=0)
        assert not waiting.done()
        await asyncio.create_task(send(START))
        await asyncio.create_task(send(BODY))
        messages.append(await waiting)

    with Drive(app) as drive:
        assert (await drive.ask()).body == b"hello"
        await until(lambda: not drive.running)
    assert [message["type"] for message in messages] == ["http.request", "http.disconnect"]


async def test_receive_can_be_given_a_time() -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        assert (await asyncio.wait_for(receive(), 1))["type"] == "http.request"
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(receive(), 0.001)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await receive()
        async with asyncio.timeout(1):
            await hello(scope, receive, send)

    with Drive(app) as drive:
        assert (await drive.ask()).body == b"hello"


async def test_a_message_is_not_lost_when_a_receive_is_given_up() -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        for _ in range(3):
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(receive(), 0.001)
        (drive.feed)(b"body")
        assert (await receive())["body"] == b"body"
        await hello(scope, receive, send)

    with Drive(app) as drive:
        drive.feed(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\n")
        await until(lambda: bool(drive.sent()))
        assert drive.answer().status == 200


async def test_receives_that_are_given_up_leave_nothing_behind() -> None:
    """Frameworks ask "has the client gone?" by a receive they cancel at once, in a loop that may run for hours."""

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await receive()
        await send(start())
        for _ in range(3):
            task = asyncio.create_task(receive())
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
        before = futures()
        for _ in range(50):
            task = asyncio.create_task(receive())
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
        del task
        assert futures() <= before + 1
        await send(body(b"done"))

    def futures() -> int:
        import gc

        gc.collect()
        return sum(1 for o in gc.get_objects() if isinstance(o, asyncio.Future) and not isinstance(o, asyncio.Task))

    with Drive(app) as drive:
        assert (await drive.ask()).body == b"done"


async def test_several_may_wait_in_receive() -> None:
    messages: list[dict[str, Any]] = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await receive()
        messages.extend(await asyncio.gather(receive(), receive()))

    with Drive(app) as drive:
        drive.get()
        await settle()
        drive.transport.lose()
        await settle()
    assert messages == [{"type": "http.disconnect"}] * 2


# -- Expect: 100-continue


EXPECTING = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n"


async def test_100_continue_is_sent_once_the_application_receives() -> None:
    go = asyncio.Event()

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await go.wait()
        await echo(scope, receive, send)

    with Drive(app) as drive:
        drive.feed(EXPECTING)
        await settle()
        assert drive.take() == b""
        go.set()
        await settle()
        assert drive.take() == b"HTTP/1.1 100 Continue\r\n\r\n"
        drive.feed(b"bo")
        await settle()
        assert drive.take() == b""
        drive.feed(b"dy")
        await settle()
        assert drive.answer().body == b"body"
        assert not drive.transport.closed


async def test_an_application_that_does_not_want_the_body_never_says_100() -> None:
    with Drive(hello) as drive:
        drive.feed(EXPECTING)
        await settle()
        answer = drive.answer()
        assert (answer.status, answer.informational) == (200, [])
        # Whether the body follows is the client's secret, so the connection cannot go on.
        assert drive.transport.eof or drive.transport.closed


async def test_a_client_that_did_not_wait_is_not_told_to_go_on() -> None:
    go = asyncio.Event()

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await go.wait()
        await echo(scope, receive, send)

    with Drive(app) as drive:
        drive.feed(EXPECTING)
        await settle()
        drive.feed(b"bo")
        go.set()
        await settle()
        drive.feed(b"dy")
        await settle()
        answer = drive.answer()
        assert (answer.body, answer.informational) == (b"body", [])
        assert not drive.transport.eof


async def test_no_100_follows_the_beginning_of_the_response() -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send(start())
        await send(body(b"early", more=True))
        await read_all(receive)
        await send(body())

    with Drive(app) as drive:
        drive.feed(EXPECTING)
        await settle()
        drive.feed(b"body")
        await settle()
        assert b"100 Continue" not in drive.sent()
        assert drive.answer().body == b"early"


# -- Sending


async def test_a_short_answer_is_one_write_with_its_length() -> None:
    with Drive(hello) as drive:
        drive.get()
        await settle()
        assert drive.transport.writes == [b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"]


async def test_the_head_waits_for_the_first_body() -> None:
    go = asyncio.Event()

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send(start((b"x-a", b"1")))
        await go.wait()
        await send(body(b"x"))

    with Drive(app) as drive:
        drive.get()
        await settle()
        assert drive.take() == b""
        go.set()
        await settle()
        assert drive.answer().headers == {"x-a": "1", "content-length": "1"}


async def test_a_streamed_answer_goes_out_piece_by_piece() -> None:
    step = asyncio.Event()

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send(start())
        for piece in (b"one", b"", b"two"):
            await send(body(piece, more=True))
            await step.wait()
            step.clear()
        await send(body())

    with Drive(app) as drive:
        drive.get()
        await settle()
        assert drive.take().endswith(b"\r\n\r\n3\r\none\r\n")
        step.set()
        await settle()
        assert drive.take() == b""
        step.set()
        await settle()
        assert drive.take() == b"3\r\ntwo\r\n"
        step.set()
        await settle()
        assert drive.take() == b"0\r\n\r\n"


async def test_send_waits_for_a_client_that_does_not_read() -> None:
    sent = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send(start())
        for n in range(10):
            await send(body(bytes(50_000), more=True))
            sent.append(n)
        await send(body())

    with Drive(app) as drive:
        drive.transport.hold()
        drive.get()
        await settle()
        assert len(sent) == 1  # 64 KiB wait already; the second send does not return
        drive.transport.release(100_000)
        await settle()
        assert len(sent) == 3
        drive.transport.release()
        await settle()
        assert len(drive.answer().body) == 500_000


async def test_the_last_send_does_not_wait() -> None:
    done = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send(start())
        await send(body(bytes(500_000)))
        done.append(True)

    with Drive(app) as drive:
        drive.transport.hold()
        drive.get()
        await settle()
        assert done


async def test_send_raises_when_the_client_goes_while_it_waits() -> None:
    raised = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send(start())
        try:
            await send(body(bytes(100_000), more=True))
        except OSError as error:
            raised.append(error)
            raise

    with Drive(app) as drive:
        drive.transport.hold()
        drive.get()
        await settle()
        drive.transport.lose()
        await settle()
    assert [type(error) for error in raised] == [ClientDisconnected]


async def test_send_raises_after_the_disconnect(caplog: pytest.LogCaptureFixture) -> None:
    raised = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await receive()
        await receive()
        for message in (START, BODY, START):
            try:
                await send(message)
            except OSError as error:
                raised.append(type(error))
        await send(BODY)

    with Drive(app) as drive, caplog.at_level(logging.INFO, "bicorn"):
        drive.get()
        await settle()
        drive.transport.lose()
        await settle()
    assert raised == [ClientDisconnected] * 3
    assert caplog.messages == []  # that an application ends with this error is what the spec asks for


@pytest.mark.parametrize("wrap", ["chain", "group"])
async def test_a_framework_may_wrap_the_disconnect_without_noise(caplog: pytest.LogCaptureFixture, wrap: str) -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await receive()
        await receive()
        if wrap == "group":
            async with asyncio.TaskGroup() as group:
                group.create_task(respond(send))
        else:
            try:
                await send(START)
            except OSError:
                raise RuntimeError("ClientDisconnect")

    async def respond(send: Send) -> None:
        await send(START)

    with Drive(app) as drive, caplog.at_level(logging.INFO, "bicorn"):
        drive.get()
        await settle()
        drive.transport.lose()
        await settle()
        assert not drive.running
    assert caplog.messages == []


async def test_another_error_after_the_disconnect_is_told(caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await receive()
        await receive()
        raise ValueError("a mistake in the clean-up")

    with Drive(app) as drive:
        drive.get()
        await settle()
        drive.transport.lose()
        await settle()
    assert caplog.messages == ["error in the ASGI application: GET / from 127.0.0.1:50000"]


async def test_a_stream_without_end_is_ended_by_the_client() -> None:
    """Though its application never waits for anything but send()."""
    pieces = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send(start())
        while True:
            pieces.append(await send(body(bytes(50_000), more=True)))
            if len(pieces) == 5:
                drive.loop.call_soon(drive.transport.lose)

    with Drive(app) as drive:
        drive.get()
        await until(lambda: drive.connection.closed and not drive.running)
    assert 5 <= len(pieces) < 50


async def test_a_head_request_is_answered_without_a_body() -> None:
    with Drive(hello) as drive:
        answer = await drive.ask(head=True)
        assert (answer.headers, answer.body) == ({"content-length": "5"}, b"")
        assert (await drive.ask()).body == b"hello"


async def test_buffers_other_than_bytes_can_be_sent() -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": http.HTTPStatus.CREATED, "headers": [[b"x-a", b"1"]]})
        await send(body(bytearray(b"ab"), more=True))
        await send(body(memoryview(b"cd")))

    with Drive(app) as drive:
        answer = await drive.ask()
        assert (answer.status, answer.body, answer.headers["x-a"]) == (201, b"abcd", "1")


async def test_messages_may_be_any_mapping_and_leave_out_what_has_a_default() -> None:
    import types

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send(types.MappingProxyType({"type": "http.response.start", "status": 200}))  # type: ignore[arg-type]
        await send(types.MappingProxyType({"type": "http.response.body"}))  # type: ignore[arg-type]

    with Drive(app) as drive:
        assert (await drive.ask()).body == b""


# -- The application's mistakes


def out_of_order(kind: str, due: str) -> str:
    return f"the application sent '{kind}' where '{due}' is due"


MISTAKES: list[tuple[list[Any], str]] = [
    ([BODY], out_of_order("http.response.body", "http.response.start")),
    ([START, START], out_of_order("http.response.start", "http.response.body")),
    ([{"type": "http.response.trailers"}], out_of_order("http.response.trailers", "http.response.start")),
    ([START, {"type": "http.response.trailers"}], out_of_order("http.response.trailers", "http.response.body")),
    ([{"type": "websocket.accept"}], "the application sent an unknown message type: 'websocket.accept'"),
    ([{"status": 200}], "the application sent a message without a type: {'status': 200}"),
    ([{"type": "http.response.start"}], "the response status must be an int, not NoneType: None"),
    ([start(status=101)], "the response status must be 200 to 999, not 101"),
    ([{**START, "status": "200"}], "the response status must be an int, not str: '200'"),
    ([{**START, "headers": None}], "the response headers must be an iterable of (name, value) pairs of bytes"),
    ([{**START, "headers": [b"x-a: 1"]}], "the response headers must be an iterable of (name, value) pairs of bytes"),
    ([{**START, "headers": [("x-a", "1")]}], "a response header's name must be bytes, not str: 'x-a'"),
    ([start((b"x-a", b"1\r\nset-cookie: x"))], "the response header b'x-a' has a control character in its value"),
    ([start((b"x a", b"1"))], "the response header name b'x a' is not a token"),
    ([start((b"content-length", b"x"))], "the response header content-length is not a number: b'x'"),
    ([START, {**BODY, "body": "text"}], "a response body must be bytes, not str"),
    ([START, {**BODY, "body": None}], "a response body must be bytes, not NoneType"),
    ([start((b"content-length", b"4")), BODY], "the response body is 1 bytes longer than its content-length"),
    ([start((b"content-length", b"9")), BODY], "the response body is 4 bytes shorter than its content-length"),
    ([start(status=204), BODY], "a 204 response must not have a body"),
    ([start(status=304), BODY], "a 304 response must not have a body"),
]


@pytest.mark.parametrize(("messages", "reason"), MISTAKES, ids=[reason for _, reason in MISTAKES])
async def test_a_mistake_is_named_and_answered_with_500(
    caplog: pytest.LogCaptureFixture, messages: list[Any], reason: str
) -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    with Drive(app) as drive:
        answer = await drive.ask()
        assert (answer.status, answer.body) == (500, b"Internal Server Error\n")
        assert answer.headers == {"content-type": "text/plain; charset=utf-8", "content-length": "22"}
        assert not drive.transport.closed
    [record] = caplog.records
    assert record.exc_info is not None
    error = record.exc_info[1]
    assert isinstance(error, AppProtocolError)
    assert str(error).startswith(reason)
    assert record.getMessage() == "error in the ASGI application: GET / from 127.0.0.1:50000"


async def test_a_mistake_can_be_caught_and_mended() -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        for mistake in (BODY, start(status=42), start((b"x", b"\n"))):
            with pytest.raises(AppProtocolError):
                await send(mistake)
        await send(START)
        with pytest.raises(AppProtocolError):
            await send({**BODY, "body": "text"})
        await send(BODY)

    with Drive(app) as drive:
        assert (await drive.ask()).body == b"hello"


@pytest.mark.parametrize("message", [START, BODY, {"type": "http.response.trailers"}], ids=lambda m: m["type"])
async def test_a_message_after_the_end_raises(caplog: pytest.LogCaptureFixture, message: dict[str, Any]) -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await hello(scope, receive, send)
        await send(message)

    with Drive(app) as drive:
        assert (await drive.ask()).body == b"hello"
        assert (await drive.ask()).body == b"hello"  # the connection is not to blame
        await until(lambda: not drive.running)
    assert len(caplog.records) == 2
    info = caplog.records[0].exc_info
    assert info is not None
    assert str(info[1]) == f"the application sent '{message['type']}' after its response was complete"


async def test_more_body_than_announced_cuts_a_response_that_has_begun() -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send(start((b"content-length", b"6")))
        await send(body(b"abcd", more=True))
        await asyncio.sleep(0)
        await send(body(b"efgh"))

    with Drive(app) as drive:
        drive.get()
        await settle()
        assert drive.take().endswith(b"abcd")
        assert drive.transport.aborted


# -- How applications end


async def test_an_exception_before_the_start_is_a_500(caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        raise ValueError("boom")

    with Drive(app) as drive:
        assert (await drive.ask("/x")).status == 500
        assert (await drive.ask("/x")).status == 500
        assert not drive.running
    assert caplog.messages == ["error in the ASGI application: GET /x from 127.0.0.1:50000"] * 2
    assert "boom" in caplog.text


async def test_an_exception_after_the_start_message_is_a_500_too_since_nothing_was_sent() -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send(start((b"content-length", b"5"), (b"x-secret", b"1")))
        raise ValueError("boom")

    with Drive(app) as drive:
        answer = await drive.ask()
        assert answer.status == 500
        assert "x-secret" not in answer.headers


async def test_an_exception_in_the_middle_of_the_body_cuts_the_connection() -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send(START)
        await send(body(b"half", more=True))
        raise ValueError("boom")

    with Drive(app, access=True) as drive:
        drive.get()
        await settle()
        assert drive.transport.aborted
        assert not drive.sent().endswith(b"0\r\n\r\n")  # the client must not take it for complete
        drive.transport.lose()
        assert drive.access is not None
        assert [record.status for record in drive.access.records] == [200]


async def test_an_exception_after_the_response_is_told_and_hurts_nobody(caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await hello(scope, receive, send)
        await asyncio.sleep(0)
        raise ValueError("in the background")

    with Drive(app) as drive:
        assert (await drive.ask()).body == b"hello"
        await settle()
        assert (await drive.ask()).body == b"hello"
        await settle()
        assert not drive.running
    assert len(caplog.messages) == 2


async def test_returning_without_a_response_is_a_500(caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await receive()

    with Drive(app) as drive:
        assert (await drive.ask()).status == 500
    assert caplog.messages == ["the ASGI application returned without sending a response: GET / from 127.0.0.1:50000"]


async def test_returning_in_the_middle_cuts_the_connection(caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send(START)
        await send(body(b"half", more=True))

    with Drive(app) as drive:
        drive.get()
        await settle()
        assert drive.transport.aborted
    assert "returned without completing its response" in caplog.text


async def test_returning_after_the_start_message_alone_is_a_500() -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await send(START)

    with Drive(app) as drive:
        assert (await drive.ask()).status == 500


async def test_an_application_that_returns_before_the_client_is_gone_is_no_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await receive()
        await receive()

    with Drive(app) as drive:
        drive.get()
        await settle()
        drive.transport.lose()
        await settle()
    assert caplog.messages == []


async def test_an_application_that_is_cancelled_by_its_own_doing(caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await asyncio.sleep(0)
        raise asyncio.CancelledError

    with Drive(app) as drive:
        assert (await drive.ask()).status == 500
    assert caplog.messages == ["the ASGI application was cancelled, not by Bicorn: GET / from 127.0.0.1:50000"]


async def test_the_server_can_cancel_an_application(caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await asyncio.Event().wait()

    with Drive(app) as drive:
        drive.get()
        await settle()
        [exchange] = drive.running
        exchange.cancel()
        await settle()
        assert drive.answer().status == 500
        assert not drive.running
        exchange.cancel()  # there is nothing left to cancel
    assert caplog.messages == []


async def test_an_application_that_is_no_coroutine_function() -> None:
    class Awaitable:
        def __init__(self, send: Send) -> None:
            self.send = send

        def __await__(self) -> Any:
            yield from self.send(START).__await__()
            yield from self.send(BODY).__await__()

    def app(scope: Any, receive: Receive, send: Send) -> Any:
        return Awaitable(send)

    with Drive(app) as drive:
        assert (await drive.ask()).body == b"hello"


@pytest.mark.parametrize("app", [lambda scope, receive, send: None, lambda scope: None], ids=["None", "TypeError"])
async def test_an_application_that_cannot_be_awaited_or_called(
    caplog: pytest.LogCaptureFixture, app: Callable[..., Any]
) -> None:
    with Drive(app) as drive:
        assert (await drive.ask()).status == 500
    assert "TypeError" in caplog.text


# -- Where it runs


@eager
async def test_a_view_that_never_waits_is_answered_before_data_received_returns() -> None:
    with Drive(hello) as drive:
        drive.get()
        assert drive.answer().body == b"hello"
        assert not drive.running


@eager
async def test_an_application_gets_the_body_that_came_with_its_head_without_a_turn() -> None:
    with Drive(echo) as drive:
        drive.get(method="POST", body=b"here")
        assert drive.answer().body == b"here"


async def test_an_application_that_waits_is_counted_until_it_returns() -> None:
    go = asyncio.Event()

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        await hello(scope, receive, send)
        await go.wait()

    with Drive(app) as drive:
        await drive.ask()
        assert len(drive.running) == 1
        await drive.ask()
        assert len(drive.running) == 2  # the first one's background work does not keep the second from being served
        go.set()
        await settle()
        assert not drive.running


async def test_the_current_task_is_the_requests_own() -> None:
    tasks = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        tasks.append(asyncio.current_task())
        await asyncio.sleep(0)
        tasks.append(asyncio.current_task())
        await hello(scope, receive, send)

    with Drive(app) as drive:
        outside = asyncio.current_task()
        await drive.ask()
        assert asyncio.current_task() is outside
        await drive.ask()
    assert tasks[0] is tasks[1]
    assert tasks[2] is tasks[3]
    assert len({id(task) for task in [*tasks, outside]}) == 3
    assert None not in tasks


variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


async def test_each_request_has_a_context_of_its_own() -> None:
    seen = []

    async def app(scope: Any, receive: Receive, send: Send) -> None:
        seen.append(variable.get())
        variable.set(scope["path"])
        await asyncio.sleep(0)
        seen.append(variable.get())
        await hello(scope, receive, send)

    variable.set("of the start-up")
    with Drive(app) as drive:
        await drive.ask("/1")
        await drive.ask("/2")
    assert seen == ["of the start-up", "/1", "of the start-up", "/2"]
    assert variable.get() == "of the start-up"


async def test_what_an_application_sets_when_it_is_called_does_not_leak_either() -> None:
    seen = []

    def app(scope: Any, receive: Receive, send: Send) -> Any:
        seen.append(variable.get())
        variable.set(scope["path"])
        return hello(scope, receive, send)

    with Drive(app) as drive:
        await drive.ask("/1")
        await drive.ask("/2")
    assert seen == ["unset", "unset"]
    assert variable.get() == "unset"
