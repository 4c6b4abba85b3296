"""The supervisor's policy: a fleet of workers and an event in, actions out. No clock, no process, no socket.

:func:`decide` first notes the event in the :class:`Fleet` (facts), then asks every rule in :data:`RULES` what
follows from the facts as they are now. A rule never asks which event came, so the order of events cannot
confuse it, and a new policy is one more function in the list.

Facts and rules are in the module of their subject: ``boot`` (how workers begin), ``death`` (how they end), ``health``
(who has to), ``roll`` and ``templates`` (which code they run), ``asks`` (what somebody outside wants). Here is what
they have in common, and the end of the whole server.

``now`` is in seconds on any clock that never goes back; only differences count. It is the clock of the scoreboard.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from . import asks, boot, death, health, roll, templates, times
from .events import (
    Action,
    Asked,
    BootFailed,
    Broken,
    Died,
    Dumped,
    End,
    Event,
    Forked,
    ForkFailed,
    Ready,
    Recycle,
    Resized,
    Seen,
    Settings,
    SettingsRefused,
    Signal,
    StopListening,
    Stopping,
    SuccessorEnded,
    SuccessorFailed,
    SuccessorStarted,
    TemplateDied,
    TemplateFailed,
    TemplateReady,
)
from .fleet import Fleet, Worker
from .states import MOVES, RUNNING, Phase, State


def decide(fleet: Fleet, event: Event, now: float) -> list[Action]:
    """Note ``event`` in ``fleet``; return what has to be done now, in that order."""
    if fleet.phase is Phase.OVER:
        return []
    health.forgive(fleet, now)
    before = fleet.target()
    actions = _note(fleet, event, now)
    for rule in RULES:
        actions += rule(fleet, now)
    if fleet.target() != before and fleet.phase in RUNNING:
        actions.insert(0, Resized(fleet.target(), before))  # hooks are told before the first fork, as by Gunicorn
    return actions


def _note(fleet: Fleet, event: Event, now: float) -> list[Action]:
    kind = type(event)
    if kind in OF_THE_SERVER:
        return OF_THE_SERVER[kind](fleet, event, now)
    worker = fleet.workers.get(getattr(event, "number", 0))
    return [] if worker is None or kind not in OF_A_WORKER else OF_A_WORKER[kind](fleet, worker, event, now)


OF_A_WORKER: dict[type, Callable[[Fleet, Worker, Any, float], list[Action]]] = {
    Forked: boot.forked,
    ForkFailed: boot.fork_failed,
    Ready: boot.ready,
    BootFailed: boot.boot_failed,
    Broken: boot.broken,
    Stopping: death.stopping,
    Dumped: death.dumped,
    Died: death.died,
    Seen: health.seen,
    Recycle: health.recycle,
}

OF_THE_SERVER: dict[type, Callable[[Fleet, Any, float], list[Action]]] = {
    Asked: asks.asked,
    Settings: roll.settings_read,
    SettingsRefused: roll.settings_refused,
    TemplateReady: templates.ready,
    TemplateFailed: templates.could_not,
    TemplateDied: templates.died,
    SuccessorStarted: asks.successor_started,
    SuccessorFailed: asks.successor_failed,
    SuccessorEnded: asks.successor_ended,
}


# -- The end of the server -------------------------------------------------------------------------------------


def close_the_door(fleet: Fleet, now: float) -> list[Action]:
    """Accept no more. With a ``drain_delay`` that is later than to be told to stop, for load balancers to notice."""
    if fleet.phase in RUNNING or not fleet.listening or (fleet.phase is Phase.STOPPING and now < fleet.door):
        return []
    fleet.listening = False
    return [StopListening()]


def tell_to_stop(fleet: Fleet, now: float) -> list[Action]:
    """Bring every worker to the state the phase asks for."""
    if fleet.phase not in _TELL:
        return []
    name, state, time = _TELL[fleet.phase]
    if fleet.phase is Phase.STOPPING:
        time += max(fleet.door - now, 0.0) + fleet.want.graceful_timeout
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
    Phase.STOPPING: ("SIGTERM", State.DRAINING, times.MARGIN),
    Phase.QUITTING: ("SIGQUIT", State.QUITTING, times.QUICK),
    Phase.KILLING: ("SIGKILL", State.KILLED, times.UNKILLABLE),
}


def end(fleet: Fleet, now: float) -> list[Action]:
    """Over when all have gone; a process that even KILL could not end is not waited for."""
    if fleet.phase in RUNNING or not all(worker.given_up() for worker in fleet.workers.values()):
        return []
    fleet.phase = Phase.OVER
    return [End(fleet.code)]


RULES: tuple[Callable[[Fleet, float], list[Action]], ...] = (
    death.overdue,
    templates.prepare,
    close_the_door,  # from here on the phase is what it is
    tell_to_stop,
    health.watch,
    roll.call_off,
    roll.catch_up,
    roll.judge,
    roll.retire,
    boot.spawn,
    roll.finish,
    health.look,
    end,
)
