from __future__ import annotations

import pytest

from bicorn.process.words import duration, how_it_ended


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
