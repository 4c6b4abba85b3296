from __future__ import annotations

import pytest

from bicorn.process.policy.states import Cause
from bicorn.process.policy.words import duration, facts, how_it_ended, several, size, why_it_ended


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (-0.1, "0 s"),
        (0.2512, "0.25 s"),
        (1, "1 s"),
        (9.96, "10 s"),
        (12.4, "12 s"),
        (59.6, "1 min"),
        (200, "3 min 20 s"),
        (3600, "1 h"),
        (7500, "2 h 5 min"),
    ],
)
def test_durations_read_well(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_each_kind_of_death_has_its_words() -> None:
    assert "memory ran out" in how_it_ended(0, "SIGKILL")
    assert how_it_ended(0, "SIGSEGV") == "crashed with SIGSEGV, in native code"
    assert how_it_ended(0, "SIGUSR1") == "was ended by SIGUSR1 from outside"
    assert how_it_ended(0, "") == "left by itself with exit code 0"
    assert how_it_ended(7, "") == "left with exit code 7"
    assert how_it_ended(0, "SIGKILL", True) == "was killed by the kernel (SIGKILL), because memory ran out"


@pytest.mark.parametrize(
    ("signal", "out_of_memory", "cause"),
    [
        ("", False, Cause.EXIT),
        ("SIGSEGV", False, Cause.CRASH),
        ("SIGKILL", False, Cause.KILL),
        ("SIGTERM", False, Cause.KILL),
        ("SIGKILL", True, Cause.OUT_OF_MEMORY),
    ],
)
def test_each_kind_of_death_has_its_word(signal: str, out_of_memory: bool, cause: Cause) -> None:
    assert why_it_ended(signal, out_of_memory) is cause


def test_the_facts_of_a_death_have_one_form_and_stay_on_one_line() -> None:
    assert facts(Cause.EXIT, 3.0, ()) == "[cause: exit; age: 3 s; requests: none]"
    held = [f"GET /{number} for 1 s" for number in range(100)]
    line = facts(Cause.TIMEOUT, 90.0, held)
    assert line.startswith("[cause: timeout; age: 1 min 30 s; requests: GET /0 for 1 s, GET /1 for 1 s, ")
    assert line.endswith("GET /19 for 1 s and 80 more]")


def test_counts_and_sizes_read_well() -> None:
    assert (several(1, "worker"), several(3, "worker"), size(412 * 2**20)) == ("1 worker", "3 workers", "412 MiB")
