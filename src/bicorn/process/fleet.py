"""The snapshot the policy works on: every worker, and what is remembered about those that have gone. Pure data."""

from __future__ import annotations

from ..record import Record
from .states import MOVES, RUNNING, WANTED, Phase, State


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
    """

    number: int
    state: State
    since: float
    pid: int = 0
    deadline: float | None = None
    first: bool = False

    def __str__(self) -> str:
        return f"worker {self.number} (pid {self.pid})"

    def given_up(self) -> bool:
        """Not even KILL has ended it in time."""
        return self.state is State.KILLED and self.deadline is None

    def move(self, state: State, now: float, deadline: float | None = None) -> None:
        """Enter a state; a move that is not in the table is a mistake in this file."""
        if state not in MOVES[self.state]:
            raise AssertionError(f"{self} cannot go from {self.state.value} to {state.value}")
        self.state, self.since, self.deadline = state, now, deadline


class Fleet:
    """Everything the policy remembers.

    Attributes:
        workers: by number.
        launched: how many workers have ever been started.
        code: the exit code the server will end with.
        boot_failures: in a row, since a worker was last ready.
        crashes: in a row, of workers that had been ready for less than ``plan.STEADY``.
        not_before: no worker is started earlier than this.
        interrupted: when Ctrl-C was last heard.
        last_report: the last reason for not booting; the same one again is said in one line.
        listening: the listening sockets are open.
    """

    def __init__(self, want: Want) -> None:
        self.want = want
        self.phase = Phase.STARTING
        self.workers: dict[int, Worker] = {}
        self.launched = 0
        self.code = 0
        self.boot_failures = 0
        self.crashes = 0
        self.not_before = float("-inf")
        self.interrupted = float("-inf")
        self.last_report = ""
        self.listening = True

    def missing(self) -> int:
        """How many workers have to be started to have as many as are wanted."""
        if self.phase not in RUNNING:
            return 0
        return self.want.workers - sum(worker.state in WANTED for worker in self.workers.values())

    def deadline(self) -> float | None:
        """When the policy must be asked again even if nothing happens; None: never."""
        times = [worker.deadline for worker in self.workers.values() if worker.deadline is not None]
        if self.missing() > 0 and not self.probing():
            times.append(self.not_before)
        return min(times, default=None)

    def probing(self) -> bool:
        """After a failure to boot one worker tries at a time: N tracebacks teach no more than one."""
        trying = any(worker.state in (State.FORKING, State.BOOTING) for worker in self.workers.values())
        return self.boot_failures > 0 and trying
