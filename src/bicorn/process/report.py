"""What ``bicorn status`` shows: facts of the fleet and the scoreboard, as plain data for JSON. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .policy.fleet import Fleet, Worker

if TYPE_CHECKING:
    from ..observe.scoreboard import Seat

    Look = Callable[[int], Seat | None]
    Weigh = Callable[[int], int]


def report(fleet: Fleet, now: float, *, look: Look, weigh: Weigh) -> dict[str, Any]:
    """The state of a server and of each of its workers.

    Args:
        now: on the clock of the fleet and of the scoreboard.
        look: the scoreboard's record of a worker, by number; None where there is none.
        weigh: a process's memory in bytes, by its id; 0 where that is not known.
    """
    return {
        "state": fleet.phase.value,
        "generation": fleet.generation,
        "wanted": fleet.target(),
        "reload": fleet.roll.stage.value if fleet.roll is not None else None,
        "workers": [_worker(worker, now, look(number), weigh) for number, worker in sorted(fleet.workers.items())],
    }


def _worker(worker: Worker, now: float, seat: Seat | None, weigh: Weigh) -> dict[str, Any]:
    found: dict[str, Any] = {
        "number": worker.number,
        "pid": worker.pid,
        "generation": worker.generation,
        "state": worker.state.value,
        "age": round(now - worker.born, 3),
        "memory": weigh(worker.pid) if worker.pid else 0,
        "replaced": worker.recycle or None,
    }
    if seat is None:
        return found
    return found | {
        "phase": seat.phase,
        "requests": seat.requests,
        "connections": seat.connections,
        "bytes": seat.bytes,
        "running": seat.running,
        "in_flight": [
            {"method": each.method, "target": each.target, "age": round(max(now - each.start, 0.0), 3)}
            for each in seat.held
        ],
    }
