"""Scripted histories for the supervisor's policy: a fleet, a clock set by hand, and a shell that always obeys."""

from __future__ import annotations

from bicorn.process.policy.events import Action, Event, Forked, Log, Ready, Seen, Signal, Spawn, Tick
from bicorn.process.policy.fleet import Fleet, Want
from bicorn.process.policy.plan import decide
from bicorn.process.policy.states import State


class History:
    """A kernel that forks at once: worker 3's first pid is 103 if three were started."""

    def __init__(self, workers: int = 1, graceful_timeout: float = 30.0, **want: float) -> None:
        self.fleet = Fleet(Want(workers, graceful_timeout, **want))  # type: ignore[arg-type]
        self.now = 1000.0
        self.log: list[Log] = []
        self.pids = 100

    def at(self, seconds: float, event: Event | None = None) -> list[Action]:
        """The time is ``seconds``; returns what is done, without the log lines, which are kept."""
        self.now = 1000.0 + seconds
        return self.tell(event or Tick())

    def tell(self, event: Event) -> list[Action]:
        done: list[Action] = []
        todo: list[Event] = [event]
        while todo:
            for action in decide(self.fleet, todo.pop(0), self.now):
                if isinstance(action, Log):
                    self.log.append(action)
                    continue
                done.append(action)
                if isinstance(action, Spawn):
                    self.pids += 1
                    todo.append(Forked(action.number, self.pids))
        return done

    def seen(self, seconds: float, *numbers: int, ago: float = 0.0, **facts: object) -> list[Action]:
        """Somebody looks at the scoreboard: the loops of these workers have last turned ``ago``."""
        self.now = 1000.0 + seconds
        seen = [Seen(number, self.now - ago, **facts) for number in numbers]  # type: ignore[arg-type]
        return [action for event in seen for action in self.tell(event)]

    def words(self) -> str:
        """What was logged since the last time, and forget it."""
        text = "\n".join(line.text for line in self.log)
        self.log.clear()
        return text

    def state(self, number: int) -> State:
        return self.fleet.workers[number].state

    def due(self) -> float | None:
        """The next deadline, in the seconds of :meth:`at`."""
        deadline = self.fleet.deadline()
        return None if deadline is None else deadline - 1000.0

    def pid(self, number: int) -> int:
        return self.fleet.workers[number].pid

    def retire(self, number: int) -> Signal:
        """It is told to drain while others serve on."""
        return Signal(self.pid(number), "SIGTERM", alone=True)

    def generations(self) -> dict[int, int]:
        """Of every worker that is in service or starts."""
        return {number: worker.generation for number, worker in self.fleet.workers.items() if worker.counts()}


def started(workers: int = 1, **want: float) -> History:
    history = History(workers, **want)
    history.at(0)
    for number in range(1, workers + 1):
        history.at(1, Ready(number, "main:app is ASGI 3"))
    history.words()
    return history
