from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bicorn.doctor import ask as asking
from bicorn.doctor.ask import ask


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
