"""The snapshot the policy works on: every worker, and what is remembered about those that have gone. Pure data."""

from __future__ import annotations

from ...record import Record
from .states import MOVES, RUNNING, WANTED, Cause, Phase, Stage, State, Successor


class Want(Record):
    """What the settings ask for; times in seconds, sizes in bytes, 0 for without.

    ``daemon``: there is no terminal, so WINCH does not come from one that was resized.
    """

    workers: int = 1
    graceful_timeout: float = 30.0
    timeout: float = 0.0
    boot_timeout: float = 0.0
    request_timeout: float = 0.0
    drain_delay: float = 0.0
    max_worker_lifetime: float = 0.0
    max_worker_memory: int = 0
    reload_surge: int = 1
    reload_grace: float = 0.0
    preload: bool = False
    daemon: bool = False


class Worker(Record, frozen=False):
    """One worker, as far as the supervisor knows it.

    Args:
        number: 1, 2, 3...: the lowest that was free, so that the logs of ten restarts stay readable.
        since: when it entered its state.
        deadline: when that state must be over.
        first: it belongs to the first set, so its readiness is no news.
        generation: of the code and the settings it was started with.
        born: when it was asked for.
        ready_at: when it became ready; None: it has not been.
        seen: when the scoreboard was last looked at; None: never, so nothing is known of its silence.
        heard: when its loop last gave a sign of life.
        oldest: when the oldest request it has began; 0.0: it has none.
        recycle: why it is to be replaced, if it is; it serves on until its replacement is ready.
        cause, why: of the end that was decided for it, while its stacks are awaited.
        reopen: it is to be told to reopen its logs as soon as it can hear that.
    """

    number: int
    state: State
    since: float
    pid: int = 0
    deadline: float | None = None
    first: bool = False
    generation: int = 1
    born: float = 0.0
    ready_at: float | None = None
    seen: float | None = None
    heard: float = 0.0
    oldest: float = 0.0
    held: tuple[str, ...] = ()
    phase: str = ""
    memory: int = 0
    recycle: str = ""
    cause: Cause | None = None
    why: str = ""
    reopen: bool = False

    def __str__(self) -> str:
        return f"worker {self.number} (pid {self.pid})"

    def counts(self) -> bool:
        """One of those that are wanted. A start that is stuck is not begun anew before it is known what held it."""
        return self.state in WANTED or (self.state is State.STUCK and self.ready_at is None)

    def given_up(self) -> bool:
        """Not even KILL has ended it in time."""
        return self.state is State.KILLED and self.deadline is None

    def move(self, state: State, now: float, deadline: float | None = None) -> None:
        """Enter a state; a move that is not in the table is a mistake in this file."""
        if state not in MOVES[self.state]:
            raise AssertionError(f"{self} cannot go from {self.state.value} to {state.value}")
        self.state, self.since, self.deadline = state, now, deadline


class Template(Record, frozen=False):
    """A process that has the application, and from which workers are forked.

    ``deadline``: when it must be ready; None: it is, or has all the time it likes.
    """

    ready: bool = False
    deadline: float | None = None


class Roll(Record, frozen=False):
    """A reload that has not ended yet.

    Args:
        generation: of the new workers.
        by: how it was asked for.
        grace: how long the first of them serve before old ones are retired; None: as the new settings say.
        want: the new settings, once they have been read.
        setbacks: new workers that were lost, without the new code being found guilty.
        not_before: no new worker is tried earlier than this.
    """

    generation: int
    by: str
    began: float
    stage: Stage
    want: Want
    grace: float | None = None
    setbacks: int = 0
    not_before: float = float("-inf")


class Fleet:
    """Everything the policy remembers.

    Attributes:
        workers: by number.
        generation: of the code that serves; workers of another one are replaced.
        newest: the last generation that was numbered.
        roll: the reload under way.
        templates: by generation, with ``--preload``.
        scale: the number of workers, where somebody has said another one than the settings.
        is_dismissed: there are to be no workers for now: somebody else serves.
        postponed: a reload (by whom, with which grace) that was asked for before there was anything to reload.
        launched: how many workers have ever been started.
        shared: the newest generation whose first worker has told what it has imported.
        code: the exit code the server will end with.
        boot_failures: in a row, since a worker was last ready.
        crashes: in a row, of workers that had been ready for less than ``times.STEADY``.
        not_before: no worker is started earlier than this.
        interrupted: when Ctrl-C was last heard.
        last_report: the last reason for not booting; the same one again is said in one line.
        broken: the generation whose application could not start, and is served as a page that says why; 0: none.
        listening: the listening sockets are open.
        door: when they are closed, once the server stops.
        look: when the scoreboard is to be looked at again; None: it tells nothing that matters.
    """

    def __init__(self, want: Want) -> None:
        self.want = want
        self.phase = Phase.STARTING
        self.workers: dict[int, Worker] = {}
        self.generation = self.newest = 1
        self.roll: Roll | None = None
        self.templates: dict[int, Template] = {}
        self.scale: int | None = None
        self.is_dismissed = False
        self.postponed: tuple[str, float | None] | None = None
        self.successor = Successor.NONE
        self.successor_pid = 0
        self.launched = self.shared = 0
        self.code = 0
        self.boot_failures = 0
        self.crashes = 0
        self.not_before = float("-inf")
        self.interrupted = float("-inf")
        self.last_report = ""
        self.broken = 0
        self.listening = True
        self.door = float("-inf")
        self.look: float | None = None

    # -- How many there are, and how many there should be

    def target(self) -> int:
        """How many workers there should be."""
        if self.is_dismissed:
            return 0
        return self.want.workers if self.scale is None else self.scale

    def ready(self) -> int:
        """How many accept connections."""
        return sum(worker.state is State.READY for worker in self.workers.values())

    def trial(self) -> int | None:
        """The generation that is on trial."""
        return self.roll.generation if self.roll is not None and self.roll.stage is Stage.TRYING else None

    def tried(self) -> list[Worker]:
        """The workers on trial. They come on top of those that serve."""
        trial = self.trial()
        return [worker for worker in self.workers.values() if worker.counts() and worker.generation == trial]

    def serving(self) -> list[Worker]:
        """All others that were not told to end."""
        trial = self.trial()
        return [worker for worker in self.workers.values() if worker.counts() and worker.generation != trial]

    def leaving(self) -> int:
        """How many processes there are on top of those two: reloads wait rather than pile them up."""
        return len(self.workers) - len(self.serving()) - len(self.tried())

    def is_outdated(self, worker: Worker) -> bool:
        """It has to be replaced, and is good enough until then."""
        return worker.generation != self.generation or bool(worker.recycle)

    def missing(self) -> int:
        """How many workers have to be started, of the generation that serves.

        An outdated worker has its replacement beside it for a while: one at a time where workers are recycled, and
        ``reload_surge`` in a reload. Nor do those that still drain become much more than a second set.
        """
        if self.phase not in RUNNING:
            return 0
        serving, target = self.serving(), self.target()
        outdated = [worker for worker in serving if self.is_outdated(worker)]
        needed = target - (len(serving) - len(outdated))
        if not outdated:
            return needed
        surge = self.want.reload_surge if any(w.generation != self.generation for w in outdated) else 1
        room = target + surge - self.leaving()
        return min(needed, target + surge - len(serving), max(target - len(serving), room))

    def untried(self) -> int:
        """How many workers have to be started, of the generation on trial."""
        if self.phase not in RUNNING or self.trial() is None:
            return 0
        assert self.roll is not None
        surge = self.roll.want.reload_surge
        room = 2 * self.target() + surge - self.leaving()
        return min(surge, max(self.target(), 1), max(room, 0)) - len(self.tried())

    def want_of(self, generation: int) -> Want:
        """The settings of a generation."""
        return self.roll.want if self.roll is not None and self.roll.generation == generation else self.want

    def has_code(self, generation: int) -> bool:
        """Workers of this generation can be forked: there is no need of a template, or it is ready."""
        template = self.templates.get(generation)
        return not self.want_of(generation).preload or (template is not None and template.ready)

    def unprepared(self) -> dict[int, Want]:
        """The generations whose template has to be started, each with its settings."""
        if self.phase not in RUNNING:
            return {}
        needed = {}
        if self.want.preload:
            needed[self.generation] = self.want
        if self.roll is not None and self.roll.stage is Stage.PREPARING:
            needed[self.roll.generation] = self.roll.want
        return {generation: want for generation, want in needed.items() if generation not in self.templates}

    def probing(self) -> bool:
        """After a failure to boot one worker tries at a time: N tracebacks teach no more than one."""
        return self.boot_failures > 0 and any(worker.state in _TRYING for worker in self.serving())

    # -- When

    def deadline(self) -> float | None:
        """When the policy must be asked again even if nothing happens; None: never."""
        times = [worker.deadline for worker in self.workers.values() if worker.deadline is not None]
        times += [template.deadline for template in self.templates.values() if template.deadline is not None]
        if self.generation in self.unprepared() or (
            self.missing() > 0 and not self.probing() and self.has_code(self.generation)
        ):
            times.append(self.not_before)
        if self.phase in RUNNING:
            times += [time for time in (self.verdict(), self.look) if time is not None]
        elif self.listening and self.phase is Phase.STOPPING:
            times.append(self.door)
        return min(times, default=None)

    def verdict(self) -> float | None:
        """When the workers on trial have passed it, or the next one of them is due; None: not by waiting."""
        if self.roll is None or self.trial() is None:
            return None
        if self.untried() > 0:
            return self.roll.not_before
        ready = [worker.ready_at for worker in self.tried() if worker.ready_at is not None]
        if len(ready) < len(self.tried()):
            return None
        grace = self.roll.want.reload_grace if self.roll.grace is None else self.roll.grace
        return max(ready) + grace if ready else None


_TRYING = frozenset({State.FORKING, State.BOOTING, State.STUCK})
