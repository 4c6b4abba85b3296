from __future__ import annotations

import os
from pathlib import Path

import pytest

from bicorn.doctor.wanted import text
from bicorn.errors import DoctorError


def test_what_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "big").write_text("x" * 100)
    monkeypatch.setattr(text, "MAX_BYTES", 10)
    for name, said in (
        ("pipe", "is no file"),
        ("gone", "No such file"),
        (".", "is no file|directory"),
        ("big", "is larger"),
        ("a\0b", "null"),
    ):
        with pytest.raises(DoctorError, match=said):
            text.text(str(tmp_path / name))


def test_what_cannot_be_parsed(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("[" * 100_000)
    with pytest.raises(DoctorError, match="is not JSON"):
        text.json_object(str(tmp_path / "x"))
    with pytest.raises(DoctorError, match="is not TOML"):
        text.toml(str(tmp_path / "x"))
    (tmp_path / "x").write_text("[]")
    with pytest.raises(DoctorError, match="no object"):
        text.json_object(str(tmp_path / "x"))
    assert text.requirement("(" * 100_000) is None


def test_nobodys_shape_is_trusted() -> None:
    assert (text.table([1]), text.rows({"a": 1}), text.rows([1, {}]), text.texts(["a", 1]), text.texts("a")) == (
        {},
        [],
        [{}],
        ["a"],
        [],
    )
