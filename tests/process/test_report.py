from __future__ import annotations

import json

from bicorn.observe.scoreboard import Held, Seat
from bicorn.process.policy.fleet import Fleet, Want, Worker
from bicorn.process.policy.states import Phase, State
from bicorn.process.report import report

SEAT = Seat(
    phase="serving",
    requests=7,
    connections=3,
    bytes=1000,
    held=(Held("GET", "/slow", 90.0, 1), Held("PUT", "/", 101.0)),
    running=20,
)


def test_the_fleet_and_the_scoreboard_together() -> None:
    fleet = Fleet(Want(workers=2))
    fleet.phase = Phase.SERVING
    fleet.workers[2] = Worker(2, State.FORKING, 99.0, born=99.0)
    fleet.workers[1] = Worker(1, State.READY, 80.0, pid=11, born=70.0, recycle="max-requests (1) reached")
    found = report(fleet, 100.0, look=lambda number: SEAT if number == 1 else None, weigh=lambda pid: pid * 1000)
    assert json.loads(json.dumps(found)) == {
        "state": "serving",
        "generation": 1,
        "wanted": 2,
        "reload": None,
        "workers": [
            {
                "number": 1,
                "pid": 11,
                "generation": 1,
                "state": "ready",
                "age": 30.0,
                "memory": 11000,
                "replaced": "max-requests (1) reached",
                "phase": "serving",
                "requests": 7,
                "connections": 3,
                "bytes": 1000,
                "running": 20,
                "in_flight": [
                    {"method": "GET", "target": "/slow", "age": 10.0},
                    {"method": "PUT", "target": "/", "age": 0.0},
                ],
            },
            {
                "number": 2,
                "pid": 0,
                "generation": 1,
                "state": "forking",
                "age": 1.0,
                "memory": 0,
                "replaced": None,
            },
        ],
    }
