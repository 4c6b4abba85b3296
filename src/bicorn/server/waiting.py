"""What a connection waits for, under which deadline, and how it ends."""

from __future__ import annotations

import contextlib

from bicorn.apps.exchange import Exchange
from bicorn.errors import ProtocolError
from bicorn.server.outbound import Outbound
from bicorn.server.phases import BODY, CLOSING, HEAD, IDLE, LINGER, LINGER_TIME
from bicorn.server.service import Service
from bicorn.wire.http1 import Http1

LINGER_LIMIT = 1 << 20
# A body is given this long before its rate counts: precedent is Kestrel's 240 bytes/s after 5 s.
RATE_GRACE = 5.0


class Waiting(Outbound):
    """A connection's waits; `bicorn.server.connection.Connection` adds what comes in between.

    Args:
        service: what all connections share.
        scheme: ``"http"`` or ``"https"``.

    Attributes:
        http: the receiving half of the protocol.
        exchange: the request that is being answered.
        phase: one of `bicorn.server.phases`.
        deadline: when the phase has taken too long, by the loop's time; 0 for never.
    """

    __slots__ = (
        "_body_received",
        "_body_started",
        "_discard",
        "_expects_continue",
        "_paused",
        "deadline",
        "exchange",
        "http",
        "phase",
    )

    def __init__(self, service: Service, scheme: str) -> None:
        super().__init__(service, scheme)
        self.http = Http1(service.limits)
        self.exchange: Exchange | None = None
        self.phase = IDLE
        self.deadline = 0.0
        self._body_received = 0
        self._body_started = 0.0
        self._discard = -1  # bytes nobody will read that may still come and be dropped; -1 where none is
        self._expects_continue = False
        self._paused = False

    def refuse(self, error: ProtocolError) -> None:
        """Answer what cannot be served, say why, and close."""
        raise NotImplementedError

    def wait_for(self, phase: int, seconds: float) -> None:
        """Enter `phase`, for so many seconds at most; 0 for as long as it takes."""
        self.phase = phase
        self.deadline = self.service.now + seconds if seconds else 0.0

    def hold_reading(self) -> None:
        """Read no more for now."""
        if not self._paused and not self.closed:
            self._paused = True
            self.transport.pause_reading()

    def resume_reading(self) -> None:
        """Read on."""
        self._paused = False
        if not self.closed:
            self.transport.resume_reading()

    # Deadlines

    def tick(self, now: float) -> None:
        """Compare the deadlines with `now`; called about twice a second."""
        if self.closed:
            return
        if self.deadline and now >= self.deadline:
            self._expire()
        elif self.phase == BODY and not self._paused and not self._expects_continue and self.service.min_body_rate:
            self._check_body_rate(now)
        elif self.phase == IDLE:
            self.http.rest()
        if self._write_deadline:
            self.check_write_deadline(now)

    def _expire(self) -> None:
        phase = self.phase
        if phase == HEAD:
            self.refuse(ProtocolError(408, f"no complete head within {self.service.head_timeout:g} s"))
        elif phase == BODY:
            self.refuse(ProtocolError(408, f"no body for {self.service.body_timeout:g} s"))
        else:
            self._expire_quietly(phase)

    def _expire_quietly(self, phase: int) -> None:
        """End a wait in which the peer owed nothing but to take what was sent, unless it is still taking it."""
        unsent = self.unsent()
        if unsent or (phase == CLOSING and self._unsent):
            # In between, a TLS transport's own buffer may show nowhere: so closing takes two looks.
            self.watch_writing()
            if not self._write_deadline:
                self._unsent = unsent
            self.wait_for(phase, self.service.keep_alive_timeout if phase == IDLE else LINGER_TIME)
        elif phase == CLOSING:
            self.abort()
        elif phase == IDLE and self.has_input():
            self.wait_for(IDLE, LINGER_TIME)  # a request has just come: to close now would lose it
        else:
            self.close()

    def _check_body_rate(self, now: float) -> None:
        elapsed = now - self._body_started
        if elapsed > RATE_GRACE and self._body_received < self.service.min_body_rate * (elapsed - RATE_GRACE):
            self.refuse(ProtocolError(408, f"the body comes slower than {self.service.min_body_rate} bytes/s"))

    def is_asked(self) -> bool:
        """Whether a request has begun and its answer is not complete."""
        return self.phase != IDLE or self.exchange is not None or not self.http.is_idle()

    def is_idle(self) -> bool:
        """Whether nothing is owed to the client."""
        return not self.is_asked() and self._pieces is None and not self.transport.get_write_buffer_size()

    # Closing

    def close(self) -> None:
        """Flush and close."""
        if not self.closed:
            self.http.stop()
            self.wait_for(CLOSING, LINGER_TIME)
            self._discard = LINGER_LIMIT
            self.flush()
            self.transport.close()

    def abort(self) -> None:
        """End the connection at once; what was not sent is dropped, and no further request begins."""
        if not self.closed:
            self.http.stop()
            self.phase = CLOSING
            self.deadline = 0.0
            self._write_deadline = 0.0
            self.transport.abort()

    def drop_no_more(self) -> None:
        """Enough has come after the end: till the deadline the peer can still read our answer, which a cut destroys."""
        if self.phase == LINGER:
            self.hold_reading()
        else:
            self.abort()

    def linger(self) -> None:
        """Close so that the peer can read our answer first.

        RFC 9112 §9.6: closing with unread data in the receive buffer makes the kernel reset the connection, which may
        destroy the answer before the peer has read it. So our side is closed first, and what still comes is read and
        dropped.
        """
        if self.closed:
            return
        self.http.stop()
        self.flush()
        self.wait_for(LINGER, LINGER_TIME)
        self._discard = LINGER_LIMIT
        if self._paused:
            self.resume_reading()
        if self.transport.can_write_eof():  # not through TLS: there, the answer alone says that it is the last
            with contextlib.suppress(OSError, RuntimeError):  # the peer may have gone already
                self.transport.write_eof()
