"""One client connection: asyncio's transport on one side, the HTTP/1 protocol and the exchanges on the other.

Bytes come in (``data_received``), the protocol turns them into heads and bodies (``advance``), each head opens an
exchange, and what its application gives goes out in one write. Requests of one connection are answered one after the
other: the next one is begun from ``advance``'s loop, never from inside the answer to the last, so pipelining costs no
stack. What a connection waits for in between, and for how long, is in ``bicorn.server.phases``.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from typing import Any

from bicorn.apps.exchange import Exchange
from bicorn.errors import ProtocolError
from bicorn.server.outbound import Outbound
from bicorn.server.phases import ANSWER, BODY, CLOSING, HEAD, IDLE, LINGER, LINGER_TIME
from bicorn.server.record import access_record
from bicorn.server.service import Service
from bicorn.server.tls import tls_extension
from bicorn.server.waiting import Waiting
from bicorn.wire.answers import informational, simple_response
from bicorn.wire.head import Head
from bicorn.wire.response import Response
from bicorn.wire.states import HELD, WAITING
from bicorn.wire.states import IDLE as IDLE_RESPONSE

logger = logging.getLogger("bicorn.error")

# Bytes of pipelined requests that wait in memory while one is answered; the rest waits in the kernel.
PIPELINE_HIGH_WATER = 65536
# Unread body that is read and dropped so that the connection can go on; above it closing is cheaper.
DISCARD_LIMIT = 65536

# nginx's "client closed request", for the access log alone.
CLIENT_CLOSED = 499
SWITCHING_PROTOCOLS = 101

CONTINUE = informational(100)


class Connection(Waiting):
    """One client connection; an `asyncio.Protocol` by shape.

    Args:
        service: what all connections share.
        scheme: ``"http"`` or ``"https"``.
    """

    __slots__ = (
        "__weakref__",
        "_advancing",
        "_began",
        "_ended",
        "_later",
        "_requests",
    )

    def __init__(self, service: Service, scheme: str) -> None:
        super().__init__(service, scheme)
        self.response = Response(service.defaults)
        self._advancing = False
        self._began = 0.0
        self._ended = False  # whether the peer sends no more
        self._later = False  # whether a call of advance() is scheduled
        self._requests = 0

    # What the transport says

    def connection_made(self, transport: Any) -> None:
        """asyncio: the connection is open (after the handshake, with TLS)."""
        service = self.service
        self.transport = transport
        peer = transport.get_extra_info("peername")
        if type(peer) is tuple:
            self.client = (peer[0], peer[1])
        self.origin = service.origin(self._scheme, transport.get_extra_info("sockname"))
        if self._scheme == "https":
            self.tls = tls_extension(transport.get_extra_info("ssl_object"))
            service.handshakes.discard(self)
        self.wait_for(IDLE, service.keep_alive_timeout if service.drained is None else LINGER_TIME)
        if not service.opened(self):
            logger.warning(
                "503 to %s: all %d connections are busy (limit-connections)", self.peer(), service.connection_limit
            )
            self._send_simple(503, "the server has no room for another connection")
            self.close()

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes have come."""
        if self.phase >= LINGER:
            self._discard -= len(data)
            if self._discard < 0:
                self.drop_no_more()
            return
        http = self.http
        http.receive(data)
        if self._later or (self.exchange is not None and http.is_done()):
            if http.buffered() > PIPELINE_HIGH_WATER:
                self.hold_reading()
            return
        self._body_received += len(data)
        self.advance()

    def eof_received(self) -> bool:
        """asyncio: the peer sends no more; True keeps our side open.

        Complete requests to a WSGI application are still answered, as a shell's ``printf ... | nc`` expects. An ASGI
        application is told that the client has gone, since that is what a closed tab looks like.
        """
        if self._scheme == "http" and self.phase < LINGER:
            if self.exchange is None:
                self._ended = self._later  # requests may still wait for their turn
            else:
                self._ended = self.http.is_done() and self.exchange.survives_eof()
                if not self.http.buffered():
                    self.response.keep_alive = False
        if not self._ended:
            self.watch_writing()  # the transport closes once all is out, which the peer may prevent
        return self._ended

    def connection_lost(self, error: Exception | None) -> None:
        """asyncio: the connection is over."""
        self.closed = True
        self.deadline = 0.0
        self._write_deadline = 0.0
        exchange = self.exchange
        self.exchange = None
        if exchange is not None:
            exchange.disconnect()
        self._wake()
        self.http.stop()
        self.service.gone(self)
        if exchange is not None:
            self._log_access(exchange, self.response.status or CLIENT_CLOSED)

    def resume_writing(self) -> None:
        """asyncio: the peer has caught up."""
        super().resume_writing()
        if self.exchange is not None:
            self.exchange.resume()
        elif self.http.buffered():
            self._advance_later()

    # Requests

    def advance(self) -> None:
        """Go on with what has been received, as far as it reaches."""
        if self._advancing or self.closed:
            return
        self._advancing = True
        self._later = False
        try:
            self._advance()
        except ProtocolError as error:
            self.refuse(error)
        finally:
            self._advancing = False

    def _advance(self) -> None:
        http = self.http
        turns = 0
        while self.phase < LINGER:
            if self.exchange is not None:
                if http.is_done():
                    self.deadline = 0.0
                    self.phase = ANSWER
                    return
                data = http.next_body()
                if data is None:
                    self._wait_for_body()
                    return
                self._expects_continue = False  # the client went ahead
                self.exchange.receive_body(data, http.is_done())
            elif self._discard >= 0:
                if not self._discard_body():
                    return
            elif turns >= self.service.pipelined_limit and http.buffered():
                self._advance_later()
                return
            elif not self.writable and http.buffered():
                # The peer asks for more than it reads: answers must not pile up in memory.
                self.phase = ANSWER
                self.deadline = 0.0
                self.hold_reading()
                return
            else:
                head = http.next_head()
                if head is None:
                    self._wait_for_head()
                    return
                turns += 1
                self._begin(head)

    def _begin(self, head: Head) -> None:
        """Open an exchange for a request and let it start."""
        service = self.service
        self._requests += 1
        service.count()
        self.phase = ANSWER
        self.deadline = 0.0
        keep_alive = head.keep_alive
        if service.draining and (head.content_length != 0 or not self.http.buffered()):
            keep_alive = False  # else a request that has come behind this one will be the last
        if service.requests_limit and self._requests >= service.requests_limit:
            keep_alive = False
        self.response.begin(head.minor, head.method == "HEAD", keep_alive)
        if service.access is not None:
            self._began = time.monotonic()  # uvloop's clock has steps of a millisecond
        if service.concurrency_limit and len(service.running) >= service.concurrency_limit:
            raise ProtocolError(503, f"all {service.concurrency_limit} places are taken (limit-concurrency); try again")
        endpoint = service.endpoint(head)
        if head.upgrade is None or service.websockets is None:
            exchange = endpoint.open(self, head)
        else:
            from bicorn.server.handshake import open_exchange  # many servers have no WebSockets

            exchange = open_exchange(self, endpoint, head)
        if head.content_length != 0:
            self._begin_body(exchange, head)
        self.exchange = exchange
        exchange.start()

    def _begin_body(self, exchange: Exchange, head: Head) -> None:
        """Give an exchange the body that is here already, so that an application that reads it need not wait."""
        http = self.http
        self._expects_continue = head.expect_continue
        self._body_received = http.buffered()
        self._body_started = self.service.now
        data = http.next_body()
        if data is not None:
            self._expects_continue = False  # RFC 9110 §10.1.1: the client went ahead; a 100 would be late
            exchange.receive_body(data, http.is_done())

    def _advance_later(self) -> None:
        """Let other connections have a turn first."""
        if not self._later:
            self._later = True
            self.loop.call_soon(self.advance)

    def refuse(self, error: ProtocolError) -> None:
        """Answer what cannot be served, say why, and close."""
        logger.warning("%d to %s: %s", error.status, self.peer(), error.reason)
        self.break_off(error)

    def break_off(self, error: ProtocolError) -> None:
        """Answer with an error where nothing was sent, else cut; then close."""
        exchange = self.exchange
        if exchange is not None:
            self.exchange = None
            exchange.disconnect()
            if self.response.state != WAITING and self.response.state != HELD:
                self._log_access(exchange, self.response.status)
                self.abort()
                return
            self._log_access(exchange, error.status)
        if self._discard < 0:
            self._send_simple(error.status, error.reason)
        # else the request was answered before its body had come: another answer would be taken for the next one's
        self.linger()

    def abandon(self, status: int) -> None:
        """Somebody else has answered, past the transport: nothing more may be sent."""
        exchange = self.exchange
        self.exchange = None
        if exchange is not None:
            self._log_access(exchange, status)
        self.abort()

    def _send_simple(self, status: int, reason: str) -> None:
        if status == 426:
            from bicorn.wire.handshake import refusal  # says which version of WebSocket would do

            self.write(refusal(ProtocolError(status, reason), self.service.defaults))
            return
        extra = b"retry-after: 1\r\n" if status == 503 else b""
        is_head = self.response.state != IDLE_RESPONSE and self.response.is_head
        self.write(simple_response(status, reason, defaults=self.service.defaults, extra=extra, is_head=is_head))

    # What an exchange asks for

    def want_body(self) -> None:
        """Ask for the body, and read on."""
        if self.closed:
            return
        if self._expects_continue or self._paused:
            # How long the application took to ask is not the client's fault.
            self._body_received = 0
            self._body_started = self.service.now
        if self._expects_continue:
            self._expects_continue = False
            if self.response.state == WAITING:
                self.write(CONTINUE)
        if self._paused:
            self.resume_reading()
        if not self._advancing and not self.deadline and self.exchange is not None and not self.http.is_done():
            self._wait_for_body()

    def hold_body(self) -> None:
        """Read no more of the body for now."""
        self.hold_reading()
        self.deadline = 0.0

    def idle(self) -> None:
        """An application's work has ended: a stopping server may have waited for it."""
        if self.service.drained is not None:
            self.service.check_drained()

    def finish(self, exchange: Exchange) -> None:
        """The answer is complete: go on to the next request, or close."""
        self.exchange = None
        if self.closed:
            return
        if self.service.access is not None:
            self._log_access(exchange, self.response.status)
        http = self.http
        if not self.response.keep_alive:
            if http.is_done() and not http.buffered():
                self.close()
            else:
                self.linger()
            return
        if http.is_done():
            http.next_request()
        elif self._expects_continue:
            # The client may or may not send the body it asked about; only closing is unambiguous.
            self.linger()
            return
        else:
            self._discard = DISCARD_LIMIT
        if self._paused and (self._discard >= 0 or http.buffered() <= PIPELINE_HIGH_WATER):
            self.resume_reading()
        if not self._advancing:
            if self._discard >= 0 or http.buffered():
                self._advance_later()
            else:
                self._wait_for_head()

    def fail(self, exchange: Exchange) -> None:
        """The application failed: a 500 where nothing was sent, else an aborted connection."""
        response = self.response
        if self.closed or self.exchange is not exchange:
            return
        if response.state != WAITING and response.state != HELD:
            self.exchange = None
            self._log_access(exchange, response.status)
            self.abort()
            return
        response.begin(exchange.head.minor, exchange.head.method == "HEAD", response.keep_alive)
        response.start(500, [(b"content-type", b"text/plain; charset=utf-8")])
        self.write(response.body(b"Internal Server Error\n", False))
        self.finish(exchange)

    def accept(self, exchange: Exchange, subprotocol: str | None, headers: Iterable[Iterable[bytes]]) -> None:
        """A WebSocket's application takes it: from here on the connection is another one."""
        from bicorn.server.handshake import accept

        accept(self, exchange, subprotocol, headers)

    def hand_over(self, successor: Outbound) -> bytes:
        """Let `successor` have the transport; what it has brought for the other protocol already."""
        exchange = self.exchange
        rest = self.http.take()
        self.flush()
        if exchange is not None:
            self._log_access(exchange, SWITCHING_PROTOCOLS)
        self.exchange = None
        self.phase = CLOSING
        self.deadline = 0.0
        self._write_deadline = 0.0
        if self._paused:
            self.resume_reading()
        successor.succeed(self)
        self.service.replace(self, successor)
        self.transport.set_protocol(successor)
        return rest

    # Waiting

    def _wait_for_head(self) -> None:
        if self._paused:
            self.resume_reading()
        if self._ended:
            self.close()
        elif self.http.is_idle():
            if self.service.drained is not None:
                # It was not told that this is the end, so a request may be on its way.
                self.wait_for(IDLE, self.service.recent)
            else:
                self.wait_for(IDLE, self.service.keep_alive_timeout)
        elif self.phase != HEAD:
            self.wait_for(HEAD, self.service.head_timeout)

    def _wait_for_body(self) -> None:
        if self._ended:
            self.close()
        elif self._paused or self._expects_continue:
            self.deadline = 0.0
            self.phase = BODY
        else:
            self.wait_for(BODY, self.service.body_timeout)

    def _discard_body(self) -> bool:
        """Drop body the application did not read; False where there is nothing to go on with yet."""
        data = self.http.next_body()
        if data is not None:
            self._discard -= len(data)
        if self.http.is_done():
            self._discard = -1
            self.http.next_request()
            return True
        if self._discard < 0:
            self.linger()
            return False
        if data is None:
            self._wait_for_body()
            return False
        return True

    # The stop of the worker

    def announce_close(self) -> None:
        """The worker will stop: the present answer is the connection's last, where its head can still say so."""
        state = self.response.state
        if self.exchange is not None and (state == WAITING or state == HELD):
            self.response.keep_alive = self.response.keep_alive and self.http.is_done() and self.http.buffered() > 0

    def start_draining(self) -> None:
        """The worker accepts no more: close, unless something is asked or may be on its way."""
        if self.is_asked():
            self.announce_close()
        elif self._was_used_recently() or self.has_input():
            self.wait_for(IDLE, self.service.recent)
        else:
            self.close()

    def _was_used_recently(self) -> bool:
        """Whether the last answer, or the connection itself, is so new that the next request may be on its way."""
        timeout = self.service.keep_alive_timeout
        return not timeout or self.service.now - (self.deadline - timeout) < self.service.recent

    def _log_access(self, exchange: Exchange, status: int) -> None:
        if self.service.access is not None:
            self.service.access.log(access_record(self, exchange, status, time.monotonic() - self._began))
