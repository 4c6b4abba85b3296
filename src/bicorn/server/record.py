"""What the access log is told of an answer, and of a WebSocket."""

from __future__ import annotations

from bicorn.apps.exchange import Channel, Exchange
from bicorn.observe.access import AccessRecord


def access_record(channel: Channel, exchange: Exchange, status: int, duration: float) -> AccessRecord:
    """The record of an answer that has ended, one way or the other.

    Args:
        channel: the connection; its response is still the one to `exchange`.
        exchange: the request.
        status: what the client was told, or 499.
        duration: seconds since the request's head was complete.
    """
    head = exchange.head
    response = channel.response
    return AccessRecord(
        client=channel.client[0] if channel.client else "",
        method=head.method,
        target=head.target.decode("ascii"),
        http_version="1.1" if head.minor else "1.0",
        status=status,
        response_bytes=response.body_sent,
        duration=duration,
        request_headers=head.headers,
        response_headers=response.fields() if status == response.status else [],
        scheme=channel.origin.scheme,
    )


def websocket_record(
    channel: Channel, exchange: Exchange, code: int, sent: int, duration: float, messages: tuple[int, int, int]
) -> AccessRecord:
    """The record of a WebSocket that is over, with its close code in the status's place.

    Args:
        sent: bytes, of its frames.
        duration: seconds since the handshake.
        messages: received and sent ones, and the bytes received.
    """
    head = exchange.head
    return AccessRecord(
        client=channel.client[0] if channel.client else "",
        method="WEBSOCKET",
        target=head.target.decode("ascii"),
        http_version="1.1",
        status=code,
        response_bytes=sent,
        duration=duration,
        request_headers=head.headers,
        response_headers=[],
        scheme=channel.origin.scheme,
        messages=messages,
    )
