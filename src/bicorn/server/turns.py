"""Whose turn it is to accept: the workers of one listening socket get about as many connections each.

All workers wait on the same socket, so that whoever is free accepts: a worker that is stuck or busy keeps nobody
waiting, as it does where each has a queue of its own (``SO_REUSEPORT``). But the first to wake takes all it finds, and
a worker that has just started finds that the others have all the connections already. So a worker that has more than
its share lets the others go first, for as long as they do: it accepts again when it is no longer ahead, or when a
client has been waiting for :data:`PATIENCE` and nobody came.

`docs/reloading.md` has the figures this was chosen by.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bicorn.observe.slot import Slot

PATIENCE = 0.003
"""Seconds that a client may wait for another worker: one that is idle takes it in a tenth of a millisecond."""
AHEAD = 2
"""Connections more than the others have on average, and a sixteenth, that a worker may have before it yields; and as
many as it takes when nobody else came."""


class Turns:
    """Whether it is this worker's turn.

    Args:
        slot: its page of the scoreboard, where it sees the others.

    Attributes:
        limit: up to so many connections it need not ask again.
        patience: see :data:`PATIENCE`.
    """

    patience = PATIENCE

    def __init__(self, slot: Slot) -> None:
        self._slot = slot
        self.limit = 0

    def may_accept(self, own: int) -> bool:
        """Whether a worker with `own` connections may take one more."""
        if own < self.limit:
            return True
        workers, connections = self._slot.others(time.monotonic())
        if not workers:
            self.limit = own + AHEAD + own // 16  # look again then: there may be somebody
            return True
        mean = (own + connections) / (workers + 1)
        self.limit = int(mean + mean / 16) + AHEAD
        return own < self.limit

    def insist(self, own: int) -> None:
        """Nobody else came: take a few."""
        self.limit = own + AHEAD
