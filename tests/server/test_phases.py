"""The phases of a connection."""

from __future__ import annotations

from bicorn.server import phases


def test_after_the_last_answer_come_the_phases_in_which_nothing_is_read() -> None:
    order = [phases.IDLE, phases.HEAD, phases.BODY, phases.ANSWER, phases.LINGER, phases.CLOSING]
    assert order == sorted(set(order))
    assert phases.LINGER_TIME > 0
