"""The commands that make an environment anew and install into it what is wanted, as whoever wants it does."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Sequence

from ..facts import Wanted
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


def environment(wanted: Wanted, minor: str, way: Way, changes: Sequence[Change] = ()) -> tuple[str, ...]:
    """The commands, after the Python is there; an environment that exists is not touched.

    Args:
        changes: pins to change first.
    """
    lock = next((name for name in LOCKS if wanted.source.rsplit("/", 1)[-1] == name), "")
    python = way.python if way.python.startswith("$") else shlex.quote(way.python)
    if lock:
        upgrade = (_upgrade(lock, changes),) if changes else ()
        return (*upgrade, *(command.format(minor=minor, python=python) for command in LOCKS[lock]))
    folder = f".venv-{minor}"
    edits, what = _what(wanted, changes)
    if way.uv:
        return (*edits, f"uv venv --python {minor} {folder}", f"uv pip install --python {folder} {what}")
    return (*edits, f"{python} -m venv {folder}", f"{folder}/bin/python -m pip install {what}")


def _upgrade(lock: str, changes: Sequence[Change]) -> str:
    pins = " ".join(f"--upgrade-package {change.name}=={change.new}" for change in changes)
    specifiers = " ".join(f"{change.name}=={change.new}" for change in changes)
    return UPGRADES[lock].format(pins=pins, names=" ".join(change.name for change in changes), specifiers=specifiers)


def _what(wanted: Wanted, changes: Sequence[Change]) -> tuple[tuple[str, ...], str]:
    """Edits to be made, and what to tell pip."""
    files = [part.strip() for part in wanted.source.split(",")]
    if wanted.source and all(file.endswith((".txt", ".in")) for file in files):
        edits = tuple(_edit(change, file) for file in files for change in changes)
        return edits, " ".join(f"-r {shlex.quote(file)}" for file in files)
    if wanted.source.endswith("pyproject.toml"):
        return (), " ".join([shlex.quote(wanted.source.removesuffix("pyproject.toml") or "."), *_exact(changes)])
    moved = {change.name for change in changes}
    named = [
        shlex.quote(_shown(item)) for item in wanted.requirements if item.name.lower().replace("_", "-") not in moved
    ]
    return (), " ".join([*_exact(changes), *named])


def _shown(requirement: object) -> str:
    return re.sub(r"\s*;\s*", "; ", str(requirement))


def _exact(changes: Sequence[Change]) -> list[str]:
    return [shlex.quote(f"{change.name}=={change.new}") for change in changes]


def _edit(change: Change, file: str) -> str:
    """A line of a requirements file, whatever its name's case and separators."""
    name = re.sub(r"-", "[-_.]", change.name)
    extras = r"(\[[^]]*\])?"
    one = "[=<>~!]=?=? *[^;#, ]+"
    expression = f"s/^({name}{extras}) *{one}( *, *{one})*/\\1=={change.new}/I"
    in_place = "-i ''" if sys.platform == "darwin" else "-i"
    return f"sed -E {in_place} {shlex.quote(expression)} {shlex.quote(file)}"
