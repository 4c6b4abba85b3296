"""ASGI applications on a WebSocket: what they are told, what they may send, how they end (ASGI WebSocket spec 2.5)."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from bicorn.errors import AppProtocolError, ClientDisconnected
from tests.driving import Drive, settle
from tests.sockets import HANDSHAKE, App, Client, closing, listen
from tests.wire.frames import masked

ACCEPT = {"type": "websocket.accept"}
CLOSE = {"type": "websocket.close"}


async def wait(receive: Any, send: Any) -> None:
    await asyncio.Event().wait()


# -- What it is told


async def test_the_scope() -> None:
    app = App()
    with Client(app, state={"pool": 1}) as client:
        await client.open("/chat%20room?a=b", "Sec-WebSocket-Protocol: chat, superchat", "Origin: http://example.org")
    scope = app.scope
    assert {name: scope[name] for name in ("type", "scheme", "path", "raw_path", "query_string", "http_version")} == {
        "type": "websocket",
        "scheme": "ws",
        "path": "/chat room",
        "raw_path": b"/chat%20room",
        "query_string": b"a=b",
        "http_version": "1.1",
    }
    assert scope["asgi"] == {"version": "3.0", "spec_version": "2.5"}
    assert scope["subprotocols"] == ["chat", "superchat"]
    assert scope["extensions"] == {"websocket.http.response": {}}
    assert scope["state"] == {"pool": 1}
    assert (b"origin", b"http://example.org") in scope["headers"]
    assert scope["client"] == ("127.0.0.1", 50000)
    assert "method" not in scope


async def test_through_tls_the_scheme_is_wss_and_the_facts_are_there() -> None:
    app = App()
    with Client(app, scheme="https") as client:
        await client.open()
    assert app.scope["scheme"] == "wss"
    assert app.scope["extensions"]["tls"]["tls_version"] == 0x0304


async def test_messages_come_in_order_text_and_bytes() -> None:
    app = App(listen)
    with Client(app) as client:
        await client.open()
        client.feed(masked(0x81, b"a") + masked(0x82, b"b") + masked(0x81, "é".encode()))
        client.close(1001, "bye")
        await settle()
    assert app.messages == [
        {"type": "websocket.receive", "text": "a"},
        {"type": "websocket.receive", "bytes": b"b"},
        {"type": "websocket.receive", "text": "é"},
        {"type": "websocket.disconnect", "code": 1001, "reason": "bye"},
    ]


async def test_messages_before_the_handshake_is_answered_wait() -> None:
    opened = asyncio.Event()
    app = App(listen)

    async def slow(scope: Any, receive: Any, send: Any) -> None:
        await opened.wait()
        await app(scope, receive, send)

    with Client(slow) as client:
        client.handshake()
        client.text("early")
        client.text("too")
        opened.set()
        await settle()
        assert [message.get("text") for message in app.messages] == ["early", "too"]


async def test_two_may_wait_for_a_message() -> None:
    got: list[Any] = []

    async def both(receive: Any, send: Any) -> None:
        async def one() -> None:
            got.append(await receive())

        await asyncio.gather(one(), one())

    with Client(App(both)) as client:
        await client.open()
        client.text("first")
        await settle()
        assert len(got) == 1
        client.text("second")
        await settle()
    assert [message["text"] for message in got] == ["first", "second"]


async def test_a_receive_that_was_given_up_loses_nothing() -> None:
    got: list[Any] = []

    async def impatient(receive: Any, send: Any) -> None:
        for _ in range(100):
            task = asyncio.ensure_future(receive())
            await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled():
                got.append(task.result())
        while (message := await receive())["type"] == "websocket.receive":
            got.append(message)

    with Client(App(impatient)) as client:
        await client.open()
        for number in range(30):
            client.text(str(number))
            await asyncio.sleep(0)
        await settle(600)
        client.close()
        await settle()
    assert [message["text"] for message in got] == [str(number) for number in range(30)]


async def test_receive_within_a_timeout() -> None:
    got: list[Any] = []

    async def patient(receive: Any, send: Any) -> None:
        try:
            await asyncio.wait_for(receive(), 0.001)
        except TimeoutError:
            got.append("nothing")
        got.append((await asyncio.wait_for(receive(), 30))["text"])

    with Client(App(patient)) as client:
        await client.open()
        while not got:
            await asyncio.sleep(0)
        client.text("late")
        await settle()
    assert got == ["nothing", "late"]


async def test_a_client_that_goes_without_a_close_frame_is_1006() -> None:
    app = App()
    with Client(app) as client:
        await client.open()
        client.transport.lose()
        await settle()
        assert app.messages == [{"type": "websocket.disconnect", "code": 1006, "reason": ""}]


async def test_a_close_frame_without_a_code_is_1005() -> None:
    app = App()
    with Client(app) as client:
        await client.open()
        client.close(None)
        await settle()
        assert app.messages == [{"type": "websocket.disconnect", "code": 1005, "reason": ""}]
        assert client.frames() == [(8, b"")]


# -- What it sends


async def test_text_and_bytes_go_out_as_they_are() -> None:
    async def talk(receive: Any, send: Any) -> None:
        await send({"type": "websocket.send", "text": "é"})
        await send({"type": "websocket.send", "bytes": b"\xff"})
        await send({"type": "websocket.send", "text": None, "bytes": bytearray(b"b")})
        await send({"type": "websocket.send", "text": "t", "bytes": None})
        await send({"type": "websocket.send", "bytes": bytes(100_000)})
        await wait(receive, send)

    with Client(App(talk)) as client:
        await client.open()
        assert await client.said() == [(1, "é".encode()), (2, b"\xff"), (2, b"b"), (1, b"t"), (2, bytes(100_000))]


async def test_accept_with_a_subprotocol_and_headers() -> None:
    app = App(subprotocol="superchat", headers=[(b"X-Room", b"1"), (b"set-cookie", b"a=b")])
    with Client(app) as client:
        await client.open("/ws", "Sec-WebSocket-Protocol: chat, superchat")
        head = client.answer_head.lower()
    assert b"\r\nsec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=\r\n" in head + b"\r\n"
    assert b"\r\nsec-websocket-protocol: superchat" in head
    assert b"\r\nx-room: 1" in head
    assert b"\r\nset-cookie: a=b" in head


@pytest.mark.parametrize(
    ("message", "mistake"),
    [
        ({"type": "websocket.send"}, "neither text nor bytes"),
        ({"type": "websocket.send", "text": "a", "bytes": b"b"}, "both text and bytes"),
        ({"type": "websocket.send", "text": b"a"}, "must be a str, not bytes"),
        ({"type": "websocket.send", "bytes": "a"}, "must be bytes, not str"),
        ({"type": "websocket.send", "text": "\ud800"}, "not Unicode"),
        ({"type": "websocket.accept"}, "'websocket.send' or 'websocket.close' is due"),
        ({"type": "http.response.start"}, "'websocket.send' or 'websocket.close' is due"),
        ({"type": "websocket.close", "code": 1005}, "cannot have the code 1005"),
        ({"type": "websocket.close", "code": 1 << 70}, "cannot have the code"),
        ({"type": "websocket.close", "code": "1000"}, "cannot have the code '1000'"),
        ({"type": "websocket.close", "reason": b"why"}, "must be a str, not bytes"),
        ("text", "a message must be a dict"),
    ],
)
async def test_mistakes_are_named_and_close_with_1011(
    message: Any, mistake: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def wrong(receive: Any, send: Any) -> None:
        await send(message)

    app = App(wrong)
    with Client(app) as client:
        await client.open()
        assert await client.said() == [closing(1011)]
    [error] = app.errors
    assert isinstance(error, AppProtocolError)
    assert mistake in str(error)
    assert "error in the ASGI application: GET /ws" in caplog.text


@pytest.mark.parametrize(
    ("accept", "mistake"),
    [
        ({"subprotocol": "other"}, "is not one the client offered"),
        ({"headers": [(b"x", b"a\r\nb")]}, "control character"),
        ({"headers": [b"x"]}, "pairs of bytes"),
        ({"headers": 5}, "pairs of bytes"),
    ],
)
async def test_a_wrong_accept_is_a_500(accept: dict[str, Any], mistake: str, caplog: pytest.LogCaptureFixture) -> None:
    with Client(App(**accept)) as client:
        client.handshake()
        await settle()
        assert client.answer().status == 500
    assert mistake in caplog.text


async def test_send_waits_for_a_client_that_does_not_read() -> None:
    sent = 0

    async def flood(receive: Any, send: Any) -> None:
        nonlocal sent
        while sent < 1000:
            await send({"type": "websocket.send", "bytes": bytes(10_000)})
            sent += 1

    with Client(App(flood)) as client:
        client.transport.hold()
        client.handshake()
        await settle(50)
        assert sent < 30
        client.transport.release()
        while sent < 1000:
            await asyncio.sleep(0)


async def test_send_after_the_client_has_gone_raises_and_the_log_is_quiet(caplog: pytest.LogCaptureFixture) -> None:
    async def deaf(receive: Any, send: Any) -> None:
        while (await receive())["type"] != "websocket.disconnect":
            pass
        await send({"type": "websocket.send", "text": "hello?"})

    app = App(deaf)
    with Client(app) as client:
        await client.open()
        client.close()
        await settle()
    assert [type(error) for error in app.errors] == [ClientDisconnected]
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


async def test_a_send_that_waits_hears_that_the_client_has_gone() -> None:
    async def flood(receive: Any, send: Any) -> None:
        while True:
            await send({"type": "websocket.send", "bytes": bytes(50_000)})

    app = App(flood)
    with Client(app) as client:
        client.transport.hold()
        client.handshake()
        await settle(20)
        client.transport.lose()
        await settle()
    assert [type(error) for error in app.errors] == [ClientDisconnected]


async def test_after_its_own_close_sending_is_a_mistake_and_receive_says_that_it_is_over() -> None:
    told: list[Any] = []

    async def leave(receive: Any, send: Any) -> None:
        await send({"type": "websocket.close", "code": 4001, "reason": "enough"})
        told.append(await receive())
        for message in (CLOSE, {"type": "websocket.send", "text": "x"}):
            with pytest.raises(AppProtocolError, match="after it had closed"):
                await send(message)

    app = App(leave)
    with Client(app) as client:
        await client.open()
        assert await client.said() == [closing(4001, "enough")]
    assert told == [{"type": "websocket.disconnect", "code": 4001, "reason": "enough"}]
    assert not app.errors


# -- How it ends


async def test_its_return_closes_with_1000() -> None:
    async def leave(receive: Any, send: Any) -> None:
        await send({"type": "websocket.send", "text": "bye"})

    with Client(App(leave)) as client:
        await client.open()
        assert await client.said() == [(1, b"bye"), closing(1000)]


async def test_its_failure_closes_with_1011_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def fail(receive: Any, send: Any) -> None:
        await receive()
        raise ValueError("no such room")

    with Client(App(fail)) as client:
        await client.open()
        client.text("x")
        assert await client.said() == [closing(1011)]
        assert not client.running
    assert "no such room" in caplog.text


async def test_a_cancelled_application_closes_with_1011(caplog: pytest.LogCaptureFixture) -> None:
    async def fall(receive: Any, send: Any) -> None:
        raise asyncio.CancelledError

    with Client(App(fall)) as client:
        await client.open()
        assert await client.said() == [closing(1011)]
    assert "cancelled, not by Bicorn" in caplog.text


# -- The handshake refused by the application


async def refuse(scope: Any, receive: Any, send: Any) -> None:
    await receive()
    await send(CLOSE)


async def test_close_before_accept_is_a_403_and_the_connection_goes_on() -> None:
    with Client(refuse) as client:
        for _ in range(2):
            client.handshake()
            await settle()
            assert client.answer().status == 403
        assert not client.is_closed()


@pytest.mark.parametrize(
    ("outcome", "status"), [(None, 403), (ValueError("no database"), 500), (asyncio.CancelledError(), 500)]
)
async def test_an_end_before_accept(outcome: Any, status: int, caplog: pytest.LogCaptureFixture) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if outcome is not None:
            raise outcome

    with Client(app) as client:
        client.handshake()
        await settle()
        assert client.answer().status == status
    assert "GET /ws from 127.0.0.1:50000" in caplog.text


async def test_a_denial_is_an_ordinary_response() -> None:
    told: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"www-authenticate", b"Basic")]
        await send({"type": "websocket.http.response.start", "status": 401, "headers": headers})
        await send({"type": "websocket.http.response.body", "body": b"who ", "more_body": True})
        await send({"type": "websocket.http.response.body", "body": b"are you?"})
        await receive()  # websocket.connect
        told.append(await receive())

    with Client(app) as client:
        client.handshake()
        await settle()
        answer = client.answer()
        assert (answer.status, answer.body) == (401, b"who are you?")
        assert answer.headers["www-authenticate"] == "Basic"
        assert not client.is_closed()
    assert told == [{"type": "websocket.disconnect", "code": 1006, "reason": ""}]


@pytest.mark.parametrize(
    ("messages", "mistake"),
    [
        ([{"type": "websocket.http.response.body"}], "'websocket.accept', 'websocket.close' or"),
        ([{"type": "websocket.send", "text": ""}], "'websocket.accept', 'websocket.close' or"),
        ([{"type": "websocket.http.response.start", "status": 101}], "must be 200 to 999"),
        ([{"type": "websocket.http.response.start", "status": 400, "headers": 7}], "pairs of bytes"),
        ([{"type": "websocket.http.response.start", "status": 400}, ACCEPT], "'websocket.http.response.body' is due"),
    ],
)
async def test_mistakes_before_the_answer_are_a_500(
    messages: list[Any], mistake: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        for message in messages:
            await send(message)

    with Client(app) as client:
        client.handshake()
        await settle()
        assert client.answer().status == 500
    assert mistake in caplog.text


async def test_a_client_that_goes_before_the_answer() -> None:
    told: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        told.append(await receive())
        told.append(await receive())
        with pytest.raises(ClientDisconnected):
            await send(ACCEPT)

    with Client(app) as client:
        client.handshake()
        await settle()
        client.transport.lose()
        await settle()
    assert [message["type"] for message in told] == ["websocket.connect", "websocket.disconnect"]
    assert told[1]["code"] == 1006


# -- What cannot be a WebSocket


async def test_a_wsgi_application_is_no_partner() -> None:
    def app(environ: Any, start_response: Any) -> Any:
        start_response("200 OK", [])
        return [b"plain"]

    with Drive(app, wsgi=True) as drive:
        drive.get("/", *HANDSHAKE)
        answer = drive.answer()
        assert answer.status == 400
        assert b"WSGI has no WebSockets" in answer.body
    with Drive(app, wsgi=True, ws="none") as drive:
        drive.get("/", *HANDSHAKE)
        assert drive.answer().body == b"plain"
