"""A worker's own page of the scoreboard: where it writes what it is doing, without locks, waiting or system calls.

A page is a header and the requests in flight, in cells as large as the header (all numbers as the machine has them)::

    header   0  double   beat         time.monotonic() when its loop last gave a sign of life; 0.0 before it runs
             8  uint64   requests     that have begun
            16  uint64   connections  that are open
            24  uint64   bytes        that were sent
            32  uint64   running      requests in flight, also those without a cell
            40  uint64   generation   \\ set by the supervisor
            48  uint64   pid          /
            56  uint8    length of the phase, whose text begins at 64
            57  uint8    1: the worker will be stopped alone; set by the supervisor
    cell     0  double   start        by time.monotonic(), written last; 0.0: the cell is free
             8  uint64   thread       where the application runs: threading.get_ident(); 0: in the loop's
            16  uint32   uses         of this cell: tells one request from the next
            20  uint8    length of the method
            21  uint8    length of the target
            24  text     the method and the target behind it, cut to what there is room for

``scoreboard.py`` has the other side: the memory, and its reader.
"""

from __future__ import annotations

import struct
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # these are the .pxd's, for the compiled reading
    cells_at: Any
    clock: Any
    memcpy: Any

COMPILED = not __file__.endswith(".py")

PAGE = 4096
CELL = 128
CELLS = 31
METHOD_SIZE = 16
TEXT = 24
TEXT_SIZE = CELL - TEXT
COUNTERS = 8
CONNECTIONS = 16
GENERATION = 40
PID = 48
PHASE_LENGTH = 56
RETIRED = 57
PHASE = 64
PHASE_SIZE = 64
SERVING = "serving"
"""The phase in which a worker accepts connections."""
STALE = 1.5
"""Seconds without a beat, which comes twice in one, after which a worker counts as stuck."""

# Under names of their own, the compiled reading has these as numbers of C's.
_all_taken = (1 << CELLS) - 1
_cell = CELL
_method_size = METHOD_SIZE
_text_size = TEXT_SIZE

_DOUBLE = struct.Struct("=d")
_NUMBER = struct.Struct("=Q")
_LOAD = struct.Struct("=dQQ")
_COUNTERS = struct.Struct("=4Q")
_USES = struct.Struct("=I")
_CELL_HEAD = struct.Struct("=QIBB2x")
_FREE = bytes(8)
_SERVING = SERVING.encode()


class Slot:
    """A worker's own page. All but `thread` is for the thread of its loop.

    Args:
        memory: the scoreboard's.
        page: where the page begins in it.
    """

    __slots__ = ("_cells", "_memory", "_page", "_taken")

    def __init__(self, memory: Any, page: int) -> None:
        self._memory = memory
        self._page = page
        self._taken = 0  # a bit for each cell
        if COMPILED:
            self._cells = cells_at(memory, page)  # noqa: F821

    def beat(self, now: float) -> None:
        """The loop has turned."""
        self._memory[self._page : self._page + 8] = _DOUBLE.pack(now)

    def count(self, requests: int, connections: int, bytes_sent: int, running: int = 0) -> None:
        """Publish the counters."""
        _COUNTERS.pack_into(self._memory, self._page + COUNTERS, requests, connections, bytes_sent, running)

    def requests(self) -> int:
        """How many were published."""
        return int(_COUNTERS.unpack_from(self._memory, self._page + COUNTERS)[0])

    def connected(self, connections: int) -> None:
        """Publish this one counter, which the others look at before they accept."""
        _NUMBER.pack_into(self._memory, self._page + CONNECTIONS, connections)

    def others(self, now: float) -> tuple[int, int]:
        """How many other workers serve, and how many connections they have altogether.

        One that is stuck, or about to stop, takes none, so it does not count.
        """
        memory = self._memory
        workers = connections = 0
        for page in range(0, len(memory), PAGE):
            if not _NUMBER.unpack_from(memory, page + PID)[0]:
                break  # numbers are given from the lowest: nobody is behind this one
            if page == self._page or memory[page + PHASE_LENGTH] != len(_SERVING) or memory[page + RETIRED]:
                continue
            beat, _, open_there = _LOAD.unpack_from(memory, page)
            if now - beat < STALE and memory[page + PHASE : page + PHASE + len(_SERVING)] == _SERVING:
                workers += 1
                connections += open_there
        return workers, connections

    def phase(self, text: str) -> None:
        """What the worker is at: ``"importing main:app"``, ``"lifespan start-up"``, ``"serving"``, ``"draining"``."""
        data = text.encode("ascii", "backslashreplace")[:PHASE_SIZE]
        at = self._page + PHASE
        self._memory[at : at + len(data)] = data
        self._memory[self._page + PHASE_LENGTH] = len(data)

    # The requests in flight: the hot path. Two ways to write the same bytes, as fast as each reading can.

    def begin(self, method: str, path: bytes, query: bytes) -> int:
        """A request has begun, so the loop turns; the request's cell, to be given to `end`, or -1 where all are taken.

        The loop of a worker that answers inline turns once for all that has come: sixty views of a second each are a
        silence of a minute. So each request is a sign of life.
        """
        if self._taken == _all_taken:
            self.beat(time.monotonic())
            return -1
        number = 0
        while self._taken >> number & 1:
            number += 1
        self._taken |= 1 << number
        if COMPILED:
            self._fill(number + 1, method, path, query)
        else:
            self._pack(self._page + _cell * (number + 1), method, path, query)
        return number

    def _fill(self, number: int, method: str, path: bytes, query: bytes) -> None:
        cell = self._cells + number
        cell.uses += 1
        size = min(len(method), _method_size)
        cell.method = size
        for at in range(size):
            cell.text[at] = ord(method[at])
        used = size
        size = min(len(path), _text_size - used)
        source = path
        memcpy(cell.text + used, source, size)  # noqa: F821
        used += size
        if len(query) and used < _text_size:
            cell.text[used] = 63  # ?
            used += 1
            size = min(len(query), _text_size - used)
            source = query
            memcpy(cell.text + used, source, size)  # noqa: F821
            used += size
        cell.target = used - cell.method
        cell.thread = 0
        cell.start = self._cells.start = clock()  # noqa: F821  # the header begins with a double too

    def _pack(self, at: int, method: str, path: bytes, query: bytes) -> None:
        memory = self._memory
        name = method.encode("ascii", "replace")[:_method_size]
        text = (name + path + b"?" + query if query else name + path)[:_text_size]
        uses = _USES.unpack_from(memory, at + 16)[0] + 1 & 0xFFFFFFFF
        # At once, since pack_into() would take its time between the fields.
        memory[at + 8 : at + TEXT + len(text)] = _CELL_HEAD.pack(0, uses, len(name), len(text) - len(name)) + text
        now = _DOUBLE.pack(time.monotonic())
        memory[self._page : self._page + 8] = now
        memory[at : at + 8] = now

    def thread(self, cell: int, ident: int) -> None:
        """The request's application runs in this thread; to be called there, before `end`."""
        if COMPILED:
            (self._cells + cell + 1).thread = ident
        else:
            _NUMBER.pack_into(self._memory, self._page + _cell * (cell + 1) + 8, ident)

    def end(self, cell: int) -> None:
        """The request of this cell has been answered, or given up."""
        if COMPILED:
            (self._cells + cell + 1).start = 0.0
        else:
            at = self._page + _cell * (cell + 1)
            self._memory[at : at + 8] = _FREE
        self._taken &= ~(1 << cell)
