"""The Python itself."""

from __future__ import annotations

import os
from pathlib import Path

from bicorn.doctor.health import interpreter
from bicorn.doctor.health.place import Place

from .environment import place


def check(where: Place, **environ: str) -> list[str]:
    return [found.kind for found in interpreter.check(where, environ)]


def test_an_environment_whose_python_is_gone(tmp_path: Path) -> None:
    (tmp_path / "pyvenv.cfg").write_text(f"home = {tmp_path}/gone/bin\nversion = 3.13.1\n")
    (found,) = interpreter.check(place(tmp_path), {})
    assert found.kind == "interpreter-gone"
    assert f"{tmp_path}/gone/bin is not there" in found.what
    assert found.commands == (f"python3.13 -m venv --clear '{tmp_path}'",)


def test_a_link_that_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "pyvenv.cfg").write_text(f"home = {tmp_path}/bin\n")
    os.symlink(tmp_path / "gone", tmp_path / "bin" / "python")
    assert check(place(tmp_path)) == ["interpreter-gone"]


def test_an_environment_whose_python_is_there(tmp_path: Path) -> None:
    (tmp_path / "pyvenv.cfg").write_text(f"home = {tmp_path}\n")
    assert check(place(tmp_path)) == []


def test_pythonpath_with_another_pythons_packages(tmp_path: Path) -> None:
    running = place(tmp_path, running=True, prefix="")
    (found,) = interpreter.check(running, {"PYTHONPATH": "/usr/lib/python3.9/site-packages", "PATH": ""})
    assert (found.kind, found.severity) == ("pythonpath", "error")
    assert "packages of Python 3.9" in found.what


def test_pythonpath_with_a_projects_folder_is_no_leak(tmp_path: Path) -> None:
    running = place(tmp_path, running=True, prefix="")
    assert check(running, PYTHONPATH=str(tmp_path), PATH="") == []
    assert check(running, PYTHONPATH=f"{tmp_path}/gone", PATH="") == ["pythonpath"]
    assert check(running, PYTHONHOME="/usr", PATH="") == ["pythonhome"]


def test_another_environment_is_activated(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    running = place(tmp_path / "this", running=True)
    assert check(running, VIRTUAL_ENV=str(other), PATH="") == ["other-environment"]
    assert check(running, VIRTUAL_ENV=running.prefix, PATH="") == []


def test_a_pip_of_another_python(tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    script = other / "pip"
    script.write_text("#!/usr/bin/python3.9\n")
    script.chmod(0o755)
    running = place(tmp_path / "this", running=True)
    (found,) = interpreter.check(running, {"PATH": str(other)})
    assert found.kind == "other-pip"
    assert "(/usr/bin/python3.9)" in found.what
    assert check(place(tmp_path / "this", running=True, prefix=str(tmp_path)), PATH=str(other)) == ["other-pip"]


def test_ones_own_pip(tmp_path: Path) -> None:
    running = place(tmp_path, running=True)
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    (bin_folder / "pip").write_text("#!/x\n")
    (bin_folder / "pip").chmod(0o755)
    assert check(running, PATH=str(bin_folder)) == []
