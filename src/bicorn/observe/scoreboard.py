"""What every worker is doing, in memory that outlives it.

One block of anonymous shared memory with a page for each worker, which ``slot.py`` describes. The worker writes; the
supervisor reads whenever it likes, also while the worker is stuck, and after it was killed. There is no file, so a disk
that is slow or read-only is all the same.

A worker may be writing what is being read. A cell that it is filling is still marked as free; one that it empties and
fills again meanwhile is noticed, because the reader looks twice. Whatever it sees, it makes no more of it than text.
"""

from __future__ import annotations

import mmap
import struct

from ..record import Record
from .slot import CELL, GENERATION, METHOD_SIZE, PAGE, PHASE, PHASE_SIZE, PID, RETIRED, Slot

SLOTS = 1024
"""Room for so many workers: the pages are the kernel's until somebody writes to them."""

_HEADER = struct.Struct("=d6QB")
_CELL = struct.Struct("=dQIBB2x104s")
_NUMBER = struct.Struct("=Q")
_LOOKS = 3  # at a cell that changes meanwhile


class Held(Record):
    """A request in flight.

    Args:
        method, target: as they were sent, but that long ones are cut, and what no terminal should see is escaped.
        start: when it began, by time.monotonic().
        thread: where its application runs, as ``threading.get_ident()`` and dumps have it; 0: in the loop's.
    """

    method: str
    target: str
    start: float
    thread: int = 0


class Seat(Record):
    """What a worker's page says.

    Args:
        beat: its loop's last sign of life, by time.monotonic(); 0.0 before it runs.
        phase: ``"importing main:app"``, ``"lifespan start-up"``, ``"serving"``, ``"draining"``.
        requests: begun so far.
        connections: open now.
        bytes: sent so far.
        held: the requests in flight, the oldest first; at most `slot.CELLS` of them.
        running: how many there are altogether.
    """

    beat: float = 0.0
    phase: str = ""
    requests: int = 0
    connections: int = 0
    bytes: int = 0
    held: tuple[Held, ...] = ()
    running: int = 0
    pid: int = 0
    generation: int = 0


class Scoreboard:
    """The memory, made before the first fork so that all share it, and its reader.

    Args:
        slots: how many workers there is room for.
    """

    def __init__(self, slots: int = SLOTS) -> None:
        self.slots = slots
        self._memory = mmap.mmap(-1, slots * PAGE)

    def slot(self, number: int) -> Slot:
        """Where worker `number` (1, 2, 3...) writes.

        Raises:
            IndexError: there is no such place.
        """
        return Slot(self._memory, self._page(number))

    def clear(self, number: int) -> None:
        """Forget the last worker of this number; before the fork of the next."""
        page = self._page(number)
        self._memory[page : page + PAGE] = bytes(PAGE)

    def assign(self, number: int, pid: int, generation: int) -> None:
        """Note who has this number."""
        page = self._page(number)
        _NUMBER.pack_into(self._memory, page + GENERATION, generation)
        _NUMBER.pack_into(self._memory, page + PID, pid)

    def retire(self, number: int) -> None:
        """Tell a worker that it will be stopped alone, and others serve on: before the signal that stops it."""
        self._memory[self._page(number) + RETIRED] = 1

    def is_retired(self, number: int) -> bool:
        """Whether it was told so. To be asked by the worker, too."""
        return self._memory[self._page(number) + RETIRED] == 1

    def read(self, number: int) -> Seat:
        """What worker `number` says of itself; it may be writing, stuck or dead."""
        page = self._page(number)
        beat, requests, connections, sent, running, generation, pid, length = _HEADER.unpack_from(self._memory, page)
        phase = self._memory[page + PHASE : page + PHASE + min(length, PHASE_SIZE)]
        held = [cell for at in range(page + CELL, page + PAGE, CELL) if (cell := self._read_cell(at)) is not None]
        held.sort(key=lambda each: each.start)
        return Seat(
            beat=beat if _is_time(beat) else 0.0,
            phase=_legible(phase),
            requests=requests,
            connections=connections,
            bytes=sent,
            held=tuple(held),
            running=max(running, len(held)),
            pid=pid,
            generation=generation,
        )

    def _page(self, number: int) -> int:
        if not 1 <= number <= self.slots:
            raise IndexError(f"no place for worker {number} on a scoreboard of {self.slots}")
        return (number - 1) * PAGE

    def _read_cell(self, at: int) -> Held | None:
        cell = self._memory[at : at + CELL]
        for _ in range(_LOOKS):
            again = self._memory[at : at + CELL]
            if cell == again:
                break
            cell = again
        start, thread, _uses, method, target, text = _CELL.unpack(cell)
        if not _is_time(start):
            return None
        method = min(method, METHOD_SIZE)
        return Held(_legible(text[:method]), _legible(text[method : method + target]), start, thread)


def _is_time(value: float) -> bool:
    """Whether this is a time; half of one and half of another may be anything."""
    return 0.0 < value < 1e10


def _legible(text: bytes) -> str:
    """Text that can be shown, whatever came in."""
    return text.decode("latin-1").encode("unicode_escape").decode("ascii")
