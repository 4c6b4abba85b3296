from __future__ import annotations

from bicorn.process.policy.states import MOVES, PHASES, RUNNING, WANTED, Ask, Phase, State


def test_every_state_can_end_and_none_can_be_left_and_entered_again() -> None:
    assert set(MOVES) == set(State)
    seen: list[State] = []

    def walk(state: State) -> None:
        assert state not in seen, "a worker's life has no circle"
        seen.append(state)
        for after in MOVES[state]:
            walk(after)
        seen.pop()

    walk(State.FORKING)
    assert all(State.KILLED in MOVES[state] for state in State if state not in (State.FORKING, State.KILLED))


def test_phases_only_become_more_urgent() -> None:
    order = list(Phase)
    assert all(order.index(after) > order.index(before) for (before, _), after in PHASES.items())


def test_enough_interrupts_end_the_server_from_any_phase() -> None:
    for phase in Phase:
        for _ in Phase:
            phase = PHASES.get((phase, Ask.INTERRUPT), phase)
        assert phase in (Phase.KILLING, Phase.OVER)


def test_a_worker_that_was_told_to_end_does_not_count() -> None:
    assert {State.FORKING, State.BOOTING, State.READY} == WANTED
    assert {Phase.STARTING, Phase.SERVING} == RUNNING
