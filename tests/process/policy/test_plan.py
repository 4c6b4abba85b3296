"""The supervisor's policy as scripted histories: what happened at which second, and what is done about it."""

from __future__ import annotations

import pytest

from bicorn.process.policy.events import (
    Asked,
    BootFailed,
    Died,
    Dump,
    Dumped,
    End,
    Forked,
    ForkFailed,
    Log,
    Ready,
    Share,
    Signal,
    Spawn,
    StopListening,
    Stopping,
    TemplateReady,
    Tick,
)
from bicorn.process.policy.fleet import Fleet, Want
from bicorn.process.policy.plan import decide
from bicorn.process.policy.states import Ask, Phase
from bicorn.process.policy.times import DUMP, HEAD_START, MARGIN, QUICK, QUICK_SHUTDOWN, STEADY, UNKILLABLE
from tests.process.policy.histories import History, started


def test_the_first_worker_has_a_head_start_and_then_nothing_more_happens_by_itself() -> None:
    history = History(4)
    assert history.at(0) == [Spawn(1)]
    assert history.fleet.deadline() == history.now + HEAD_START
    assert history.at(HEAD_START / 2) == []
    assert history.at(HEAD_START) == [Spawn(2), Spawn(3), Spawn(4)]
    assert history.at(1) == []
    assert history.fleet.deadline() is None
    for number in (3, 1, 2, 4):
        assert history.at(2, Ready(number, "main:app is WSGI")) == []
    assert [line.text for line in history.log if line.level != "debug"] == ["main:app is WSGI"]


def test_the_head_start_is_over_when_the_first_worker_is_ready() -> None:
    history = History(3)
    history.at(0)
    assert history.at(HEAD_START / 2, Ready(1, "main:app is WSGI")) == [Spawn(2), Spawn(3)]
    history.at(1, Ready(2))
    history.at(1, Ready(3))
    assert [line.level for line in history.log] == ["info", "debug", "debug"]


def test_what_the_first_application_uses_of_the_library_is_shared_with_those_that_follow() -> None:
    history = History(3)
    history.at(0)
    assert history.at(0.1, Ready(1, "", ("json", "email"))) == [Share(1, ("json", "email")), Spawn(2), Spawn(3)]
    assert history.at(0.2, Ready(2, "", ("wave",))) == []
    late = History(2)
    late.at(0)
    late.at(HEAD_START)
    assert late.at(1, Ready(1, "", ("json",))) == [], "nobody follows"


def test_with_preload_nothing_needs_to_be_shared_again() -> None:
    history = History(3, preload=True)
    history.at(0)
    history.tell(TemplateReady(1, "main:app"))
    assert [type(action) for action in history.at(0.2, Ready(1, "", ("json",)))] == []


def test_a_lone_worker_waits_for_nobody() -> None:
    history = History(1)
    assert history.at(0) == [Spawn(1)]
    assert history.fleet.deadline() is None


def test_the_application_is_described_once() -> None:
    history = History(4)
    history.at(0)
    for number in (1, 2, 3, 4):
        history.at(1, Ready(number, "main:app is ASGI 3"))
    assert [line for line in history.log if line.level == "info"] == [Log("info", "main:app is ASGI 3")]
    assert history.fleet.phase is Phase.SERVING


def test_a_dead_worker_is_replaced_at_once_and_the_log_says_how_it_died_and_how_old_it_was() -> None:
    history = started(2)
    history.words()
    assert history.at(101, Died(2, signal="SIGKILL")) == [Spawn(2)]
    assert "worker 2 (pid 102) was killed by SIGKILL from outside" in history.log[0].text
    assert "after serving for 1 min 40 s" in history.words()
    history.at(102, Ready(2, "main:app is ASGI 3"))
    assert history.log == [Log("info", "worker 2 (pid 103) is ready after 1 s")]


@pytest.mark.parametrize("code", [2, 3, 4])
def test_a_boot_failure_at_first_start_ends_the_server_with_that_code_and_says_why_once(code: int) -> None:
    history = History(3)
    history.at(0)
    history.at(HEAD_START)
    told = [StopListening(), Signal(102, "SIGTERM"), Signal(103, "SIGTERM")]
    assert history.at(1, BootFailed(1, code, "Traceback: no database")) == told
    history.at(1, BootFailed(2, code, "Traceback: no database"))
    assert history.at(1, Died(1, code)) == []
    assert history.at(1, Died(2, code)) == []
    assert history.at(1, Died(3, signal="SIGTERM")) == [End(code)]
    assert history.words() == "Traceback: no database"


@pytest.mark.parametrize(
    ("death", "text"),
    [
        (Died(1, 4), "worker 1 (pid 101) left with exit code 4 while it was starting"),
        (Died(1, signal="SIGSEGV"), "worker 1 (pid 101) crashed with SIGSEGV, in native code while it was starting"),
    ],
)
def test_a_first_boot_that_dies_without_a_word_is_explained_too(death: Died, text: str) -> None:
    history = History()
    history.at(0)
    assert history.at(1, death) == [StopListening(), End(death.code or 3)]
    assert history.words() == text


def test_siblings_that_crash_alike_are_not_news() -> None:
    history = History(2)
    history.at(0)
    history.at(HEAD_START)
    history.at(1, Died(1, signal="SIGSEGV"))
    history.words()
    assert history.at(1, Died(2, signal="SIGSEGV")) == [End(3)]
    assert history.words() == ""


def test_later_boot_failures_back_off_and_never_stop_the_service() -> None:
    history = started(2)
    history.at(100, Died(2, 1))
    history.words()
    clock = 100.0
    waits = []
    for _ in range(8):
        clock += 1
        assert history.at(clock, BootFailed(2, 3, "no database")) == []
        assert history.at(clock, Died(2, 3)) == []
        due = history.fleet.deadline()
        assert due is not None
        waits.append(due - history.now)
        clock += waits[-1]
        assert history.at(clock - 0.01) == []
        assert history.at(clock) == [Spawn(2)]
    assert waits == [1, 2, 4, 8, 16, 30, 30, 30]
    text = history.words()
    assert text.count("no database") == 1
    assert text.count("for the same reason as before") == 7
    assert history.fleet.phase is Phase.SERVING


def test_while_nothing_boots_one_worker_tries_for_all_and_the_rest_follow_when_it_is_ready() -> None:
    history = started(4)
    for number in (1, 2, 3, 4):
        history.at(100, Died(number, 1))
    for number in (1, 2, 3, 4):
        history.at(100, Died(number, 3))
    assert history.fleet.boot_failures == 4
    assert history.at(120) == [Spawn(1)]
    assert history.fleet.deadline() is None  # nothing to do until that one says something
    assert history.at(121, Ready(1)) == [Spawn(2), Spawn(3), Spawn(4)]


def test_a_worker_that_reports_a_failure_and_does_not_leave_is_killed_and_counts_as_failed() -> None:
    history = started()
    history.at(100, Died(1, 1))
    history.at(101, BootFailed(1, 3, "no database"))
    assert history.at(101.5) == []
    assert history.at(102) == [Spawn(2)]  # the number is taken until the process has gone
    assert history.at(103) == [Signal(102, "SIGKILL")]
    assert history.at(103, Died(1, signal="SIGKILL")) == []
    assert history.fleet.boot_failures == 1


def test_an_application_that_crashes_as_soon_as_it_serves_is_slowed_down() -> None:
    history = started()
    assert history.at(1.5, Died(1, signal="SIGSEGV")) == [Spawn(1)]
    history.at(2, Ready(1))
    assert history.at(2.5, Died(1, signal="SIGSEGV")) == []
    assert history.fleet.deadline() == history.now + 0.5
    assert history.at(3) == [Spawn(1)]
    history.at(4, Ready(1))
    assert history.at(4 + STEADY, Died(1, signal="SIGSEGV")) == [Spawn(1)]
    assert history.fleet.crashes == 0


def test_being_killed_from_outside_is_not_the_applications_fault() -> None:
    history = started(4)
    for second in range(2, 32):
        number = 1 + second % 4
        assert history.at(second, Died(number, signal="SIGKILL")) == [Spawn(number)]
        history.at(second + 0.5, Ready(number))


def test_being_killed_while_starting_is_forgiven_once() -> None:
    history = started(2)
    assert history.at(100, Died(2, signal="SIGKILL")) == [Spawn(2)]
    assert history.at(100.1, Died(2, signal="SIGKILL")) == [Spawn(2)]
    assert history.at(100.2, Died(2, signal="SIGKILL")) == []
    assert history.fleet.deadline() == history.now + 2
    assert history.words().count("while it was starting") == 2


def test_a_fork_that_fails_is_tried_again_later() -> None:
    fleet = Fleet(Want(2))
    assert decide(fleet, Tick(), 0) == [Spawn(1)]
    decide(fleet, Forked(1, 11), 0)
    assert decide(fleet, Tick(), HEAD_START) == [Spawn(2)]
    [line] = decide(fleet, ForkFailed(2, "Cannot allocate memory"), HEAD_START)
    assert line == Log("error", "worker 2 could not be forked: Cannot allocate memory; next try in 1 s")
    decide(fleet, Ready(1), 0.5)
    assert fleet.deadline() == HEAD_START + 1
    assert decide(fleet, Tick(), HEAD_START + 1) == [Spawn(2)]


def test_term_lets_every_worker_finish_and_closes_the_listeners_first() -> None:
    history = started(2)
    assert history.at(10, Asked(Ask.STOP, "SIGTERM")) == [
        StopListening(),
        Signal(101, "SIGTERM"),
        Signal(102, "SIGTERM"),
    ]
    assert history.at(11, Asked(Ask.STOP, "SIGTERM")) == []
    assert history.at(12, Died(1)) == []
    assert history.at(13, Died(2)) == [End(0)]
    assert "30 s" in history.words()


def test_a_worker_that_does_not_finish_is_killed_and_named() -> None:
    history = started(2, graceful_timeout=5)
    history.at(10, Asked(Ask.STOP))
    history.at(11, Died(1))
    history.words()
    assert history.fleet.deadline() == 1010 + 5 + MARGIN
    history.seen(10 + 5, 2, held=("GET /slow for 12 s", "POST /x for 6 s"))
    assert history.at(10 + 5 + MARGIN) == [Dump(2)]
    assert history.at(10 + 5 + MARGIN + 0.1, Dumped(2, "File main.py, line 3")) == [Signal(102, "SIGKILL")]
    assert history.words() == (
        "worker 2 (pid 102) had not finished its requests after 7 s: killed"
        " [cause: graceful-timeout; age: 16 s; requests: GET /slow for 12 s, POST /x for 6 s]\nFile main.py, line 3"
    )
    assert history.at(18, Died(2, signal="SIGKILL")) == [End(0)]
    assert history.words() == ""


def test_the_second_ctrl_c_cuts_off_and_the_third_kills() -> None:
    history = started(1)
    assert history.at(10, Asked(Ask.INTERRUPT)) == [StopListening(), Signal(101, "SIGTERM")]
    assert history.at(11, Asked(Ask.INTERRUPT)) == [Signal(101, "SIGQUIT")]
    assert history.fleet.deadline() == history.now + QUICK
    assert history.at(11.1, Asked(Ask.INTERRUPT)) == [Signal(101, "SIGKILL")]
    assert history.at(11.2, Died(1, signal="SIGKILL")) == [End(0)]


def test_a_ctrl_c_that_a_wrapper_repeats_is_one_ctrl_c() -> None:
    history = started(1)
    history.at(10, Asked(Ask.INTERRUPT))
    assert history.at(10.001, Asked(Ask.INTERRUPT)) == []
    assert history.at(10.002, Asked(Ask.INTERRUPT)) == []
    assert history.at(10.1, Asked(Ask.INTERRUPT)) == [Signal(101, "SIGQUIT")]


def test_a_worker_that_answers_gets_the_time_for_its_shutdown() -> None:
    history = started(3, graceful_timeout=5)
    history.at(10, Asked(Ask.STOP))
    history.at(10, Stopping(1, 30.0))
    history.at(10, Stopping(2, None))
    deadlines = [history.fleet.workers[number].deadline for number in (1, 2, 3)]
    assert deadlines == [1045 + MARGIN, None, 1015 + MARGIN]
    assert history.at(15 + MARGIN) == [Dump(3)]
    assert history.at(15 + MARGIN + DUMP) == [Signal(103, "SIGKILL")], "without its stacks"
    history.at(20, Asked(Ask.QUIT))
    history.at(20.5, Stopping(1, 30.0))
    assert history.at(20 + QUICK) == [Signal(102, "SIGKILL")]
    assert history.at(20 + QUICK_SHUTDOWN) == [Signal(101, "SIGKILL")]


def test_a_worker_that_answers_too_late_gains_nothing() -> None:
    history = started(1)
    history.at(10, Asked(Ask.QUIT))
    history.at(10 + QUICK)
    history.at(10 + QUICK, Stopping(1, 30.0))
    assert history.fleet.deadline() == history.now + UNKILLABLE


def test_quit_does_not_wait_for_requests() -> None:
    history = started(1)
    assert history.at(10, Asked(Ask.QUIT)) == [StopListening(), Signal(101, "SIGQUIT")]
    assert history.at(10 + QUICK) == [Signal(101, "SIGKILL")]


def test_a_worker_that_is_still_importing_is_ended_without_a_core_file() -> None:
    history = History(1)
    history.at(0)
    assert history.at(1, Asked(Ask.QUIT)) == [StopListening(), Signal(101, "SIGTERM")]
    assert history.at(1, Ready(1)) == []
    assert history.at(1, Died(1, signal="SIGTERM")) == [End(0)]


def test_a_process_that_kill_does_not_end_is_not_waited_for() -> None:
    history = started(1)
    history.at(10, Asked(Ask.QUIT))
    history.at(10 + QUICK)
    assert history.at(10 + QUICK + UNKILLABLE) == [End(0)]
    assert history.log[-1].level == "critical"


def test_how_a_worker_ends_while_it_stops_is_news_only_when_it_is_unexpected() -> None:
    history = started(2)
    history.at(10, Asked(Ask.STOP))
    history.words()
    history.at(11, Died(1, signal="SIGSEGV"))
    assert "worker 1 (pid 101) crashed with SIGSEGV, in native code while it was stopping [" in history.words()
    history.at(11, Died(2, code=1))
    assert "worker 2 (pid 102) left with exit code 1 while it was stopping [" in history.words()


def test_news_of_a_worker_that_has_gone_is_ignored_and_nothing_happens_after_the_end() -> None:
    history = started(1)
    assert history.at(2, Died(7)) == []
    assert history.at(2, Ready(7)) == []
    history.at(3, Asked(Ask.STOP))
    assert history.at(4, Died(1)) == [End(0)]
    assert history.at(5, Asked(Ask.STOP)) == []
    assert history.at(5) == []
