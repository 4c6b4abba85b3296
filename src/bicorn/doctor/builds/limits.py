"""What speaks against a build: how far the tools pinned in it go, what its script leans on and is gone.

The facts are in ``knowledge/``; here they meet one build and one target.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from packaging.requirements import Requirement
from packaging.version import Version

from ...record import Record
from ..facts import Target
from ..knowledge import Limit, limit
from .build import Build

Newest = Callable[[Requirement], Version | None]
"""The newest release of a project that a requirement admits; None where it is not known."""

WATCHED = ("cython", "pybind11", "cffi")


class Objection(Record):
    """A reason why a build will fail.

    Args:
        sure: False where it may work nevertheless.
        why: a part of a sentence: ``"PyO3 0.22.2 (Cargo.lock) supports CPython up to 3.13"``.
        source: where that is said.
    """

    sure: bool
    why: str
    source: str = ""


def objections(build: Build, target: Target, newest: Newest) -> tuple[Objection, ...]:
    """All of them, the sure ones first."""
    if target.implementation != "cpython":
        return ()
    found = [*_rust(build, target), *_script(build, target, newest), *_generators(build, target, newest)]
    return tuple(sorted(found, key=lambda objection: not objection.sure))


def _rust(build: Build, target: Target) -> Iterator[Objection]:
    crate = build.crate
    if not crate or not crate.pyo3 or not (row := limit("pyo3", crate.pyo3)):
        return
    if crate.abi3 and not target.free_threaded:
        return  # what it builds for is the stable ABI of an older Python
    named = f"PyO3 {crate.shown} ({crate.file})"
    if found := _against(row, target, named):
        yield found


def _generators(build: Build, target: Target, newest: Newest) -> Iterator[Objection]:
    if not build.languages or build.optional:
        return
    if build.cython and (row := limit("cython", build.cython)):
        if found := _against(row, target, f"Cython {build.cython}, which wrote its C files,"):
            yield found
    for name in WATCHED:
        wanted = build.requirement(name)
        if not wanted or (name == "cython" and "cython" not in build.languages) or not _applies(wanted, target):
            continue
        version = newest(wanted)
        if version and (row := limit(name, version)):
            if found := _against(row, target, f"{row.shown} {version}, which its build asks for,"):
                yield found


def _against(row: Limit, target: Target, named: str) -> Objection | None:
    minor = Version(f"{target.python.major}.{target.python.minor}")
    how = f": {row.how}" if row.how else ""
    if target.free_threaded:
        if not row.free_threaded:
            return Objection(row.refuses, f"{named} does not support free-threaded CPython", row.source)
        if not Version(row.free_threaded[0]) <= minor <= Version(row.free_threaded[-1]):
            shown = " to ".join(dict.fromkeys(f"{version}t" for version in row.free_threaded))
            return Objection(row.refuses, f"{named} supports free-threaded CPython {shown} only", row.source)
        return None
    if minor > Version(row.newest):
        sure = row.refuses and (not row.tries or minor > Version(row.tries))
        return Objection(sure, f"{named} supports CPython up to {row.newest}{how}", row.source)
    if row.oldest and minor < Version(row.oldest):
        return Objection(True, f"{named} supports CPython from {row.oldest} on", row.source)
    return None


def _script(build: Build, target: Target, newest: Newest) -> Iterator[Objection]:
    if build.backend != "setuptools":
        return
    minor = Version(f"{target.python.major}.{target.python.minor}")
    wanted = build.requirement("setuptools")
    setuptools = newest(wanted) if wanted else None
    if setuptools and (held := limit("setuptools", setuptools)) and held.refuses:
        if found := _against(
            held, target.replace(free_threaded=False), f"setuptools {setuptools}, which its build asks for,"
        ):
            yield found
    for row, file in build.scripts.gone:
        used = f"imports {row.module}" if row.module else f"uses {row.text}"
        if row.python and minor >= Version(row.python):
            yield Objection(True, f"its {file} {used}, which is gone since Python {row.python}", row.source)
        if row.setuptools and setuptools and setuptools >= Version(row.setuptools):
            since = f"which is gone since setuptools {row.setuptools} (it gets {setuptools})"
            yield Objection(True, f"its {file} {used}, {since}", row.source)


def _applies(wanted: Requirement, target: Target) -> bool:
    return wanted.marker is None or wanted.marker.evaluate(target.markers | {"extra": ""})
