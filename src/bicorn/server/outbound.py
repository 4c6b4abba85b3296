"""The sending half of a connection: writing, waiting for a slow peer, and cutting one that reads nothing."""

from __future__ import annotations

import asyncio
import logging
from typing import IO, Any

from bicorn.apps.exchange import Channel, wake
from bicorn.errors import ClientDisconnected
from bicorn.server import sendfile
from bicorn.server.direct import send_now
from bicorn.server.service import Service

logger = logging.getLogger("bicorn.error")

# Pieces of a stream are collected up to this size before they go out.
PIECES_LIMIT = 65536
# After so many bytes of streams the loop has a turn, however fast the application and its client are: the others are
# served, and a client that has gone is noticed.
TURN_LIMIT = 1 << 18

_UNKNOWN = -1
_NONE = -2  # the bytes on the socket are not ours, but TLS's


class Outbound(Channel):
    """The sending half of a connection; `bicorn.server.connection.Connection` adds the receiving one.

    Args:
        service: what all connections share.
        scheme: ``"http"`` or ``"https"``.

    Attributes:
        service: what all connections share.
        transport: asyncio's transport, once the connection is made.
    """

    __slots__ = (
        "_descriptor",
        "_handed",
        "_is_slow",
        "_pieces",
        "_pieces_size",
        "_scheme",
        "_streamed",
        "_unsent",
        "_waiters",
        "_write_deadline",
        "_written",
        "service",
        "transport",
    )

    transport: Any

    def __init__(self, service: Service, scheme: str) -> None:
        self.service = service
        self.loop = service.loop
        self.client = None
        self.client_port = None
        self.tls = None
        self.writable = True
        self.closed = False
        self._scheme = scheme
        self._descriptor = _UNKNOWN  # the socket's, once it was asked for
        self._handed = False  # the transport was given bytes, and may have some left
        self._pieces: list[bytes] | None = None  # until the loop turns
        self._pieces_size = 0
        self._is_slow = False  # the transport says so
        self._streamed = 0  # bytes of streams since the loop had a turn for them
        self._unsent = 0  # what the peer had not taken when it was last looked at
        self._written = 0  # what was added since
        self._waiters: list[asyncio.Future[None]] | None = None
        self._write_deadline = 0.0

    def succeed(self, other: Outbound) -> None:
        """Take over the transport of a connection whose peer speaks another protocol from here on."""
        self.transport = other.transport
        self.origin = other.origin
        self.client = other.client
        self.tls = other.tls
        self._handed = True
        self._is_slow = other._is_slow
        self.writable = not other._is_slow
        other.closed = True

    # Writing

    def write(self, data: bytes | list[bytes]) -> None:
        """Send bytes."""
        if self.closed:
            return
        if self._pieces is not None:
            self._collect(data)
            self.flush()
        elif isinstance(data, list):
            self.written(sum(map(len, data)))
            self._write_lines(data)
        elif data:
            self.written(len(data))
            if not self.transport.is_closing():
                self._send(data)

    def answer(self, data: bytes | list[bytes]) -> None:
        """Send the last bytes of an answer; they may wait for those of others, see ``bicorn.server.batch``."""
        batch = self.service.batch
        if batch.straight:
            batch.straight -= 1
        elif self._pieces is None and not self.closed and type(data) is bytes and data:  # large ones come as lists
            self._pieces = [data]
            self._pieces_size = len(data)
            batch.wait(self)
            return
        self.write(data)

    def write_piece(self, data: bytes | list[bytes]) -> None:
        """Send a piece of a stream, together with those that follow it before the loop turns.

        Transports send each piece given to them by itself: a hundred small ones would be a hundred packets.
        """
        if self.closed or not data:
            return
        if self._pieces is None:
            if isinstance(data, list) or len(data) >= PIECES_LIMIT:  # large enough to go alone, without being copied
                self._stream(data, sum(map(len, data)) if isinstance(data, list) else len(data))
                return
            self._pieces = []
            self.loop.call_soon(self.flush)
        self._collect(data)
        if self._pieces_size >= PIECES_LIMIT:
            self.flush()

    def _collect(self, data: bytes | list[bytes]) -> None:
        assert self._pieces is not None
        for piece in data if isinstance(data, list) else (data,):
            self._pieces.append(piece)
            self._pieces_size += len(piece)

    def flush(self) -> None:
        """Hand the collected pieces to the transport."""
        pieces = self._pieces
        if pieces is None:
            return
        size = self._pieces_size
        self._pieces = None
        self._pieces_size = 0
        if not self.closed:
            self._stream(pieces[0] if len(pieces) == 1 else b"".join(pieces), size)

    def _stream(self, data: bytes | list[bytes], size: int) -> bool:
        """Send a piece of a stream; False where the peer has gone."""
        if self.transport.is_closing():
            self.writable = False  # drain() says that the client has gone as soon as the loop does
            return False
        self.written(size)
        if isinstance(data, list):
            self._write_lines(data)
        elif not self._send(data):
            return False
        self._streamed += size
        if self._streamed >= TURN_LIMIT and self.writable:
            self._streamed = 0
            self.writable = False
            self.loop.call_soon(self._go_on)
        return True

    def _send(self, data: bytes) -> bool:
        """Hand bytes to the kernel where nothing waits before them, and to the transport what it has no room for.

        False where the peer has gone, and the connection with it.

        Not where the transport is closing: it may have given its descriptor back, and the kernel to somebody else.
        """
        transport = self.transport
        if not self._holds_back():
            descriptor = self._plain_descriptor()
            if descriptor >= 0:
                sent = send_now(descriptor, data)
                if sent == len(data):
                    return True
                if sent < 0:
                    self.abort()
                    return False
                if sent:
                    self._handed = True
                    transport.write(memoryview(data)[sent:])
                    return True
        self._handed = True
        transport.write(data)
        return True

    def _holds_back(self) -> bool:
        """Whether the transport has bytes that are still to go out."""
        if self._handed:
            self._handed = self.transport.get_write_buffer_size() > 0
        return self._handed

    def _plain_descriptor(self) -> int:
        """The socket's, asked for once; negative where nothing may go out beside the transport."""
        if self._descriptor == _UNKNOWN:
            about = self.transport.get_extra_info
            # Whatever is known of TLS, the transport knows best: nothing goes out beside one that encrypts.
            sock = about("socket") if self.tls is None and about("ssl_object") is None else None
            self._descriptor = _NONE if sock is None else sock.fileno()
        return self._descriptor

    def _write_lines(self, data: list[bytes]) -> None:
        self._handed = True
        self.transport.writelines(data)
        # asyncio's writelines() forgot to pause the protocol until 3.12.8 and 3.13.1 (CVE-2024-12254); this does it.
        self.transport.set_write_buffer_limits()

    def _go_on(self) -> None:
        if not self._is_slow and not self.closed:
            self.resume_writing()

    def write_through(self, data: bytes) -> None:
        """Send bytes now, as far as the socket takes them; the loop sends the rest.

        Raises:
            ClientDisconnected: the peer has gone, which the loop may not have heard of yet.
        """
        self.flush()
        if self.closed or (data and not self._stream(data, len(data))):
            raise ClientDisconnected()

    def write_blocking(self, data: bytes) -> None:
        """Send bytes, waiting for a slow peer in place."""
        self.flush()
        if self.closed or self.transport.is_closing():
            raise ClientDisconnected()
        self.written(len(data))
        descriptor = self._plain_descriptor()
        if descriptor < 0 or self._holds_back():
            self._handed = True
            self.transport.write(data)
        elif not sendfile.write_all(descriptor, data, self.service.write_timeout):
            self.abort()
            raise ClientDisconnected()

    async def drain(self) -> None:
        """Wait until the peer takes more."""
        while not self.writable and not self.closed:
            await self.new_waiter()
        if self.closed:
            raise ClientDisconnected()

    async def send_file(self, file: IO[bytes], offset: int | None, count: int) -> None:
        """Send bytes of a file, by ``os.sendfile`` where the connection is plain."""
        self.flush()
        position = file.tell() if offset is None else offset
        if self.tls is None and sendfile.AVAILABLE:
            await sendfile.copy(self, file.fileno(), position, count)
        else:
            await sendfile.read_and_write(self, file.fileno(), position, count)

    # Waiting for the peer

    def pause_writing(self) -> None:
        """asyncio: the peer is slower than we are."""
        self.writable = False
        self._is_slow = True
        self.watch_writing()

    def resume_writing(self) -> None:
        """asyncio: the peer has caught up."""
        self.writable = True
        self._is_slow = False
        self._wake()

    def new_waiter(self) -> asyncio.Future[None]:
        """A future that is done when the peer takes more, or the connection is over."""
        waiter = self.loop.create_future()
        if self._waiters is None:
            self._waiters = []
        self._waiters.append(waiter)
        return waiter

    def _wake(self) -> None:
        waiters = self._waiters
        self._waiters = None
        wake(waiters)

    # The write deadline

    def watch_writing(self) -> None:
        """Give the peer time to take some of what waits for it; see ``check_write_deadline``."""
        if self.service.write_timeout and not self._write_deadline:
            self._unsent = self.unsent()
            self._written = 0
            self._write_deadline = self.service.now + self.service.write_timeout

    def written(self, size: int) -> None:
        """So many bytes were added to what waits: they are no sign that the peer takes nothing."""
        self._written += size
        self.service.sent += size

    def unsent(self) -> int:
        """Bytes the peer has not taken; what waits here is sent first.

        The kernel's count too: a TLS transport, and ``os.sendfile``, have bytes on the way that no transport tells of.
        """
        self.flush()
        waiting: int = self.transport.get_write_buffer_size()
        return waiting + sendfile.queued(self.transport.get_extra_info("socket"))

    def check_write_deadline(self, now: float) -> None:
        """Cut a peer that has taken nothing of what waits for it; one that takes a little at a time may go on."""
        unsent = self.unsent()
        if not unsent:
            self._write_deadline = 0.0
        elif unsent < self._unsent + self._written:
            self._write_deadline = now + self.service.write_timeout
        elif now >= self._write_deadline:
            logger.warning(
                "connection from %s cut: it has read nothing for %g s (timeout-write)",
                self.peer(),
                self.service.write_timeout,
            )
            self.abort()
        self._unsent = unsent
        self._written = 0

    def has_input(self) -> bool:
        """Whether the kernel holds bytes of the peer's, or its end, that the loop has not read yet."""
        return sendfile.readable(self.transport.get_extra_info("socket"))

    def abort(self) -> None:
        """End the connection at once."""
        if not self.closed:
            self.transport.abort()

    def peer(self) -> str:
        """The peer's address, for the log."""
        return f"{self.client[0]}:{self.client[1]}" if self.client else "a unix socket"
