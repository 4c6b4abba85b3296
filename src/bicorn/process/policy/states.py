"""The supervisor's nouns: what a worker can be, what the server can be, and which way each may go.

Pure data. ``plan`` decides with it, the supervisor and the signals speak it.
"""

from __future__ import annotations

from enum import Enum


class State(Enum):
    """One worker's life. A worker that has gone is no longer in the table."""

    FORKING = "forking"  # asked for; the process does not exist yet
    BOOTING = "booting"  # importing the application, starting its lifespan
    FAILED = "failed"  # has reported why it cannot start, is about to exit
    READY = "ready"  # accepts connections
    DRAINING = "draining"  # was sent TERM: finishes its requests
    QUITTING = "quitting"  # was sent QUIT: cuts its requests, runs lifespan shutdown
    STUCK = "stuck"  # will be killed: was asked for its stacks first
    KILLED = "killed"  # was sent KILL; only the kernel's word is missing


MOVES: dict[State, frozenset[State]] = {
    State.FORKING: frozenset({State.BOOTING}),
    State.BOOTING: frozenset(
        {State.READY, State.FAILED, State.DRAINING, State.QUITTING, State.STUCK, State.KILLED},
    ),
    State.FAILED: frozenset({State.KILLED}),
    State.READY: frozenset({State.DRAINING, State.QUITTING, State.STUCK, State.KILLED}),
    State.DRAINING: frozenset({State.QUITTING, State.STUCK, State.KILLED}),
    State.QUITTING: frozenset({State.KILLED}),
    State.STUCK: frozenset({State.KILLED}),
    State.KILLED: frozenset(),
}
"""Where each state may lead. Any state may also end in death, which takes the worker out of the table."""

WANTED = frozenset({State.FORKING, State.BOOTING, State.READY})
"""The states that count towards the number of workers asked for."""


class Cause(Enum):
    """Why a worker has died, in one word of the log."""

    TIMEOUT = "timeout"  # its loop was silent
    REQUEST_TIMEOUT = "request-timeout"  # a request held its loop
    BOOT_TIMEOUT = "boot-timeout"  # it was never ready
    GRACEFUL_TIMEOUT = "graceful-timeout"  # its requests outlasted the time they had
    QUIT = "quit"  # it did not end when it was told to
    OUT_OF_MEMORY = "out of memory"
    CRASH = "crash"
    KILL = "killed from outside"
    EXIT = "exit"


class Phase(Enum):
    """The whole server's life."""

    STARTING = "starting"  # no worker has been ready yet: a failure to boot ends the server
    SERVING = "serving"  # one has: from here on nothing but a request ends the server
    STOPPING = "stopping"  # workers finish their requests
    QUITTING = "quitting"  # workers cut their requests
    KILLING = "killing"  # workers are killed
    OVER = "over"  # none is left


class Ask(Enum):
    """What somebody outside wants of the server, whichever way it was said: a signal, a command, a saved file."""

    STOP = "stop"  # finish the requests, then end
    INTERRUPT = "interrupt"  # Ctrl-C: each one is more urgent than the last
    QUIT = "quit"  # end without finishing the requests
    RELOAD = "reload"
    REOPEN_LOGS = "reopen logs"
    UPGRADE = "upgrade"
    MORE = "one worker more"
    FEWER = "one worker fewer"
    SCALE = "so many workers"
    DISMISS = "dismiss the workers"
    RESUME = "bring the workers back"
    DUMP = "show the stacks"


PHASES: dict[tuple[Phase, Ask], Phase] = {
    (Phase.STARTING, Ask.STOP): Phase.STOPPING,
    (Phase.STARTING, Ask.INTERRUPT): Phase.STOPPING,
    (Phase.STARTING, Ask.QUIT): Phase.QUITTING,
    (Phase.SERVING, Ask.STOP): Phase.STOPPING,
    (Phase.SERVING, Ask.INTERRUPT): Phase.STOPPING,
    (Phase.SERVING, Ask.QUIT): Phase.QUITTING,
    # An orchestrator that repeats TERM is not impatient; a person who repeats Ctrl-C is.
    (Phase.STOPPING, Ask.INTERRUPT): Phase.QUITTING,
    (Phase.STOPPING, Ask.QUIT): Phase.QUITTING,
    (Phase.QUITTING, Ask.INTERRUPT): Phase.KILLING,
}
"""What a request does to the phase; a pair that is not here changes nothing."""

RUNNING = frozenset({Phase.STARTING, Phase.SERVING})
"""The phases in which a missing worker is replaced."""


class Stage(Enum):
    """One reload. Until it is turning it can be called off, and nothing has happened."""

    READING = "reading"  # the settings
    PREPARING = "preparing"  # the template, which imports the application
    TRYING = "trying"  # the first new workers start, and serve for the time of grace; none is retired
    TURNING = "turning"  # the new code is accepted: each new worker that is ready retires an old one


class Successor(Enum):
    """The new supervisor of an upgrade."""

    NONE = "none"
    STARTING = "starting"
    RUNNING = "running"
