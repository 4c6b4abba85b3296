"""How workers end: by themselves, told to, or killed, and that none does without a reason in the log.

Pure; a part of the policy, see ``plan``. Whoever is to be killed for what it does is asked for its stacks first
(:func:`condemn`), so that the one line about its death can be followed by what held it.
"""

from __future__ import annotations

from . import times
from .boot import BOOT_ERRORS, failed
from .events import Action, Died, Dump, Dumped, Log, Signal, Stopping
from .fleet import Fleet, Worker
from .roll import setback
from .states import RUNNING, Cause, Phase, State
from .words import duration, facts, how_it_ended, why_it_ended

FROM_OUTSIDE = frozenset({"SIGKILL", "SIGTERM"})  # to a worker we had not told to end: no fault of the application

# -- Facts -----------------------------------------------------------------------------------------------------


def stopping(fleet: Fleet, worker: Worker, event: Stopping, now: float) -> list[Action]:
    """A worker that answers ends its requests in time by itself; it also gets the time for its shutdown."""
    closing, want = event.closing, fleet.want
    if worker.state is State.QUITTING:
        worker.deadline = worker.since + times.QUICK_SHUTDOWN
    elif worker.state is State.DRAINING:
        limit = want.drain_delay + want.graceful_timeout + times.MARGIN
        worker.deadline = None if closing is None else worker.since + limit + closing
    elif worker.state is State.READY:
        # We have not told it to. If TERM went to the whole group, we are about to hear of that too.
        worker.deadline = now + times.FAREWELL
    return []


def dumped(fleet: Fleet, worker: Worker, event: Dumped, now: float) -> list[Action]:
    """Here are the stacks that were asked for: by us, or by somebody else."""
    if worker.state is State.STUCK:
        return _kill(fleet, worker, event.text, now)
    if not event.text:
        return [Log("warning", f"{worker} did not show its stacks")]
    return [Log("info", f"{worker} shows its stacks\n{event.text.rstrip()}")]


def died(fleet: Fleet, worker: Worker, event: Died, now: float) -> list[Action]:
    """A process has gone."""
    del fleet.workers[worker.number]
    how = how_it_ended(event.code, event.signal, event.out_of_memory)
    about = facts(why_it_ended(event.signal, event.out_of_memory), now - worker.born, event.held or worker.held)
    outside = event.signal in FROM_OUTSIDE and not event.out_of_memory
    match worker.state:
        case State.BOOTING:
            return _died_booting(fleet, worker, event.code, f"{worker} {how} while it was starting", outside, now)
        case State.STUCK:
            return _explain(fleet, worker, f"{worker} {worker.why}, and then {how}", about, "", now)
        case State.READY if not fleet.code:
            return _died_serving(fleet, worker, how, about, outside, now)
        case State.DRAINING | State.QUITTING if not fleet.code:
            # How it did is news only where it was neither us, nor a clean exit, nor a failure to boot that the end
            # has overtaken.
            told = event.signal in ("SIGTERM", "SIGQUIT")
            clean = not event.signal and (event.code == 0 or event.code in BOOT_ERRORS)
            return [] if told or clean else [Log("warning", f"{worker} {how} while it was stopping {about}")]
    return []  # why has been said: by us, by this one, or by the first


def _died_booting(fleet: Fleet, worker: Worker, code: int, text: str, outside: bool, now: float) -> list[Action]:
    if outside and fleet.phase is Phase.SERVING:
        if worker.generation != fleet.generation:
            return [Log("error", text), *setback(fleet, worker.generation, text, False, now)]
        if not fleet.boot_failures:
            fleet.boot_failures = 1  # the first time it says nothing about the application; if it goes on, it does
            return [Log("error", text), *setback(fleet, worker.generation, text, False, now)]
    return failed(fleet, str(worker), worker.generation, code, text, now)


def _died_serving(fleet: Fleet, worker: Worker, how: str, about: str, outside: bool, now: float) -> list[Action]:
    served = now - worker.since
    text = f"{worker} {how} after serving for {duration(served)}"
    if worker.generation == fleet.generation:
        if served >= times.STEADY:
            fleet.crashes = 0
        elif not outside:
            fleet.crashes += 1
            if fleet.crashes > 1:
                fleet.not_before = now + times.back_off(fleet.crashes - 1) / 2
    wait = fleet.not_before - now
    when = f"; its replacement starts in {duration(wait)}" if wait > 0 and fleet.phase in RUNNING else ""
    return [Log("error", f"{text}{when} {about}"), *setback(fleet, worker.generation, text, not outside, now)]


# -- The end of one that does not end by itself ------------------------------------------------------------------


def condemn(worker: Worker, cause: Cause, why: str, now: float) -> list[Action]:
    """Kill it, as soon as its stacks are known."""
    worker.cause, worker.why = cause, why
    worker.move(State.STUCK, now, now + times.DUMP)
    return [Dump(worker.number)]


def _kill(fleet: Fleet, worker: Worker, stacks: str, now: float) -> list[Action]:
    assert worker.cause is not None
    about = facts(worker.cause, now - worker.born, worker.held)
    worker.move(State.KILLED, now, now + times.UNKILLABLE)
    kill = Signal(worker.pid, "SIGKILL")
    return [kill, *_explain(fleet, worker, f"{worker} {worker.why}: killed", about, stacks, now)]


def _explain(fleet: Fleet, worker: Worker, text: str, about: str, stacks: str, now: float) -> list[Action]:
    line = f"{text} {about}\n{stacks.rstrip()}".rstrip()
    if worker.cause is Cause.BOOT_TIMEOUT:
        return failed(fleet, str(worker), worker.generation, 3, line, now)
    level = "warning" if worker.cause is Cause.GRACEFUL_TIMEOUT else "error"
    told = worker.cause in _TOLD
    return [Log(level, line), *([] if told else setback(fleet, worker.generation, text, True, now))]


_TOLD = frozenset({Cause.GRACEFUL_TIMEOUT, Cause.QUIT})


# -- Rule ------------------------------------------------------------------------------------------------------


def overdue(fleet: Fleet, now: float) -> list[Action]:
    """What follows when a state lasts too long."""
    actions: list[Action] = []
    for worker in list(fleet.workers.values()):
        if worker.deadline is None or worker.deadline > now:
            continue
        took = duration(now - worker.since)
        match worker.state:
            case State.READY:
                actions.append(_leaves(fleet, worker, now))
            case State.BOOTING | State.DRAINING:
                cause, why = _TOO_LONG[worker.state]
                doing = f" ({worker.phase})" if worker.phase and worker.state is State.BOOTING else ""
                actions += condemn(worker, cause, why.format(took) + doing, now)
            case State.STUCK:
                actions += _kill(fleet, worker, "", now)
            case State.QUITTING | State.FAILED:
                worker.cause, worker.why = _TOO_LONG[worker.state][0], _TOO_LONG[worker.state][1].format(took)
                actions += _kill(fleet, worker, "", now)
            case _:
                worker.deadline = None
                text = f"{worker} is still there {took} after SIGKILL: the kernel does not end it"
                actions.append(Log("critical", text))
    return actions


_TOO_LONG = {
    State.BOOTING: (Cause.BOOT_TIMEOUT, "was not ready after {}"),
    State.DRAINING: (Cause.GRACEFUL_TIMEOUT, "had not finished its requests after {}"),
    State.QUITTING: (Cause.QUIT, "had not ended {} after being told to"),
    State.FAILED: (Cause.QUIT, "had not ended {} after failing to start"),
}


def _leaves(fleet: Fleet, worker: Worker, now: float) -> Action:
    """It was told to stop, and not by us: it finishes what it has, and its replacement need not wait for that."""
    limit = fleet.want.drain_delay + fleet.want.graceful_timeout + times.MARGIN
    worker.move(State.DRAINING, now, now + limit)
    return Log("warning", f"{worker} was told to stop from outside: it finishes its requests, and is replaced")
