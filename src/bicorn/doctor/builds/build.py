"""How a source archive is built: its backend, its languages, what was used to make it.

The build backend is what ``pyproject.toml`` says (PEP 517, PEP 518); without one it is setuptools, as installers
have it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

from ...record import Record
from ..archive import Insides, entries
from . import native, rust, script

SETUPTOOLS = (Requirement("setuptools"),)
"""What an installer takes where nothing is said (PEP 518)."""

COMPILES = frozenset(
    {"mesonpy", "scikit_build_core", "py_build_cmake", "sipbuild", "mypyc", "maturin", "setuptools_rust"}
)
"""Backends that are there to compile."""


class Build(Record):
    """How it is built.

    Args:
        backend: the top module of the backend: ``"maturin"``, ``"setuptools"``, ``"hatchling"``.
        requires: what its build environment gets.
        languages: ``"rust"``, ``"c"``, ``"c++"``, ``"cython"``; empty for pure Python.
        tools: programs that it needs and its build environment does not bring: ``"cmake"``.
        crate: what its Cargo files say; None where there is no Rust.
        cython: what generated the C files in it; None where they were not, or are generated anew.
        regenerated: where they are generated anew: what its maker generated them with.
        optional: whether it installs also where its extensions cannot be compiled.
        scripts: what its setup.py leans on.
        versionless: whether its ``[project]`` has no version and does not say that it comes from elsewhere (PEP 621).
        whole: whether all of the archive was read.
    """

    backend: str
    requires: tuple[Requirement, ...] = ()
    languages: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    crate: rust.Crate | None = None
    cython: Version | None = None
    optional: bool = False
    scripts: script.Script = script.Script()
    whole: bool = True
    versionless: bool = False
    regenerated: Version | None = None

    def requirement(self, name: str) -> Requirement | None:
        """What it asks of one package of its build environment."""
        return next((wanted for wanted in self.requires if canonicalize_name(wanted.name) == name), None)


def read(insides: Insides) -> Build:
    """Reads it from what an archive holds."""
    project = _toml(insides.texts.get("pyproject.toml", ""))
    system = project.get("build-system", {})
    system = system if isinstance(system, dict) else {}
    requires = tuple(_requirements(system.get("requires"))) or SETUPTOOLS
    backend = system.get("build-backend", "setuptools.build_meta")
    backend = backend.split(".", 1)[0].split(":", 1)[0] if isinstance(backend, str) else "setuptools"
    setup = script.read(insides)
    asked: set[str] = {canonicalize_name(wanted.name) for wanted in requires}
    crate = rust.read(insides, project) if any(entries(insides, "Cargo.toml")) else None
    if crate and not _compiles_rust(backend, asked, setup):
        crate = None
    sources = native.read(insides)
    compiled = _is_native(backend, asked, setup, sources, project) or crate is not None
    regenerates = "cython" in asked and sources.cython_sources > 0
    return Build(
        backend,
        requires,
        _languages(sources, crate, "cython" in asked) if compiled else (),
        tuple(_tools(setup, asked)) if compiled else (),
        crate,
        None if regenerates else sources.generated_by,
        setup.optional,
        setup,
        not insides.stopped,
        _versionless(project),
        sources.generated_by if regenerates else None,
    )


def _versionless(project: dict[str, Any]) -> bool:
    table = project.get("project")
    if not isinstance(table, dict) or "version" in table:
        return False
    dynamic = table.get("dynamic", [])
    return not (isinstance(dynamic, list) and "version" in dynamic)


def _compiles_rust(backend: str, asked: set[str], setup: script.Script) -> bool:
    return backend == "maturin" or bool(asked & {"maturin", "setuptools-rust"}) or "setuptools_rust" in setup.imports


def _is_native(
    backend: str, asked: set[str], setup: script.Script, sources: native.Sources, project: dict[str, Any]
) -> bool:
    if backend in COMPILES or asked & {"cffi", "pybind11", "nanobind", "scikit-build", "cython", "cmake", "swig"}:
        return True
    tool = project.get("tool", {})
    if isinstance(tool, dict) and "ext-modules" in tool.get("setuptools", {}):
        return True
    if not sources.languages:
        return setup.extensions and "cffi" in setup.imports
    if setup.needs_cython and backend == "setuptools":
        return False
    # Without an Extension in sight, C files are somebody's tests; or else a module of the project's own compiles them.
    return setup.extensions or setup.own or (not setup.exists and backend not in native.PURE)


def _languages(sources: native.Sources, crate: rust.Crate | None, cython: bool) -> tuple[str, ...]:
    found = list(sources.languages)
    if cython and sources.cython_sources:
        found.append("cython")
    if crate:
        return ("rust", *(["cython"] if "cython" in found else []))
    return tuple(found or ["c"])


def _tools(setup: script.Script, asked: set[str]) -> Iterator[str]:
    if setup.cmake and not asked & {"cmake", "scikit-build", "scikit-build-core"}:
        yield "cmake"


def _requirements(listed: object) -> Iterator[Requirement]:
    for text in listed if isinstance(listed, list) else ():
        try:
            yield Requirement(str(text))
        except InvalidRequirement:
            continue


def _toml(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return {}
