"""How workers begin: forked, ready, or not; and the wait between two tries.

Pure; a part of the policy, see ``plan``. At the first start a failure ends the server: whoever has started it is
there to see it. Later, nobody may be, and failures only wait longer and longer, while whatever serves goes on.
"""

from __future__ import annotations

from . import times
from .events import Action, BootFailed, Broken, Forked, ForkFailed, Log, Ready, Share, Signal, Spawn
from .fleet import Fleet, Worker
from .roll import setback
from .states import RUNNING, Phase, State
from .words import duration

BOOT_ERRORS = frozenset({2, 3, 4})  # exit codes that say it themselves: settings, boot, application not found

# -- Facts -----------------------------------------------------------------------------------------------------


def forked(fleet: Fleet, worker: Worker, event: Forked, now: float) -> list[Action]:
    """There is a process."""
    worker.pid = event.pid
    limit = fleet.want_of(worker.generation).boot_timeout
    worker.move(State.BOOTING, now, now + limit if limit else None)
    return []


def fork_failed(fleet: Fleet, worker: Worker, event: ForkFailed, now: float) -> list[Action]:
    """There is none to be had."""
    del fleet.workers[worker.number]
    if fleet.phase not in RUNNING or worker.generation not in (fleet.generation, fleet.trial()):
        return []  # nobody wants it any more
    text = f"worker {worker.number} could not be forked: {event.reason}"
    if worker.generation == fleet.trial():
        return [Log("error", text), *setback(fleet, worker.generation, text, False, now)]
    back_off(fleet, now)
    again = f"; next try in {duration(fleet.not_before - now)}"
    return [Log("error", text + again), *setback(fleet, worker.generation, text, False, now)]


def ready(fleet: Fleet, worker: Worker, event: Ready, now: float) -> list[Action]:
    """It accepts connections."""
    if worker.state is not State.BOOTING:  # it was told to stop in the meantime
        return []
    boot = now - worker.since
    worker.move(State.READY, now)
    worker.ready_at = worker.heard = now
    actions: list[Action] = [Signal(worker.pid, "SIGUSR1")] if worker.reopen else []
    if worker.generation == fleet.generation:
        fleet.boot_failures = 0
        fleet.last_report = ""
    actions += share(fleet, worker, event.modules)
    if fleet.phase is not Phase.STARTING:
        level = "debug" if worker.first else "info"
        return [*actions, Log(level, f"{worker} is ready after {duration(boot)}")]
    fleet.phase = Phase.SERVING
    if fleet.launched == 1:
        fleet.not_before = now  # its head start is over
    if event.app:
        actions.append(Log("info", event.app))
    return actions


def share(fleet: Fleet, worker: Worker, modules: tuple[str, ...]) -> list[Action]:
    """The first worker of a generation tells what the others will import, if there are others to come."""
    want = fleet.want_of(worker.generation)
    if not modules or want.preload or worker.generation <= fleet.shared:
        return []
    fleet.shared = worker.generation
    is_tried = worker.generation == fleet.trial()
    are_to_come = max(fleet.target(), want.workers) > 1 if is_tried else fleet.missing() > 0
    return [Share(worker.generation, modules)] if are_to_come else []


def broken(fleet: Fleet, worker: Worker, event: Broken, now: float) -> list[Action]:
    """It will serve a page that says why the application could not start. All of its generation do: one is enough."""
    if worker.state is not State.BOOTING or fleet.broken == worker.generation:
        return []
    fleet.broken = worker.generation
    return [Log("error", event.text)]


def boot_failed(fleet: Fleet, worker: Worker, event: BootFailed, now: float) -> list[Action]:
    """It says why it cannot start, and is about to leave."""
    if worker.state is not State.BOOTING:
        return []
    worker.move(State.FAILED, now, now + times.FAILED_EXIT)
    return failed(fleet, str(worker), worker.generation, event.code, event.message, now)


def failed(fleet: Fleet, who: str, generation: int, code: int, text: str, now: float) -> list[Action]:
    """What follows from a failure to start.

    Args:
        who: could not start.
        code: the exit code it has, or would have, left with.
        text: the reason, with its traceback.
    """
    if fleet.phase not in RUNNING:
        return []
    if fleet.phase is Phase.STARTING:
        fleet.phase = Phase.QUITTING
        fleet.code = code if code in BOOT_ERRORS else 3
        return [Log("error", text)]
    if generation != fleet.generation:  # on trial, or rejected already
        return setback(fleet, generation, text, True, now)
    back_off(fleet, now)
    wait = duration(fleet.not_before - now)
    report = f"{who} could not start; next try in {wait}\n{text}"
    if text == fleet.last_report:
        report = f"{who} could not start, for the same reason as before; next try in {wait}"
    fleet.last_report = text
    return [Log("error", report), *setback(fleet, generation, text, True, now)]


def back_off(fleet: Fleet, now: float) -> None:
    """Wait before the next try, twice as long as the last time."""
    fleet.boot_failures += 1
    fleet.not_before = now + times.back_off(fleet.boot_failures)


# -- Rule ------------------------------------------------------------------------------------------------------


def spawn(fleet: Fleet, now: float) -> list[Action]:
    """Start the workers that are missing, and those that a trial needs."""
    actions: list[Action] = []
    if fleet.roll is not None and now >= fleet.roll.not_before:
        actions += [_spawn(fleet, fleet.roll.generation, now) for _ in range(fleet.untried())]
    missing = fleet.missing()
    if missing <= 0 or now < fleet.not_before or fleet.probing() or not fleet.has_code(fleet.generation):
        return actions
    very_first = not fleet.launched and not fleet.want.preload
    if very_first:
        fleet.not_before = now + times.HEAD_START
    one = very_first or fleet.boot_failures
    return actions + [_spawn(fleet, fleet.generation, now) for _ in range(1 if one else missing)]


def _spawn(fleet: Fleet, generation: int, now: float) -> Spawn:
    number = next(n for n in range(1, len(fleet.workers) + 2) if n not in fleet.workers)
    first = fleet.launched < fleet.want.workers
    fleet.workers[number] = Worker(number, State.FORKING, now, first=first, generation=generation, born=now)
    fleet.launched += 1
    return Spawn(number, generation)
