"""Deadlines of many requests, kept by one thread: one for each request is dearer than the request.

The thread is started when there is something to watch, and ends when there has been nothing for a while.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from threading import Condition, Thread
from time import monotonic

IDLE = 1.0
"""Seconds with nothing to watch until the thread ends."""


class Watch:
    """Calls what is late."""

    def __init__(self) -> None:
        self._changed = Condition()
        self._numbers = count()
        self._waiting: dict[int, tuple[float, Callable[[], None]]] = {}
        self._wakes = 0.0  # when the thread looks again
        self._running = False

    def begin(self, seconds: float, late: Callable[[], None]) -> int:
        """Calls ``late`` after that time, unless :meth:`end` is called before; it must be quick."""
        deadline = monotonic() + seconds
        with self._changed:
            number = next(self._numbers)
            self._waiting[number] = deadline, late
            if not self._running:
                self._running, self._wakes = True, deadline
                Thread(target=self._run, name="doctor-watch", daemon=True).start()
            elif deadline < self._wakes:
                self._changed.notify()
        return number

    def end(self, number: int) -> None:
        """It is no longer waited for; from then on nothing is called for it."""
        with self._changed:
            self._waiting.pop(number, None)

    def _run(self) -> None:
        idle = False
        with self._changed:
            while True:
                now = monotonic()
                for number in [number for number, (deadline, _) in self._waiting.items() if deadline <= now]:
                    self._waiting.pop(number)[1]()
                if idle and not self._waiting:
                    self._running = False
                    return
                idle = not self._waiting
                self._wakes = min((deadline for deadline, _ in self._waiting.values()), default=now + IDLE)
                self._changed.wait(self._wakes - now)
