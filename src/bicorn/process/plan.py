"""The supervisor's policy: a fleet of workers and an event in, actions out. No clock, no process, no socket.

:func:`decide` first notes the event in the :class:`Fleet` (facts), then asks every rule in :data:`RULES` what
follows from the facts as they are now. A rule never asks which event came, so the order of events cannot
confuse it, and a new policy is one more function in the list.

``now`` is in seconds on any clock that never goes back; only differences count.
"""

from __future__ import annotations

from collections.abc import Callable

from .events import (
    Action,
    Asked,
    BootFailed,
    Died,
    End,
    Event,
    Forked,
    ForkFailed,
    Log,
    Ready,
    Share,
    Signal,
    Spawn,
    StopListening,
    Stopping,
)
from .fleet import Fleet, Worker
from .states import MOVES, PHASES, RUNNING, Ask, Phase, State
from .words import duration, how_it_ended

SAME_PRESS = 0.05  # two INT this close are one Ctrl-C: from the terminal, and again from a wrapper (timeout, uv, npm)
MARGIN = 2.0  # beyond graceful_timeout, for cancelled applications and exit handlers
QUICK = 1.0  # from QUIT to KILL, for a worker that is stuck: "at once" for a person
QUICK_SHUTDOWN = 3.0  # the same for one that answers: its applications are cancelled, their shutdown runs
FAILED_EXIT = 2.0  # from "I cannot start" to the end of that process
UNKILLABLE = 5.0  # from KILL to giving up on a process the kernel does not let go
HEAD_START = 0.5  # at most, for the first worker: on a busy machine it is ready in a fraction of the time all take
STEADY = 5.0  # a worker that has served this long was healthy: its death starts no back-off
LONGEST_WAIT = 30.0  # between two tries to replace a worker that does not boot
FROM_OUTSIDE = frozenset({"SIGKILL", "SIGTERM"})  # to a worker we had not told to end: no fault of the application
BOOT_ERRORS = frozenset({2, 3, 4})  # exit codes that say it themselves: settings, boot, application not found


# -- The policy ------------------------------------------------------------------------------------------------


def decide(fleet: Fleet, event: Event, now: float) -> list[Action]:
    """Note ``event`` in ``fleet``; return what has to be done now, in that order."""
    if fleet.phase is Phase.OVER:
        return []
    actions = _note(fleet, event, now)
    for rule in RULES:
        actions += rule(fleet, now)
    return actions


def _note(fleet: Fleet, event: Event, now: float) -> list[Action]:
    if isinstance(event, Asked):
        return _asked(fleet, event, now)
    number = getattr(event, "number", None)
    worker = fleet.workers.get(number) if number is not None else None
    if worker is None:
        return []
    match event:
        case Forked():
            worker.pid = event.pid
            worker.move(State.BOOTING, now)
        case ForkFailed():
            del fleet.workers[worker.number]
            _back_off(fleet, now)
            again = f"; next try in {duration(fleet.not_before - now)}" if fleet.phase in RUNNING else ""
            return [Log("error", f"worker {worker.number} could not be forked: {event.reason}{again}")]
        case Ready():
            return _ready(fleet, worker, event, now)
        case BootFailed():
            if worker.state is State.BOOTING:
                worker.move(State.FAILED, now, now + FAILED_EXIT)
                return _boot_failed(fleet, worker, event.code, event.message, now)
        case Stopping():
            _extend(fleet, worker, event.closing)
        case Died():
            del fleet.workers[worker.number]
            return _died(fleet, worker, event, now)
    return []


def _asked(fleet: Fleet, event: Asked, now: float) -> list[Action]:
    if event.ask is Ask.INTERRUPT:
        echo, fleet.interrupted = now - fleet.interrupted < SAME_PRESS, now
        if echo:
            return []
    phase = PHASES.get((fleet.phase, event.ask))
    if phase is not None:
        fleet.phase = phase
        return [Log("info", _STOPPING[phase].format(duration(fleet.want.graceful_timeout)))]
    if event.ask in _LATER:
        return [Log("warning", f"{event.by or event.ask.value}: this version cannot {_LATER[event.ask]} yet; ignored")]
    return []


_STOPPING = {
    Phase.STOPPING: "Stopping; requests in progress have {} to finish",
    Phase.QUITTING: "Stopping at once; requests in progress are cut off",
    Phase.KILLING: "Killing the workers",
}

_LATER = {
    Ask.RELOAD: "reload the application",
    Ask.REOPEN_LOGS: "reopen its logs",
    Ask.UPGRADE: "hand over to a new version",
    Ask.MORE: "add a worker",
    Ask.FEWER: "retire a worker",
    Ask.SCALE: "change the number of workers",
    Ask.DISMISS: "dismiss its workers",
    Ask.RESUME: "bring its workers back",
    Ask.DUMP: "show the stacks",
}


def _ready(fleet: Fleet, worker: Worker, event: Ready, now: float) -> list[Action]:
    if worker.state is not State.BOOTING:  # it was told to stop in the meantime
        return []
    boot = now - worker.since
    worker.move(State.READY, now)
    fleet.boot_failures = 0
    fleet.last_report = ""
    if fleet.phase is Phase.STARTING:
        fleet.phase = Phase.SERVING
        if fleet.launched == 1:
            fleet.not_before = now  # its head start is over
        said: list[Action] = [Log("info", event.app)] if event.app else []
        return [*said, Share(event.modules)] if event.modules and fleet.missing() > 0 else said
    return [Log("debug" if worker.first else "info", f"{worker} is ready after {duration(boot)}")]


def _extend(fleet: Fleet, worker: Worker, closing: float | None) -> None:
    """A worker that answers ends its requests in time by itself; it also gets the time for its shutdown."""
    if worker.state is State.QUITTING:
        worker.deadline = worker.since + QUICK_SHUTDOWN
    elif worker.state is State.DRAINING:
        worker.deadline = None if closing is None else worker.since + fleet.want.graceful_timeout + MARGIN + closing


def _died(fleet: Fleet, worker: Worker, event: Died, now: float) -> list[Action]:
    how = how_it_ended(event.code, event.signal)
    if worker.state is State.BOOTING:
        if event.signal in FROM_OUTSIDE and fleet.phase is Phase.SERVING and not fleet.boot_failures:
            fleet.boot_failures = 1  # the first time it says nothing about the application; if it goes on, it does
            return [Log("error", f"{worker} {how} while it was starting")]
        return _boot_failed(fleet, worker, event.code, f"{worker} {how} while it was starting", now)
    if worker.state is State.FAILED or fleet.code:  # why has been said, by this one or by the first
        return []
    if worker.state is not State.READY:
        # It was told to end. How it did is news only where it was neither us, nor a clean exit, nor a failure
        # to boot that the end has overtaken.
        told = worker.state is State.KILLED or event.signal in ("SIGTERM", "SIGQUIT")
        clean = not event.signal and (event.code == 0 or event.code in BOOT_ERRORS)
        return [] if told or clean else [Log("warning", f"{worker} {how} while it was stopping")]
    served = now - worker.since
    if served >= STEADY:
        fleet.crashes = 0
    elif event.signal not in FROM_OUTSIDE:
        fleet.crashes += 1
        if fleet.crashes > 1:
            fleet.not_before = now + _wait(fleet.crashes - 1) / 2
    wait = fleet.not_before - now
    when = f"; its replacement starts in {duration(wait)}" if wait > 0 and fleet.phase in RUNNING else ""
    return [Log("error", f"{worker} {how} after serving for {duration(served)}{when}")]


def _boot_failed(fleet: Fleet, worker: Worker, code: int, text: str, now: float) -> list[Action]:
    if fleet.phase not in RUNNING:
        return []
    if fleet.phase is Phase.STARTING:
        fleet.phase = Phase.QUITTING
        fleet.code = code if code in BOOT_ERRORS else 3
        return [Log("error", text)]
    _back_off(fleet, now)
    wait = duration(fleet.not_before - now)
    if text == fleet.last_report:
        return [Log("error", f"{worker} could not start, for the same reason as before; next try in {wait}")]
    fleet.last_report = text
    return [Log("error", f"{worker} could not start; next try in {wait}\n{text}")]


def _back_off(fleet: Fleet, now: float) -> None:
    fleet.boot_failures += 1
    fleet.not_before = now + _wait(fleet.boot_failures)


def _wait(failures: int) -> float:
    """1, 2, 4, ... seconds, at most :data:`LONGEST_WAIT`."""
    return min(LONGEST_WAIT, 2.0 ** min(failures - 1, 16))


# -- The rules, in the order they are asked --------------------------------------------------------------------


def _close_the_door(fleet: Fleet, now: float) -> list[Action]:
    if fleet.phase in RUNNING or not fleet.listening:
        return []
    fleet.listening = False
    return [StopListening()]


def _tell_to_stop(fleet: Fleet, now: float) -> list[Action]:
    """Bring every worker to the state the phase asks for."""
    if fleet.phase not in _TELL:
        return []
    name, state = _TELL[fleet.phase]
    time = {Phase.STOPPING: fleet.want.graceful_timeout + MARGIN, Phase.QUITTING: QUICK}.get(fleet.phase, UNKILLABLE)
    actions: list[Action] = []
    for worker in fleet.workers.values():
        if state not in MOVES[worker.state]:
            continue
        # A worker that is still importing has nothing to finish; QUIT would leave a core file there.
        booting = worker.state is State.BOOTING and state is not State.KILLED
        worker.move(state, now, now + time)
        actions.append(Signal(worker.pid, "SIGTERM" if booting else name))
    return actions


_TELL = {
    Phase.STOPPING: ("SIGTERM", State.DRAINING),
    Phase.QUITTING: ("SIGQUIT", State.QUITTING),
    Phase.KILLING: ("SIGKILL", State.KILLED),
}


def _kill_overdue(fleet: Fleet, now: float) -> list[Action]:
    actions: list[Action] = []
    for worker in list(fleet.workers.values()):
        if worker.deadline is None or worker.deadline > now:
            continue
        took = duration(now - worker.since)
        if worker.state is State.KILLED:
            worker.deadline = None
            actions.append(Log("critical", f"{worker} is still there {took} after SIGKILL: the kernel does not end it"))
            continue
        actions += [Log("warning", f"{worker} {_OVERDUE[worker.state].format(took)}"), Signal(worker.pid, "SIGKILL")]
        worker.move(State.KILLED, now, now + UNKILLABLE)
    return actions


_OVERDUE = {
    State.DRAINING: "had not finished its requests after {}: killed, they are cut off",
    State.QUITTING: "had not ended {} after being told to: killed",
    State.FAILED: "had not ended {} after failing to start: killed",
}


def _spawn_missing(fleet: Fleet, now: float) -> list[Action]:
    missing = fleet.missing()
    if missing <= 0 or now < fleet.not_before or fleet.probing():
        return []
    very_first = not fleet.launched
    if very_first:
        fleet.not_before = now + HEAD_START
    actions: list[Action] = []
    for _ in range(1 if very_first or fleet.boot_failures else missing):
        number = next(n for n in range(1, len(fleet.workers) + 2) if n not in fleet.workers)
        fleet.workers[number] = Worker(number, State.FORKING, now, first=fleet.launched < fleet.want.workers)
        fleet.launched += 1
        actions.append(Spawn(number))
    return actions


def _end(fleet: Fleet, now: float) -> list[Action]:
    """Over when all have gone; a process that even KILL could not end is not waited for."""
    if fleet.phase in RUNNING or not all(
        w.state is State.KILLED and w.deadline is None for w in fleet.workers.values()
    ):
        return []
    fleet.phase = Phase.OVER
    return [End(fleet.code)]


RULES: tuple[Callable[[Fleet, float], list[Action]], ...] = (
    _close_the_door,
    _tell_to_stop,
    _kill_overdue,
    _spawn_missing,
    _end,
)
