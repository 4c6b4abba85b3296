"""What somebody outside asks for, and what becomes of the successor of an upgrade.

Pure; a part of the policy, see ``plan``.
"""

from __future__ import annotations

from collections.abc import Callable

from . import times
from .events import (
    Action,
    Asked,
    Dump,
    Log,
    Outcome,
    ReopenLogs,
    Signal,
    SuccessorEnded,
    SuccessorFailed,
    SuccessorStarted,
    Upgrade,
)
from .fleet import Fleet
from .roll import reload
from .states import PHASES, RUNNING, Ask, Phase, State, Successor
from .words import duration, several


def asked(fleet: Fleet, event: Asked, now: float) -> list[Action]:
    """To end, or anything else."""
    if event.ask is Ask.INTERRUPT:
        echo, fleet.interrupted = now - fleet.interrupted < times.SAME_PRESS, now
        if echo:
            return []
    phase = PHASES.get((fleet.phase, event.ask))
    if phase is not None:
        fleet.phase = phase
        return _stop(fleet, now)
    if event.ask not in ASKS:
        return []
    if fleet.phase not in RUNNING and event.ask not in AT_ANY_TIME:
        return [Outcome(False, "the server stops")] if event.ask in ANSWERED else []
    return ASKS[event.ask](fleet, event, now)


def _stop(fleet: Fleet, now: float) -> list[Action]:
    delay = fleet.want.drain_delay if fleet.phase is Phase.STOPPING else 0.0
    fleet.door = now + delay
    text = _STOPPING[fleet.phase].format(duration(fleet.want.graceful_timeout))
    return [Log("info", text + (f", after {duration(delay)} of accepting more" if delay else ""))]


_STOPPING = {
    Phase.STOPPING: "Stopping; requests in progress have {} to finish",
    Phase.QUITTING: "Stopping at once; requests in progress are cut off",
    Phase.KILLING: "Killing the workers",
}


def _reload(fleet: Fleet, event: Asked, now: float) -> list[Action]:
    return reload(fleet, event.by or event.ask.value, event.grace, now)


def _reopen_logs(fleet: Fleet, event: Asked, now: float) -> list[Action]:
    """A worker that still starts has the old files too, and might not hear the signal yet."""
    actions: list[Action] = [ReopenLogs()]
    for worker in fleet.workers.values():
        if worker.state in (State.READY, State.DRAINING):
            actions.append(Signal(worker.pid, "SIGUSR1"))
        elif worker.state is State.BOOTING:
            worker.reopen = True
    return actions


def _scale(fleet: Fleet, event: Asked, now: float) -> list[Action]:
    """By one, or to a number. It holds until the setting itself changes. Fewer than one is none: WINCH, or the end."""
    before = fleet.target()
    wanted = {Ask.MORE: before + 1, Ask.FEWER: before - 1}.get(event.ask, event.count)
    if wanted < 1:
        return [Log("warning", f"{event.by or event.ask.value}: there has to be at least one worker")]
    fleet.scale, fleet.is_dismissed = wanted, False
    return [Log("info", f"{event.by or event.ask.value}: {several(wanted, 'worker')} now, {before} before")]


def _dismiss(fleet: Fleet, event: Asked, now: float) -> list[Action]:
    """As Gunicorn, not when a terminal was merely resized: somebody else must serve, or have been told to."""
    if fleet.is_dismissed or not (fleet.want.daemon or fleet.successor is Successor.RUNNING):
        return []
    fleet.is_dismissed = True
    return [Log("info", f"{event.by or event.ask.value}: the workers are dismissed; HUP brings them back")]


def _resume(fleet: Fleet, event: Asked, now: float) -> list[Action]:
    if not fleet.is_dismissed:
        return []
    fleet.is_dismissed = False
    return [Log("info", f"{event.by or event.ask.value}: the workers come back")]


def _dump(fleet: Fleet, event: Asked, now: float) -> list[Action]:
    return [
        Dump(worker.number, log=True)
        for worker in fleet.workers.values()
        if worker.state in _ALIVE and event.count in (0, worker.number)
    ]


_ALIVE = frozenset({State.BOOTING, State.READY, State.DRAINING})


def _upgrade(fleet: Fleet, event: Asked, now: float) -> list[Action]:
    by = event.by or event.ask.value
    if fleet.phase is Phase.STARTING:
        refused = "the server has not started yet"
    elif fleet.successor is not Successor.NONE:
        who = f" as process {fleet.successor_pid}" if fleet.successor_pid else ""
        refused = f"a new server is there already{who}"
    else:
        fleet.successor = Successor.STARTING
        return [Log("info", f"{by}: starting a new server beside this one"), Upgrade()]
    return [Log("warning", f"{by}: ignored, {refused}"), Outcome(False, refused)]


ASKS: dict[Ask, Callable[[Fleet, Asked, float], list[Action]]] = {
    Ask.RELOAD: _reload,
    Ask.REOPEN_LOGS: _reopen_logs,
    Ask.UPGRADE: _upgrade,
    Ask.MORE: _scale,
    Ask.FEWER: _scale,
    Ask.SCALE: _scale,
    Ask.DISMISS: _dismiss,
    Ask.RESUME: _resume,
    Ask.DUMP: _dump,
}
"""What is done about everything that is not an end; :data:`.states.PHASES` has those."""

AT_ANY_TIME = frozenset({Ask.DUMP, Ask.REOPEN_LOGS})
"""Also while the server stops."""

ANSWERED = frozenset({Ask.RELOAD, Ask.UPGRADE})
"""Somebody may wait for the :class:`.events.Outcome`."""


# -- The successor -----------------------------------------------------------------------------------------------


def successor_started(fleet: Fleet, event: SuccessorStarted, now: float) -> list[Action]:
    """There are two servers now, on the same sockets."""
    fleet.successor, fleet.successor_pid = Successor.RUNNING, event.pid
    text = f"the new server runs as process {event.pid}"
    way = "WINCH dismisses the workers of this one and HUP brings them back, TERM ends it"
    return [Log("info", f"T{text[1:]}; {way}"), Outcome(True, text)]


def successor_failed(fleet: Fleet, event: SuccessorFailed, now: float) -> list[Action]:
    """There are not."""
    fleet.successor, fleet.successor_pid = Successor.NONE, 0
    text = f"the new server could not be started, this one serves on: {event.reason}"
    return [Log("error", f"T{text[1:]}"), Outcome(False, text)]


def successor_ended(fleet: Fleet, event: SuccessorEnded, now: float) -> list[Action]:
    """There are not any more. If this one's workers were dismissed, nobody would serve."""
    if fleet.successor is Successor.NONE or event.pid != fleet.successor_pid:
        return []
    fleet.successor, fleet.successor_pid = Successor.NONE, 0
    back = ", and its workers come back" if fleet.is_dismissed else ""
    fleet.is_dismissed = False
    return [Log("warning", f"The new server (process {event.pid}) {event.how}; this one serves on{back}")]
