from __future__ import annotations

from pathlib import Path

import pytest

from bicorn.doctor.wanted.read import read
from bicorn.errors import DoctorError


def test_names_and_files_together(tmp_path: Path) -> None:
    (tmp_path / "r.txt").write_text("a\n")
    (tmp_path / "pylock.toml").write_text('[[packages]]\nname = "b"\nversion = "1"')
    found = read(["r.txt", "pylock.toml", "c[x]>1"], environ={}, directory=str(tmp_path))
    assert [str(item) for item in found.requirements] == ["a", "b==1", "c[x]>1"]
    assert (found.pins, found.source) == ((), "r.txt, pylock.toml, the command line")


def test_the_most_exact_file_of_a_project(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "x"\ndependencies = ["a"]')
    assert [str(item) for item in read([], environ={}, directory=str(tmp_path)).requirements] == ["a"]
    (tmp_path / "poetry.lock").write_text('[[package]]\nname = "a"\nversion = "1"')
    assert [str(item) for item in read(["."], environ={}, directory=str(tmp_path)).pins] == ["a==1"]


def test_constraints_that_pip_is_set_up_with(tmp_path: Path) -> None:
    (tmp_path / "c.txt").write_text("a<2\n")
    found = read(["a"], environ={}, directory=str(tmp_path), constraints=["c.txt"])
    assert [str(item) for item in found.constraints] == ["a<2"]


@pytest.mark.parametrize("what", ["no such thing!", "gone.txt", "x.py"])
def test_what_makes_no_sense(tmp_path: Path, what: str) -> None:
    (tmp_path / "x.py").write_text("")
    with pytest.raises(DoctorError, match=r"is no file here|is nothing that says"):
        read([what], environ={}, directory=str(tmp_path)) if what != "gone.txt" else read(["./gone.txt"], environ={})
