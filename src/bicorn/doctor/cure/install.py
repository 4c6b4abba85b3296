"""The commands that make an environment anew and install into it what is wanted, as whoever wants it does."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator, Sequence

from packaging.specifiers import SpecifierSet

from ..facts import Pick, Wanted
from . import edits as editing
from .pins import Change
from .system import Way

LOCKS = {
    "uv.lock": ("uv sync --python {minor}",),
    "poetry.lock": ("poetry env use {python}", "poetry install"),
    "pdm.lock": ("pdm use {python}", "pdm install"),
    "Pipfile.lock": ("pipenv --python {minor} sync",),
}
"""Tools that make the environment themselves, by their lock files."""

UPGRADES = {
    "uv.lock": "uv lock {pins}",
    "poetry.lock": "poetry update {names}",
    "pdm.lock": "pdm update {names}",
    "Pipfile.lock": "pipenv upgrade {specifiers}",
}


def environment(
    wanted: Wanted, minor: str, way: Way, changes: Sequence[Change] = (), picks: Sequence[Pick] = ()
) -> tuple[str, ...]:
    """The commands, after the Python is there; an environment that exists is not touched.

    Args:
        changes: pins to change first.
        picks: what is then installed.
    """
    source = _source(wanted)
    lock = next((name for name in LOCKS if source.rsplit("/", 1)[-1] == name), "")
    python = way.python if way.python.startswith("$") else shlex.quote(way.python)
    if lock:
        upgrade = (*_loosened(wanted, changes), _upgrade(lock, changes)) if changes else ()
        return (*upgrade, *(command.format(minor=minor, python=python) for command in LOCKS[lock]))
    folder = f".venv-{minor}"
    edits, what = _what(wanted, source, changes, picks)
    if way.uv:
        return (*edits, f"uv venv --python {minor} {folder}", f"uv pip install --python {folder} {what}")
    return (*edits, f"{python} -m venv {folder}", f"{folder}/bin/python -m pip install {what}")


def _loosened(wanted: Wanted, changes: Sequence[Change]) -> Iterator[str]:
    """The edits of the project's own file, where that does not admit what its lock file is moved to."""
    for change in changes:
        for row in wanted.stated:
            if row.name == change.name and not SpecifierSet(row.asked).contains(change.new, prereleases=True):
                yield from editing.of_project(row.file, (change,))


def _upgrade(lock: str, changes: Sequence[Change]) -> str:
    pins = " ".join(f"--upgrade-package {change.name}=={change.new}" for change in changes)
    specifiers = " ".join(f"{change.name}=={change.new}" for change in changes)
    return UPGRADES[lock].format(pins=pins, names=" ".join(change.name for change in changes), specifiers=specifiers)


def _source(wanted: Wanted) -> str:
    """The files; of an application, those that say what it needs."""
    return wanted.source.rpartition(", by ")[2]


def _what(wanted: Wanted, source: str, changes: Sequence[Change], picks: Sequence[Pick]) -> tuple[tuple[str, ...], str]:
    """Edits to be made, and what to tell pip."""
    files = [part.strip() for part in source.split(",")]
    stated = {row.file for row in wanted.stated}
    if source and all(file.endswith((".txt", ".in")) or file in stated for file in files):
        edits = editing.of_files(wanted, files, changes, picks) if changes else ()
        return edits, " ".join(f"-r {shlex.quote(file)}" for file in files)
    if source.endswith("pyproject.toml"):
        folder = shlex.quote(source.removesuffix("pyproject.toml") or ".")
        return editing.of_project(source, changes), " ".join([folder, *_exact(changes)])
    moved = {change.name for change in changes}
    named = [
        shlex.quote(_shown(item)) for item in wanted.requirements if item.name.lower().replace("_", "-") not in moved
    ]
    return (), " ".join([*_exact(changes), *named])


def _shown(requirement: object) -> str:
    return re.sub(r"\s*;\s*", "; ", str(requirement))


def _exact(changes: Sequence[Change]) -> list[str]:
    return [shlex.quote(f"{change.name}=={change.new}") for change in changes]
