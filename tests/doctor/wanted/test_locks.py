from __future__ import annotations

import json
from pathlib import Path

from bicorn.doctor.facts import Wanted
from bicorn.doctor.wanted.read import read


def locked(folder: Path, name: str, text: str, **asked: list[str]) -> Wanted:
    (folder / name).write_text(text)
    return read([name], environ={}, directory=str(folder), **asked)


def pins(found: Wanted) -> list[str]:
    return [str(pin) for pin in found.pins]


def test_poetry(tmp_path: Path) -> None:
    text = """
[[package]]
name = "a"
version = "1"
groups = ["main"]
markers = "os_name == 'nt'"
[[package]]
name = "b"
version = "2"
groups = ["dev"]
[[package]]
name = "c"
version = "3"
groups = ["main"]
[package.source]
type = "git"
[metadata]
python-versions = "^3.11"
"""
    found = locked(tmp_path, "poetry.lock", text)
    assert (pins(found), found.requires_python, len(found.notes)) == (['a==1; os_name == "nt"'], ">=3.11,<4", 1)
    assert len(locked(tmp_path, "poetry.lock", text, groups=["dev"]).pins) == 2


def test_an_old_poetry_says_when_only_at_the_edges(tmp_path: Path) -> None:
    text = """
[[package]]
name = "click"
version = "8"
[package.dependencies]
colorama = {version = "*", markers = "platform_system == 'Windows'"}
[[package]]
name = "colorama"
version = "1"
"""
    assert pins(locked(tmp_path, "poetry.lock", text)) == ["click==8", 'colorama==1; platform_system == "Windows"']


def test_pdm(tmp_path: Path) -> None:
    text = """[metadata]
requires_python = ">=3.9"
[[package]]
name = "a"
version = "1"
groups = ["default"]
marker = "os_name == 'nt'"
[[package]]
name = "b"
version = "1"
groups = ["dev"]
"""
    assert pins(locked(tmp_path, "pdm.lock", text)) == ['a==1; os_name == "nt"']


def test_pipenv(tmp_path: Path) -> None:
    text = json.dumps(
        {
            "_meta": {"requires": {"python_version": "3.12"}},
            "default": {"a": {"version": "==1", "markers": "os_name == 'nt'"}, "b": {"git": "x"}},
            "develop": {"c": {"version": "==2"}},
        }
    )
    found = locked(tmp_path, "Pipfile.lock", text, groups=["dev"])
    assert (pins(found), found.requires_python) == (['a==1; os_name == "nt"', "c==2"], "==3.12.*")


def test_the_common_one(tmp_path: Path) -> None:
    text = """lock-version = "1.0"
requires-python = ">=3.11"
[[packages]]
name = "a"
version = "1"
[[packages]]
name = "b"
version = "2"
marker = "'dev' in dependency_groups"
[[packages]]
name = "c"
vcs = {type = "git"}
"""
    found = locked(tmp_path, "pylock.app.toml", text)
    assert pins(found) == ["a==1", 'b==2; python_version < "0"']
    assert pins(locked(tmp_path, "pylock.toml", text, groups=["dev"]))[1] == 'b==2; python_version >= "0"'


def test_what_the_project_beside_a_lock_file_admits(tmp_path: Path) -> None:
    (tmp_path / "uv.lock").write_text("version = 1\n")
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "a"\nversion = "1"\ndependencies = ["B_c==1"]\n')
    (row,) = read(["uv.lock"], environ={}, directory=str(tmp_path)).stated
    assert (row.name, row.file, row.asked) == ("b-c", "pyproject.toml", "==1")
