"""What the supervisor sees of its workers without asking them: the scoreboard, their memory, the kernel's counters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..observe.scoreboard import Held, Scoreboard, Seat
from ..observe.slot import Slot
from .policy.events import Seen
from .policy.fleet import Fleet
from .policy.states import State
from .policy.words import duration

if TYPE_CHECKING:
    from .cgroup import OomKills

PAUSE = 0.5
"""Seconds between two looks at the scoreboard at least: what wakes the supervisor more often says nothing of it."""
WEIGH = 4.0
"""The same for memory, which the kernel has to walk page tables for."""

_ALIVE = frozenset({State.BOOTING, State.READY, State.DRAINING})


class Sight:
    """The scoreboard's reader. Made before the first fork, so that all workers share it."""

    def __init__(self) -> None:
        self._board = Scoreboard()
        self._looked = self._weighed = float("-inf")
        self._kills: OomKills | None = None

    # For a worker

    def clear(self, number: int) -> None:
        """Forget the last worker of this number; before the fork of the next."""
        if number <= self._board.slots:
            self._board.clear(number)

    def assign(self, number: int, pid: int, generation: int) -> None:
        """The worker of this number exists."""
        if number <= self._board.slots:
            self._board.assign(number, pid, generation)

    def slot(self, number: int) -> Slot | None:
        """Where the worker writes; None where there are more than there is room for."""
        return self._board.slot(number) if number <= self._board.slots else None

    def retire(self, number: int) -> None:
        """The signal that stops it is about to be sent, and others serve on."""
        if number <= self._board.slots:
            self._board.retire(number)

    def is_retired(self, number: int) -> bool:
        """In the worker, when it is told to stop: whether it is the only one."""
        return number <= self._board.slots and self._board.is_retired(number)

    # Of a worker

    def seat(self, number: int) -> Seat | None:
        """What the scoreboard says of a worker."""
        return self._board.read(number) if number <= self._board.slots else None

    def requests(self, number: int) -> tuple[Held, ...]:
        """What it has in flight."""
        seat = self.seat(number)
        return seat.held if seat is not None else ()

    def held(self, number: int, now: float) -> tuple[str, ...]:
        """The same in words."""
        return _in_words(self.requests(number), now)

    def look(self, fleet: Fleet, now: float) -> list[Seen]:
        """What there is to see of every worker, unless it has just been said."""
        if now < self._looked + PAUSE:
            return []
        self._looked = now
        weigh = fleet.want.max_worker_memory > 0 and now >= self._weighed + WEIGH
        if weigh:
            self._weighed = now
        seen = []
        for number, worker in fleet.workers.items():
            seat = self.seat(number) if worker.state in _ALIVE else None
            if seat is None:
                continue
            memory = _weigh(worker.pid) if weigh and worker.state is State.READY else 0
            oldest = seat.held[0].start if seat.held else 0.0
            seen.append(Seen(number, seat.beat, memory, seat.requests, seat.phase, _in_words(seat.held, now), oldest))
        return seen

    def report(self, fleet: Fleet, now: float) -> Mapping[str, Any]:
        """What ``bicorn status`` shows."""
        from .report import report

        return report(fleet, now, look=self.seat, weigh=_weigh)

    # Of the kernel

    def count_kills(self) -> None:
        """Remember how many processes the kernel has killed for their memory so far. Not before the start is over."""
        if self._kills is None:
            from .cgroup import OomKills

            self._kills = OomKills()

    def ran_out_of_memory(self) -> bool:
        """Whether that was one more, when a worker was killed by nobody we know."""
        return self._kills is not None and self._kills.take()


def _in_words(held: tuple[Held, ...], now: float) -> tuple[str, ...]:
    return tuple([f"{each.method} {each.target} for {duration(now - each.start)}" for each in held])


def _weigh(pid: int) -> int:
    from .memory import proportional

    return proportional(pid)
