"""One examination, over an index of a few files."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from bicorn.doctor import examine as examining
from bicorn.doctor.examine import Question, examine, running
from bicorn.doctor.facts import Pick, Resolution, Target, Verdict, Wanted
from bicorn.doctor.report import words
from bicorn.doctor.toolchain import Toolchain

from .shelf import Shelf, source, wheel


class Index(Shelf):
    """The same, with what a connected one has beside."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    class settings:
        constraints: tuple[str, ...] = ()


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Index:
    """``good`` has a wheel, ``bad`` has only one for Python 3.12 and no source."""
    shelf = Index(wheel("good", "1.0"), wheel("bad", "1.0", "cp312-cp312-manylinux_2_17_x86_64"), source("odd", "1.0"))

    def resolve(wanted: Wanted, target: Target, found: Shelf) -> Resolution:
        picks = []
        for requirement in wanted.requirements:
            files = found.project(requirement.name).files
            fitting = [file for file in files if not file.is_wheel or set(target.tags) & file.tags]
            chosen = fitting[0] if fitting else None
            picks.append(Pick(requirement.name, Version("1.0"), files, chosen))
        return Resolution(target, tuple(picks))

    def read(what: tuple[str, ...], **_: object) -> Wanted:
        return Wanted(tuple(map(Requirement, what)), source="the command line")

    monkeypatch.setattr(examining, "connect", lambda **_: shelf)
    monkeypatch.setattr(examining, "resolve", resolve)
    monkeypatch.setattr(examining, "read", read)
    monkeypatch.setattr(examining, "cures", lambda *_, **__: ())
    monkeypatch.setattr(examining.toolchain, "look", lambda _: Toolchain())
    return shelf


def ask(*what: str, **more: object) -> Question:
    return Question(what=what, environ={}, platform="manylinux_2_28_x86_64", **more)


def test_each_target_has_its_resolution_and_findings(index: Index) -> None:
    found = examine(ask("good", "bad", pythons=("3.12", "3.14")))
    assert [target.label.partition(" ")[0] for target in found.targets] == ["3.12", "3.14"]
    assert [finding.verdict.installs for finding in found.findings] == [True, True, True, False]
    assert [words.fails(found, target) for target in found.targets] == [False, True]


def test_an_archive_that_cannot_be_read_is_unknown_and_no_error(index: Index) -> None:
    (finding,) = examine(ask("odd", pythons=("3.14",))).findings
    assert finding.verdict is Verdict.UNKNOWN


def test_a_python_is_asked_once(index: Index) -> None:
    assert len(examine(ask("good", pythons=("3.14", "3.14"))).targets) == 1


def test_all_means_every_supported_python(index: Index) -> None:
    labels = [target.label.partition(" ")[0] for target in examine(ask("good", everything=True)).targets]
    assert labels[:4] == ["3.11", "3.12", "3.13", "3.14"]


def test_without_a_python_it_is_the_running_one(index: Index) -> None:
    (target,) = examine(ask("good")).targets
    assert target.label.partition(" ")[0] == running()


def test_progress_ends(index: Index) -> None:
    told: list[tuple[int, int]] = []
    examine(ask("good", pythons=("3.13", "3.14")), lambda done, of, _: told.append((done, of)))
    assert [done for done, _ in told] == list(range(6))
    assert told[-1] == (5, 5)


def test_an_environment_that_is_named_is_examined_itself(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pyvenv.cfg").write_text(f"home = {tmp_path}/gone\n")
    monkeypatch.setattr(examining, "read", lambda *_, **__: Wanted((), source="x"))
    found = examine(ask(str(tmp_path), pythons=("3.14",)))
    assert [ailment.kind for ailment in found.ailments] == ["interpreter-gone"]


def test_the_end_of_a_python_is_noted(index: Index) -> None:
    found = examine(ask("good", pythons=("3.9",)))
    assert found.notes[0].startswith("Python 3.9 has had no security fixes since 20")


def test_an_environment_is_asked_about_for_its_own_python(
    index: Index, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pyvenv.cfg").write_text(f"home = {tmp_path}\n")
    (tmp_path / "lib" / "python3.11" / "site-packages").mkdir(parents=True)
    monkeypatch.setattr(examining, "read", lambda *_, **__: Wanted((), source="x"))
    (target,) = examine(ask(str(tmp_path))).targets
    assert target.label.partition(" ")[0] == "3.11"


def test_a_pick_is_judged_once_whoever_wants_it(index: Index, monkeypatch: pytest.MonkeyPatch) -> None:
    judged: list[str] = []
    judge = examining.judge
    monkeypatch.setattr(examining, "judge", lambda pick, *rest: judged.append(pick.name) or judge(pick, *rest))
    wanted = Wanted((Requirement("good"), Requirement("odd")))
    case = examining._Case(wanted, index, Toolchain(), None, 1)
    resolution, findings = case.about(examining.targets.parse("3.13", "manylinux_2_28_x86_64"))
    other = resolution.replace(picks=tuple(pick.replace(wanted_by=("x",)) for pick in reversed(resolution.picks)))
    assert case.judged(other) == tuple(reversed(findings))
    assert sorted(judged) == ["good", "odd"]
    # With other extras it needs others, which may bring back a module that it imports.
    needs = (Requirement("legacy-cgi"),)
    case.judged(other.replace(picks=tuple(pick.replace(requires=needs) for pick in other.picks)))
    assert sorted(judged) == ["good", "good", "odd", "odd"]
