"""Run an ASGI application on a WebSocket (ASGI WebSocket spec 2.5).

What `WebSocketExchange.state` can be, and what leads from each to the next::

    CONNECTING -- websocket.accept -->                       ACCEPTED
    CONNECTING -- websocket.close, answered with 403 -->     CLOSED
    CONNECTING -- websocket.http.response.start -->          DENYING
    DENYING    -- the last websocket.http.response.body -->  CLOSED
    ACCEPTED   -- websocket.close, the application's end --> CLOSED
    any        -- the client goes, the server closes -->     GONE

Messages wait here until the application asks for them. An application that already waits goes on where the bytes
arrive, inside the callback that brought them: its task waits for a `Wait`, not for a future, of which it would hear a
turn of the loop later.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from bicorn.apps.asgi_call import AsgiCall, refuse_fields
from bicorn.apps.exchange import Channel, Ready, as_dict, body_bytes
from bicorn.apps.waits import Receiving, Wait
from bicorn.apps.websocket_messages import FAILED, GOING_AWAY, NO_CLOSE, NORMAL, bytes_of, close_of, text_of
from bicorn.errors import AppProtocolError, ClientDisconnected
from bicorn.types import Message, Scope
from bicorn.wire.head import Head
from bicorn.wire.opcodes import BINARY, TEXT
from bicorn.wire.states import IDLE as COMPLETE

if TYPE_CHECKING:
    from bicorn.apps.asgi import AsgiEndpoint
    from bicorn.wire.handshake import Offer

logger = logging.getLogger("bicorn.error")


CONNECTING = 0
ACCEPTED = 1
DENYING = 2
CLOSED = 3
GONE = 4

_EXPECTED = {
    CONNECTING: "'websocket.accept', 'websocket.close' or 'websocket.http.response.start'",
    ACCEPTED: "'websocket.send' or 'websocket.close'",
    DENYING: "'websocket.http.response.body'",
}

QUEUE_BYTES = 65536
"""Above so much that waits for the application, the connection reads no more messages."""
SHOWN_CELLS = 16
"""The scoreboard shows so many WebSockets of a worker: the other cells are for requests, which end."""

_ready = Ready(None)


class WebSocketExchange(AsgiCall):
    """One WebSocket, from its handshake to its end, and the application's call for it.

    Args:
        endpoint: the application.
        channel: the connection: HTTP's until the handshake is accepted, then the WebSocket's.
        head: the handshake's request.
        offer: what the client asks for in it.
        limit: the most messages that wait for the application.

    Attributes:
        state: one of this module's states.
        is_full: whether enough waits for the application.
    """

    __slots__ = (
        "_code",
        "_is_told",
        "_limit",
        "_more_waits",
        "_queue",
        "_queued",
        "_reason",
        "_wait",
        "is_full",
        "offer",
        "state",
    )

    endpoint: AsgiEndpoint

    def __init__(self, endpoint: AsgiEndpoint, channel: Channel, head: Head, offer: Offer, limit: int) -> None:
        self.setup()
        self.endpoint = endpoint
        self.channel = channel
        self.head = head
        self.cell = -1
        self.offer: Offer | None = offer
        self.state = CONNECTING
        self.is_full = False
        self._limit = limit
        self._code = NO_CLOSE
        self._reason = ""
        self._queue: list[Message] = [{"type": "websocket.connect"}]
        self._queued = 0  # bytes, or characters, in the queue
        self._is_told = False  # that the server stops
        self._wait: Wait | None = None
        self._more_waits: list[Wait] | None = None

    # What the connection says

    def start(self) -> None:
        """Call the application."""
        endpoint = self.endpoint
        self.show(endpoint.slot)
        try:
            coroutine = endpoint.app(self._scope(), self.receive, self.send)
            task = endpoint.calls.make_task(self.channel.loop, coroutine)
        except BaseException as error:
            self._ended(error)
            return
        self._has_begun(task)

    def _scope(self) -> Scope:
        """ASGI WebSocket spec, "Websocket Connection Scope"."""
        assert self.offer is not None
        scope = self.endpoint.scopes.build(self.channel, self.head)
        scope["type"] = "websocket"
        del scope["method"]
        scope["scheme"] = "wss" if scope["scheme"] == "https" else "ws"
        scope["subprotocols"] = self.offer.subprotocols
        extensions: dict[str, Any] = {"websocket.http.response": {}}
        if self.channel.tls is not None:
            extensions["tls"] = self.channel.tls
        scope["extensions"] = extensions
        return scope

    def receive_body(self, data: bytes, complete: bool) -> None:
        """A handshake has none."""

    def receive_message(self, kind: int, payload: Any) -> None:
        """Keep a message until the application asks for it; `wake` is to be called when there are no more for now."""
        if self.state != ACCEPTED:
            return
        queue = self._queue
        if kind == TEXT:
            queue.append({"type": "websocket.receive", "text": payload})
        else:
            queue.append({"type": "websocket.receive", "bytes": payload})
        self._queued += len(payload)
        if len(queue) >= self._limit or self._queued >= QUEUE_BYTES:
            self.is_full = True

    def wake(self) -> None:
        """Let those go on who wait in ``receive()``; not for nothing."""
        wait = self._wait
        if wait is None:
            return
        self._wait = None
        others = self._more_waits
        self._more_waits = None
        wait.wake()
        if others is not None:
            for wait in others:
                wait.wake()

    def disconnect(self) -> None:
        """The connection is gone."""
        self.closed(NO_CLOSE, "")

    def closed(self, code: int, reason: str) -> None:
        """The client has closed, or the server has: ``receive()`` says so after the messages that are here."""
        if self.state != GONE and self.state != CLOSED:
            self.state = GONE
            self._code = code
            self._reason = reason
        self.wake()

    def is_event_stream(self) -> bool:
        """A WebSocket has no end of its own either, so a stop ends it, and no request's deadline counts."""
        return self.state == ACCEPTED

    def tell_stream(self) -> None:
        """The server stops: as soon as the application has taken all messages and waits for more, this is the end."""
        if self.state == ACCEPTED:
            self._is_told = True
            if self._wait is not None and not self._queue:
                self.end_stream()

    def end_stream(self) -> None:
        """The server stops, whatever the application does."""
        if self.state == ACCEPTED:
            self.closed(self.channel.go_away(), "")

    # What the application calls

    def receive(self) -> Any:
        """ASGI's ``receive``: an awaitable of the next message."""
        if self._queue:
            return Ready(self.take())
        if self._is_told:
            self.end_stream()
        if self.is_over():
            return Ready(self.disconnect_message())
        return Receiving(self)

    def send(self, message: Message) -> Any:
        """ASGI's ``send``: an awaitable that is ready unless the client must catch up first.

        Raises:
            AppProtocolError: the message is malformed, or out of order.
            ClientDisconnected: the client has gone, or the server has closed.
        """
        fields = message if type(message) is dict else as_dict(message)
        kind = fields.get("type")
        if self.state != ACCEPTED or kind != "websocket.send":
            return self._send_other(fields, kind)
        text = fields.get("text")
        data = fields.get("bytes")
        channel = self.channel
        if text is None:
            channel.send_message(BINARY, data if type(data) is bytes else bytes_of(data))
        elif data is None:
            channel.send_message(TEXT, text if type(text) is str else text_of(text))
        else:
            raise AppProtocolError("websocket.send has both text and bytes: a message is either")
        if channel.writable:
            return _ready
        return channel.drain()

    # Receiving

    def take(self) -> Message:
        """The next message; there is one."""
        message = self._queue.pop(0)
        if self._queued:
            self._queued -= len(message.get("text") or message.get("bytes") or ())
        if self.is_full and len(self._queue) <= self._limit >> 1 and self._queued < QUEUE_BYTES:
            self.is_full = False
            self.channel.want_messages()
        return message

    def has_message(self) -> bool:
        """Whether a message waits for the application."""
        return bool(self._queue)

    def is_over(self) -> bool:
        """Whether no message will come any more."""
        return self.state == GONE or self.state == CLOSED

    def disconnect_message(self) -> Message:
        """What ``receive()`` says from then on."""
        return {"type": "websocket.disconnect", "code": self._code, "reason": self._reason}

    def new_wait(self) -> Wait:
        """What a task waits for."""
        wait = Wait(self.channel.loop)
        if self._wait is None:
            self._wait = wait
        elif self._more_waits is None:
            self._more_waits = [wait]
        else:
            self._more_waits.append(wait)
        return wait

    def forget(self, wait: Wait) -> None:
        """A wait was given up: "is there a message?" may be asked, and given up, for hours."""
        others = self._more_waits or []
        if self._wait is wait:
            self._wait = others.pop(0) if others else None
        elif wait in others:
            others.remove(wait)

    # Sending

    def _send_other(self, fields: dict[str, Any], kind: object) -> Any:
        """Whatever is not a message on an open connection."""
        state = self.state
        if state == GONE:
            raise ClientDisconnected()
        if state == ACCEPTED and kind == "websocket.close":
            self._end(*close_of(fields))
        elif state == CONNECTING and kind == "websocket.accept":
            self._accept(fields)
        elif state == CONNECTING and kind == "websocket.close":
            self._deny(403, b"Forbidden\n")
        elif state == CONNECTING and kind == "websocket.http.response.start":
            self._start_denial(fields)
        elif state == DENYING and kind == "websocket.http.response.body":
            return self._send_denial(fields)
        elif state == CLOSED:
            raise AppProtocolError(f"the application sent {kind!r} after it had closed the WebSocket")
        else:
            raise AppProtocolError(f"the application sent {kind!r} where {_EXPECTED[state]} is due")
        return _ready

    def _accept(self, fields: dict[str, Any]) -> None:
        try:
            self.channel.accept(self, fields.get("subprotocol"), fields.get("headers") or ())
        except (TypeError, ValueError) as error:
            refuse_fields(error, "the headers of websocket.accept")
        self.state = ACCEPTED
        self.offer = None
        if self.cell >= SHOWN_CELLS:
            self.hide(self.endpoint.slot)

    def _end(self, code: int, reason: str) -> None:
        """The application's side closes."""
        self.state = CLOSED
        self._code = code
        self._reason = reason
        self._queue.clear()
        self.channel.send_close(code, reason)
        self.wake()

    # Answering the handshake with an ordinary response

    def _deny(self, status: int, body: bytes) -> None:
        response = self.channel.response
        response.start(status, [(b"content-type", b"text/plain; charset=utf-8")])
        self.state = CLOSED
        self.channel.answer(response.body(body, False))
        self.channel.finish(self)
        self.wake()

    def _start_denial(self, fields: dict[str, Any]) -> None:
        status = fields.get("status")
        if not isinstance(status, int) or not 200 <= status <= 999:
            raise AppProtocolError(f"the response status must be 200 to 999, not {status!r}")
        try:
            self.channel.response.start(int(status), fields.get("headers") or ())
        except (TypeError, ValueError) as error:
            refuse_fields(error, "the response headers")
        self.state = DENYING

    def _send_denial(self, fields: dict[str, Any]) -> Any:
        channel = self.channel
        response = channel.response
        more = bool(fields.get("more_body", False))
        data = response.body(body_bytes(fields.get("body", b"")), more)
        if response.state == COMPLETE:
            self.state = CLOSED
            channel.answer(data)
            channel.finish(self)
            self.wake()
            return _ready
        channel.write_piece(data)
        return _ready if channel.writable else channel.drain()

    # How it ends

    def _ended(self, error: BaseException | None) -> None:
        """The application has done its work, or failed: nobody takes messages any more."""
        AsgiCall._ended(self, error)
        self._queue.clear()

    def is_owed(self) -> bool:
        """Whether the WebSocket is open, or its handshake not answered."""
        return not self.is_over()

    def has_gone(self) -> bool:
        """Whether the client, or the server, went first."""
        return self.state == GONE

    def returned(self) -> None:
        """The application has returned: on an open WebSocket that closes it, before it is open it is a mistake."""
        if self.state == ACCEPTED:
            self._end(NORMAL, "")
        elif self.state == CONNECTING:
            logger.error("the ASGI application returned without accepting the WebSocket: %s", self.describe())
            self._deny(403, b"Forbidden\n")
        else:
            logger.error("the ASGI application returned without completing its response: %s", self.describe())
            self.give_up()

    def give_up(self) -> None:
        """Close as the failure it is, or as the server's end; before it is open, answer 500."""
        if self.state == ACCEPTED:
            self._end(GOING_AWAY if self._is_cancelled else FAILED, "")
        else:
            self.state = CLOSED
            self.channel.fail(self)
