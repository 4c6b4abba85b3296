"""Files and blocking writes: what a transport has no call for.

``os.sendfile`` moves a file's bytes inside the kernel. asyncio offers it, uvloop does not, so it is done here, on a
duplicate of the connection's descriptor: both loops refuse to watch a descriptor that a transport watches already.
"""

from __future__ import annotations

import asyncio
import os
import select
import socket
import sys
from typing import TYPE_CHECKING, Any

from bicorn.errors import ClientDisconnected

if TYPE_CHECKING:
    from bicorn.server.outbound import Outbound

AVAILABLE = hasattr(os, "sendfile")

# Sent before other connections have a turn.
_BLOCK = 1 << 20
_READ_BLOCK = 1 << 18


async def copy(connection: Outbound, file: int, offset: int, count: int) -> None:
    """Send `count` bytes of the descriptor `file` from `offset` by ``os.sendfile``.

    Raises:
        ClientDisconnected: the client has gone.
        OSError: the file cannot be read, or is shorter than it was.
    """
    transport = connection.transport
    # What was written before must be out before the kernel sends bytes behind the transport's back.
    transport.set_write_buffer_limits(0)
    await connection.drain()
    transport.set_write_buffer_limits()
    descriptor = os.dup(transport.get_extra_info("socket").fileno())
    try:
        while count:
            if connection.closed:
                raise ClientDisconnected()
            try:
                sent = os.sendfile(descriptor, file, offset, min(count, _BLOCK))
            except BlockingIOError:
                connection.watch_writing()
                await _wait_writable(connection, descriptor)
                continue
            except (BrokenPipeError, ConnectionError) as error:
                connection.abort()
                raise ClientDisconnected() from error
            if sent == 0:
                raise OSError("the file became shorter while it was sent")
            connection.written(sent)
            offset += sent
            count -= sent
            if count:
                await asyncio.sleep(0)
    finally:
        os.close(descriptor)


async def _wait_writable(connection: Outbound, descriptor: int) -> None:
    loop = connection.loop
    waiter = connection.new_waiter()
    loop.add_writer(descriptor, _set, waiter)
    try:
        await waiter
    finally:
        loop.remove_writer(descriptor)


def _set(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


async def read_and_write(connection: Outbound, file: int, offset: int, count: int) -> None:
    """Send `count` bytes of the descriptor `file` from `offset` through the transport (TLS, or no ``os.sendfile``).

    Raises:
        ClientDisconnected: the client has gone.
        OSError: the file cannot be read, or is shorter than it was.
    """
    while count:
        data = os.pread(file, min(count, _READ_BLOCK), offset)
        if not data:
            raise OSError("the file became shorter while it was sent")
        connection.write_piece(data)
        offset += len(data)
        count -= len(data)
        await connection.drain()


def write_all(descriptor: int, data: bytes, timeout: float) -> bool:
    """Write all of `data` to a socket's descriptor without running the loop; False where the peer does not take it.

    Args:
        descriptor: non-blocking.
        data: the bytes.
        timeout: seconds without progress before giving up; 0 waits for ever.
    """
    left = memoryview(data)
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    while left:
        try:
            left = left[os.write(descriptor, left) :]
        except BlockingIOError:
            if not poll.poll(timeout * 1000 if timeout else None):
                return False
        except OSError:
            return False
    return True


def readable(sock: Any) -> bool:
    """Whether a socket's kernel buffer holds something to read, or the peer's end; False where there is no socket."""
    if sock is None:
        return False
    poll = select.poll()
    poll.register(sock.fileno(), select.POLLIN)
    return bool(poll.poll(0))


if sys.platform == "linux":
    import fcntl
    import termios

    def queued(sock: Any) -> int:
        """Bytes that a socket's kernel buffer holds for the peer; 0 where there is no socket."""
        if sock is None:
            return 0
        count = fcntl.ioctl(sock.fileno(), termios.TIOCOUTQ, b"\0\0\0\0")
        return int.from_bytes(count, sys.byteorder)

else:
    _SO_NWRITE = 0x1024  # macOS: <sys/socket.h>

    def queued(sock: Any) -> int:
        """Bytes that a socket's kernel buffer holds for the peer; 0 where the system does not tell."""
        if sock is None or sys.platform != "darwin":
            return 0
        count: int = sock.getsockopt(socket.SOL_SOCKET, _SO_NWRITE)
        return count
