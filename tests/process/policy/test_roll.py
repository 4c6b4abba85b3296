"""Reload, roll-back, templates and recycling, as scripted histories."""

from __future__ import annotations

import pytest

from bicorn.process.policy.events import (
    Action,
    Asked,
    BootFailed,
    Died,
    Discard,
    Forked,
    ForkFailed,
    Log,
    Outcome,
    Prepare,
    Ready,
    Recycle,
    Reread,
    Resized,
    Settings,
    SettingsRefused,
    Share,
    Signal,
    Spawn,
    StopListening,
    TemplateDied,
    TemplateFailed,
    TemplateReady,
    Tick,
)
from bicorn.process.policy.fleet import Fleet, Want
from bicorn.process.policy.plan import decide
from bicorn.process.policy.roll import SETBACKS
from bicorn.process.policy.states import Ask, Phase, Stage, State
from bicorn.process.policy.times import MARGIN, STEADY
from tests.process.policy.histories import History, started

HUP = Asked(Ask.RELOAD, "SIGHUP")


def reloading(history: History, seconds: float, **want: float) -> list[Action]:
    """A HUP at that second, and the new settings at once."""
    history.at(seconds, HUP)
    fleet = history.fleet
    assert fleet.roll is not None
    return history.tell(Settings(fleet.want.replace(**want)))


def test_the_new_worker_has_served_for_the_time_of_grace_before_an_old_one_is_retired() -> None:
    history = started(2, reload_grace=2.0)
    assert history.at(10, HUP) == [Reread(2)]
    assert history.tell(Settings(Want(2, reload_grace=2.0))) == [Spawn(3, 2)]
    assert history.at(15, Ready(3)) == []
    assert history.due() == 17
    assert history.at(16.9) == []
    assert history.at(17) == [history.retire(1), Spawn(4, 2)]
    assert history.words() == "Reloading (SIGHUP)\nworker 3 (pid 103) is ready after 5 s"


def test_each_new_worker_that_is_ready_retires_one_old_one_until_all_are_new() -> None:
    history = started(3)
    assert reloading(history, 10) == [Spawn(4, 2)]
    # The next one starts at once, in the room that the first retired one leaves in the number of wanted workers.
    assert history.at(11, Ready(4)) == [history.retire(1), Spawn(5, 2)]
    assert history.at(12, Ready(5)) == [history.retire(2), Spawn(6, 2)]
    last = history.retire(3)
    assert history.at(13, Ready(6)) == [last, Outcome(True, "3 workers with the new code after 3 s")]
    assert history.generations() == {4: 2, 5: 2, 6: 2}
    assert "Reloaded: 3 workers with the new code after 3 s" in history.words()
    assert history.due() == 11 + 32, "three still drain"


def test_the_first_worker_with_the_new_code_tells_what_the_others_are_to_share() -> None:
    history = started(3)
    reloading(history, 10)
    assert history.at(11, Ready(4, "", ("json",)))[0] == Share(2, ("json",))
    assert Share not in [type(action) for action in history.at(12, Ready(5, "", ("json",)))]
    alone = started(1)
    reloading(alone, 10)
    assert Share not in [type(action) for action in alone.at(11, Ready(2, "", ("json",)))]


def test_a_worker_that_nobody_wants_any_more_is_not_missed_when_it_cannot_be_forked() -> None:
    history = started(3)
    assert reloading(history, 10) == [Spawn(4, 2)]
    history.at(10.5, HUP)
    history.words()
    assert history.at(11, ForkFailed(4, "gone")) == []
    assert history.words() == ""
    stopping = started(2)
    stopping.at(10, Died(2))
    stopping.at(10.1, Asked(Ask.STOP, "SIGTERM"))
    stopping.words()
    stopping.at(10.2, ForkFailed(2, "gone"))
    assert stopping.words() == ""


def test_the_surge_is_how_many_start_at_a_time() -> None:
    history = started(4, reload_surge=2)
    assert reloading(history, 10) == [Spawn(5, 2), Spawn(6, 2)]
    assert history.at(11, Ready(6)) == [], "the trial is of both"
    assert history.at(12, Ready(5)) == [history.retire(1), history.retire(2), Spawn(7, 2), Spawn(8, 2)]
    assert history.at(13, Ready(7)) == [history.retire(3)]
    assert history.at(14, Ready(8))[0] == history.retire(4)


def test_those_that_drain_never_become_more_than_a_second_set() -> None:
    history = started(2)
    second = 10.0
    for _ in range(10):  # reloads, while no worker ever finishes
        reloading(history, second)
        for number in sorted(history.fleet.workers):
            history.at(second + 1, Ready(number))
        second += 1
    assert len(history.fleet.workers) <= 2 + 1 + 2 * 2 + 1
    assert history.fleet.ready() >= 2


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        (BootFailed(3, 3, "Traceback: SyntaxError"), "Traceback: SyntaxError"),
        (Died(3, signal="SIGSEGV"), "crashed with SIGSEGV"),
        (Died(3, code=1), "left with exit code 1"),
        (Died(3, signal="SIGKILL", out_of_memory=True), "memory ran out"),
    ],
)
def test_new_code_that_does_not_start_is_rolled_back_and_said_once(end: Died | BootFailed, reason: str) -> None:
    history = started(2, reload_grace=2.0)
    reloading(history, 10)
    history.words()
    [outcome] = history.at(12, end)
    assert isinstance(outcome, Outcome)
    assert not outcome.ok
    assert reason in outcome.text
    assert history.words().count(reason) == 1
    history.at(12, Died(3, 3))
    assert history.words() == ""
    assert history.generations() == {1: 1, 2: 1}
    assert (history.fleet.generation, history.fleet.roll, history.fleet.boot_failures) == (1, None, 0)
    assert history.due() is None


@pytest.mark.parametrize("death", [Died(3, code=1), Died(3, signal="SIGSEGV"), Died(3)])
def test_new_code_that_dies_within_the_time_of_grace_is_rolled_back(death: Died) -> None:
    history = started(2, reload_grace=2.0)
    reloading(history, 10)
    history.at(12, Ready(3))
    [outcome] = history.at(13.9, death)
    assert isinstance(outcome, Outcome)
    assert not outcome.ok
    assert history.generations() == {1: 1, 2: 1}
    assert "The reload has failed, the old code serves on: worker 3 (pid 103)" in history.words()


def test_of_two_on_trial_the_good_one_is_retired_when_the_other_fails() -> None:
    history = started(2, reload_surge=2, reload_grace=5.0)
    reloading(history, 10)
    history.at(11, Ready(3))
    good = history.retire(3)
    actions = history.at(12, BootFailed(4, 3, "no database"))
    assert [type(action) for action in actions] == [Outcome, Signal]
    assert actions[1] == good
    assert history.generations() == {1: 1, 2: 1}


def test_one_that_still_starts_is_ended_when_the_other_fails() -> None:
    history = started(2, reload_surge=2)
    reloading(history, 10)
    late = history.retire(4)
    assert history.at(12, BootFailed(3, 3, "no database"))[1] == late
    assert history.state(4) is State.QUITTING
    assert history.at(12.1, Ready(4)) == []
    history.words()
    assert history.at(12.2, Died(4, signal="SIGTERM")) == []
    assert history.words() == ""


def test_being_killed_from_outside_is_not_the_new_codes_fault() -> None:
    history = started(1, reload_grace=2.0)
    reloading(history, 10)
    for second in range(SETBACKS - 1):
        assert history.at(11 + 5 * second, Died(2, signal="SIGKILL")) == []
        due = history.due()
        assert due is not None
        assert due == 11 + 5 * second + 2**second
        assert history.at(due) == [Spawn(2, 2)]
    [outcome] = history.at(40, Died(2, signal="SIGKILL"))
    assert isinstance(outcome, Outcome)
    assert not outcome.ok, "but in the end the reload is over"


def test_a_trial_for_which_there_is_no_process_is_tried_again_and_then_given_up() -> None:
    fleet = Fleet(Want(1))
    for event in (Tick(), Forked(1, 11), Ready(1), HUP):
        decide(fleet, event, 0)
    assert Spawn(2, 2) in decide(fleet, Settings(Want(1)), 0)
    decide(fleet, ForkFailed(2, "no memory"), 1)
    assert (fleet.deadline(), fleet.boot_failures) == (2, 0)
    assert decide(fleet, Tick(), 2) == [Spawn(2, 2)]
    decide(fleet, ForkFailed(2, "no memory"), 2)
    assert decide(fleet, Tick(), 4) == [Spawn(2, 2)]
    outcome = decide(fleet, ForkFailed(2, "no memory"), 4)[-1]
    assert isinstance(outcome, Outcome)
    assert not outcome.ok
    assert fleet.deadline() is None


def test_while_a_trial_is_on_the_old_workers_that_die_are_replaced_by_their_like() -> None:
    history = started(2, reload_grace=5.0)
    reloading(history, 10)
    history.at(11, Ready(3))
    assert history.at(12, Died(1, signal="SIGKILL")) == [Spawn(1, 1)]
    outdated = [history.retire(1)]
    assert history.at(16) == [*outdated, Spawn(4, 2)], "the trial is over: it is outdated before it is ready"
    assert history.state(1) is State.QUITTING


def test_settings_that_are_refused_change_nothing() -> None:
    history = started(2)
    history.at(10, HUP)
    assert history.tell(SettingsRefused("workers: must be 1 or more")) == [
        Outcome(False, "the reload has failed, the old code serves on: workers: must be 1 or more")
    ]
    assert history.fleet.roll is None
    assert history.tell(SettingsRefused("again")) == [], "nobody has asked"
    assert history.tell(Settings(Want(9))) == []


def test_a_second_reload_starts_over_and_one_outcome_answers_both() -> None:
    history = started(2, reload_grace=5.0)
    reloading(history, 10)
    history.at(11, Ready(3))
    assert history.at(12, HUP) == [Reread(3), Signal(103, "SIGTERM", alone=True)]
    assert history.tell(Settings(Want(2))) == [Spawn(4, 3)]
    assert history.at(13, Ready(4))[0] == history.retire(1)
    assert history.at(14, Ready(5))[-1] == Outcome(True, "2 workers with the new code after 2 s")
    assert set(history.generations().values()) == {3}


def test_a_second_reload_that_fails_leaves_the_first_to_finish() -> None:
    history = started(2)
    reloading(history, 10)
    history.at(11, Ready(3))  # accepted; one of two is new
    history.at(12, HUP)
    assert history.tell(Settings(Want(2))) == [Spawn(5, 3)]
    history.at(13, BootFailed(5, 3, "no database"))
    history.at(14, Ready(4))
    assert history.generations() == {3: 2, 4: 2}


def test_what_was_rejected_is_retired_before_what_is_merely_old() -> None:
    history = started(2, reload_grace=1.0)
    reloading(history, 10)
    history.at(11, Ready(3))
    history.at(12)  # accepted: 1 drains, 2 is outdated, 4 starts
    history.at(13, HUP)
    history.tell(Settings(Want(2, reload_surge=2, reload_grace=9.0)))
    history.at(14, Ready(5))
    rejected = history.retire(5)
    assert rejected in history.at(15, BootFailed(6, 3, "no database"))
    assert history.generations() == {2: 1, 3: 2, 4: 2}


def test_new_code_that_stops_starting_once_it_is_accepted_is_tried_on_while_the_old_serves() -> None:
    history = started(3)
    reloading(history, 10)
    history.at(11, Ready(4))
    second, outcomes = 11.0, []
    for _ in range(SETBACKS):
        number = max(n for n, w in history.fleet.workers.items() if w.state is State.BOOTING)
        outcomes += history.at(second, BootFailed(number, 3, "no database"))
        history.at(second, Died(number, 3))
        second = history.due() or 0.0
        history.at(second)
    [outcome] = outcomes
    assert isinstance(outcome, Outcome)
    assert not outcome.ok
    assert "goes on while the old workers serve" in outcome.text
    number = max(n for n, w in history.fleet.workers.items() if w.state is State.BOOTING)
    assert history.at(second, BootFailed(number, 3, "no database")) == [], "and that is said once"
    history.at(second, Died(number, 3))
    second = history.due() or 0.0
    history.at(second)
    assert history.fleet.ready() == 3
    for _ in range(2):
        history.at(second, Ready(max(n for n, w in history.fleet.workers.items() if w.state is State.BOOTING)))
    assert set(history.generations().values()) == {2}


def test_a_saved_file_is_not_put_on_probation() -> None:
    history = started(1, reload_grace=60.0)
    assert history.at(10, Asked(Ask.RELOAD, "main.py changed", grace=0.0)) == [Reread(2)]
    history.tell(Settings(history.fleet.want))
    assert history.words() == "Reloading (main.py changed)"
    assert history.at(11, Ready(2))[0] == history.retire(1)


def test_mended_code_does_not_wait_for_the_back_off_of_the_old() -> None:
    history = started(1)
    history.at(100, Died(1, 1))
    for second in range(101, 400, 31):
        history.at(second)
        history.at(second, BootFailed(1, 3, "no database"))
        history.at(second, Died(1, 3))
    assert history.due() == pytest.approx(380 + 30)
    assert reloading(history, 390) == [Spawn(1, 2)]
    assert history.at(391, Ready(1)) == [Outcome(True, "1 worker with the new code after 1 s")]


def test_a_reload_while_the_server_starts_waits_until_it_has_started() -> None:
    history = History(1)
    history.at(0)
    assert history.at(1, HUP) == []
    assert history.words() == "SIGHUP: reloading as soon as the server has started"
    assert history.at(2, Ready(1)) == [Reread(2)]
    fails = History(1)
    fails.at(0)
    fails.at(1, HUP)
    assert fails.at(2, BootFailed(1, 3, "no database")) == [StopListening(), Outcome(False, "the server stops")]


def test_a_stop_ends_a_reload_and_a_reload_does_not_end_a_stop() -> None:
    history = started(1)
    reloading(history, 10)
    actions = history.at(11, Asked(Ask.STOP))
    assert actions[-1] == Outcome(False, "the server stops")
    assert history.at(12, HUP) == [Outcome(False, "the server stops")]
    assert history.fleet.phase is Phase.STOPPING


# -- The number of workers


def test_more_and_fewer_survive_a_reload_but_not_a_new_setting() -> None:
    history = started(2)
    assert history.at(10, Asked(Ask.MORE, "SIGTTIN")) == [Resized(3, 2), Spawn(3)]
    assert history.words() == "SIGTTIN: 3 workers now, 2 before"
    history.at(11, Ready(3))
    reloading(history, 12, graceful_timeout=5.0)
    for number in (4, 5, 6):
        history.at(13, Ready(number))
    assert history.fleet.target() == 3
    assert reloading(history, 20, workers=1) != []
    number = max(history.fleet.workers)
    assert Resized(1, 3) in history.at(21, Ready(number))
    assert history.generations() == {number: 3}
    assert history.fleet.scale is None


def test_many_fewer_end_those_that_start_and_then_no_more_than_are_too_many() -> None:
    history = started(2)
    history.at(10, Asked(Ask.SCALE, count=4))
    ended = [history.retire(4), history.retire(3), history.retire(2)]
    assert history.at(11, Asked(Ask.SCALE, count=1)) == [Resized(1, 4), *ended]
    assert history.generations() == {1: 1}


def test_a_retired_worker_has_the_time_that_a_stop_would_give_it() -> None:
    history = started(1, drain_delay=5.0, graceful_timeout=10.0)
    reloading(history, 20)
    history.at(21, Ready(2))
    assert history.due() == 21 + 5 + 10 + MARGIN


def test_fewer_ends_one_that_still_starts_rather_than_one_that_serves() -> None:
    history = History(3)
    history.at(0)
    history.at(1, Ready(1))
    history.at(2, Ready(2))
    booting = history.retire(3)
    assert history.at(3, Asked(Ask.FEWER)) == [Resized(2, 3), booting]
    serving = history.retire(2)
    assert history.at(4, Asked(Ask.FEWER)) == [Resized(1, 2), serving]
    assert history.at(5, Asked(Ask.FEWER)) == []
    assert "at least one worker" in history.words()


# -- Templates


def test_with_a_template_no_worker_starts_before_the_application_is_imported() -> None:
    history = History(2, preload=True)
    assert history.at(0) == [Prepare(1)]
    assert history.at(5) == []
    assert history.at(6, TemplateReady(1, "main:app is WSGI")) == [Spawn(1), Spawn(2)], "together: it costs nothing"


def test_a_template_that_fails_at_first_start_ends_the_server_once() -> None:
    history = History(2, preload=True)
    history.at(0)
    actions = history.at(1, TemplateFailed(1, 4, "no module named main"))
    assert [type(action).__name__ for action in actions] == ["StopListening", "End"]
    assert history.fleet.code == 4
    assert history.words() == "no module named main"


def test_a_reload_takes_a_new_template_and_then_drops_the_old_one() -> None:
    history = preloaded(2)
    assert reloading(history, 10) == [Prepare(2)]
    assert history.at(12, Died(1, signal="SIGKILL")) == [Spawn(1, 1)], "from the old one, meanwhile"
    history.at(12, Ready(1))
    assert history.at(15, TemplateReady(2)) == [Spawn(3, 2)]
    assert history.at(16, Ready(3))[0] == Discard(1)


def test_a_reload_that_takes_over_from_an_accepted_one_keeps_its_template() -> None:
    history = preloaded(2)
    reloading(history, 10)
    history.at(11, TemplateReady(2))
    history.at(12, Ready(3))
    assert history.at(13, HUP) == [Reread(3)]
    assert set(history.fleet.templates) == {2}
    history.tell(Settings(history.fleet.want))
    assert history.at(14, HUP) == [Discard(3), Reread(4)]


@pytest.mark.parametrize("when", ["imports", "is tried"])
def test_a_template_that_fails_in_a_reload_is_rolled_back(when: str) -> None:
    history = preloaded(2)
    reloading(history, 10)
    if when == "imports":
        actions = history.at(11, TemplateFailed(2, 3, "SyntaxError"))
    else:
        history.at(11, TemplateReady(2))
        actions = history.at(12, TemplateDied(2, "was killed"))
    assert isinstance(actions[0], Outcome)
    assert not actions[0].ok
    assert set(history.generations().values()) == {1}
    assert set(history.fleet.templates) == {1}


def test_a_template_that_hangs_is_given_up_after_the_boot_timeout() -> None:
    history = preloaded(1, boot_timeout=20.0)
    reloading(history, 10)
    assert history.due() == 30
    discard, outcome = history.at(30)
    assert discard == Discard(2)
    assert isinstance(outcome, Outcome)
    assert "boot-timeout" in outcome.text


def test_a_template_that_has_gone_is_replaced_and_workers_wait_for_it() -> None:
    history = preloaded(1)
    assert history.at(10, TemplateDied(1, "was killed by SIGKILL from outside")) == [Prepare(1)]
    assert history.at(11, Died(1, 1)) == []
    assert history.at(12, TemplateFailed(1, 3, "no database")) == []
    due = history.due()
    assert due == 13
    assert history.at(due) == [Prepare(1)]
    assert history.at(14, TemplateReady(1)) == [Spawn(1)]


def test_a_stop_ends_the_templates() -> None:
    history = preloaded(1)
    assert Discard(1) in history.at(10, Asked(Ask.STOP))


def test_a_reload_may_do_away_with_the_template() -> None:
    history = preloaded(1)
    assert reloading(history, 10, preload=False) == [Spawn(2, 2)]
    assert history.at(11, Ready(2))[0] == Discard(1)


def preloaded(workers: int, **want: float) -> History:
    history = History(workers, preload=True, **want)
    history.at(0)
    history.at(0, TemplateReady(1))
    for number in range(1, workers + 1):
        history.at(1, Ready(number))
    history.words()
    return history


# -- Recycling


def test_a_worker_that_is_to_be_replaced_serves_until_the_other_is_ready() -> None:
    history = started(2)
    assert history.at(10, Recycle(1, "max-requests (1000) reached")) == [Spawn(3)]
    assert history.words() == "worker 1 (pid 101) will be replaced: max-requests (1000) reached"
    assert history.at(10, Recycle(1, "max-requests (1000) reached")) == []
    assert history.at(12, Ready(3)) == [history.retire(1)]
    assert history.at(13, Died(1)) == []


def test_one_is_replaced_at_a_time() -> None:
    history = started(3)
    assert history.at(10, Recycle(2, "old")) == [Spawn(4)]
    assert history.at(10, Recycle(1, "old")) == []
    assert history.at(10, Recycle(3, "old")) == []
    # Worker 1 is the eldest; the next one starts when there is room again.
    assert history.at(11, Ready(4)) == [history.retire(1), Spawn(5)]
    assert history.at(12, Ready(5)) == [history.retire(2), Spawn(6)]
    assert history.at(13, Ready(6)) == [history.retire(3)]
    assert history.generations() == {4: 1, 5: 1, 6: 1}


def test_a_replacement_that_does_not_start_costs_nothing() -> None:
    history = started(1)
    history.at(10, Recycle(1, "old"))
    assert history.at(11, BootFailed(2, 3, "no database")) == []
    history.at(11, Died(2, 3))
    assert history.due() == 12
    assert history.at(12) == [Spawn(2)]
    assert history.at(13, Ready(2)) == [history.retire(1)]


def test_a_recycled_worker_that_dies_is_replaced_once() -> None:
    history = started(1)
    history.at(10, Recycle(1, "old"))
    assert history.at(10 + STEADY, Died(1, signal="SIGKILL")) == []
    assert history.at(20, Ready(2)) == []
    assert history.generations() == {2: 1}


def test_the_log_of_a_reload_is_short() -> None:
    history = started(4)
    reloading(history, 10)
    while history.fleet.roll is not None:
        history.at(11, Ready(max(n for n, w in history.fleet.workers.items() if w.state is State.BOOTING)))
    assert [line.level for line in history.log] == ["info"] * 6
    assert history.log[-1] == Log("info", "Reloaded: 4 workers with the new code after 1 s")


def test_the_stages_are_gone_through_in_their_order() -> None:
    history = preloaded(1, reload_grace=1.0)
    history.at(10, HUP)
    roll = history.fleet.roll
    assert roll is not None
    seen = [roll.stage]
    for second, event in ((11, Settings(history.fleet.want)), (12, TemplateReady(2)), (13, Ready(2)), (14, Tick())):
        history.at(second, event)
        if roll.stage is not seen[-1]:
            seen.append(roll.stage)
    assert seen == list(Stage)
