from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest

from bicorn.doctor import ask as asking
from bicorn.doctor.ask import Early, ask


def test_what_is_printed_on_either_stream() -> None:
    assert ask([sys.executable, "-S", "-c", "import sys; print(1); sys.stderr.write('2')"]).split() == ["1", "2"]


def test_a_rust_is_asked_where_no_folder_has_a_say(tmp_path: Path) -> None:
    (tmp_path / "rustc").write_text("#!/bin/sh\npwd\n")
    (tmp_path / "rustc").chmod(0o755)
    assert ask([str(tmp_path / "rustc")]) == "/\n"


@pytest.mark.parametrize("command", [["/no/such/program"], [sys.executable, "-S", "-c", "print(1); 1/0"]])
def test_a_failure_says_nothing(command: list[str]) -> None:
    assert ask(command) == ""


def test_time_ends_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "SECONDS", 0.05)
    assert ask([sys.executable, "-S", "-c", "import time; time.sleep(30)"]) == ""


def test_a_question_that_is_asked_early_is_asked_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = [sys.executable, "-S", "-c", "print(1, file=open('asked', 'a')); print('said')"]
    monkeypatch.chdir(tmp_path)
    with Early(command) as run:
        assert [run(command), run(command)] == ["said\n", "said\n"]
        assert run([sys.executable, "-S", "-c", "print(2)"]) == "2\n"
    assert (tmp_path / "asked").read_text() == "1\n"


def test_what_nobody_wants_to_know_any_more_is_ended() -> None:
    began = time.monotonic()
    with Early([sys.executable, "-S", "-c", "import time; time.sleep(60)"]):
        pass
    assert time.monotonic() - began < 30
    for nothing in ([], ["/no/such/program"]):
        with Early(nothing) as run:
            assert run(nothing or ["/no/such/program"]) == ""
