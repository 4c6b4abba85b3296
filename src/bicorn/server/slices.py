"""A client that sends much that is dear to read gets turns of the loop as others do.

A read of 256 KiB may hold forty thousand fragments without a byte in them, and libuv hands out up to 32 such reads
before it looks at anyone else: half a second of a worker's time and more for one client. So what is large is timed, and
from a client whose bytes cost much only a slice is taken in each turn of the loop, the smaller the dearer it is;
nothing more is read from it meanwhile. A large message is cheap for its size: it is never cut up for long.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bicorn.server.websocket import WebSocketConnection

LARGE = 4096
"""Less than this is not worth the look at the clock."""
DEAR = 0.002
CHEAP = 0.0005
"""Seconds for a slice: above the one the next is smaller, below the other it is larger."""
FIRST, SMALLEST, LARGEST = 65536, 2048, 1 << 20


class Slices:
    """What one connection has received and not yet taken apart.

    Args:
        connection: what takes it, a slice at a time.

    Attributes:
        is_waiting: whether the rest waits for the next turn, and nothing may be read until then.
    """

    __slots__ = ("_at", "_connection", "_data", "_size", "is_waiting")

    def __init__(self, connection: WebSocketConnection) -> None:
        self._connection = connection
        self._data = b""
        self._at = 0
        self._size = FIRST
        self.is_waiting = False

    def receive(self, data: bytes) -> None:
        """Take what has come, or the first slice of it."""
        if self.is_waiting:  # a transport may have had it already when it was told to pause
            self._data = self._data[self._at :] + data
            self._at = 0
            return
        self._data = data
        self._take()

    def _take(self) -> None:
        connection = self._connection
        end = self._at + self._size
        data = self._data[self._at : end]
        began = time.perf_counter()
        connection.take(data)
        took = time.perf_counter() - began
        if took > DEAR:
            self._size = max(SMALLEST, min(self._size, len(data)) >> 2)
        elif took < CHEAP:
            self._size = min(LARGEST, self._size * 2)
        if connection.closed:
            self._data = b""
        elif end < len(self._data) or took > CHEAP:
            self._at = end
            self._wait()
            return
        self._data = b""
        self._at = 0

    def _wait(self) -> None:
        if not self.is_waiting:
            self.is_waiting = True
            self._connection.transport.pause_reading()
        self._connection.service.loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        """The next turn of the loop."""
        if not self._connection.closed and self._at < len(self._data):
            self._take()
        else:
            self._data = b""
        if not self._data:
            self._at = 0
            self.is_waiting = False
            self._connection.read_on()
