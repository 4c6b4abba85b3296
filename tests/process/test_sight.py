"""What the supervisor sees of its workers, from a scoreboard that this very process writes to."""

from __future__ import annotations

from typing import Any

import pytest

from bicorn.process import memory
from bicorn.process.policy.fleet import Fleet, Want, Worker
from bicorn.process.policy.states import State
from bicorn.process.sight import PAUSE, WEIGH, Sight


def fleet(*states: State, **want: Any) -> Fleet:
    made = Fleet(Want(**want))
    for number, state in enumerate(states, 1):
        made.workers[number] = Worker(number, state, 0.0, pid=100 + number)
    return made


def test_every_worker_that_lives_is_seen_and_what_it_has_said_is_in_words() -> None:
    sight, workers = Sight(), fleet(State.READY, State.BOOTING, State.FORKING, State.KILLED)
    first, second = sight.slot(1), sight.slot(2)
    assert first is not None
    assert second is not None
    second.phase("importing main:app")
    first.count(12, 3, 456)
    first.begin("GET", b"/slow", b"q=1")
    begun = sight.requests(1)[0].start
    ready, booting = sight.look(workers, begun + 12)
    assert (ready.number, ready.requests, ready.held) == (1, 12, ("GET /slow?q=1 for 12 s",))
    assert ready.beat == ready.oldest == begun
    assert (booting.number, booting.phase, booting.held, booting.oldest) == (2, "importing main:app", (), 0.0)


def test_what_was_seen_just_now_is_not_looked_at_again() -> None:
    sight, workers = Sight(), fleet(State.READY)
    assert len(sight.look(workers, 100.0)) == 1
    assert sight.look(workers, 100.0 + PAUSE / 2) == []
    assert len(sight.look(workers, 100.0 + PAUSE)) == 1


def test_memory_is_weighed_where_it_has_a_limit_and_not_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    weighed: list[int | str] = []

    def proportional(pid: int | str = "self") -> int:
        weighed.append(pid)
        return 4096

    monkeypatch.setattr(memory, "proportional", proportional)
    sight = Sight()
    assert sight.look(fleet(State.READY), 10.0)[0].memory == 0
    limited = fleet(State.READY, State.BOOTING, max_worker_memory=1000)
    assert [seen.memory for seen in sight.look(limited, 20.0)] == [4096, 0]
    assert [seen.memory for seen in sight.look(limited, 21.0)] == [0, 0]
    assert [seen.memory for seen in sight.look(limited, 20.0 + WEIGH)] == [4096, 0]
    assert weighed == [101, 101]


def test_a_new_worker_begins_with_a_clean_page() -> None:
    sight = Sight()
    slot = sight.slot(1)
    assert slot is not None
    slot.begin("GET", b"/", b"")
    sight.retire(1)
    assert sight.is_retired(1)
    sight.clear(1)
    assert sight.requests(1) == ()
    assert not sight.is_retired(1)


def test_more_workers_than_there_is_room_for_are_not_seen_and_nothing_else() -> None:
    sight = Sight()
    far = sight._board.slots + 1
    workers = fleet()
    workers.workers[far] = Worker(far, State.READY, 0.0, pid=1)
    sight.clear(far)
    sight.assign(far, 1, 1)
    sight.retire(far)
    assert sight.slot(far) is None
    assert not sight.is_retired(far)
    assert sight.held(far, 1.0) == ()
    assert sight.look(workers, 1.0) == []


def test_nobody_has_run_out_of_memory_before_anybody_counts() -> None:
    sight = Sight()
    assert not sight.ran_out_of_memory()
    sight.count_kills()
    sight.count_kills()
    assert not sight.ran_out_of_memory()
