"""How long the policy waits for what, in seconds, where no setting says so."""

from __future__ import annotations

# Of an end
SAME_PRESS = 0.05  # two INT this close are one Ctrl-C: from the terminal, and again from a wrapper (timeout, uv, npm)
MARGIN = 2.0  # beyond graceful_timeout or request_timeout, for cancelled applications and exit handlers
QUICK = 1.0  # from QUIT to KILL, for a worker that is stuck: "at once" for a person
QUICK_SHUTDOWN = 3.0  # the same for one that answers: its applications are cancelled, their shutdown runs
FAILED_EXIT = 2.0  # from "I cannot start" to the end of that process
DUMP = 1.5  # from asking for the stacks to killing without them; the supervisor itself gives up a little earlier
UNKILLABLE = 5.0  # from KILL to giving up on a process the kernel does not let go
FAREWELL = 0.2  # from a worker's "I have been told to stop" to taking it that it was not we who are about to say so

# Of a beginning
HEAD_START = 2.0  # at most, for the first worker: what it has imported the others need not, see ``templates.py``
STEADY = 5.0  # a worker that has served this long was healthy: its death starts no back-off
LONGEST_WAIT = 30.0  # between two tries to replace a worker that does not boot

# Of looking
LOOK = 1.0  # at least, between two looks at the scoreboard
WEIGH = 5.0  # at most, between two looks while memory has a limit
OVERSLEPT = (
    2.0  # that much after a deadline, it was not the workers who were stuck: the machine, or the supervisor, was
)


def back_off(failures: int) -> float:
    """1, 2, 4, ... seconds, at most :data:`LONGEST_WAIT`."""
    return min(LONGEST_WAIT, 2.0 ** min(failures - 1, 16))
