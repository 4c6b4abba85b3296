"""What the policy is told, and what it answers: events in, actions out. Pure data."""

from __future__ import annotations

from dataclasses import dataclass

from .states import Ask

# -- Events: what has happened ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed. Also the very first event."""


@dataclass(frozen=True, slots=True)
class Forked:
    """The process that a :class:`Spawn` asked for exists."""

    number: int
    pid: int


@dataclass(frozen=True, slots=True)
class ForkFailed:
    """The kernel has no process to give."""

    number: int
    reason: str


@dataclass(frozen=True, slots=True)
class Ready:
    """A worker accepts connections. ``app`` describes the application, for the start-up lines."""

    number: int
    app: str = ""


@dataclass(frozen=True, slots=True)
class BootFailed:
    """A worker says why it cannot start, before it exits with ``code``."""

    number: int
    code: int
    message: str


@dataclass(frozen=True, slots=True)
class Stopping:
    """A worker's loop has heard that it is to stop, so it is not stuck and keeps its own deadlines.

    ``closing`` is how many seconds its applications' shutdown may take after the requests; None: as long as it likes.
    """

    number: int
    closing: float | None


@dataclass(frozen=True, slots=True)
class Died:
    """A process has gone. Either it exited with ``code`` or ``signal`` (a name such as ``"SIGSEGV"``) ended it."""

    number: int
    code: int = 0
    signal: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """Somebody wants something; ``by`` names how it was said (``"SIGTERM"``)."""

    ask: Ask
    by: str = ""


Event = Tick | Forked | ForkFailed | Ready | BootFailed | Stopping | Died | Asked


# -- Actions: what to do about it ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Spawn:
    """Fork this worker, then say :class:`Forked` or :class:`ForkFailed`."""

    number: int


@dataclass(frozen=True, slots=True)
class Signal:
    """Send ``"SIGTERM"``, ``"SIGQUIT"`` or ``"SIGKILL"``."""

    pid: int
    name: str


@dataclass(frozen=True, slots=True)
class Log:
    """Say it; ``level`` is logging's name for it, in lower case."""

    level: str
    text: str


@dataclass(frozen=True, slots=True)
class StopListening:
    """Close the listening sockets, so that new clients are refused at once and not left waiting."""


@dataclass(frozen=True, slots=True)
class End:
    """The supervisor returns ``code``: always the last action."""

    code: int


Action = Spawn | Signal | Log | StopListening | End
