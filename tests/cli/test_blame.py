"""The boot error of an application whose compiled part does not fit."""

from __future__ import annotations

from pathlib import Path

import pytest

from bicorn.cli.main import run


def test_the_error_has_the_doctors_finding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "blamedcore"
    folder.mkdir()
    (folder / "__init__.py").write_text("from ._core import x")
    (folder / "_core.cpython-39-x86_64-linux-gnu.so").write_bytes(b"")
    (tmp_path / "blamedmain.py").write_text("import blamedcore\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert run(["check", "blamedmain:app"]) == 3
    said = capsys.readouterr().err
    assert "importing 'blamedmain' failed: blamedcore has its compiled part _core for Python 3.9" in said
    assert "-m pip install --force-reinstall --no-cache-dir blamedcore" in said
    assert "Traceback" not in said


def test_every_other_failure_keeps_its_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "blamedother.py").write_text("raise ValueError('no')\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert run(["check", "blamedother:app"]) == 3
    assert "Traceback" in capsys.readouterr().err
