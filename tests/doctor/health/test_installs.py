"""Broken installations."""

from __future__ import annotations

from pathlib import Path

from bicorn.doctor.health import installs

from .environment import distribution, place


def check(folder: Path) -> list[tuple[str, str]]:
    return [(found.kind, found.what) for found in installs.check(place(folder))]


def test_what_is_whole(tmp_path: Path) -> None:
    distribution(tmp_path, "a", "1.0", "a.py", requires=("b>=1",))
    distribution(tmp_path, "b", "1.2", "b/__init__.py")
    assert check(tmp_path) == []


def test_two_versions_of_one(tmp_path: Path) -> None:
    distribution(tmp_path, "a_b", "1.0")
    distribution(tmp_path, "a.b", "2.0")
    (kind, what) = check(tmp_path)[0]
    assert kind == "installed-twice"
    assert "1.0" in what
    assert "2.0" in what


def test_files_that_are_gone(tmp_path: Path) -> None:
    distribution(tmp_path, "a", "1.0", "a/__init__.py", "a/b.py", "a/notes.txt")
    site = Path(place(tmp_path).folders[0])
    (site / "a" / "b.py").unlink()
    (site / "a" / "notes.txt").unlink()
    assert check(tmp_path) == [("files-missing", "a 1.0 is not complete: one of its files is gone.")]


def test_what_an_interrupted_pip_leaves(tmp_path: Path) -> None:
    Path(place(tmp_path).folders[0], "~umpy").mkdir()
    assert [kind for kind, _ in check(tmp_path)] == ["interrupted-install"]


def test_needs(tmp_path: Path) -> None:
    distribution(
        tmp_path, "a", "1.0", requires=("b>=2", "missing", "never; python_version < '3'", "extra; extra == 'x'", "b:(")
    )
    distribution(tmp_path, "b", "1.5")
    assert check(tmp_path) == [
        ("need-unmet", "a 1.0 wants b>=2; 1.5 is installed."),
        ("need-unmet", "a 1.0 wants missing; it is not installed."),
    ]


def test_the_command_is_for_that_environment(tmp_path: Path) -> None:
    distribution(tmp_path, "a", "1.0", requires=("missing",))
    (found,) = installs.check(place(tmp_path))
    assert found.commands == (f"{tmp_path}/bin/python -m pip install 'missing'",)
