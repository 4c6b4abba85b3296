"""A worker that serves a page in the place of an application that could not start."""

from __future__ import annotations

from bicorn.process.policy.events import Asked, Broken, Outcome, Ready, Settings, Spawn
from bicorn.process.policy.fleet import Want
from bicorn.process.policy.states import Ask, Phase, State
from tests.process.policy.histories import History, started


def test_at_the_start_it_serves_and_the_reason_is_said_once() -> None:
    history = History(2)
    history.at(0)
    history.tell(Broken(1, "no such module"))
    history.tell(Ready(1, "main:app is a page"))
    history.tell(Broken(2, "no such module"))
    history.tell(Ready(2, "main:app is a page"))
    assert history.words().count("no such module") == 1
    assert history.fleet.phase is Phase.SERVING
    assert [history.state(number) for number in (1, 2)] == [State.READY] * 2


def test_each_reload_says_its_own_reason_and_has_not_succeeded() -> None:
    history = started(1)
    for seconds in (10, 20):
        reread = history.at(seconds, Asked(Ask.RELOAD, "main.py changed", grace=0.0))
        actions = history.tell(Settings(Want(1))) if reread else []
        [number] = [action.number for action in actions if isinstance(action, Spawn)]
        history.tell(Broken(number, "no such module"))
        actions = history.tell(Ready(number))
        assert [action.ok for action in actions if isinstance(action, Outcome)] == [False]
        words = history.words()
        assert words.count("no such module") == 1
        assert "with a page that says why" in words


def test_mended_code_has() -> None:
    history = started(1)
    history.fleet.broken = history.fleet.generation
    history.at(10, Asked(Ask.RELOAD, "main.py changed", grace=0.0))
    [number] = [action.number for action in history.tell(Settings(Want(1))) if isinstance(action, Spawn)]
    actions = history.tell(Ready(number))
    assert [action.ok for action in actions if isinstance(action, Outcome)] == [True]
    assert "with the new code" in history.words()


def test_one_that_was_told_to_stop_in_the_meantime_says_nothing() -> None:
    history = History()
    history.at(0)
    history.tell(Asked(Ask.STOP, "SIGTERM"))
    history.words()
    history.tell(Broken(1, "no such module"))
    assert history.words() == ""
