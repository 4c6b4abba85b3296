"""Run an ASGI 3 application on an exchange (ASGI HTTP spec 2.5).

The application is called where the request's last needed byte arrives: on Python 3.12 and later its task starts
eagerly, inside the callback that completed the head, so a view that never waits costs no turn of the loop.

What `AsgiExchange._phase` can be, and what leads to the next::

    OPEN      -- the answer is complete -->            ENDED
    OPEN      -- the client goes, the answer is cut --> GONE
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import logging
import os
from typing import IO, TYPE_CHECKING, Any

from bicorn.apps.asgi_call import AsgiCall, refuse_fields
from bicorn.apps.calls import Calls
from bicorn.apps.exchange import Channel, Endpoint, Exchange, Ready, as_dict, body_bytes, wake
from bicorn.apps.scope import ScopeBuilder
from bicorn.errors import AppProtocolError, ClientDisconnected
from bicorn.types import ASGIApp, Message, Scope
from bicorn.wire.answers import informational
from bicorn.wire.head import Head
from bicorn.wire.response import Defaults
from bicorn.wire.states import BODY, HELD, IDLE, TRAILERS, WAITING

if TYPE_CHECKING:
    from bicorn.wire.handshake import Offer

logger = logging.getLogger("bicorn.error")

OPEN = 0
ENDED = 1
GONE = 2

# Above this much unread body the connection reads no more until the application has caught up.
BODY_HIGH_WATER = 65536

_ready = Ready(None)


class AsgiEndpoint(Endpoint):
    """One ASGI application.

    Args:
        app: the application.
        prefix: where it is mounted.
        root_path: what a proxy in front has stripped from every path.
        state: the lifespan's state, copied into each scope; None where the application has no lifespan.
        context: the context each request gets a copy of.
        running: see `Endpoint.running`.
        defaults: the fields the server adds to answers.
    """

    __slots__ = ("app", "calls", "scopes")

    def __init__(
        self,
        app: ASGIApp,
        *,
        prefix: str,
        root_path: str,
        state: dict[str, Any] | None,
        context: contextvars.Context,
        running: set[Exchange],
        defaults: Defaults,
    ) -> None:
        self.app = _coroutine_function(app)
        self.prefix = prefix
        self.running = running
        self.defaults = defaults
        self.slot = None
        self.scopes = ScopeBuilder(prefix=prefix, root_path=root_path, state=state)
        self.calls = Calls(context)

    def open(self, channel: Channel, head: Head) -> Exchange:
        """A new exchange for `head`."""
        exchange = AsgiExchange.__new__(AsgiExchange)
        exchange.channel = channel
        exchange.head = head
        exchange.endpoint = self
        exchange.setup()
        return exchange

    def open_websocket(self, channel: Channel, head: Head, offer: Offer, limit: int) -> Exchange:
        """A new exchange for a WebSocket."""
        from bicorn.apps.websocket import WebSocketExchange  # many applications have none

        return WebSocketExchange(self, channel, head, offer, limit)


class AsgiExchange(AsgiCall):
    """One request to an ASGI application, and its answer."""

    __slots__ = (
        "_complete",
        "_delivered",
        "_ignores_trailers",
        "_is_told",
        "_phase",
        "_pieces",
        "_size",
        "_waiters",
    )

    endpoint: AsgiEndpoint

    def setup(self) -> None:
        """The state of a new exchange; a request without a body is complete."""
        AsgiCall.setup(self)  # as C
        self._phase = OPEN
        self._pieces: list[bytes] | None = None
        self._size = 0
        self._complete = self.head.content_length == 0
        self._delivered = False
        self._ignores_trailers = False
        self._is_told = False  # that its stream is to end, as if the client had gone
        self._waiters: list[asyncio.Future[None]] | None = None

    # What the connection says

    def start(self) -> None:
        """Call the application."""
        endpoint = self.endpoint
        channel = self.channel
        self.show(endpoint.slot)
        try:
            coroutine = endpoint.app(endpoint.scopes.build(channel, self.head), self.receive, self.send)
            task = endpoint.calls.begin(channel.loop, coroutine)
        except BaseException as error:
            task = error
        if task is None:
            self._ended(None)
        elif isinstance(task, BaseException):
            self._ended(task)
        else:
            self._has_begun(task)

    def receive_body(self, data: bytes, complete: bool) -> None:
        """Keep a piece of body until the application asks for it."""
        if complete:
            self._complete = True
        if data:
            if self._phase != OPEN:
                return
            if self._pieces is None:
                self._pieces = []
            self._pieces.append(data)
            self._size += len(data)
            if self._size >= BODY_HIGH_WATER and not complete:
                self.channel.hold_body()
        if self._waiters is not None:
            self._wake()

    def disconnect(self) -> None:
        """Wake the application: ``receive()`` says http.disconnect, ``send()`` raises."""
        if self._phase == OPEN:
            self._phase = GONE
            self._pieces = None
        if self._waiters is not None:
            self._wake()

    def tell_stream(self) -> None:
        """``receive()`` says http.disconnect from now on; ``send()`` still sends."""
        self._is_told = True
        if self._waiters is not None:
            self._wake()

    # What the application calls

    def receive(self) -> Any:
        """ASGI's ``receive``: an awaitable of the next message."""
        if self._phase == OPEN and not self._delivered and (self._pieces is not None or self._complete):
            return Ready(self._next_message())
        if self._phase != OPEN:
            return Ready({"type": "http.disconnect"})
        return self._wait_for_message()

    def send(self, message: Message) -> Any:
        """ASGI's ``send``: an awaitable that is ready unless the client must catch up first.

        Raises:
            AppProtocolError: the message is malformed, or out of order.
            ClientDisconnected: the client has gone (HTTP spec 2.4).
        """
        if self._phase != OPEN:
            return self._send_late(message)
        fields = message if type(message) is dict else as_dict(message)
        kind = fields.get("type")
        channel = self.channel
        response = channel.response
        if kind == "http.response.body":
            if response.state != HELD and response.state != BODY:
                raise self._out_of_order(kind)
            body = fields.get("body", b"")
            if type(body) is not bytes:
                body = body_bytes(body)
            if fields.get("more_body", False):
                channel.write_piece(response.body(body, True))
            else:
                channel.answer(response.body(body, False))
            if response.state == IDLE:
                self._end()
                return _ready
            if channel.writable:
                return _ready
            return channel.drain()
        if kind == "http.response.start":
            if response.state != WAITING:
                raise self._out_of_order(kind)
            self._start_response(fields)
            return _ready
        return self._send_extension(fields, kind)

    # How it is done

    def _next_message(self) -> Message:
        """The body that is here, as one message."""
        pieces = self._pieces
        self._pieces = None
        if pieces is None:
            body = b""
        elif len(pieces) == 1:
            body = pieces[0]
        else:
            body = b"".join(pieces)
        if self._size >= BODY_HIGH_WATER and not self._complete:
            self.channel.want_body()
        self._size = 0
        self._delivered = self._complete
        return {"type": "http.request", "body": body, "more_body": not self._complete}

    async def _wait_for_message(self) -> Message:
        while (
            self._phase == OPEN
            and not self._is_told
            and (self._delivered or (self._pieces is None and not self._complete))
        ):
            if not self._complete:
                self.channel.want_body()
            waiter = self.channel.loop.create_future()
            if self._waiters is None:
                self._waiters = []
            self._waiters.append(waiter)
            try:
                await waiter
            except asyncio.CancelledError:
                # "Has the client gone?" is often asked by a receive() that is given up at once, for hours.
                if self._waiters is not None and waiter in self._waiters:
                    self._waiters.remove(waiter)
                raise
        if self._phase == OPEN and not self._is_told:
            return self._next_message()
        return {"type": "http.disconnect"}

    def _wake(self) -> None:
        waiters = self._waiters
        self._waiters = None
        wake(waiters)

    def _start_response(self, message: dict[str, Any]) -> None:
        status = message.get("status")
        if type(status) is not int:
            if not isinstance(status, int):  # http.HTTPStatus is one
                raise AppProtocolError(f"the response status must be an int, not {type(status).__name__}: {status!r}")
            status = int(status)
        if not 200 <= status <= 999:  # before it becomes a C int
            raise AppProtocolError(f"the response status must be 200 to 999, not {status!r}")
        response = self.channel.response
        trailers = bool(message.get("trailers", False))
        if trailers and not self._wants_trailers():
            self._ignores_trailers = True
            trailers = False
        try:
            response.start(status, message.get("headers", ()), trailers)
        except (TypeError, ValueError) as error:
            refuse_fields(error, "the response headers")

    def _wants_trailers(self) -> bool:
        """Whether the client asked for trailers (RFC 9110 §6.5.1, §10.1.4)."""
        return self.head.minor == 1 and any(
            name == b"te" and b"trailers" in value.lower() for name, value in self.head.headers
        )

    def _send_extension(self, message: dict[str, Any], kind: object) -> Any:
        response = self.channel.response
        if kind == "http.response.early_hint":
            if response.state != WAITING and response.state != HELD:
                raise self._out_of_order(kind)
            if self.head.minor == 1:
                links = [(b"link", link) for link in message.get("links", ())]
                self.channel.write(informational(103, links))
            return _ready
        if kind == "http.response.pathsend":
            if response.state != HELD:
                raise self._out_of_order(kind)
            return self._send_path(message)
        if kind == "http.response.zerocopysend":
            if response.state != HELD and response.state != BODY:
                raise self._out_of_order(kind)
            return self._send_file(
                message.get("file"), message.get("offset"), message.get("count"), bool(message.get("more_body", False))
            )
        if kind == "http.response.trailers":
            if response.state != TRAILERS:
                raise self._out_of_order(kind)
            self.channel.write(response.trailers(message.get("headers", ()), bool(message.get("more_trailers", False))))
            if response.state == IDLE:
                self._end()
            return _ready
        if kind is None:
            raise AppProtocolError(f"the application sent a message without a type: {message!r}")
        raise AppProtocolError(f"the application sent an unknown message type: {kind!r}")

    async def _send_path(self, message: dict[str, Any]) -> None:
        path = message.get("path")
        if not isinstance(path, (str, os.PathLike)):
            raise AppProtocolError(f"http.response.pathsend needs a path, not {type(path).__name__}: {path!r}")
        with open(path, "rb") as file:  # noqa: ASYNC230  # opening does not wait; reading is the kernel's
            await self._send_file(file, 0, None, False)

    async def _send_file(self, file: IO[bytes] | None, offset: int | None, count: int | None, more: bool) -> None:
        """Send a file's bytes: the whole rest of it, or `count` bytes."""
        if file is None or not hasattr(file, "fileno"):
            raise AppProtocolError(f"http.response.zerocopysend needs a file, not {type(file).__name__}")
        response = self.channel.response
        position = file.tell() if offset is None else offset
        left = max(os.fstat(file.fileno()).st_size - position, 0)
        size = left if count is None else min(count, left)
        if count is None and response.state == HELD and response.length_left() >= 0:
            size = min(size, response.length_left())  # a file that has grown since its length was announced
        self.channel.write(response.body_head(size, more))
        if response.has_body() and size:
            await self.channel.send_file(file, position, size)
            self.channel.write(response.body_tail(size))
        if offset is None:
            file.seek(position + size)  # as os.sendfile without an offset moves it
        if not more and self._phase == OPEN:
            self.channel.write(response.body(b"", False))
            if response.state == IDLE:
                self._end()

    def _end(self) -> None:
        """The answer is complete; whoever still waits in ``receive()`` is told http.disconnect."""
        self._phase = ENDED
        self.channel.finish(self)
        if self._waiters is not None:
            self._wake()

    def _send_late(self, message: Message) -> Any:
        """A message after the end."""
        if self._phase == GONE:
            raise ClientDisconnected()
        if self._ignores_trailers and message["type"] == "http.response.trailers":
            return _ready
        raise AppProtocolError(f"the application sent {message['type']!r} after its response was complete")

    def _out_of_order(self, kind: object) -> AppProtocolError:
        expected = {
            WAITING: "http.response.start",
            HELD: "http.response.body",
            BODY: "http.response.body",
            TRAILERS: "http.response.trailers",
        }.get(self.channel.response.state)
        return AppProtocolError(f"the application sent {kind!r} where {expected!r} is due")

    # How it ends

    def _ended(self, error: BaseException | None) -> None:
        """The application has done its work, or failed."""
        if error is None and self._phase != OPEN:  # mostly
            self._let_go()
            return
        if self._is_told and self._phase == OPEN:
            self.end_stream()  # it has returned, as applications do whose client has gone
        AsgiCall._ended(self, error)

    def is_owed(self) -> bool:
        """Whether the answer is not complete."""
        return self._phase == OPEN

    def has_gone(self) -> bool:
        """Whether the client went first."""
        return self._phase == GONE

    def returned(self) -> None:
        """The application has returned without an answer, or with half of one."""
        started = self.channel.response.state != WAITING
        what = "without completing its response" if started else "without sending a response"
        logger.error("the ASGI application returned %s: %s", what, self.describe())
        self.give_up()

    def give_up(self) -> None:
        """Answer 500, or cut the answer that has begun."""
        self._phase = GONE
        self.channel.fail(self)


def _coroutine_function(app: ASGIApp) -> Any:
    """The application as a coroutine function: nothing of it runs before its task, and in its context, does."""
    if inspect.iscoroutinefunction(app) or inspect.iscoroutinefunction(getattr(app, "__call__", None)):
        return app

    async def call(scope: Scope, receive: Any, send: Any) -> None:
        await app(scope, receive, send)

    return call
