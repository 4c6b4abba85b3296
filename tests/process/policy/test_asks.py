"""What is asked from outside, and the successor of an upgrade, as scripted histories."""

from __future__ import annotations

import pytest

from bicorn.process.policy.asks import ASKS
from bicorn.process.policy.events import (
    Asked,
    Died,
    End,
    Outcome,
    Ready,
    ReopenLogs,
    Reread,
    Resized,
    Settings,
    Signal,
    Spawn,
    StopListening,
    SuccessorEnded,
    SuccessorFailed,
    SuccessorStarted,
    Upgrade,
)
from bicorn.process.policy.states import PHASES, Ask, Phase, Successor
from bicorn.process.policy.times import MARGIN
from tests.process.policy.histories import History, started

WINCH, USR2 = Asked(Ask.DISMISS, "SIGWINCH"), Asked(Ask.UPGRADE, "SIGUSR2")


def test_everything_that_can_be_asked_is_in_one_of_the_two_tables() -> None:
    ends = {ask for _, ask in PHASES}
    assert ends | set(ASKS) == set(Ask)
    assert not ends & set(ASKS)


@pytest.mark.parametrize("ask", list(Ask))
@pytest.mark.parametrize("phase", [phase for phase in Phase if phase is not Phase.OVER])
def test_whatever_is_asked_is_survived_in_any_phase(ask: Ask, phase: Phase) -> None:
    history = History(2) if phase is Phase.STARTING else started(2)
    history.at(0)
    for before in (Ask.STOP, Ask.QUIT, Ask.INTERRUPT)[: max(list(Phase).index(phase) - 1, 0)]:
        history.at(10, Asked(before))
    assert history.fleet.phase is phase
    history.at(20, Asked(ask, count=1))
    history.at(21, Asked(Ask.STOP))
    for number in list(history.fleet.workers):
        history.at(22, Died(number, signal="SIGTERM"))
    assert history.fleet.phase is Phase.OVER


# -- Logs


def test_logs_are_reopened_by_all_and_those_that_start_are_told_when_they_can_hear() -> None:
    history = started(2)
    history.at(10, Asked(Ask.MORE))
    assert history.at(11, Asked(Ask.REOPEN_LOGS, "SIGUSR1")) == [
        ReopenLogs(),
        Signal(101, "SIGUSR1"),
        Signal(102, "SIGUSR1"),
    ]
    assert history.at(12, Ready(3)) == [Signal(103, "SIGUSR1")]
    history.at(13, Asked(Ask.STOP))
    assert len(history.at(14, Asked(Ask.REOPEN_LOGS))) == 4, "also while requests are finished"


# -- Scale


def test_scale_starts_and_retires_without_ever_having_too_few() -> None:
    history = started(2)
    assert history.at(10, Asked(Ask.SCALE, "bicorn scale", count=4)) == [Resized(4, 2), Spawn(3), Spawn(4)]
    history.at(11, Ready(3))
    history.at(11, Ready(4))
    retired = [history.retire(4), history.retire(3), history.retire(2)]
    assert history.at(12, Asked(Ask.SCALE, count=1)) == [Resized(1, 4), *retired]
    assert history.at(13, Asked(Ask.SCALE, count=0)) == []
    assert history.fleet.target() == 1


# -- Stop


def test_a_drain_delay_keeps_the_door_open_for_so_long() -> None:
    history = started(1, drain_delay=5.0, graceful_timeout=10.0)
    assert history.at(10, Asked(Ask.STOP, "SIGTERM")) == [Signal(101, "SIGTERM")]
    assert history.words() == "Stopping; requests in progress have 10 s to finish, after 5 s of accepting more"
    assert history.due() == 15
    assert history.at(14.9) == []
    assert history.at(15) == [StopListening()]
    assert history.due() == 10 + 5 + 10 + MARGIN


@pytest.mark.parametrize("ask", [Ask.QUIT, Ask.INTERRUPT])
def test_who_is_in_a_hurry_does_not_wait_for_the_drain_delay(ask: Ask) -> None:
    history = started(1, drain_delay=5.0)
    history.at(10, Asked(Ask.STOP))
    assert history.at(11, Asked(ask)) == [StopListening(), Signal(101, "SIGQUIT")]


def test_a_server_whose_workers_have_all_finished_does_not_wait_for_the_drain_delay() -> None:
    history = started(1, drain_delay=5.0)
    history.at(10, Asked(Ask.STOP))
    assert history.at(11, Died(1)) == [End(0)]


# -- Dismissed, and back


def test_a_terminal_that_is_resized_dismisses_nobody() -> None:
    history = started(1)
    assert history.at(10, WINCH) == []
    assert history.words() == ""


@pytest.mark.parametrize("ask", [Ask.RELOAD, Ask.RESUME, Ask.MORE])
def test_workers_that_were_dismissed_come_back(ask: Ask) -> None:
    history = started(2, daemon=True)
    assert history.at(10, WINCH) == [Resized(0, 2), Signal(102, "SIGTERM", True), Signal(101, "SIGTERM", True)]
    history.at(11, Died(1))
    history.at(11, Died(2))
    assert history.fleet.target() == 0
    assert history.due() is None
    assert "HUP brings them back" in history.words()
    actions = history.at(20, Asked(ask, "x"))
    if ask is Ask.RELOAD:
        assert actions == [Reread(2)]
        actions = history.tell(Settings(history.fleet.want))
        assert actions == [Resized(2, 0), Spawn(1, 2), Spawn(2, 2)], "all at once: nobody serves"
        history.at(21, Ready(1))
        assert history.at(22, Ready(2))[-1] == Outcome(True, "2 workers with the new code after 2 s")
    else:
        assert Spawn(1) in actions


# -- Upgrade


def test_an_upgrade_starts_one_successor_and_refuses_a_second() -> None:
    history = started(1)
    assert history.at(10, USR2) == [Upgrade()]
    [refused] = history.at(10, USR2)
    assert refused == Outcome(False, "a new server is there already")
    assert history.at(11, SuccessorStarted(4711)) == [Outcome(True, "the new server runs as process 4711")]
    assert history.at(12, USR2) == [Outcome(False, "a new server is there already as process 4711")]
    assert "SIGUSR2: ignored, a new server is there already as process 4711" in history.words()


def test_a_successor_that_fails_or_ends_can_be_tried_again() -> None:
    history = started(1)
    history.at(10, USR2)
    [outcome] = history.at(11, SuccessorFailed("no memory"))
    assert isinstance(outcome, Outcome)
    assert not outcome.ok
    assert history.at(12, USR2) == [Upgrade()]
    history.at(13, SuccessorStarted(4711))
    assert history.at(14, SuccessorEnded(1, "left with exit code 1")) == [], "that was another one"
    assert history.at(14, SuccessorEnded(4711, "left with exit code 1")) == []
    assert "The new server (process 4711) left with exit code 1; this one serves on" in history.words()
    assert history.at(15, USR2) == [Upgrade()]


def test_workers_that_were_dismissed_for_a_successor_come_back_when_it_ends() -> None:
    history = started(1)
    history.at(10, USR2)
    history.at(11, SuccessorStarted(4711))
    history.at(12, WINCH)
    history.at(13, Died(1))
    assert history.due() is None
    assert history.at(14, SuccessorEnded(4711, "crashed")) == [Resized(1, 0), Spawn(1)]
    assert history.fleet.successor is Successor.NONE


def test_a_server_that_has_not_started_or_that_stops_has_no_successor() -> None:
    history = History(1)
    history.at(0)
    assert history.at(1, USR2) == [Outcome(False, "the server has not started yet")]
    history.at(2, Asked(Ask.STOP))
    assert history.at(3, USR2) == [Outcome(False, "the server stops")]
