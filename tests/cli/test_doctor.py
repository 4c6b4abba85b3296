"""``bicorn doctor``: what is typed becomes a question, the answer a page and an exit code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

from bicorn.cli.main import run
from bicorn.doctor import examine as examining
from bicorn.doctor.examine import Question
from bicorn.doctor.facts import Examination, Finding, Target, Verdict, Wanted
from bicorn.errors import DoctorError

TARGET = Target("3.14", Version("3.14.0"), (), {})
LOGS = Path(__file__).parent.parent / "doctor" / "data" / "logs"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Question]:
    """The questions that were asked; all of them have the answer that ``bad`` fails."""
    questions: list[Question] = []

    def examine(question: Question, progress: Any = None) -> Examination:
        questions.append(question)
        if "unreachable" in question.what:
            raise DoctorError("the index does not answer")
        verdict = Verdict.FAILS if "bad" in question.what else Verdict.WHEEL
        finding = Finding("a", Version("1"), TARGET, verdict, "there is none")
        return Examination(Wanted((), source="x"), (TARGET,), (), (finding,))

    monkeypatch.setattr(examining, "examine", examine)
    return questions


def test_what_is_typed_is_asked(asked: list[Question]) -> None:
    line = "a.txt b==1 --python 3.14 --python 3.13,3.12 --platform aarch64 --offline -i http://x/ --extra e --group g"
    assert run(["doctor", *line.split()]) == 0
    (question,) = asked
    assert (question.what, question.pythons) == (("a.txt", "b==1"), ("3.14", "3.13", "3.12"))
    assert (question.platform, question.offline, question.index_url) == ("aarch64", True, "http://x/")
    assert (question.extras, question.groups, question.everything) == (("e",), ("g",), False)


def test_nothing_stands_in_the_way(asked: list[Question], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--all"]) == 0
    assert asked[0].everything
    assert capsys.readouterr().out == "Python 3.14: everything installs (1 package, all wheels)\n"


def test_something_will_fail(asked: list[Question], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "bad"]) == 1
    assert "a 1: will fail\n    There is none.\n" in capsys.readouterr().out


def test_what_could_not_be_examined(asked: list[Question], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "unreachable"]) == 2
    assert capsys.readouterr().err == "bicorn: the index does not answer\n"


def test_formats(asked: list[Question], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "bad", "--format", "json"]) == 1
    assert json.loads(capsys.readouterr().out)["ok"] is False
    assert run(["doctor", "bad", "--format", "github"]) == 1
    assert capsys.readouterr().out.startswith("::error title=a 1 on Python 3.14::")
    assert run(["doctor", "--format", "html"]) == 2


def test_a_log_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--log", str(LOGS / "pyo3.log")]) == 1
    assert "PyO3 0.22.2, which knows Python up to 3.13" in capsys.readouterr().out


def test_a_log_of_a_success(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text("Successfully installed a\n")
    assert run(["doctor", "--log", str(log)]) == 0


def test_a_log_that_is_not_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--log", "nosuch.log"]) == 2
    assert "nosuch.log cannot be read" in capsys.readouterr().err
    assert run(["doctor", "a", "--log", "-"]) == 2


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor", "--help"]) == 0
    said = capsys.readouterr().out
    assert "bicorn doctor requirements.txt --all" in said
    assert max(map(len, said.splitlines())) <= 100
