"""What a WSGI application does after the last byte of its answer, while an answer may wait for those of others.

The server sends the answers of one turn of its loop together (``bicorn.server.batch``). An iterable that has given all
of its body still has its ``close()`` called, and whatever a generator does behind its last ``yield``. Mostly that is
nothing; but some do there what the client shall not wait for. PEP 3333: "WSGI servers must not delay the transmission
of any block". So answers wait only where that has been quick for a while.
"""

from __future__ import annotations

SLOW = 0.005
"""Seconds that are not quick; as for the batch."""
TRIAL = 256
"""Quick ones in a row after which answers wait."""
LONGEST_TRIAL = 1 << 16
"""The same for an application that was slow again soon, however often."""
SOON = 4096
"""Answers that have waited: who is slow only after so many is seldom slow."""


class Afterwork:
    """How one application has been.

    Attributes:
        straight: how many quick ones there have to be before an answer waits; 0: it may.
    """

    __slots__ = ("_trial", "_waited", "straight")

    def __init__(self) -> None:
        self.straight = self._trial = TRIAL
        self._waited = 0

    def took(self, seconds: float) -> None:
        """It was done so long after the last byte."""
        if seconds <= SLOW:
            if self.straight:
                self.straight -= 1
            else:
                self._waited += 1
            return
        if not self.straight:  # a client has waited for it
            self._trial = min(self._trial * 2, LONGEST_TRIAL) if self._waited < SOON else TRIAL
            self._waited = 0
        self.straight = self._trial
