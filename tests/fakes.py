"""Stand-ins for what a test should not need: a transport, a loop with a clock that is moved by hand, a terminal."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import os
import pty
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal
from unittest import mock

Buffer = bytes | bytearray | memoryview


class FakeTransport(asyncio.Transport):
    """A transport that records.

    Attributes:
        written: every byte handed to ``write`` and ``writelines``, in order, also those still held back.
        writes: the same, call by call; ``writelines`` is one call.
        closed: ``close`` or ``abort`` was called.
        aborted: ``abort`` was called.
        eof: ``write_eof`` was called.
        reading: False between ``pause_reading`` and ``resume_reading``.

    ``hold()`` makes the client stop reading, so that bytes pile up in the write buffer; ``release()`` lets it read.
    ``lose()`` ends the connection as the loop would.
    """

    def __init__(self, protocol: asyncio.BaseProtocol | None = None, *, extra: dict[str, Any] | None = None) -> None:
        info = {"peername": ("127.0.0.1", 50000), "sockname": ("127.0.0.1", 8000)}
        super().__init__(info | (extra or {}))
        self._written = bytearray()
        self._writes: list[bytes] = []
        self.closed = self.aborted = self.eof = False
        self.reading = True
        self._protocol = protocol
        self._high, self._low = 64 * 1024, 16 * 1024
        self._holding = self._paused = False
        self._held = 0

    @property
    def written(self) -> bytearray:
        self.collect()
        return self._written

    @property
    def writes(self) -> list[bytes]:
        self.collect()
        return self._writes

    def collect(self) -> None:
        """Take what was written past this transport; nothing can be."""

    # What the connection under test calls.

    def write(self, data: Buffer) -> None:
        if self.eof:
            raise RuntimeError("Cannot call write() after write_eof()")
        if self.closed:
            return
        self._writes.append(bytes(data))
        self._written += data
        if self._holding:
            self._held += len(data)
            if self._held > self._high and not self._paused:
                self._paused = True
                self.get_protocol().pause_writing()

    def writelines(self, list_of_data: Iterable[Buffer]) -> None:
        self.write(b"".join(list_of_data))

    def write_eof(self) -> None:
        self.eof = True

    def can_write_eof(self) -> bool:
        return self.get_extra_info("ssl_object") is None

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = self.aborted = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def is_reading(self) -> bool:
        return self.reading and not self.closed

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._high = high if high is not None else (64 * 1024 if low is None else 4 * low)
        self._low = low if low is not None else self._high // 4

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self._low, self._high

    def get_write_buffer_size(self) -> int:
        return self._held

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        assert self._protocol is not None, "this FakeTransport was given no protocol"
        return self._protocol

    # What the test calls.

    def take(self) -> bytes:
        """Everything written since the last ``take``; forgets it."""
        data = bytes(self.written)
        self.written.clear()
        self.writes.clear()
        return data

    def hold(self) -> None:
        """The client stops reading."""
        self._holding = True

    def release(self, count: int | None = None) -> None:
        """The client reads ``count`` bytes of what is held back; everything, and from now on at once, by default."""
        if count is None:
            self._holding, count = False, self._held
        self._held = max(0, self._held - count)
        if self._paused and self._held <= self._low:
            self._paused = False
            self.get_protocol().resume_writing()

    def lose(self, error: Exception | None = None) -> None:
        """The connection ends: ``connection_lost`` is called, as the loop would after ``close`` or a reset."""
        self.closed = True
        self.get_protocol().connection_lost(error)


class FakeHandle:
    """What ``call_soon`` and ``call_later`` of a `FakeLoop` return."""

    def __init__(self, when: float, callback: Callable[..., object], args: tuple[Any, ...]) -> None:
        self._when = when
        self._callback = callback
        self._args = args
        self._cancelled = False

    def cancel(self) -> None:
        self._cancelled = True

    def cancelled(self) -> bool:
        return self._cancelled

    def when(self) -> float:
        return self._when

    def run(self) -> None:
        if not self._cancelled:
            self._callback(*self._args)


class FakeLoop:
    """The few methods of an event loop that timers use; time passes when ``advance`` is called, and only then."""

    def __init__(self, start: float = 1000.0) -> None:
        self._now = start
        self._order = itertools.count()
        self._ready: list[FakeHandle] = []
        self._timers: list[tuple[float, int, FakeHandle]] = []

    def time(self) -> float:
        return self._now

    def call_soon(self, callback: Callable[..., object], *args: Any, context: object = None) -> FakeHandle:
        handle = FakeHandle(self._now, callback, args)
        self._ready.append(handle)
        return handle

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: Any, context: object = None
    ) -> FakeHandle:
        return self.call_at(self._now + delay, callback, *args)

    def call_at(self, when: float, callback: Callable[..., object], *args: Any, context: object = None) -> FakeHandle:
        handle = FakeHandle(when, callback, args)
        heapq.heappush(self._timers, (when, next(self._order), handle))
        return handle

    def run_ready(self) -> None:
        """Run what ``call_soon`` was given, and what that gave it, until nothing is left."""
        while self._ready:
            ready, self._ready = self._ready, []
            for handle in ready:
                handle.run()

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass, running every timer on its way at its own time."""
        until = self._now + seconds
        self.run_ready()
        while self._timers and self._timers[0][0] <= until:
            self._now, _, handle = heapq.heappop(self._timers)
            handle.run()
            self.run_ready()
        self._now = until


@contextlib.contextmanager
def terminal(stream: Literal["stdout", "stderr"] = "stdout") -> Iterator[Callable[[], str]]:
    """Make a standard stream a terminal for a while; gives a function that reads what it shows."""
    master, slave = pty.openpty()
    try:
        with open(slave, "w", encoding="utf-8") as screen, mock.patch.object(sys, stream, screen):
            yield lambda: os.read(master, 65536).decode()
    finally:
        os.close(master)
