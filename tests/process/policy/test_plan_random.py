"""The supervisor's policy in random histories: what must hold whatever happens, in whichever order."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from bicorn.process.policy.events import (
    Action,
    Asked,
    BootFailed,
    Died,
    Discard,
    Dump,
    Dumped,
    End,
    Event,
    Forked,
    ForkFailed,
    Outcome,
    Prepare,
    Ready,
    Recycle,
    Reread,
    Seen,
    Settings,
    SettingsRefused,
    Signal,
    Spawn,
    StopListening,
    Stopping,
    SuccessorEnded,
    SuccessorFailed,
    SuccessorStarted,
    TemplateDied,
    TemplateFailed,
    TemplateReady,
    Tick,
    Upgrade,
)
from bicorn.process.policy.fleet import Fleet, Want
from bicorn.process.policy.plan import decide
from bicorn.process.policy.states import Ask, Phase, Stage, State, Successor
from bicorn.process.policy.times import DUMP, MARGIN, UNKILLABLE

STOPS = (Ask.STOP, Ask.INTERRUPT, Ask.QUIT)
GRACEFUL, BOOT = 10.0, 20.0

WANT = st.builds(
    Want,
    workers=st.integers(1, 4),
    graceful_timeout=st.just(GRACEFUL),
    timeout=st.sampled_from([0.0, 5.0]),
    boot_timeout=st.just(BOOT),
    request_timeout=st.sampled_from([0.0, 3.0]),
    drain_delay=st.sampled_from([0.0, 4.0]),
    max_worker_lifetime=st.sampled_from([0.0, 50.0]),
    max_worker_memory=st.sampled_from([0, 100]),
    reload_surge=st.integers(1, 3),
    reload_grace=st.sampled_from([0.0, 2.0]),
    preload=st.booleans(),
    daemon=st.booleans(),
)
PASS = st.tuples(st.just("pass"), st.floats(0.0, 40.0))
HAPPENS = st.one_of(
    PASS,
    st.tuples(
        st.sampled_from(
            ["ready", "ready", "ready", "answer", "fail", "segv", "kill", "leave", "hang", "grow", "recycle", "long"]
        ),
        st.integers(0, 7),
    ),
    st.tuples(st.just("forks"), st.booleans()),
    st.tuples(st.just("dumps"), st.booleans()),
    st.tuples(st.sampled_from(["template ready", "template ready", "template fails", "template dies"]), st.none()),
    st.tuples(st.just("successor ends"), st.none()),
)
GENTLE = st.tuples(st.just("ask"), st.sampled_from([ask for ask in Ask if ask not in STOPS]))
RELOADS = st.tuples(st.just("reload"), st.one_of(st.none(), WANT))
ANY = st.one_of(HAPPENS, GENTLE, RELOADS, st.tuples(st.just("ask"), st.sampled_from(Ask)))


class Kernel:
    """Carries the actions out, obeys KILL only, and checks after each step what must hold in any history."""

    def __init__(self, want: Want) -> None:
        self.fleet = Fleet(want)
        self.next_want: Want | None = want
        self.now = 0.0
        self.alive: dict[int, int] = {}  # pid: worker
        self.killed: set[int] = set()
        self.hanging: set[int] = set()
        self.told: dict[int, float] = {}  # to drain, by us
        self.templates: dict[int, bool] = {}  # by generation: is ready
        self.pids = 0
        self.forks = self.dumps = True
        self.stopped = self.boot_failed = False
        self.waiting = 0  # reloads that have had no outcome
        self.ended: int | None = None

    # -- The shell

    def tell(self, event: Event) -> None:
        todo = [event]
        while todo:
            starting = self.fleet.phase is Phase.STARTING
            actions = decide(self.fleet, todo.pop(0), self.now)
            self.boot_failed |= starting and self.fleet.code != 0
            if self.is_running():
                self.check_service(actions)
            for action in actions:
                assert self.ended is None, "nothing may be done after the end"
                todo += self.act(action)
        self.check()

    def is_running(self) -> bool:
        return self.fleet.phase in (Phase.STARTING, Phase.SERVING)

    def act(self, action: Action) -> list[Event]:
        match action:
            case Spawn():
                want = self.fleet.want_of(action.generation)
                assert not want.preload or self.templates.get(action.generation), "forked from nothing"
                if not self.forks:
                    return [ForkFailed(action.number, "no memory")]
                self.pids += 1
                self.alive[self.pids] = action.number
                return [Forked(action.number, self.pids)]
            case Signal():
                assert action.pid in self.alive, "a signal to a process that has gone"
                if action.name == "SIGKILL":
                    self.killed.add(action.pid)
            case Dump():
                return [Dumped(action.number, "stacks")] if self.dumps else []
            case Reread():
                return [Settings(self.next_want)] if self.next_want is not None else [SettingsRefused("a mistake")]
            case Prepare():
                assert action.generation not in self.templates
                self.templates[action.generation] = False
            case Discard():
                self.templates.pop(action.generation)
            case Upgrade():
                return [SuccessorStarted(4711)] if self.forks else [SuccessorFailed("no memory")]
            case Outcome():
                self.waiting = 0
            case StopListening():
                assert self.stopped or self.boot_failed, "the service was stopped for no reason"
            case End():
                self.ended = action.code
        return []

    # -- What must hold

    def check_service(self, actions: list[Action]) -> None:
        """Nobody who serves is told to end while that leaves fewer than are wanted, unless it is stuck."""
        numbers = {worker.pid: worker for worker in self.fleet.workers.values()}
        drained = [a for a in actions if isinstance(a, Signal) and a.name == "SIGTERM" and a.pid in numbers]
        drained = [a for a in drained if numbers[a.pid].state is State.DRAINING]
        if drained:
            assert self.fleet.ready() >= self.fleet.target(), "told to drain before the replacement was ready"
            trial = self.fleet.trial()
            others = [w for w in self.fleet.workers.values() if w.state is State.READY and w.generation != trial]
            assert len(others) >= self.fleet.target(), "a worker on trial has taken the place of one that serves"

    def check(self) -> None:
        fleet = self.fleet
        known = {worker.pid for worker in fleet.workers.values()}
        assert set(self.alive) == known or self.ended is not None, "a process nobody knows of"
        assert set(self.templates) == set(fleet.templates), "a template nobody knows of"
        if self.ended is not None:
            assert not self.waiting, "somebody waits for a reload for ever"
            assert not self.templates
            return
        serving = fleet.serving()
        surge = max(fleet.want.reload_surge, 1)
        if self.is_running():
            started = [worker for worker in serving if worker.state is not State.READY]
            assert len(started) <= max(fleet.target(), 1) + surge
            assert len(fleet.tried()) <= (fleet.roll.want.reload_surge if fleet.roll else 0)
        if self.waiting:
            assert fleet.roll is not None or fleet.postponed is not None, "a reload was forgotten"
        due = fleet.deadline()
        assert due is None or due > self.now, f"a deadline that was not handled: {due - self.now}"
        if fleet.missing() > 0 and not fleet.probing() and fleet.has_code(fleet.generation):
            assert due is not None, "a worker is missing and nothing will ever start it"

    # -- What happens

    def end_of(self, pid: int, **how: str | int) -> None:
        number = self.alive.pop(pid)
        self.killed.discard(pid)
        self.hanging.discard(pid)
        self.tell(Died(number, **how))  # type: ignore[arg-type]

    def step(self, what: str, value: object) -> None:
        if what == "pass":
            assert isinstance(value, float)
            self.pass_time(value)
        elif what == "ask":
            assert isinstance(value, Ask)
            self.stopped |= value in STOPS
            self.ask(value)
        elif what == "reload":
            assert value is None or isinstance(value, Want)
            self.next_want = value
            self.ask(Ask.RELOAD)
        elif what in ("forks", "dumps"):
            setattr(self, what, bool(value))
        elif what.startswith("template"):
            self.template(what)
        elif what == "successor ends":
            if self.fleet.successor is not Successor.NONE:
                self.tell(SuccessorEnded(4711, "left with exit code 1"))
        elif self.alive:
            assert isinstance(value, int)
            self.happens_to(sorted(self.alive)[value % len(self.alive)], what)

    def ask(self, ask: Ask) -> None:
        self.waiting += ask is Ask.RELOAD
        self.tell(Asked(ask, "somebody", count=3))

    def template(self, what: str) -> None:
        if not self.templates:
            return
        generation = max(self.templates)
        if what == "template ready":
            self.templates[generation] = True
            self.tell(TemplateReady(generation))
        elif self.templates.pop(generation):
            self.tell(TemplateDied(generation, "left with exit code 1"))
        else:
            self.tell(TemplateFailed(generation, 3, "SyntaxError"))

    def happens_to(self, pid: int, what: str) -> None:
        number = self.alive[pid]
        worker = self.fleet.workers[number]
        match what:
            case "ready":
                self.tell(Ready(number))
            case "answer":
                self.tell(Stopping(number, 5.0))
            case "hang":
                self.hanging.add(pid)
            case "grow":
                self.tell(Seen(number, self.beat(pid), memory=200))
            case "long":
                self.tell(Seen(number, self.beat(pid), oldest=max(self.now - 60.0, 0.1), held=("GET / for 60 s",)))
            case "recycle":
                self.tell(Recycle(number, "max-requests (1000) reached"))
            case _:
                if what == "fail":
                    self.tell(BootFailed(number, 3, "no database"))
                how = {"segv": "SIGSEGV", "kill": "SIGKILL"}.get(what, "")
                if worker.number in self.fleet.workers and pid in self.alive:
                    self.end_of(pid, code=3 if what == "fail" else 0, signal=how)

    def beat(self, pid: int) -> float:
        return 0.0 if pid in self.hanging else self.now

    def pass_time(self, seconds: float) -> None:
        """Wake at every deadline on the way, as the supervisor does, and look at the scoreboard."""
        target = self.now + seconds
        for _ in range(1000):
            due = self.fleet.deadline()
            if self.ended is not None or due is None or due > target:
                break
            self.now = max(self.now, due)
            for pid, number in sorted(self.alive.items()):
                if number in self.fleet.workers and self.fleet.workers[number].pid == pid:
                    self.tell(Seen(number, self.beat(pid)))
            self.tell(Tick())
            for pid in sorted(self.killed):
                self.end_of(pid, signal="SIGKILL")
        else:
            raise AssertionError("the deadlines never end: a busy loop")
        self.now = target

    def settle(self) -> None:
        """From here on everything succeeds, at once."""
        self.forks = self.dumps = True
        self.hanging.clear()
        self.next_want = self.fleet.want if self.next_want is None else self.next_want
        for seconds in (0.0, 31.0, *[3.0] * 20):
            self.pass_time(seconds)
            while self.templates and not all(self.templates.values()):
                generation = next(g for g, is_ready in self.templates.items() if not is_ready)
                self.templates[generation] = True
                self.tell(TemplateReady(generation))
            for pid, number in sorted(self.alive.items()):
                state = self.fleet.workers[number].state if pid in self.alive else None
                if state is State.BOOTING:
                    self.tell(Ready(number))
                elif state in (State.DRAINING, State.QUITTING):
                    self.end_of(pid, code=0)


@settings(max_examples=300, deadline=None)
@given(WANT, st.lists(ANY, max_size=50))
def test_no_history_leaks_a_worker_and_term_always_ends(want: Want, steps: list[tuple[str, object]]) -> None:
    kernel = Kernel(want)
    kernel.tell(Tick())
    for what, value in steps:
        if kernel.ended is None:
            kernel.step(what, value)
    if kernel.ended is None:
        kernel.step("ask", Ask.STOP)
        longest = kernel.fleet.want.drain_delay * 2 + GRACEFUL + MARGIN + 5.0 + DUMP + UNKILLABLE + 1
        kernel.pass_time(longest)
    assert kernel.ended is not None
    assert kernel.alive == {}
    assert kernel.waiting == 0


@settings(max_examples=300, deadline=None)
@given(WANT, st.lists(st.one_of(HAPPENS, GENTLE, RELOADS), max_size=50))
def test_once_one_worker_has_served_the_full_number_always_comes_back_and_every_reload_has_an_outcome(
    want: Want, steps: list[tuple[str, object]]
) -> None:
    kernel = Kernel(want)
    kernel.tell(Tick())
    kernel.step("template ready", None)
    kernel.tell(Ready(1))
    for what, value in steps:
        kernel.step(what, value)
    assert kernel.ended is None, "nobody has asked for an end"
    kernel.settle()
    assert kernel.waiting == 0, kernel.fleet.roll
    fleet = kernel.fleet
    assert fleet.roll is None or fleet.roll.stage is Stage.TURNING
    fleet.want = fleet.want.replace(max_worker_lifetime=0.0)  # or somebody is always being replaced
    kernel.settle()
    assert sorted(w.state.value for w in fleet.workers.values()) == ["ready"] * fleet.target()
    assert {w.generation for w in fleet.workers.values()} <= {fleet.generation}


@settings(max_examples=200, deadline=None)
@given(WANT, st.lists(st.one_of(PASS, RELOADS, GENTLE.filter(lambda step: step[1] is not Ask.DISMISS)), max_size=20))
def test_while_nothing_goes_wrong_there_are_always_as_many_ready_as_are_wanted(
    want: Want, steps: list[tuple[str, object]]
) -> None:
    """Whoever is started becomes ready when time passes; reloads and replacements cost no capacity at all."""
    kernel = Kernel(want.replace(timeout=0.0, request_timeout=0.0))
    kernel.tell(Tick())
    kernel.settle()
    least = kernel.fleet.target()
    for what, value in steps:
        if isinstance(value, Want):
            value = value.replace(timeout=0.0, request_timeout=0.0)
        kernel.step(what, value)
        least = min(least, kernel.fleet.target())
        assert kernel.fleet.ready() >= least
        if what == "pass":
            kernel.settle()
            least = kernel.fleet.target()
            assert kernel.fleet.ready() >= least
