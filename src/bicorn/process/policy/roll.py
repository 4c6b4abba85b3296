"""Which code serves: reload, trial, roll-back, and the replacement of whatever is outdated.

Pure; a part of the policy, see ``plan``. A reload goes through the stages of :class:`.states.Stage`. While it is
on trial the new code serves beside the full number of old workers, so that to call it off costs nothing. Once it is
accepted, the old workers are merely outdated, like one that has reached ``max_requests``, and one rule replaces them
all: the new worker is ready before the old one is told to drain.
"""

from __future__ import annotations

from . import times
from .events import (
    Action,
    Discard,
    Log,
    Outcome,
    Reread,
    Settings,
    SettingsRefused,
    Signal,
)
from .fleet import Fleet, Roll, Worker
from .states import RUNNING, Phase, Stage, State
from .words import duration, several

SETBACKS = 3  # workers of a reload that are lost without the code being guilty, before it is given up

# -- Facts -----------------------------------------------------------------------------------------------------


def reload(fleet: Fleet, by: str, grace: float | None, now: float) -> list[Action]:
    """Begin a reload. One that is under way is forgotten: this one is newer, and answers for both."""
    if fleet.phase is Phase.STARTING:
        fleet.postponed = (by, grace)
        return [Log("info", f"{by}: reloading as soon as the server has started")]
    fleet.newest += 1
    superseded, fleet.roll = fleet.roll, Roll(fleet.newest, by, now, Stage.READING, fleet.want, grace)
    return [Log("info", f"Reloading ({by})"), *_discard(fleet, superseded), Reread(fleet.newest)]


def settings_read(fleet: Fleet, event: Settings, now: float) -> list[Action]:
    """The new settings are good as far as anybody can tell without trying them."""
    roll = fleet.roll
    if roll is None or roll.stage is not Stage.READING:
        return []
    roll.want = event.want
    if roll.want.preload:
        roll.stage = Stage.PREPARING
        return []
    return begin(fleet, roll, now)


def settings_refused(fleet: Fleet, event: SettingsRefused, now: float) -> list[Action]:
    """They are not."""
    return roll_back(fleet, event.reason) if fleet.roll is not None and fleet.roll.stage is Stage.READING else []


def begin(fleet: Fleet, roll: Roll, now: float) -> list[Action]:
    """Start the trial, unless nobody serves to whom it could do harm."""
    if fleet.serving() and not fleet.is_dismissed:
        roll.stage = Stage.TRYING
        return []
    fleet.is_dismissed = False
    return _accept(fleet, roll, now)


def setback(fleet: Fleet, generation: int, what: str, blame: bool, now: float) -> list[Action]:
    """A worker has gone that nobody had told to, or could not be had.

    Args:
        blame: the code may be guilty. If it is on trial, that is the end of it.
    """
    roll = fleet.roll
    if roll is None or roll.generation != generation:
        return []
    roll.setbacks += 1
    if roll.stage is Stage.TRYING:
        if blame or roll.setbacks >= SETBACKS:
            return roll_back(fleet, what)
        roll.not_before = now + times.back_off(roll.setbacks)
    elif roll.setbacks >= SETBACKS:
        fleet.roll = None
        text = f"the reload has not finished, and goes on while the old workers serve: {what}"
        return [Log("warning", _sentence(text)), Outcome(False, text)]
    return []


def roll_back(fleet: Fleet, reason: str) -> list[Action]:
    """Forget the new code. Its workers are outdated from here on, and retired before any other.

    Nobody is left dismissed: whoever wanted workers back gets them, if only with the old code.
    """
    roll = fleet.roll
    if roll is None:
        return []
    fleet.roll, fleet.is_dismissed = None, False
    text = f"the reload has failed, the old code serves on: {reason}"
    return [Log("error", _sentence(text)), *_discard(fleet, roll), Outcome(False, text)]


def _accept(fleet: Fleet, roll: Roll, now: float) -> list[Action]:
    """The new code is the code. What the old code has done says nothing about this one."""
    if roll.want.workers != fleet.want.workers:
        fleet.scale = None  # whoever has changed the setting means it; else TTIN and TTOU survive a reload
    fleet.generation, fleet.want = roll.generation, roll.want
    roll.stage, roll.setbacks = Stage.TURNING, 0
    fleet.boot_failures, fleet.crashes, fleet.not_before, fleet.last_report = 0, 0, now, ""
    old = [generation for generation in fleet.templates if generation != roll.generation]
    for generation in old:
        del fleet.templates[generation]
    return [Discard(generation) for generation in old]


def _discard(fleet: Fleet, roll: Roll | None) -> list[Action]:
    """The template of a reload that is not to be, unless the reload had been accepted already."""
    if roll is None or roll.generation == fleet.generation or fleet.templates.pop(roll.generation, None) is None:
        return []
    return [Discard(roll.generation)]


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]


# -- Rules -----------------------------------------------------------------------------------------------------


def call_off(fleet: Fleet, now: float) -> list[Action]:
    """A server that stops reloads nothing, and needs no templates."""
    if fleet.phase in RUNNING or not (fleet.roll or fleet.templates or fleet.postponed):
        return []
    actions: list[Action] = [Discard(generation) for generation in fleet.templates]
    if fleet.roll or fleet.postponed:
        actions.append(Outcome(False, "the server stops"))
    fleet.templates.clear()
    fleet.roll = fleet.postponed = None
    return actions


def catch_up(fleet: Fleet, now: float) -> list[Action]:
    """Do now what was asked for before there was anything to reload."""
    if fleet.postponed is None or fleet.phase is not Phase.SERVING:
        return []
    (by, grace), fleet.postponed = fleet.postponed, None
    return reload(fleet, by, grace, now)


def judge(fleet: Fleet, now: float) -> list[Action]:
    """End the trial when all of its workers have served for the time of grace."""
    verdict = fleet.verdict()
    if fleet.roll is None or verdict is None or fleet.untried() > 0 or now < verdict:
        return []
    return _accept(fleet, fleet.roll, now)


def retire(fleet: Fleet, now: float) -> list[Action]:
    """Tell to drain whoever is not needed any more: never one that serves while fewer than wanted would be left."""
    if fleet.phase not in RUNNING:
        return []
    serving, actions = fleet.serving(), list[Action]()
    spare = sum(worker.state is State.READY for worker in serving) - fleet.target()
    outdated = [worker for worker in serving if fleet.is_outdated(worker)]
    # Rejected code first, then the oldest.
    outdated.sort(key=lambda worker: (worker.generation <= fleet.generation, worker.generation, worker.born))
    for worker in outdated:
        if worker.state is State.BOOTING or (worker.state is State.READY and spare > 0):
            spare -= worker.state is State.READY
            serving.remove(worker)
            actions.append(dismiss(fleet, worker, now))
    if any(fleet.is_outdated(worker) for worker in serving):
        return actions  # those that start are their replacements
    excess = len(serving) - fleet.target()
    for worker in sorted(serving, key=lambda worker: (worker.state is State.READY, -worker.number)):
        if excess > 0 and (worker.state is State.BOOTING or (worker.state is State.READY and spare > 0)):
            spare -= worker.state is State.READY
            excess -= 1
            actions.append(dismiss(fleet, worker, now))
    return actions


def finish(fleet: Fleet, now: float) -> list[Action]:
    """The reload is over when the full number serves with the new code, and nobody else does."""
    roll = fleet.roll
    if roll is None or roll.stage is not Stage.TURNING:
        return []
    serving = fleet.serving()
    if any(worker.generation != roll.generation for worker in serving) or fleet.ready() < fleet.target():
        return []
    fleet.roll = None
    is_broken = fleet.broken == roll.generation
    what = "a page that says why the new code could not start" if is_broken else "the new code"
    text = f"{several(fleet.ready(), 'worker')} with {what} after {duration(now - roll.began)}"
    return [Log("info", f"Reloaded: {text}"), Outcome(not is_broken, text)]


def dismiss(fleet: Fleet, worker: Worker, now: float) -> Action:
    """TERM, which a worker that has begun to serve takes as: finish. One that has not just ends."""
    if worker.state is State.BOOTING:
        worker.move(State.QUITTING, now, now + times.QUICK_SHUTDOWN)
    else:
        worker.move(State.DRAINING, now, now + fleet.want.drain_delay + fleet.want.graceful_timeout + times.MARGIN)
    return Signal(worker.pid, "SIGTERM", alone=True)
