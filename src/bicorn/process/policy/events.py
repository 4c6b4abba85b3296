"""What the policy is told, and what it answers: events in, actions out. Pure data."""

from __future__ import annotations

from ...record import Record
from .fleet import Want
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

    ``app`` describes the application, for the start-up lines; ``modules`` is what was imported for it, of ours, of the
    standard library, and of well-known libraries where it makes no difference who imports them.
    """

    number: int
    app: str = ""
    modules: tuple[str, ...] = ()


class BootFailed(Record):
    """A worker says why it cannot start, before it exits with ``code``."""

    number: int
    code: int
    message: str


class Broken(Record):
    """A worker is about to serve a page that says why the application could not start: only while code is reloaded as
    it is saved."""

    number: int
    text: str


class Stopping(Record):
    """A worker's loop has heard that it is to stop, so it is not stuck and keeps its own deadlines.

    ``closing`` is how many seconds its applications' shutdown may take after the requests; None: as long as it likes.
    """

    number: int
    closing: float | None


class Died(Record):
    """A process has gone. Either it exited with ``code`` or ``signal`` (a name such as ``"SIGSEGV"``) ended it.

    ``held`` are the requests it had, in words (``"GET /slow for 12 s"``). ``out_of_memory``: the kernel ended it,
    because there was none left (told from the control group's ``memory.events``).
    """

    number: int
    code: int = 0
    signal: str = ""
    out_of_memory: bool = False
    held: tuple[str, ...] = ()
    pid: int = 0


class Seen(Record):
    """What the scoreboard says of a worker: one for each, whenever the supervisor wakes, before anything else.

    Args:
        beat: when the worker's own loop last turned, on the clock of ``now``; 0.0 before it runs.
        memory: in bytes; 0: not measured this time.
        requests: how many it has answered.
        phase: of its start, in words: ``"importing main:app"``.
        held: the requests it has, in words, the oldest first: ``"GET /slow for 12 s"``.
        oldest: when the oldest of them began, on the same clock; 0.0: it has none.
    """

    number: int
    beat: float = 0.0
    memory: int = 0
    requests: int = 0
    phase: str = ""
    held: tuple[str, ...] = ()
    oldest: float = 0.0


class Recycle(Record):
    """A worker asks to be replaced, and serves on until then; ``why``: ``"max-requests (1000) reached"``."""

    number: int
    why: str


class Dumped(Record):
    """The stacks of a worker, asked for or not; ``""`` when it did not answer."""

    number: int
    text: str


class Asked(Record):
    """Somebody wants something.

    Args:
        by: how it was said: ``"SIGTERM"``, ``"bicorn reload"``, ``"main.py changed"``.
        count: for SCALE, how many workers; for DUMP, which worker (0: all).
        grace: for RELOAD, instead of the setting ``reload_grace``: a file that was saved is not put on probation.
    """

    ask: Ask
    by: str = ""
    count: int = 0
    grace: float | None = None


class Settings(Record):
    """The answer to :class:`Reread`."""

    want: Want


class SettingsRefused(Record):
    """The other answer: they are wrong, or cannot be read."""

    reason: str


class TemplateReady(Record):
    """The process that workers of this generation are forked from has imported the application."""

    generation: int
    app: str = ""


class TemplateFailed(Record):
    """It could not, and has gone or is about to."""

    generation: int
    code: int
    message: str


class TemplateDied(Record):
    """It was ready, and has gone, nobody having asked for it; ``how``: ``"was killed by SIGKILL from outside"``."""

    generation: int
    how: str


class SuccessorStarted(Record):
    """The new supervisor that :class:`Upgrade` asked for exists."""

    pid: int


class SuccessorFailed(Record):
    """It does not."""

    reason: str


class SuccessorEnded(Record):
    """It did, and has gone."""

    pid: int
    how: str


Event = (
    Tick
    | Forked
    | ForkFailed
    | Ready
    | BootFailed
    | Broken
    | Stopping
    | Died
    | Seen
    | Recycle
    | Dumped
    | Asked
    | Settings
    | SettingsRefused
    | TemplateReady
    | TemplateFailed
    | TemplateDied
    | SuccessorStarted
    | SuccessorFailed
    | SuccessorEnded
)


# -- Actions: what to do about it ------------------------------------------------------------------------------


class Spawn(Record):
    """Fork this worker, then say :class:`Forked` or :class:`ForkFailed`.

    ``generation`` says with which settings, and from which template when there are templates.
    """

    number: int
    generation: int = 1


class Share(Record):
    """The other workers of a generation are to share these modules, which its first one has imported."""

    generation: int
    modules: tuple[str, ...]


class Signal(Record):
    """Send ``"SIGTERM"``, ``"SIGQUIT"``, ``"SIGKILL"`` or ``"SIGUSR1"`` (reopen the logs) to a worker.

    ``alone``: it is to stop, and others go on: they accept from the same sockets, and no load balancer need know.
    """

    pid: int
    name: str
    alone: bool = False


class Log(Record):
    """Say it; ``level`` is logging's name for it, in lower case."""

    level: str
    text: str


class Dump(Record):
    """Ask the worker for its stacks, then say :class:`Dumped`, after a second at the latest.

    ``log``: somebody has asked for them; else the worker is about to be killed, and they become part of the reason.
    """

    number: int
    log: bool = False


class ReopenLogs(Record):
    """Close and open the supervisor's own log files."""


class Reread(Record):
    """Read the settings again, for this new generation, then say :class:`Settings` or :class:`SettingsRefused`."""

    generation: int


class Prepare(Record):
    """Start a template, then say :class:`TemplateReady` or :class:`TemplateFailed`.

    It is a process that imports the application; workers of this generation are forked from it.
    """

    generation: int


class Discard(Record):
    """End a template; nothing need be said."""

    generation: int


class Upgrade(Record):
    """Start a new supervisor that takes the listeners over.

    Then say :class:`SuccessorStarted` or :class:`SuccessorFailed`, and, much later, :class:`SuccessorEnded`.
    """


class Outcome(Record):
    """How a reload or an upgrade ended, for whoever waits for it (it has been logged)."""

    ok: bool
    text: str


class Resized(Record):
    """The number of workers that are wanted has changed."""

    new: int
    old: int


class StopListening(Record):
    """Close the listening sockets, so that new clients are refused at once and not left waiting."""


class End(Record):
    """The supervisor returns ``code``: always the last action."""

    code: int


Action = (
    Spawn
    | Share
    | Signal
    | Log
    | Dump
    | ReopenLogs
    | Reread
    | Prepare
    | Discard
    | Upgrade
    | Outcome
    | Resized
    | StopListening
    | End
)
