from __future__ import annotations

from pathlib import Path

from bicorn.doctor.wanted.read import read


def installed(site: Path, name: str, version: str, direct: str = "") -> None:
    folder = site / f"{name}-{version}.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    if direct:
        (folder / "direct_url.json").write_text(direct)


def test_another_environment_by_its_folder_and_its_interpreter(tmp_path: Path) -> None:
    site = tmp_path / "venv/lib/python3.12/site-packages"
    installed(site, "A_b", "1.0")
    installed(site, "pip", "25")
    installed(site, "mine", "0", '{"url": "file:///x", "dir_info": {"editable": true}}')
    (site / "broken-1.dist-info").mkdir()
    (tmp_path / "venv/pyvenv.cfg").write_text("")
    (tmp_path / "venv/bin").mkdir()
    (tmp_path / "venv/bin/python3").write_text("#!/bin/sh\nexit 1\n")
    for what in ("venv", "venv/bin/python3", "venv/lib/python3.12/site-packages"):
        found = read([what], environ={}, directory=str(tmp_path))
        assert [str(pin) for pin in found.pins] == ["a-b==1.0"], what
        assert found.notes == ("mine is installed from a folder: it is not looked at",)


def test_the_running_one_where_nothing_is_named(tmp_path: Path) -> None:
    found = read([], environ={}, directory=str(tmp_path))
    assert found.source == "this environment"
    assert "pytest" in {pin.name for pin in found.pins}
