"""WebSocket connections: frames in and out, pings, deadlines, back-pressure, and how they end."""

from __future__ import annotations

import asyncio
import logging
import sys
import tracemalloc
import zlib
from typing import Any

import pytest

from bicorn.observe.scoreboard import Scoreboard
from tests.driving import Drive, settle
from tests.sockets import HANDSHAKE, App, Client, closing, listen
from tests.wire.frames import masked

DEFLATE = "Sec-WebSocket-Extensions: permessage-deflate"


async def wait(receive: Any, send: Any) -> None:
    await asyncio.Event().wait()


# -- The handshake


async def test_what_is_no_handshake_is_refused_with_the_reason(caplog: pytest.LogCaptureFixture) -> None:
    with Drive(App()) as drive:
        drive.get("/", "Connection: upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13")
        answer = drive.answer()
        assert answer.status == 400
        assert b"Sec-WebSocket-Key" in answer.body
    assert "Sec-WebSocket-Key" in caplog.text


async def test_another_version_is_told_which_would_do() -> None:
    with Drive(App()) as drive:
        drive.get("/", *HANDSHAKE[:2], "Sec-WebSocket-Version: 8", HANDSHAKE[3])
        answer = drive.answer()
        assert answer.status == 426
        assert answer.headers["sec-websocket-version"] == "13"
        assert answer.headers["upgrade"] == "websocket"


async def http(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": scope["type"].encode()})


@pytest.mark.parametrize(("field", "ws"), [("Upgrade: h2c", "auto"), ("Upgrade: websocket", "none")])
async def test_other_upgrades_are_ignored(field: str, ws: str) -> None:
    with Drive(http, ws=ws) as drive:
        drive.get("/", "Connection: Upgrade", field, *HANDSHAKE[2:])
        await settle()  # on Python 3.11 tasks do not start eagerly
        assert drive.answer().body == b"http"


async def test_an_ordinary_request_may_come_before() -> None:
    async def both(scope: Any, receive: Any, send: Any) -> None:
        await (http if scope["type"] == "http" else App())(scope, receive, send)

    with Client(both) as client:
        client.get("/")
        await settle()
        assert client.answer().body == b"http"
        await client.open()
        client.text("hello")
        assert await client.said() == [(1, b"hello")]
        assert len(client.service.connections) == 1


async def test_limit_concurrency_counts_websockets() -> None:
    with Client(App(), limit_concurrency=1) as client:
        await client.open()
        client.connection, client.transport = client.connect()
        client.handshake()
        assert client.answer().status == 503


# -- Messages


async def test_answers_of_one_turn_go_out_together() -> None:
    with Client(App()) as client:
        await client.open()
        client.service.batch.straight = 0
        client.text("a", "b", "c")
        assert client.transport.writes == []
        await settle()
        assert len(client.transport.writes) == 1
        assert client.frames() == [(1, b"a"), (1, b"b"), (1, b"c")]


async def test_a_lone_client_is_answered_where_its_bytes_arrive() -> None:
    with Client(App()) as client:
        await client.open()
        done: list[Any] = []
        client.loop.call_soon(lambda: (client.text("now"), done.append(client.frames())))
        await settle()
        assert done == [[(1, b"now")]]


async def test_every_way_to_cut_a_message() -> None:
    data = masked(0x01, b"one ") + masked(0x89, b"?") + masked(0x80, "méssage".encode()) + masked(0x82, bytes(300))
    for size in (1, 2, 3, 7, 100):
        with Client(App()) as client:
            await client.open()
            for start in range(0, len(data), size):
                client.feed(data[start : start + size])
            assert await client.said() == [(10, b"?"), (1, "one méssage".encode()), (2, bytes(300))]


async def test_compressed_both_ways() -> None:
    app = App()
    with Client(app) as client:
        await client.open("/ws", DEFLATE)
        assert b"permessage-deflate" in client.answer_head
        text = b"again and " * 100
        stream = zlib.compressobj(wbits=-15)
        client.feed(masked(0xC1, (stream.compress(text) + stream.flush(zlib.Z_SYNC_FLUSH))[:-4]))
        [(kind, payload)] = await client.said()
        assert kind == 0x41
        assert len(payload) < 100
        assert zlib.decompressobj(-15).decompress(payload + b"\0\0\xff\xff") == text
        client.text("short ones are not")
        assert await client.said() == [(1, b"short ones are not")]


async def test_compression_can_be_turned_off() -> None:
    with Client(App(), ws_per_message_deflate=False) as client:
        await client.open("/ws", DEFLATE)
        assert b"permessage-deflate" not in client.answer_head


# -- Back-pressure


async def test_no_more_is_read_than_the_application_takes() -> None:
    go = asyncio.Event()
    app = App()

    async def slow(receive: Any, send: Any) -> None:
        await go.wait()
        await app.listen(receive, send)

    app.then = slow
    with Client(app, ws_max_queue=4) as client:
        await client.open()
        sent = 0
        while client.reads():
            client.binary(bytes(1000))
            sent += 1
            assert sent < 200
        assert sent > 60
        go.set()
        await settle()
        assert client.reads()
        client.close()
        await settle()
        assert len(app.messages) == sent + 1


async def test_large_messages_count_by_their_bytes() -> None:
    async def none(receive: Any, send: Any) -> None:
        await wait(receive, send)

    with Client(App(none)) as client:
        await client.open()
        for _ in range(4):
            client.binary(bytes(70_000))
        assert not client.reads()


async def test_a_close_frame_behind_many_messages_is_seen_once_they_are_taken() -> None:
    app = App(listen)
    with Client(app, ws_max_queue=1) as client:
        await client.open()
        client.feed(b"".join(masked(0x81, b"%d" % number) for number in range(100)) + masked(0x88, b"\x03\xe8"))
        await settle()
        assert [message.get("text") for message in app.messages[:-1]] == [str(number) for number in range(100)]
        assert app.messages[-1]["code"] == 1000


@pytest.mark.parametrize("close", [b"", masked(0x88, b"\x03\xe8"), masked(0x83)])
async def test_messages_behind_a_full_queue_are_not_lost_with_the_connection(close: bytes) -> None:
    go = asyncio.Event()
    app = App()

    async def slow(receive: Any, send: Any) -> None:
        await go.wait()
        with pytest.raises(OSError, match="disconnected"):
            await send({"type": "websocket.send", "text": "too late"})
        await app.listen(receive, send)

    app.then = slow
    with Client(app, ws_max_queue=2) as client:
        await client.open()
        client.feed(b"".join(masked(0x81, b"%d" % number) for number in range(20)) + close)
        client.transport.lose()
        await settle()
        go.set()
        await settle()
        assert [message.get("text") for message in app.messages[:-1]] == [str(number) for number in range(20)]
        code = 1006 if not close else 1000 if close[0] == 0x88 else 1002
        assert (app.messages[-1]["type"], app.messages[-1]["code"]) == ("websocket.disconnect", code)
        assert not client.running


async def test_a_client_that_pings_and_reads_nothing_is_owed_one_pong() -> None:
    with Client(App(wait)) as client:
        await client.open()
        client.transport.hold()
        for number in range(5000):
            client.ping(b"%05d" % number * 20)
        held = client.transport.get_write_buffer_size()
        assert held < 300_000
        client.transport.take()
        client.transport.release()
        assert (await client.said())[-1] == (10, b"04999" * 20)


async def test_a_client_that_reads_nothing_is_cut_at_the_write_deadline(caplog: pytest.LogCaptureFixture) -> None:
    async def flood(receive: Any, send: Any) -> None:
        while True:
            await send({"type": "websocket.send", "bytes": bytes(50_000)})

    with Client(App(flood), timeout_write=10) as client:
        client.transport.hold()
        client.handshake()
        await settle(20)
        client.pass_time(9)
        assert not client.transport.aborted
        client.pass_time(2)
        assert client.transport.aborted
    assert "it has read nothing for 10 s" in caplog.text


async def test_an_application_that_never_waits_lets_others_have_a_turn() -> None:
    async def flood(receive: Any, send: Any) -> None:
        while True:
            await send({"type": "websocket.send", "bytes": bytes(10_000)})

    with Client(App(flood)) as client:
        client.handshake()
        await settle()
        client.transport.lose()


# -- Pings


async def test_a_silent_client_is_pinged_and_one_that_answers_stays() -> None:
    with Client(App()) as client:
        await client.open()
        for _ in range(3):
            client.pass_time(20)
            assert client.frames() == []
            client.pass_time(1)
            assert client.frames() == [(9, b"")]
            client.pong()
        client.pass_time(15)
        client.text("I am here")
        assert await client.said() == [(1, b"I am here")]
        client.pass_time(15)
        assert client.frames() == []


async def test_a_client_that_answers_no_ping_is_closed(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    app = App()
    with Client(app, ws_ping_interval=5, ws_ping_timeout=3) as client:
        await client.open()
        client.pass_time(6)
        assert client.frames() == [(9, b"")]
        client.pass_time(4)
        assert await client.said() == [closing(1011, "keepalive ping timeout")]
        assert app.messages == [{"type": "websocket.disconnect", "code": 1011, "reason": "keepalive ping timeout"}]
        client.pass_time(6)
        assert client.transport.aborted
    assert "has not answered a ping for 3 s" in caplog.text


async def test_pings_can_be_turned_off_or_need_no_answer() -> None:
    with Client(App(), ws_ping_interval=0) as client:
        await client.open()
        client.pass_time(100)
        assert client.frames() == []
    with Client(App(), ws_ping_timeout=0) as client:
        await client.open()
        client.pass_time(100)
        assert await client.said() == [(9, b"")] * 4
        assert not client.is_closed()


# -- The end


async def test_the_clients_close_is_answered_with_its_code() -> None:
    with Client(App()) as client:
        await client.open()
        client.close(4000, "reasons")
        assert client.frames() == [closing(4000)]
        assert client.is_closed()
        assert not client.transport.aborted


async def test_a_close_of_ours_waits_for_the_clients_but_not_for_ever() -> None:
    async def leave(receive: Any, send: Any) -> None:
        await receive()

    with Client(App(leave)) as client:
        await client.open()
        client.text("go")
        assert await client.said() == [closing(1000)]
        client.text("on its way")
        client.ping()
        assert await client.said() == []
        assert not client.is_closed()
        client.close(1000)
        assert await client.said() == []
        assert client.is_closed()
    with Client(App(leave)) as client:
        await client.open()
        client.text("go")
        await settle()
        client.pass_time(6)
        assert client.transport.aborted


async def test_a_close_is_seen_behind_messages_nobody_took() -> None:
    async def leave(receive: Any, send: Any) -> None:
        await asyncio.sleep(0)

    with Client(App(leave), ws_max_queue=1) as client:
        client.handshake()
        client.feed(masked(0x81, b"a") * 100 + masked(0x88, b"\x03\xe8"))
        await settle()
        assert client.is_closed()
        assert not client.transport.aborted


@pytest.mark.parametrize(
    ("data", "code", "reason"),
    [
        (b"\x81\x01a", 1002, "mask"),
        (masked(0x83), 1002, ""),
        (masked(0x81, b"\xff"), 1007, ""),
        (masked(0x82, b"", size=1 << 31), 1009, ""),
    ],
)
async def test_a_broken_protocol_is_answered_with_its_code(
    data: bytes, code: int, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = App()
    with Client(app) as client:
        await client.open()
        client.feed(data)
        [(kind, payload)] = await client.said()
        assert (kind, int.from_bytes(payload[:2], "big")) == (8, code)
        assert reason in payload[2:].decode()
        assert client.transport.eof
        assert app.messages[-1]["code"] == code
        client.feed(bytes(1 << 20))
        assert not client.transport.aborted
        client.feed(b"more")
        assert not client.transport.reading  # a cut would destroy what it has been told
        assert not client.transport.aborted
        client.pass_time(3)
        assert client.transport.aborted
    assert f"{code} to 127.0.0.1:50000" in caplog.text


async def test_through_tls_a_broken_protocol_closes_at_once() -> None:
    with Client(App(), scheme="https") as client:
        await client.open()
        client.feed(masked(0x83))
        assert client.is_closed()


async def test_half_a_goodbye_is_none() -> None:
    app = App()
    with Client(app) as client:
        await client.open()
        assert not client.socket.eof_received()
        client.transport.lose()
        await settle()
        assert app.messages[-1]["code"] == 1006


# -- When the server stops


@pytest.mark.parametrize(("restarting", "code"), [(False, 1001), (True, 1012)])
async def test_an_application_that_waits_is_told_at_once(restarting: bool, code: int) -> None:
    app = App()
    with Client(app) as client:
        await client.open()
        client.service.restarting = restarting
        client.drain()
        assert await client.said() == [closing(code)]
        assert app.messages == [{"type": "websocket.disconnect", "code": code, "reason": ""}]
        assert not client.running


async def test_one_that_is_at_work_answers_first() -> None:
    go = asyncio.Event()
    app = App()

    async def busy(receive: Any, send: Any) -> None:
        while (message := await app.next(receive))["type"] == "websocket.receive":
            await go.wait()
            await send({**message, "type": "websocket.send"})

    app.then = busy
    with Client(app) as client:
        await client.open()
        client.text("one", "two")
        await settle()
        client.drain()
        assert await client.said() == []
        go.set()
        assert await client.said() == [(1, b"one"), (1, b"two"), closing(1001)]


async def test_one_that_does_not_listen_is_ended_all_the_same() -> None:
    with Client(App(wait)) as client:
        await client.open()
        client.drain()
        assert await client.said() == []
        exchange = client.socket.exchange
        assert exchange.is_event_stream()
        exchange.end_stream()
        assert await client.said() == [closing(1001)]
        exchange.cancel()
        await settle()
        assert not client.running


# -- What is known of it


async def test_the_access_log_has_the_beginning_and_the_end() -> None:
    with Client(App(), access=True) as client:
        await client.open("/ws?a=b")
        client.text("a", "bc")
        await settle()
        client.close(4000)
        client.transport.lose()
        assert client.access is not None
        opened, closed = client.access.records
    assert (opened.method, opened.target, opened.status, opened.messages) == ("GET", "/ws?a=b", 101, None)
    assert (closed.method, closed.target, closed.status) == ("WEBSOCKET", "/ws?a=b", 4000)
    assert closed.messages == (2, 2, 7 + 8 + 8)
    assert closed.response_bytes == 3 + 4 + 4
    assert closed.duration < 10


async def test_messages_count_and_lead_to_a_new_worker() -> None:
    asked: list[str] = []
    with Client(App(), max_requests=5, max_requests_jitter=0) as client:
        client.service.recycle = asked.append
        await client.open()
        client.text("1", "2", "3")
        assert asked == []
        client.text("4")
        assert asked == ["max-requests (5) reached"]


async def test_the_scoreboard_shows_it_but_keeps_room_for_requests() -> None:
    board = Scoreboard(1)
    slot = board.slot(1)
    apps = [App() for _ in range(20)]

    async def some(scope: Any, receive: Any, send: Any) -> None:
        await apps.pop()(scope, receive, send)

    with Client(some) as client:
        client.service.slot = slot
        client.service.root.slot = slot
        for _ in range(20):
            await client.open("/room")
            client.connection, client.transport = client.connect()
        shown = board.read(1).held
        assert [held.target for held in shown] == ["/room"] * 16


async def test_an_idle_connection_is_small() -> None:
    with Client(App()) as client:
        await client.open("/ws", DEFLATE)
        client.feed(masked(0x81, b"x" * 5000))
        await settle()
        client.pass_time(2)
        server_side = client.socket
        assert not hasattr(server_side, "http")
        assert not hasattr(server_side, "__dict__")
        assert sys.getsizeof(server_side) < 600


async def test_a_flood_of_tiny_fragments_costs_their_bytes() -> None:
    with Client(App(wait)) as client:
        await client.open()
        tracemalloc.start()
        try:
            client.feed(masked(0x01))
            for _ in range(200):
                client.feed(masked(0x00) * 100 + masked(0x00, b"x") * 100)
            used = tracemalloc.get_traced_memory()[0]
        finally:
            tracemalloc.stop()
        assert used < 400_000
        client.feed(masked(0x80))
