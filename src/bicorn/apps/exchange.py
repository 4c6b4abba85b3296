"""One request and its answer, between the connection that carries it and the application that makes it.

`Channel` is what an exchange may ask of its connection; `Exchange` is what the connection tells an exchange;
`Endpoint` makes exchanges for one application. ``server/connection`` implements the first, ``apps/asgi`` and
``apps/wsgi`` the other two, so neither side knows the other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Generator, Iterable, Mapping
from contextvars import Context
from typing import IO, TYPE_CHECKING, Any

from bicorn.errors import AppProtocolError, ClientDisconnected, ProtocolError
from bicorn.observe.slot import Slot
from bicorn.wire.head import Head
from bicorn.wire.response import Defaults, Response
from bicorn.wire.states import BODY

if TYPE_CHECKING:
    from bicorn.wire.handshake import Offer

    # the .pxd's, for the compiled reading
    PyContext_Copy: Any
    return_from_next: Any

COMPILED = not __file__.endswith(".py")

SHUTDOWN = "bicorn.shutdown"
"""Where applications have the event of the stop: a key of an ASGI ``state`` (the lifespan's, the requests'), and of a
WSGI environ."""


class Origin:
    """Where a connection came in: shared by all connections to one address.

    Attributes:
        scheme: ``"http"`` or ``"https"``.
        server: ``(host, port)``, or ``(path, None)`` for a unix socket.
    """

    __slots__ = ("scheme", "server")

    def __init__(self, scheme: str, server: tuple[str, int | None] | None) -> None:
        self.scheme = scheme
        self.server = server


class Channel:
    """What an exchange may ask of the connection that carries it.

    Attributes:
        loop: the event loop.
        origin: where the connection came in.
        client: the peer's ``(host, port)``, or None where it has none (unix sockets).
        client_port: the peer's port as text, once somebody wanted it.
        tls: the ASGI TLS extension's facts, or None without TLS.
        response: the sending half of the protocol; the exchange in turn uses it.
        writable: whether the peer takes what is written; where not, wait with ``drain``.
        closed: whether the connection is gone.
    """

    __slots__ = ("client", "client_port", "closed", "loop", "origin", "response", "tls", "writable")

    loop: asyncio.AbstractEventLoop
    origin: Origin
    client: tuple[str, int] | None
    client_port: str | None
    tls: dict[str, Any] | None
    response: Response
    writable: bool
    closed: bool

    def write(self, data: bytes | list[bytes]) -> None:
        """Send bytes; nothing happens where the connection is closed."""
        raise NotImplementedError

    def answer(self, data: bytes | list[bytes]) -> None:
        """Send the last bytes of an answer, together with the answers of other connections."""
        raise NotImplementedError

    def write_piece(self, data: bytes | list[bytes]) -> None:
        """Send bytes that more will follow, together with what follows until the loop turns."""
        raise NotImplementedError

    def flush(self) -> None:
        """Send what has been collected until now."""
        raise NotImplementedError

    def write_through(self, data: bytes) -> None:
        """Send bytes now, before this call returns, as far as the peer takes them.

        Raises:
            ClientDisconnected: the peer has gone.
        """
        raise NotImplementedError

    def write_blocking(self, data: bytes) -> None:
        """Send bytes, waiting for a slow peer without running the loop.

        Raises:
            ClientDisconnected: the peer has gone, or took nothing for the write deadline.
        """
        raise NotImplementedError

    async def drain(self) -> None:
        """Wait until the peer takes more.

        Raises:
            ClientDisconnected: the connection is gone.
        """
        raise NotImplementedError

    async def send_file(self, file: IO[bytes], offset: int | None, count: int) -> None:
        """Send `count` bytes of an open file, from `offset` or from its position.

        Raises:
            ClientDisconnected: the connection is gone.
        """
        raise NotImplementedError

    def want_body(self) -> None:
        """The application waits for the request's body: ask for it (100 Continue) and read on."""
        raise NotImplementedError

    def hold_body(self) -> None:
        """Enough body waits for the application: read no more for now."""
        raise NotImplementedError

    def idle(self) -> None:
        """An application's work has ended, perhaps long after its answer."""
        raise NotImplementedError

    def finish(self, exchange: Exchange) -> None:
        """The answer is complete."""
        raise NotImplementedError

    def fail(self, exchange: Exchange) -> None:
        """The application failed: answer 500 where nothing was sent yet, else cut the connection."""
        raise NotImplementedError

    # What a WebSocket's exchange may ask besides: first of the connection that brought its handshake, then of its own

    def accept(self, exchange: Any, subprotocol: str | None, headers: Iterable[Iterable[bytes]]) -> None:
        """Answer the handshake with 101; `exchange` gets another channel.

        Raises:
            AppProtocolError: the application's mistake, named; nothing was sent.
        """
        raise NotImplementedError

    def send_message(self, kind: int, payload: str | bytes) -> None:
        """Send a message, together with others of this turn of the loop."""
        raise NotImplementedError

    def send_close(self, code: int, reason: str) -> None:
        """Close the WebSocket."""
        raise NotImplementedError

    def go_away(self) -> int:
        """Close the WebSocket since the server stops; the close code."""
        raise NotImplementedError

    def want_messages(self) -> None:
        """There is room for messages again."""
        raise NotImplementedError


class Exchange:
    """One request and its answer.

    Attributes:
        head: the request.
        channel: the connection.
        cell: where the scoreboard shows it, while its application is at work; -1 where it does not.
    """

    __slots__ = ("cell", "channel", "head")

    head: Head
    channel: Channel
    cell: int

    def start(self) -> None:
        """Begin; what of the body is here already has been given to ``receive_body``."""
        raise NotImplementedError

    def receive_body(self, data: bytes, complete: bool) -> None:
        """Take a piece of the request's body; `complete` says that none follows."""
        raise NotImplementedError

    def disconnect(self) -> None:
        """The client has gone, or the answer was cut."""
        raise NotImplementedError

    def resume(self) -> None:
        """The peer takes more again."""

    def show(self, slot: Slot | None) -> None:
        """The application is about to be called: from here to `hide` the scoreboard has the request."""
        self.cell = -1 if slot is None else slot.begin(self.head.method, self.head.path, self.head.query)

    def hide(self, slot: Slot | None) -> None:
        """The application has done its work."""
        if slot is not None and self.cell >= 0:
            slot.end(self.cell)
            self.cell = -1

    def survives_eof(self) -> bool:
        """Whether a client that sends no more still gets its answer."""
        return False

    def cancel(self) -> None:
        """Time is up: end the application's work."""
        raise NotImplementedError

    def is_event_stream(self) -> bool:
        """Whether the answer is ``text/event-stream`` and has begun: such an answer has no end of its own."""
        response = self.channel.response
        if response.state != BODY:
            return False
        return any(
            name.lower() == b"content-type" and value.lower().startswith(b"text/event-stream")
            for name, value in response.fields()
        )

    def tell_stream(self) -> None:
        """The server stops: the application is told that the client has gone, and may still send a last word."""

    def end_stream(self) -> None:
        """End a stream's answer, complete as far as HTTP can say; what the application still gives is dropped."""
        try:
            self.channel.write(self.channel.response.body(b"", False))
        except AppProtocolError:  # it announced a length, and owes the rest
            self.disconnect()
            self.channel.fail(self)
        else:
            self.channel.finish(self)
            self.disconnect()

    def stack(self) -> str:
        """Where the application is at work on it, for the log; empty where that is not known."""
        return ""

    def describe(self) -> str:
        """The request in a few words, for the log."""
        client = self.channel.client
        peer = f"{client[0]}:{client[1]}" if client else "a unix socket"
        return f"{self.head.method} {self.head.target.decode('ascii')} from {peer}"


class Endpoint:
    """One application, and what its exchanges share.

    Attributes:
        running: the exchanges whose application is at work; the server counts and ends them.
        prefix: the path the application is mounted at, without a slash at its end; empty for the root.
        slot: where the worker shows what it is doing, if it does; set when the endpoint is mounted.
    """

    __slots__ = ("defaults", "prefix", "running", "slot")

    running: set[Exchange]
    prefix: str
    defaults: Defaults
    slot: Slot | None

    def open(self, channel: Channel, head: Head) -> Exchange:
        """A new exchange; ``start`` begins it."""
        raise NotImplementedError

    def open_websocket(self, channel: Channel, head: Head, offer: Offer, limit: int) -> Exchange:
        """The same for a WebSocket.

        Args:
            offer: the handshake.
            limit: the most messages that may wait for the application.

        Raises:
            ProtocolError: the application speaks no WebSocket.
        """
        # Not a 426, which would promise that asking for another protocol helps (RFC 9110 §15.5.22).
        raise ProtocolError(400, "a WSGI application is served here, and WSGI has no WebSockets")


class Ready:
    """An awaitable that has its result: what ``send()`` and ``receive()`` return when nothing has to wait.

    It can be awaited any number of times, and has a coroutine's methods, so that ``asyncio.create_task(receive())``,
    which wants a coroutine, takes it too.
    """

    __slots__ = ("_value",)

    def __init__(self, value: object) -> None:
        self._value = value

    def __await__(self) -> Generator[Any, None, Any]:
        return self

    def __iter__(self) -> Ready:
        return self

    def __next__(self) -> Any:
        if self._value is not None:
            if not COMPILED:
                raise StopIteration(self._value)
            return_from_next(self._value)  # noqa: F821
        raise StopIteration

    def send(self, value: object) -> Any:
        """The coroutine protocol: finish at once."""
        raise StopIteration(self._value)

    def throw(self, kind: Any, value: Any = None, traceback: Any = None) -> Any:
        """The coroutine protocol: let the exception through."""
        raise kind if value is None else value

    def close(self) -> None:
        """The coroutine protocol: nothing is held."""


def copy_of(context: Context) -> Context:
    """``context.copy()``, without what it costs to call a method through Python."""
    return PyContext_Copy(context) if COMPILED else context.copy()  # noqa: F821


def wake(waiters: list[asyncio.Future[None]] | None) -> None:
    """End the waits that have not been given up."""
    for waiter in waiters or ():
        if not waiter.done():
            waiter.set_result(None)


def is_disconnect(error: BaseException) -> bool:
    """Whether an application's error only says that the client has gone.

    ``send()`` raises `ClientDisconnected`; frameworks raise errors of their own from it, or while they handle it, and
    task groups wrap it.
    """
    if isinstance(error, asyncio.CancelledError):
        return True
    if isinstance(error, BaseExceptionGroup):
        return all(is_disconnect(each) for each in error.exceptions)
    reason: BaseException | None = error
    for _ in range(32):  # a chain can be made a ring
        if reason is None:
            break
        if isinstance(reason, ClientDisconnected):
            return True
        reason = reason.__cause__ or (None if reason.__suppress_context__ else reason.__context__)
    return False


def body_bytes(body: object) -> bytes:
    """A piece of a response's body as bytes.

    Raises:
        AppProtocolError: it is something else.
    """
    if isinstance(body, (bytes, bytearray, memoryview)):
        return bytes(body)
    raise AppProtocolError(f"a response body must be bytes, not {type(body).__name__}")


def as_dict(message: object) -> dict[str, Any]:
    """A message that is another kind of mapping, as a dict."""
    if not isinstance(message, Mapping):
        raise AppProtocolError(f"a message must be a dict, not {type(message).__name__}: {message!r}")
    return dict(message)
