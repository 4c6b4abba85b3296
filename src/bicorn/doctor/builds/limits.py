"""What speaks against a build: how far the tools pinned in it go, what its script leans on and is gone.

The facts are in ``knowledge/``; here they meet one build and one target.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from ...record import Record
from ..archive import Insides
from ..facts import Target
from ..knowledge import Limit, library, limit
from . import capi
from .build import Build

Newest = Callable[[Requirement], Version | None]
"""The newest release of a project that a requirement admits; None where it is not known."""

WATCHED = ("cython", "pybind11", "cffi")


STRICT = Version("14")
"""From this GCC on a function that is declared nowhere is an error in C, as in C23 and with Clang 16."""

MOST_SHOWN = 3

PRINT = "https://docs.python.org/3/whatsnew/3.0.html#print-is-a-function"
PEP_621 = "https://peps.python.org/pep-0621/#version"
NO_UNIVERSAL = Version("3.11")
WITHOUT_U = "https://docs.python.org/3/whatsnew/3.11.html#changes-in-the-python-api"
CYTHON_3 = "https://cython.readthedocs.io/en/latest/src/userguide/migrating_to_cy30.html"
CHECKS_PROJECT = Version("61")
"""From this release on setuptools reads ``[project]``, and refuses one that PEP 621 does not allow."""


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


def objections(
    build: Build, target: Target, newest: Newest, itself: Requirement | None = None
) -> tuple[Objection, ...]:
    """All of them, the sure ones first.

    Args:
        itself: what is built, as ``name==version``: one of those tools may itself refuse a Python.
    """
    if target.implementation != "cpython":
        return ()
    found = [*_rust(build, target), *_script(build, target, newest), *_generators(build, target, newest)]
    found += _itself(itself, target) if itself else ()
    if build.scripts.pkg_config and build.languages and not build.optional:
        if not itself or not library(canonicalize_name(itself.name)):
            found.append(Objection(False, "its setup.py asks pkg-config for a library, of which nothing is known here"))
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
        if name == "cython" and version and build.regenerated and build.regenerated.major < version.major:
            made = f"its maker's C files are of Cython {build.regenerated}, and its build takes {version}"
            yield Objection(False, f"{made}, which refuses some of what that took", CYTHON_3)
        if version and (row := limit(name, version)):
            if found := _against(row, target, f"{row.shown} {version}, which its build asks for,"):
                yield found


def _itself(itself: Requirement, target: Target) -> Iterator[Objection]:
    for pin in itself.specifier if target.free_threaded else ():
        row = limit(canonicalize_name(itself.name), Version(pin.version))
        if row and row.refuses_free_threaded and (found := _against(row, target, f"{row.shown} {pin.version}")):
            yield found


def _against(row: Limit, target: Target, named: str) -> Objection | None:
    minor = Version(f"{target.python.major}.{target.python.minor}")
    how = f": {row.how}" if row.how else ""
    if target.free_threaded:
        older = bool(row.free_threaded) and minor < Version(row.free_threaded[0])
        if not row.free_threaded:
            return Objection(row.refuses, f"{named} does not support free-threaded CPython", row.source)
        if not Version(row.free_threaded[0]) <= minor <= Version(row.free_threaded[-1]):
            shown = " to ".join(dict.fromkeys(f"{version}t" for version in row.free_threaded))
            sure = row.refuses or (older and row.refuses_free_threaded)
            return Objection(sure, f"{named} supports free-threaded CPython {shown} only", row.source)
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
    if build.scripts.python2:
        yield Objection(True, f"its {build.scripts.python2} can only be read by Python 2", PRINT)
    if build.scripts.universal and minor >= NO_UNIVERSAL:
        said = f"its {build.scripts.universal} opens a file with the mode U, which is gone since Python {NO_UNIVERSAL}"
        yield Objection(True, said, WITHOUT_U)
    if build.versionless and setuptools and setuptools >= CHECKS_PROJECT:
        yield Objection(True, f"its pyproject.toml has no version, which setuptools {setuptools} refuses", PEP_621)
    for row, file in build.scripts.gone:
        used = f"imports {row.module}" if row.module else f"uses {row.text}"
        if row.python and minor >= Version(row.python):
            yield Objection(True, f"its {file} {used}, which is gone since Python {row.python}", row.source)
        if row.setuptools and setuptools and setuptools >= Version(row.setuptools):
            since = f"which is gone since setuptools {row.setuptools} (it gets {setuptools})"
            yield Objection(True, f"its {file} {used}, {since}", row.source)


def of_sources(insides: Insides, build: Build, target: Target, compiler: str) -> tuple[Objection, ...]:
    """What its C and C++ uses and that Python no longer has.

    Args:
        compiler: the C compiler's version; empty where it is not known.
    """
    if build.optional or not {"c", "c++"} & set(build.languages):
        return ()
    used = capi.uses(insides, target)
    strict = target.here and bool(compiler) and _version(compiler) >= STRICT
    fails = [use for use in used if use.sure and (strict or not use.implicit)]
    if fails:
        return tuple(Objection(True, use.shown, use.what.source) for use in _first(fails))
    passed = "; a compiler older than GCC 14 lets that pass, and what it makes cannot be imported"
    return tuple(Objection(False, use.shown + (passed if use.sure else ""), use.what.source) for use in _first(used))


def _first(used: Iterable[capi.Use]) -> list[capi.Use]:
    """The first use of each of the first few names."""
    return list({use.what.name: use for use in reversed(list(used))}.values())[::-1][:MOST_SHOWN]


def _version(shown: str) -> Version:
    try:
        return Version(shown)
    except InvalidVersion:
        return Version("0")


def _applies(wanted: Requirement, target: Target) -> bool:
    return wanted.marker is None or wanted.marker.evaluate(target.markers | {"extra": ""})
