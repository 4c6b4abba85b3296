"""Who is stuck, too large, too old, and how the log explains every death, as scripted histories."""

from __future__ import annotations

import pytest

from bicorn.process.policy.events import (
    Asked,
    Died,
    Dump,
    Dumped,
    Log,
    Outcome,
    Ready,
    Seen,
    Settings,
    Signal,
    Spawn,
    StopListening,
    Stopping,
)
from bicorn.process.policy.fleet import Want
from bicorn.process.policy.states import Ask, State
from bicorn.process.policy.times import DUMP, FAREWELL, LOOK, MARGIN, OVERSLEPT, STEADY, UNKILLABLE, WEIGH
from tests.process.policy.histories import History, started

SLOW = ("GET /slow for 31 s", "POST /x for 2 s")


def test_a_silent_worker_is_dumped_then_killed_and_replaced_at_once_and_the_log_says_why_it_died() -> None:
    history = started(2, timeout=30.0)
    history.seen(100, 1, 2)
    history.seen(129, 2)
    assert history.seen(130, 1, ago=30.0, held=SLOW) == [Dump(1), Spawn(3)]
    assert history.at(130.2, Dumped(1, "Thread 0x1:\n  File main.py, line 3\n")) == [Signal(101, "SIGKILL")]
    assert history.log == [
        Log(
            "error",
            "worker 1 (pid 101) was silent for 30 s: killed "
            "[cause: timeout; age: 2 min 10 s; requests: GET /slow for 31 s, POST /x for 2 s]\n"
            "Thread 0x1:\n  File main.py, line 3",
        )
    ]
    history.words()
    assert history.at(130.3, Died(1, signal="SIGKILL")) == []
    assert history.words() == "", "it has been said"


def test_a_worker_that_shows_no_stacks_is_killed_all_the_same() -> None:
    history = started(1, timeout=30.0)
    assert history.seen(31, 1, ago=30.0)[0] == Dump(1)
    assert history.at(31 + DUMP) == [Signal(101, "SIGKILL")]
    assert history.words().endswith("[cause: timeout; age: 32 s; requests: none]")
    assert history.at(31 + DUMP + UNKILLABLE) == []
    assert history.log[-1].level == "critical"
    assert history.due() is None, "it is given up, and the other one starts"


def test_a_worker_that_dies_while_its_stacks_are_awaited_is_explained_by_both() -> None:
    history = started(1, timeout=30.0)
    history.seen(31, 1, ago=30.0)
    history.at(31.5, Died(1, signal="SIGSEGV", held=("GET / for 30 s",)))
    text = "worker 1 (pid 101) was silent for 30 s, and then crashed with SIGSEGV, in native code "
    assert history.words() == text + "[cause: crash; age: 32 s; requests: GET / for 30 s]"


def test_the_scoreboard_is_looked_at_when_a_silence_could_be_too_long_and_not_before() -> None:
    history = started(2, timeout=30.0)
    assert history.due() == 31
    history.seen(31, 1, ago=1.0)
    history.seen(31, 2, ago=0.5)
    assert history.due() == 60
    assert history.seen(60, 1, ago=29.99) == []
    assert history.due() == 60 + LOOK, "at most once a second"


def test_where_there_is_no_scoreboard_nobody_is_taken_to_be_stuck() -> None:
    history = started(1, timeout=5.0)
    for second in range(6, 100):
        assert history.at(second) == []
        due = history.due()
        assert due is not None
        assert due >= second + LOOK


def test_a_worker_that_never_beats_is_silent_since_it_was_ready() -> None:
    history = started(1, timeout=30.0)
    assert history.at(30.9, Seen(1)) == []
    assert history.at(31, Seen(1)) == [Dump(1), Spawn(2)]


def test_a_machine_that_was_asleep_does_not_kill_its_workers() -> None:
    history = started(2, timeout=30.0)
    history.seen(10, 1, 2)
    due = history.due()
    assert due == 40
    assert history.seen(due + OVERSLEPT + 3600, 1, 2, ago=3600) == []
    late = 40 + OVERSLEPT + 3600
    assert history.seen(late + 29, 1, ago=3629) == []
    assert history.seen(late + 30, 1, ago=3630)[0] == Dump(1)


def test_a_request_that_holds_the_loop_is_the_supervisors_affair_after_its_time_and_a_margin() -> None:
    history = started(1, request_timeout=5.0)
    history.seen(10, 1)
    began = history.now
    due = history.due()
    assert due == 10 + 5 + MARGIN, "one that began right now would be too long then"
    assert history.at(16, Seen(1, began, oldest=began)) == []
    assert history.at(17, Seen(1, began, oldest=began, held=("GET /x for 7 s",))) == [Dump(1), Spawn(2)]
    history.at(17, Dumped(1, "stack"))
    assert "worker 1 (pid 101) was held by one request for 7 s: killed [cause: request-timeout" in history.words()


def test_a_loop_that_was_held_a_moment_ago_still_answers_for_itself() -> None:
    history = started(1, request_timeout=5.0)
    assert history.seen(8, 1, ago=MARGIN - 0.5, oldest=1001.0) == []
    assert history.seen(9, 1, ago=MARGIN + 0.5, oldest=1001.0) == [Dump(1), Spawn(2)]


def test_a_worker_whose_loop_turns_answers_for_its_requests_itself() -> None:
    history = started(1, request_timeout=5.0)
    for second in range(10, 60):
        assert history.seen(second, 1, ago=0.5, oldest=1002.0) == []
        due = history.due()
        assert due is not None
        assert due >= second + LOOK


def test_a_start_that_takes_too_long_is_dumped_and_ends_the_first_start() -> None:
    history = History(1, boot_timeout=300.0)
    history.at(0)
    assert history.due() == 300
    history.at(299, Seen(1, phase="importing main:app"))
    assert history.at(300) == [Dump(1)]
    assert history.at(300.1, Dumped(1, "File main.py, line 1")) == [Signal(101, "SIGKILL"), StopListening()]
    assert history.words() == (
        "worker 1 (pid 101) was not ready after 5 min (importing main:app): killed"
        " [cause: boot-timeout; age: 5 min; requests: none]\nFile main.py, line 1"
    )
    history.at(300.2, Died(1, signal="SIGKILL"))
    assert history.fleet.code == 3


def test_a_later_start_that_takes_too_long_is_tried_again_later() -> None:
    history = started(2, boot_timeout=20.0)
    history.at(100, Died(2, 1))
    assert history.at(120) == [Dump(2)]
    assert history.at(120 + DUMP) == [Signal(103, "SIGKILL")]
    assert "worker 2 (pid 103) could not start; next try in 1 s\nworker 2 (pid 103) was not ready" in history.words()


def test_new_code_that_hangs_in_its_start_is_rolled_back_with_its_stack() -> None:
    history = started(1, boot_timeout=20.0)
    history.at(10, Asked(Ask.RELOAD, "SIGHUP"))
    history.tell(Settings(Want(1, boot_timeout=5.0)))
    assert history.due() == 15, "as the new settings say"
    assert history.at(15) == [Dump(2)], "and no other is tried meanwhile"
    kill, outcome = history.at(15.1, Dumped(2, "File main.py, line 1"))
    assert kill == Signal(102, "SIGKILL")
    assert isinstance(outcome, Outcome)
    assert not outcome.ok
    assert "File main.py, line 1" in outcome.text


def test_a_worker_that_has_grown_too_large_is_replaced_while_it_serves() -> None:
    history = started(1, max_worker_memory=100 * 2**20)
    assert history.due() == 1 + WEIGH
    assert history.seen(2, 1, memory=100 * 2**20) == []
    assert history.seen(10, 1) == [], "that is what it may have"
    history = started(1, max_worker_memory=100 * 2**20)
    assert history.seen(2, 1, memory=120 * 2**20) == [], "at first it may be the start that took so much"
    assert history.seen(1 + STEADY, 1) == [Spawn(2)], "as it was measured the last time"
    assert history.words() == "worker 1 (pid 101) will be replaced: its memory, 120 MiB, is over max-worker-memory"
    assert history.at(7, Ready(2)) == [history.retire(1)]


def test_a_worker_that_is_too_old_is_replaced_while_it_serves() -> None:
    history = started(2, max_worker_lifetime=3600.0)
    assert history.due() == 3601
    assert history.at(3601) == [Spawn(3)]
    assert history.at(3602, Ready(3)) == [history.retire(1), Spawn(4)]
    assert history.at(3603, Ready(4)) == [history.retire(2)]
    assert "worker 1 (pid 101) will be replaced: it has served for 1 h (max-worker-lifetime)" in history.words()


def test_stacks_that_somebody_asked_for_are_logged_and_harm_nobody() -> None:
    history = started(2)
    assert history.at(10, Asked(Ask.DUMP, "SIGRTMIN")) == [Dump(1, log=True), Dump(2, log=True)]
    assert history.at(10, Asked(Ask.DUMP, "bicorn dump", count=2)) == [Dump(2, log=True)]
    assert history.at(11, Dumped(1, "File main.py, line 3\n")) == []
    assert history.at(12, Dumped(2, "")) == []
    assert history.words().splitlines() == [
        "worker 1 (pid 101) shows its stacks",
        "File main.py, line 3",
        "worker 2 (pid 102) did not show its stacks",
    ]


# -- Every death is explained


@pytest.mark.parametrize(
    ("death", "what", "cause"),
    [
        (Died(1, signal="SIGKILL"), "was killed by SIGKILL from outside", "killed from outside"),
        (Died(1, signal="SIGKILL", out_of_memory=True), "because memory ran out", "out of memory"),
        (Died(1, signal="SIGSEGV"), "crashed with SIGSEGV, in native code", "crash"),
        (Died(1, 9), "left with exit code 9", "exit"),
        (Died(1), "left by itself with exit code 0", "exit"),
    ],
)
def test_each_death_is_one_line_with_its_cause_its_age_and_its_requests(death: Died, what: str, cause: str) -> None:
    history = started(1)
    history.at(100, Died(1, death.code, death.signal, death.out_of_memory, held=SLOW))
    [line] = history.words().splitlines()
    assert line.startswith("worker 1 (pid 101) ")
    assert what in line
    requests = "GET /slow for 31 s, POST /x for 2 s"
    assert line.endswith(f"after serving for 1 min 39 s [cause: {cause}; age: 1 min 40 s; requests: {requests}]")


def test_an_application_that_eats_all_memory_at_once_is_slowed_down() -> None:
    history = started(1)
    dead = Died(1, signal="SIGKILL", out_of_memory=True)
    assert history.at(1.5, dead) == [Spawn(1)]
    history.at(2, Ready(1))
    assert history.at(2.5, dead) == []


def test_a_worker_that_was_told_to_stop_from_outside_is_replaced_while_it_finishes() -> None:
    history = started(1)
    assert history.at(10, Stopping(1, 5.0)) == []
    assert history.due() == pytest.approx(10 + FAREWELL)
    assert history.at(10 + FAREWELL) == [Spawn(2)]
    assert "worker 1 (pid 101) was told to stop from outside" in history.words()
    assert history.state(1) is State.DRAINING
    assert history.due() == pytest.approx(10 + FAREWELL + 30 + MARGIN)
    assert history.at(15, Died(1)) == []
    assert history.words() == ""


def test_a_term_to_the_whole_group_is_heard_by_the_workers_first_and_costs_no_line() -> None:
    history = started(1)
    history.at(10, Stopping(1, 5.0))
    history.at(10.01, Asked(Ask.STOP, "SIGTERM"))
    history.at(10.1, Died(1))
    assert history.words() == "Stopping; requests in progress have 30 s to finish"
