"""The states of an answer."""

from __future__ import annotations

from bicorn.wire import states
from bicorn.wire.response import Defaults, Response


def test_each_state_is_a_number_of_its_own() -> None:
    values = [value for name, value in vars(states).items() if name.isupper()]
    assert len(values) == len(set(values)) == 5
    assert all(type(value) is int for value in values)


def test_an_answer_with_trailers_goes_through_all_of_them() -> None:
    response = Response(Defaults())
    seen = [response.state]
    response.begin(1, False, True)
    seen.append(response.state)
    response.start(200, [], True)
    seen.append(response.state)
    response.body(b"a", True)
    seen.append(response.state)
    response.body(b"", False)
    seen.append(response.state)
    response.trailers([], False)
    seen.append(response.state)
    assert seen == [states.IDLE, states.WAITING, states.HELD, states.BODY, states.TRAILERS, states.IDLE]
