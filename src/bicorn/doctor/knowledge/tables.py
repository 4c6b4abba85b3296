"""The tables, read from the files beside this one."""

from __future__ import annotations

import hashlib
import tomllib
from datetime import date
from functools import cache
from importlib.resources import files
from typing import Any

from packaging.version import Version

from ...record import Record


class Python(Record):
    """A minor version of CPython.

    Args:
        newest: its newest patch that is known.
        end: the last day on which it gets security fixes.
    """

    version: str
    newest: str
    first: date
    end: date
    source: str

    @property
    def released(self) -> bool:
        """Whether it is out."""
        return self.first <= date.today()


class Limit(Record):
    """How far releases of a tool go.

    Args:
        tool: as a lower-case name: ``"pyo3"``, ``"cython"``.
        shown: as it is written.
        since: the first release it holds for; it holds until the next one that is in the table.
        newest: the newest CPython it supports: ``"3.13"``.
        tries: a newer CPython for which it warns and goes on.
        oldest: the oldest CPython it supports; empty where that does not matter here.
        free_threaded: the free-threaded CPythons it supports, oldest and newest; empty for none.
        refuses: what happens beyond: True for certain failure, False where it may work by luck.
        how: the words for what happens.
        refuses_free_threaded: the same for free-threaded CPythons older than the oldest of those.
    """

    tool: str
    shown: str
    since: str
    newest: str
    source: str
    tries: str = ""
    oldest: str = ""
    free_threaded: tuple[str, ...] = ()
    refuses: bool = True
    how: str = ""
    refuses_free_threaded: bool = False


class Gone(Record):
    """Something that build scripts use and that is no longer there.

    Args:
        module: imported, or empty.
        text: written, or empty.
        python: since this CPython, or empty.
        setuptools: since this setuptools, or empty.
    """

    source: str
    module: str = ""
    text: str = ""
    python: str = ""
    setuptools: str = ""


class Removed(Record):
    """Modules that the standard library no longer has.

    Args:
        python: since this CPython.
        brought: normalized names of projects that bring them back.
    """

    modules: tuple[str, ...]
    python: str
    source: str
    brought: tuple[str, ...] = ()


class Library(Record):
    """A C library that some projects' source needs.

    Args:
        header: a file of it in an include directory.
        tool: a program its build asks; empty for none.
        packages: package manager → packages.
    """

    projects: tuple[str, ...]
    header: str
    source: str
    tool: str = ""
    packages: dict[str, str] = {}


class Api(Record):
    """A part of the C API that CPython has removed, or that can no longer be used in one way.

    Args:
        name: of a function, macro or type, of a structure's member, or of a header.
        kind: ``"name"``, ``"member"``, ``"header"``, ``"assigned"`` (something is assigned to it) or ``"called"``.
        python: since this CPython.
        arguments: of ``"called"``: with how many it is called in vain.
        internal: whether CPython's internal headers still have it.
    """

    name: str
    kind: str
    python: str
    source: str
    arguments: int = 0
    internal: bool = False

    def is_gone(self, minor: tuple[int, int]) -> bool:
        """Whether that CPython, as ``(3, 13)``, is without it."""
        major, _, least = self.python.partition(".")
        return (int(major), int(least)) <= minor


@cache
def pythons() -> tuple[Python, ...]:
    """The minor versions of CPython, the oldest first."""
    return tuple(Python(**row) for row in _read("pythons")["python"])


@cache
def _limits() -> dict[str, tuple[Limit, ...]]:
    tables = _read("limits")
    found: dict[str, tuple[Limit, ...]] = {}
    for tool, table in tables.items():
        common = {name: value for name, value in table.items() if name != "release"}
        rows = [Limit(tool=tool, **_tuples(common | row)) for row in table["release"]]
        found[tool] = tuple(sorted(rows, key=lambda row: Version(row.since)))
    return found


def limit(tool: str, version: Version) -> Limit | None:
    """How far one release of a tool goes; None where nothing is known of it."""
    fitting = [row for row in _limits().get(tool, ()) if Version(row.since) <= version]
    return fitting[-1] if fitting else None


@cache
def gone() -> tuple[Gone, ...]:
    """What build scripts use and no longer have."""
    return tuple(Gone(**row) for row in _read("removed")["gone"])


@cache
def removed() -> tuple[Removed, ...]:
    """What the standard library no longer has."""
    return tuple(Removed(**_tuples(row)) for row in _read("removed")["modules"])


@cache
def _libraries() -> dict[str, Library]:
    managers = ("apt", "dnf", "pacman", "apk", "brew")
    found = {}
    for row in _read("libraries")["library"]:
        packages = {manager: row.pop(manager) for manager in managers if manager in row}
        made = Library(**_tuples(row), packages=packages)
        found.update(dict.fromkeys(made.projects, made))
    return found


def library(project: str) -> Library | None:
    """The C library that a project's source needs, by the project's normalized name."""
    return _libraries().get(project)


def library_with(name: str) -> Library | None:
    """The C library that has a header, a program, or a name such as ``"jpeg"``: what a build log complains about."""
    base = name.rpartition("/")[2].lower()
    for found in _libraries().values():
        if base in (found.header.rpartition("/")[2].lower(), found.tool) or name.lower() == found.header.lower():
            return found
    return next((found for found in _libraries().values() if base and base in found.header.lower()), None)


@cache
def rust_of(kind: str, name: str) -> Version | None:
    """The oldest Rust for an ``edition`` of a crate, or for the version of a Cargo.lock (``lock``)."""
    return next((Version(row["rust"]) for row in _read("rust")[kind] if row["name"] == name), None)


@cache
def api(kind: str) -> dict[str, Api]:
    """What the C API no longer has, by name."""
    found = {}
    for row in _read("capi")["removed"]:
        names = {"name": row["names"].split(), "member": row.get("members", "").split()}
        nowhere = set(row.get("nowhere", row["names"]).split())
        for name in names.get(kind, row.get("headers", ()) if kind == "header" else ()):
            found[name] = Api(name, kind, row["python"], row["source"], internal=kind == "name" and name not in nowhere)
    for row in _read("capi")["changed"]:
        names = {"assigned": row.get("assigned", ()), "called": [row["called"]] if "called" in row else ()}
        for name in names.get(kind, ()):
            found[name] = Api(name, kind, row["python"], row["source"], row.get("arguments", 0))
    return found


@cache
def api_macros() -> frozenset[str]:
    """Macros that every CPython of the tables defines."""
    return frozenset(_read("capi")["there"]["macros"].split())


def _tuples(row: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}


def edition(name: str) -> str:
    """A digest of a table: what was found with another one does not hold."""
    return hashlib.sha256(_text(name).encode()).hexdigest()[:12]


@cache
def _read(name: str) -> dict[str, Any]:
    return tomllib.loads(_text(name))


def _text(name: str) -> str:
    return files(__package__).joinpath(f"{name}.toml").read_text(encoding="utf-8")
