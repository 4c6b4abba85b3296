"""Is each worker well: what the scoreboard says of it, and what follows.

Pure; a part of the policy, see ``plan``. A worker whose own loop is silent is stuck and is killed; one that has
grown too large or too old, or asks for it, is replaced while it serves on.
"""

from __future__ import annotations

from . import times
from .death import condemn
from .events import Action, Log, Recycle, Seen
from .fleet import Fleet, Worker
from .states import RUNNING, Cause, State
from .words import duration, size

# -- Facts -----------------------------------------------------------------------------------------------------


def seen(fleet: Fleet, worker: Worker, event: Seen, now: float) -> list[Action]:
    """Somebody has looked at the scoreboard."""
    worker.seen = now
    worker.heard = max(worker.heard, min(event.beat, now))
    worker.phase, worker.held, worker.oldest = event.phase, event.held, event.oldest
    worker.memory = event.memory or worker.memory
    return []


def recycle(fleet: Fleet, worker: Worker, event: Recycle, now: float) -> list[Action]:
    """A worker asks to be replaced."""
    return _mark(worker, event.why) if worker.state is State.READY and not worker.recycle else []


def forgive(fleet: Fleet, now: float) -> None:
    """Called before anything else: if we have overslept, workers may have too, and are given their time again."""
    due = fleet.deadline()
    if due is not None and now > due + times.OVERSLEPT:
        for worker in fleet.workers.values():
            worker.heard = max(worker.heard, now)


# -- Rules -----------------------------------------------------------------------------------------------------


def watch(fleet: Fleet, now: float) -> list[Action]:
    """Find who is stuck, and who has served long enough."""
    if fleet.phase not in RUNNING:
        return []
    actions: list[Action] = []
    for worker in fleet.workers.values():
        if worker.state is not State.READY or worker.ready_at is None:
            continue
        if (found := _stuck(fleet, worker)) is not None:
            actions += condemn(worker, *found, now)
        elif not worker.recycle and (why := _outworn(fleet, worker, now)):
            actions += _mark(worker, why)
    return actions


def look(fleet: Fleet, now: float) -> list[Action]:
    """Say when the scoreboard has to be looked at next, for :meth:`Fleet.deadline`."""
    due = [time for worker in fleet.workers.values() for time in _next_look(fleet, worker)]
    fleet.look = max(min(due), now + times.LOOK) if due else None
    return []


def _stuck(fleet: Fleet, worker: Worker) -> tuple[Cause, str] | None:
    if worker.seen is None:
        return None
    want = fleet.want
    silent = worker.seen - worker.heard
    if want.timeout and worker.seen >= worker.heard + want.timeout:
        return Cause.TIMEOUT, f"was silent for {duration(silent)}"
    # While its loop turns, it answers for its requests itself.
    limit = want.request_timeout + times.MARGIN
    if want.request_timeout and worker.oldest and silent >= times.MARGIN and worker.seen >= worker.oldest + limit:
        return Cause.REQUEST_TIMEOUT, f"was held by one request for {duration(worker.seen - worker.oldest)}"
    return None


def _outworn(fleet: Fleet, worker: Worker, now: float) -> str:
    want, start = fleet.want, worker.ready_at or 0.0
    if want.max_worker_lifetime and now >= start + want.max_worker_lifetime:
        return f"it has served for {duration(now - start)} (max-worker-lifetime)"
    if want.max_worker_memory and worker.memory > want.max_worker_memory and now >= start + times.STEADY:
        return f"its memory, {size(worker.memory)}, is over max-worker-memory"
    return ""


def _mark(worker: Worker, why: str) -> list[Action]:
    worker.recycle = why
    return [Log("info", f"{worker} will be replaced: {why}")]


def _next_look(fleet: Fleet, worker: Worker) -> list[float]:
    if worker.state is not State.READY or worker.ready_at is None:
        return []
    want, last = fleet.want, worker.ready_at if worker.seen is None else worker.seen
    times_ = []
    if want.timeout:
        times_.append(worker.heard + want.timeout)
    if want.request_timeout:
        times_.append((worker.oldest or last) + want.request_timeout + times.MARGIN)
    if want.max_worker_memory and not worker.recycle:
        times_.append(last + times.WEIGH)
    if want.max_worker_lifetime and not worker.recycle:
        times_.append(worker.ready_at + want.max_worker_lifetime)
    return times_
