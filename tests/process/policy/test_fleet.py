from __future__ import annotations

import pytest

from bicorn.process.policy.fleet import Fleet, Want, Worker
from bicorn.process.policy.states import Phase, State


def fleet(*states: State, **facts: object) -> Fleet:
    made = Fleet(Want(workers=3))
    made.phase = Phase.SERVING
    for name, value in facts.items():
        assert hasattr(made, name)
        setattr(made, name, value)
    made.workers = {number: Worker(number, state, since=0.0) for number, state in enumerate(states, 1)}
    return made


def test_a_move_that_is_not_in_the_table_is_an_error() -> None:
    worker = Worker(1, State.READY, 0.0, pid=7)
    with pytest.raises(AssertionError, match=r"worker 1 \(pid 7\) cannot go from ready to booting"):
        worker.move(State.BOOTING, 1.0)
    worker.move(State.DRAINING, 2.0, deadline=5.0)
    assert (worker.state, worker.since, worker.deadline) == (State.DRAINING, 2.0, 5.0)


def test_missing_counts_those_that_were_not_told_to_end() -> None:
    assert fleet(State.READY, State.BOOTING).missing() == 1
    assert fleet(State.READY, State.DRAINING, State.KILLED, State.FAILED).missing() == 2
    stopping = fleet(State.READY)
    stopping.phase = Phase.STOPPING
    assert stopping.missing() == 0


def test_the_deadline_is_the_first_of_all() -> None:
    assert fleet(State.READY, State.READY, State.READY).deadline() is None
    waiting = fleet(State.READY, State.READY, State.KILLED, not_before=9.0)
    assert waiting.deadline() == 9.0
    waiting.workers[3].deadline = 7.0
    assert waiting.deadline() == 7.0


def test_while_one_probes_nobody_waits_for_the_clock() -> None:
    probing = fleet(State.READY, State.BOOTING, boot_failures=2, not_before=9.0)
    assert probing.probing()
    assert probing.deadline() is None
    probing.boot_failures = 0
    assert probing.deadline() == 9.0


def test_a_process_is_given_up_only_after_kill_and_its_deadline() -> None:
    worker = Worker(1, State.KILLED, 0.0, deadline=5.0)
    assert not worker.given_up()
    worker.deadline = None
    assert worker.given_up()
    assert not Worker(1, State.READY, 0.0).given_up()
