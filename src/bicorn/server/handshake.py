"""From HTTP to WebSocket: what becomes of a request with an Upgrade field, and of its connection."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from bicorn.apps.exchange import Endpoint, Exchange
from bicorn.server.websocket import WebSocketConnection
from bicorn.wire import handshake
from bicorn.wire.deflate import Deflate, Inflate, negotiate
from bicorn.wire.fields import tokens
from bicorn.wire.head import Head
from bicorn.wire.websocket import Reader

if TYPE_CHECKING:
    from bicorn.server.connection import Connection


def open_exchange(connection: Connection, endpoint: Endpoint, head: Head) -> Exchange:
    """The exchange for a request with an Upgrade field: a WebSocket's, or an ordinary one.

    Raises:
        ProtocolError: the handshake is wrong, or the application speaks no WebSocket.
    """
    upgrade = head.upgrade or b""
    config = connection.service.websockets
    if config is None or b"websocket" not in tokens(upgrade):
        return endpoint.open(connection, head)
    return endpoint.open_websocket(connection, head, handshake.check(head), config.ws_max_queue)


def accept(connection: Connection, exchange: Any, subprotocol: str | None, headers: Iterable[Iterable[bytes]]) -> None:
    """Answer a handshake with 101, and let a `WebSocketConnection` take over.

    Raises:
        AppProtocolError: the application's mistake, named; nothing was sent.
    """
    service = connection.service
    config: Any = service.websockets
    offer = exchange.offer
    agreed = negotiate(offer.extensions) if config.ws_per_message_deflate and offer.extensions else None
    answer = handshake.accept(offer, subprotocol, headers, agreed, service.defaults)
    connection.write(answer)
    reader = Reader(config.ws_max_size, None if agreed is None else Inflate(agreed, config.ws_max_size))
    successor = WebSocketConnection(service, config, exchange, reader, None if agreed is None else Deflate(agreed))
    rest = connection.hand_over(successor)
    exchange.channel = successor
    if rest:
        reader.receive(rest)
        service.loop.call_soon(successor.want_messages)
