"""Environments made of files."""

from __future__ import annotations

from pathlib import Path

from bicorn.doctor.health.place import Place


def place(folder: Path, **more: object) -> Place:
    """An environment of Python 3.13 on x86_64 with glibc."""
    site = folder / "lib" / "python3.13" / "site-packages"
    site.mkdir(parents=True, exist_ok=True)
    made = Place((str(site),), "3.13", str(folder), False, "x86_64", "gnu", False)
    return made.replace(**more)


def distribution(folder: Path, name: str, version: str, *files: str, requires: tuple[str, ...] = ()) -> None:
    """Installs nothing: only what is recorded of it, and its files."""
    site = folder / "lib" / "python3.13" / "site-packages"
    info = site / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    lines = [f"Requires-Dist: {line}" for line in requires]
    (info / "METADATA").write_text("\n".join([f"Name: {name}", f"Version: {version}", *lines, "", ""]))
    (info / "RECORD").write_text("".join(f"{file},,\n" for file in files))
    for file in files:
        (site / file).parent.mkdir(parents=True, exist_ok=True)
        (site / file).write_text("")
