from __future__ import annotations

from pathlib import Path

import pytest

from bicorn.doctor.wanted.read import read
from bicorn.errors import DoctorError

PROJECT = """[project]
name = "x"
requires-python = ">=3.11"
dependencies = ["a>1", "own"]
[project.optional-dependencies]
Fast_Way = ["b"]
[dependency-groups]
test = ["c", {include-group = "lint"}]
lint = ["d"]
circle = [{include-group = "circle"}]
[tool.uv.sources]
own = { git = "https://git.example/own" }
"""


def names(folder: Path, text: str, **asked: list[str]) -> list[str]:
    (folder / "pyproject.toml").write_text(text)
    return [str(item) for item in read([], environ={}, directory=str(folder), **asked).requirements]


def test_dependencies_extras_and_groups(tmp_path: Path) -> None:
    assert names(tmp_path, PROJECT) == ["a>1"]
    assert names(tmp_path, PROJECT, extras=["fast-way"], groups=["test"]) == ["a>1", "b", "c", "d"]
    assert read([], environ={}, directory=str(tmp_path)).requires_python == ">=3.11"


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"extras": ["no"]}, "has no extra 'no'"),
        ({"groups": ["no"]}, "no dependency group 'no'"),
        ({"groups": ["circle"]}, "includes itself"),
    ],
)
def test_what_is_not_there(tmp_path: Path, asked: dict[str, list[str]], said: str) -> None:
    with pytest.raises(DoctorError, match=said):
        names(tmp_path, PROJECT, **asked)


def test_dependencies_in_a_file_of_setuptools(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("a\n")
    text = (
        '[project]\nname = "x"\ndynamic = ["dependencies"]\n[tool.setuptools.dynamic]\ndependencies = {file = "in.txt"}'
    )
    assert names(tmp_path, text) == ["a"]


def test_no_toml(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[project")
    with pytest.raises(DoctorError, match="is not TOML"):
        read(["pyproject.toml"], environ={}, directory=str(tmp_path))
