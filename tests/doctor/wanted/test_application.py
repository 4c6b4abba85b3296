from __future__ import annotations

from pathlib import Path

import pytest

from bicorn.doctor.wanted.application import imported
from bicorn.doctor.wanted.read import read
from bicorn.errors import DoctorError


def project(folder: Path) -> None:
    (folder / "shop").mkdir()
    (folder / "shop/__init__.py").write_text("raise SystemExit('run!')")
    (folder / "shop/main.py").write_text(
        "import os, click\nfrom . import models\nfrom shop.views import x\napp = None\n"
    )
    (folder / "shop/models.py").write_text(
        "import packaging.version\ntry:\n    import yaml\nexcept ImportError: pass\n"
    )
    (folder / "shop/views.py").write_text("def x():\n    from nowhere_known import y\n")


def test_imports_are_followed_within_the_project(tmp_path: Path) -> None:
    project(tmp_path)
    assert imported(str(tmp_path / "shop/main.py"), str(tmp_path)) == {"click", "packaging", "yaml", "nowhere_known"}


def test_an_application_without_any_project_file(tmp_path: Path) -> None:
    project(tmp_path)
    (tmp_path / ".git").mkdir()
    found = read(["shop.main:app"], environ={}, directory=str(tmp_path))
    assert {item.name for item in found.requirements} >= {"click", "packaging", "nowhere-known"}
    assert "nowhere_known: it is not installed here" in found.notes[0]


def test_the_projects_own_files_say_it_better(tmp_path: Path) -> None:
    project(tmp_path)
    (tmp_path / "requirements.txt").write_text("a\n")
    found = read(["shop.main:app"], environ={}, directory=str(tmp_path))
    assert ([str(item) for item in found.requirements], found.source) == (["a"], "shop.main:app, by requirements.txt")


def test_no_such_module(tmp_path: Path) -> None:
    with pytest.raises(DoctorError, match="there is no module main"):
        read(["main:app"], environ={}, directory=str(tmp_path))
