"""What the policy is told, and what it answers: events in, actions out. Pure data."""

from __future__ import annotations

from ..record import Record
from .states import Ask

# -- Events: what has happened ---------------------------------------------------------------------------------


class Tick(Record):
    """Time has passed. Also the very first event."""


class Forked(Record):
    """The process that a :class:`Spawn` asked for exists."""

    number: int
    pid: int


class ForkFailed(Record):
    """The kernel has no process to give."""

    number: int
    reason: str


class Ready(Record):
    """A worker accepts connections.

    ``app`` describes the application, for the start-up lines; ``modules`` is what was imported for it, of ours and of
    the standard library.
    """

    number: int
    app: str = ""
    modules: tuple[str, ...] = ()


class BootFailed(Record):
    """A worker says why it cannot start, before it exits with ``code``."""

    number: int
    code: int
    message: str


class Stopping(Record):
    """A worker's loop has heard that it is to stop, so it is not stuck and keeps its own deadlines.

    ``closing`` is how many seconds its applications' shutdown may take after the requests; None: as long as it likes.
    """

    number: int
    closing: float | None


class Died(Record):
    """A process has gone. Either it exited with ``code`` or ``signal`` (a name such as ``"SIGSEGV"``) ended it."""

    number: int
    code: int = 0
    signal: str = ""


class Asked(Record):
    """Somebody wants something; ``by`` names how it was said (``"SIGTERM"``)."""

    ask: Ask
    by: str = ""


Event = Tick | Forked | ForkFailed | Ready | BootFailed | Stopping | Died | Asked


# -- Actions: what to do about it ------------------------------------------------------------------------------


class Spawn(Record):
    """Fork this worker, then say :class:`Forked` or :class:`ForkFailed`."""

    number: int


class Share(Record):
    """Import these modules, of ours and of the standard library, so that workers forked from now on share them."""

    modules: tuple[str, ...]


class Signal(Record):
    """Send ``"SIGTERM"``, ``"SIGQUIT"`` or ``"SIGKILL"``."""

    pid: int
    name: str


class Log(Record):
    """Say it; ``level`` is logging's name for it, in lower case."""

    level: str
    text: str


class StopListening(Record):
    """Close the listening sockets, so that new clients are refused at once and not left waiting."""


class End(Record):
    """The supervisor returns ``code``: always the last action."""

    code: int


Action = Spawn | Share | Signal | Log | StopListening | End
