from __future__ import annotations

import sys

import pytest

from bicorn.doctor import ask as asking
from bicorn.doctor.ask import ask


def test_what_is_printed_on_either_stream() -> None:
    assert ask([sys.executable, "-S", "-c", "import sys; print(1); sys.stderr.write('2')"]).split() == ["1", "2"]


@pytest.mark.parametrize("command", [["/no/such/program"], [sys.executable, "-S", "-c", "print(1); 1/0"]])
def test_a_failure_says_nothing(command: list[str]) -> None:
    assert ask(command) == ""


def test_time_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "SECONDS", 0.05)
    assert ask([sys.executable, "-S", "-c", "import time; time.sleep(30)"]) == ""
