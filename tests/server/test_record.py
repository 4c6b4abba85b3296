"""What the access log is told."""

from __future__ import annotations

import asyncio
from typing import Any

from bicorn.server.record import access_record, websocket_record
from tests.driving import Drive, settle


async def test_a_record_says_what_the_client_got() -> None:
    gate = asyncio.Event()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 201, "headers": [(b"x-a", b"1")]})
        await send({"type": "http.response.body", "body": b"hello", "more_body": True})
        await gate.wait()

    with Drive(app, scheme="https", extra={"peername": "", "sockname": "/x"}) as drive:
        drive.get("/a?b", "X-B: 2", version="1.0", method="PUT")
        await settle()
        assert drive.connection.exchange is not None
        record = access_record(drive.connection, drive.connection.exchange, 201, 1.5)
        other = access_record(drive.connection, drive.connection.exchange, 408, 0.0)
        gate.set()
        await settle()
    assert record.client == ""
    assert (record.method, record.target, record.http_version, record.scheme) == ("PUT", "/a?b", "1.0", "https")
    assert (record.status, record.response_bytes, record.duration) == (201, 5, 1.5)
    assert record.request_headers == [(b"host", b"example.org"), (b"x-b", b"2")]
    assert record.response_headers == [(b"x-a", b"1")]
    assert (other.status, other.response_headers) == (408, [])  # the server's own answer, not the application's


async def test_a_record_of_a_websocket_has_its_close_code_and_its_messages() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.Event().wait()

    with Drive(app) as drive:
        drive.get("/chat?b", "X-B: 2")
        await settle()
        assert drive.connection.exchange is not None
        record = websocket_record(drive.connection, drive.connection.exchange, 1001, 70, 1.5, (3, 2, 90))
    assert (record.client, record.method, record.target) == ("127.0.0.1", "WEBSOCKET", "/chat?b")
    assert (record.status, record.response_bytes, record.duration, record.messages) == (1001, 70, 1.5, (3, 2, 90))
    assert record.request_headers == [(b"host", b"example.org"), (b"x-b", b"2")]
