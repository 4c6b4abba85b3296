"""One WebSocket: asyncio's transport on one side, the frames of `bicorn.wire.websocket` and the exchange on the other.

An HTTP connection brings the handshake; when the application accepts it, a `WebSocketConnection` takes the transport
over (`bicorn.server.handshake`). What its `_state` can be, and what leads to the next::

    OPEN    -- the client closes, and is answered -->           DONE
    OPEN    -- the application or the server closes -->         CLOSING  CLOSE_TIME, then it is cut
    OPEN    -- the client breaks the protocol -->               LINGER   LINGER_TIME, then it is cut
    CLOSING -- the client closes too -->                        DONE     LINGER_TIME to flush, then it is cut

There is no timer for each connection: `tick`, which the service calls twice a second, sends pings, meets the deadlines
and gives memory back.
"""

from __future__ import annotations

import contextlib
import logging
import time
from typing import TYPE_CHECKING, Any

from bicorn.apps.exchange import Exchange
from bicorn.apps.websocket import WebSocketExchange
from bicorn.apps.websocket_messages import FAILED, GOING_AWAY, NO_CLOSE, RESTART
from bicorn.errors import AppProtocolError, WebSocketError
from bicorn.server.outbound import Outbound
from bicorn.server.phases import LINGER_TIME
from bicorn.server.record import websocket_record
from bicorn.server.service import Service
from bicorn.server.slices import LARGE, Slices
from bicorn.wire.deflate import Deflate
from bicorn.wire.opcodes import BINARY, CLOSE, NOTHING, PING, PONG, TEXT
from bicorn.wire.websocket import Framer, Reader, close_frame, frame, frame_head

if TYPE_CHECKING:
    from bicorn.config.settings import Config

logger = logging.getLogger("bicorn.error")

OPEN = 0
CLOSING = 1
LINGER = 2
DONE = 3

CLOSE_TIME = 5.0
"""Seconds a client has to answer a close frame; more while it still takes what was sent before."""
UNREAD_LIMIT = 65536
"""While the application has enough messages, so many bytes more are read and wait; the rest waits in the kernel."""
LINGER_LIMIT = 1 << 20
TOGETHER_LIMIT = 65536
"""Frames are collected up to this size before they go out; one as large is not copied."""
_PING = frame(PING, b"")
_framer = Framer()  # of the whole worker, whose connections send one after another


class WebSocketConnection(Outbound):
    """A client that speaks WebSocket; an `asyncio.Protocol` by shape.

    Args:
        service: what all connections share.
        config: the settings.
        exchange: the application's side.
        reader: the receiving half of the protocol.
        deflate: the sending half's compression, where it was agreed on.

    Attributes:
        exchange: the application's side.
        deadline: when the present state has taken too long, by the loop's time; 0 for never.
    """

    __slots__ = (
        "__weakref__",
        "_awaits_pong",
        "_began",
        "_bytes_in",
        "_bytes_out",
        "_code",
        "_config",
        "_deflate",
        "_discard",
        "_heard",
        "_is_resting",
        "_messages_in",
        "_messages_out",
        "_paused",
        "_ping_due",
        "_pong",
        "_reader",
        "_sent",
        "_slices",
        "_state",
        "deadline",
        "exchange",
    )

    def __init__(
        self, service: Service, config: Config, exchange: WebSocketExchange, reader: Reader, deflate: Deflate | None
    ) -> None:
        super().__init__(service, "")
        self.exchange = exchange
        self.deadline = 0.0
        self._config = config
        self._reader = reader
        self._deflate = deflate
        self._state = OPEN
        self._code = NO_CLOSE  # how it ended, for the log
        self._discard = LINGER_LIMIT  # bytes after the end that may still come and be dropped
        self._paused = False  # whether nothing is read from the client, since the application has enough
        self._slices: Slices | None = None  # of what is large
        self._sent = False  # whether a message went out since something came
        self._heard = True  # whether something came since the last tick
        self._is_resting = False  # whether memory was given back
        self._awaits_pong = False
        self._ping_due = 0.0
        self._pong: bytes | None = None  # one that waits for the client to read
        self._began = time.monotonic()
        self._messages_in = 0
        self._messages_out = 0
        self._bytes_in = 0
        self._bytes_out = 0

    # What the transport says

    def connection_made(self, transport: Any) -> None:
        """asyncio: never called, since another connection was here before."""

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes have come."""
        self._heard = True
        self._sent = False
        self._bytes_in += len(data)
        if len(data) < LARGE or self._state >= LINGER:
            self.take(data)
            return
        if self._slices is None:
            self._slices = Slices(self)
        self._slices.receive(data)

    def take(self, data: bytes) -> None:
        """Take apart what has come, or a slice of it."""
        if self._state >= LINGER:
            self._discard -= len(data)
            if self._discard < 0:
                self._stop_reading()
            return
        self._reader.receive(data)
        if not self.exchange.is_full:
            self._read()
        elif self._reader.buffered() > UNREAD_LIMIT and not self._paused:
            self._paused = True
            self.transport.pause_reading()

    def eof_received(self) -> bool:
        """asyncio: the peer sends no more, which without a close frame is an end too."""
        self.watch_writing()  # the transport closes once all is out, which the peer may prevent
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """asyncio: the connection is over."""
        self.closed = True
        self.writable = False  # who sends hears that the client has gone
        self.deadline = 0.0
        self._write_deadline = 0.0
        self._deflate = None
        if self._state != OPEN or not self.exchange.is_full:
            self._lost()
        self._wake()
        self.service.gone(self)
        self._log_access()

    def _lost(self) -> None:
        """The application has taken all that came before the connection was lost, or wants none of it."""
        self._reader.stop()
        self.exchange.closed(NO_CLOSE, "")

    def resume_writing(self) -> None:
        """asyncio: the peer has caught up."""
        super().resume_writing()
        pong = self._pong
        if pong is not None:
            self._pong = None
            self._put(frame(PONG, pong))

    # Receiving

    def want_messages(self) -> None:
        """There is room for messages again."""
        if self._state >= LINGER:
            return
        self._read()
        if self.exchange.is_full:
            return
        if self.closed:
            self._lost()
        elif self._paused:
            self._resume_reading()

    def _stop_reading(self) -> None:
        """After the end, enough was dropped: until the deadline the client can read our word, which a cut destroys."""
        if self.transport.is_closing():
            self.abort()
        elif not self._paused:
            self._paused = True
            self.transport.pause_reading()

    def _resume_reading(self) -> None:
        if self._paused and not self.closed:
            self._paused = False
            self._heard = True  # a pong may have been waiting
            self.read_on()

    def read_on(self) -> None:
        """Read from the client, unless something else speaks against it."""
        if not (self._paused or self.closed or (self._slices is not None and self._slices.is_waiting)):
            self.transport.resume_reading()

    def _read(self) -> None:
        """Take what has come apart, as long as the application has room for it."""
        reader = self._reader
        exchange = self.exchange
        service = self.service
        try:
            while not exchange.is_full:
                kind = reader.next()
                if kind == NOTHING:
                    break
                if kind == TEXT or kind == BINARY:
                    self._messages_in += 1
                    service.count()
                    exchange.receive_message(kind, reader.payload)
                elif kind == PING:
                    self._answer_ping(reader.payload)
                elif kind == CLOSE:
                    self._peer_closed(reader.code, reader.reason)
                    break
        except WebSocketError as error:
            exchange.wake()  # what came before it is still answered
            self._refuse(error)
        exchange.wake()

    def _answer_ping(self, payload: Any) -> None:
        """RFC 6455 §5.5.3: where several have come, it is enough to answer the last: so pongs never pile up."""
        if self._state != OPEN:
            return
        if self.writable:
            self._put(frame(PONG, payload))
        else:
            self._pong = payload

    # Sending

    def send_message(self, kind: int, payload: Any) -> None:
        """Send a message, together with others of this turn of the loop.

        Raises:
            AppProtocolError: the text cannot be UTF-8.
        """
        if self._state != OPEN:
            return
        self._messages_out += 1
        try:
            if self._deflate is not None:
                self._is_resting = False
                packed = self._deflate.message(payload)
                if packed is not None:
                    self._put(frame(kind, packed, True))
                    return
            if len(payload) < TOGETHER_LIMIT:
                self._put(_framer.frame(kind, payload))
                return
            data = payload.encode() if kind == TEXT else payload
        except UnicodeEncodeError as error:
            raise AppProtocolError(f"the text of websocket.send is not Unicode: {error}") from None
        self.flush()
        self._sent = True
        head = frame_head(kind, len(data))
        size = len(head) + len(data)
        self._bytes_out += size
        self._stream([head, data], size)

    def _put(self, data: bytes) -> None:
        """Send a frame.

        The first after something came goes straight out where `bicorn.server.batch` sees no use in waiting; what
        follows in the same turn of the loop goes together.
        """
        size = len(data)
        self._bytes_out += size
        if self.closed:
            return
        if self._pieces is not None:
            self._pieces.append(data)
            self._pieces_size += size
        elif size >= TOGETHER_LIMIT:
            self._stream(data, size)
            return
        else:
            batch = self.service.batch
            if batch.straight and not self._sent:
                batch.straight -= 1
                self._sent = True
                self._stream(data, size)
                return
            self._pieces = [data]
            self._pieces_size = size
            batch.wait(self)
        if self._pieces_size >= TOGETHER_LIMIT:
            self.flush()

    # Closing

    def send_close(self, code: int, reason: str) -> None:
        """Close, and wait for the client to do the same (RFC 6455 §7.1.2)."""
        if self._state != OPEN or self.closed:
            return
        self._state = CLOSING
        self._code = code
        self._put(close_frame(code, reason))
        self.deadline = self.service.now + CLOSE_TIME
        self.service.loop.call_soon(self._await_close)

    def _await_close(self) -> None:
        """Read on to the client's close frame, past what the application will not take any more."""
        if self._state == CLOSING and not self.closed:
            self.exchange.is_full = False
            self._resume_reading()
            self._read()

    def go_away(self) -> int:
        """Close since the server stops; the close code. Clients that are told 1012 come back, to a new worker."""
        code = RESTART if self.service.restarting else GOING_AWAY
        self.send_close(code, "")
        return code

    def _peer_closed(self, code: int, reason: str) -> None:
        """The client's close frame is here: answer it, and end the connection (RFC 6455 §5.5.1, §7.1.1)."""
        was_open = self._state == OPEN
        self._state = DONE
        if was_open:
            self._code = code
            self._put(close_frame(code, ""))
            self.exchange.closed(code, reason)
        self.deadline = self.service.now + LINGER_TIME
        self.flush()
        self.transport.close()

    def _refuse(self, error: WebSocketError) -> None:
        """The client broke the protocol: say so and close, but let it read what we say: a reset would destroy it."""
        if self._state == OPEN:
            logger.warning("%d to %s: %s", error.code, self.peer(), error.reason)
            self._code = error.code
            self._put(close_frame(error.code, error.reason))
            self.exchange.closed(error.code, error.reason)
        self._state = LINGER
        self.deadline = self.service.now + LINGER_TIME
        self.flush()
        self._resume_reading()
        if self.transport.can_write_eof():  # not through TLS
            with contextlib.suppress(OSError, RuntimeError):  # the peer may have gone already
                self.transport.write_eof()
        else:
            self.transport.close()

    # Deadlines

    def tick(self, now: float) -> None:
        """Compare the deadlines with `now`; called about twice a second."""
        if self.closed:
            return
        if self.deadline:
            if now >= self.deadline:
                self._expire(now)
        elif self._heard or self._paused:
            self._heard = False
            self._awaits_pong = False
            self._is_resting = False
            self._ping_due = now + self._config.ws_ping_interval
        else:
            if not self._is_resting:
                self._rest()
            if now >= self._ping_due:
                self._ping(now)
        if self._write_deadline:
            self.check_write_deadline(now)

    def _ping(self, now: float) -> None:
        config = self._config
        if self._awaits_pong:
            self.exchange.closed(FAILED, "keepalive ping timeout")
            logger.info("%s has not answered a ping for %g s (ws-ping-timeout)", self.peer(), config.ws_ping_timeout)
            self.send_close(FAILED, "keepalive ping timeout")
        elif config.ws_ping_interval:
            self._put(_PING)
            self._awaits_pong = config.ws_ping_timeout > 0
            self._ping_due = now + (config.ws_ping_timeout or config.ws_ping_interval)

    def _rest(self) -> None:
        """Nothing has come for a while: give memory back."""
        self._is_resting = True
        self._reader.rest()
        if self._deflate is not None:
            self._deflate.rest()

    def _expire(self, now: float) -> None:
        """The client has not closed in time; more time while it takes what was sent."""
        unsent = self.unsent()
        if unsent and self._write_deadline == 0.0:
            self.watch_writing()
        if unsent and self._write_deadline:
            self.deadline = now + LINGER_TIME
        else:
            self.abort()

    # What the service asks

    def is_idle(self) -> bool:
        """Whether nothing is owed to the client: never, as nobody knows when a message is due."""
        return False

    def announce_close(self) -> None:
        """The worker will stop: not yet."""

    def start_draining(self) -> None:
        """The worker accepts no more: the connection ends as soon as the application has taken what has come."""
        self.exchange.tell_stream()

    def close(self) -> None:
        """End it as going away."""
        self.exchange.end_stream()

    def idle(self) -> None:
        """The application's work has ended: a stopping server may have waited for it."""
        if self.service.drained is not None:
            self.service.check_drained()

    def fail(self, exchange: Exchange) -> None:
        """The application failed."""
        self.send_close(FAILED, "")

    def _log_access(self) -> None:
        access = self.service.access
        if access is not None:
            messages = (self._messages_in, self._messages_out, self._bytes_in)
            duration = time.monotonic() - self._began
            access.log(websocket_record(self, self.exchange, self._code, self._bytes_out, duration, messages))
