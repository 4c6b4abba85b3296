"""A project's own files: ``pyproject.toml`` (PEP 621, PEP 735, Poetry, uv), ``setup.cfg``. Nothing is built for it."""

from __future__ import annotations

import configparser
import os
from collections.abc import Callable, Collection
from typing import Any

from packaging.utils import canonicalize_name

from ...errors import DoctorError
from . import poetry, text
from .gathered import Gathered

RequirementsFile = Callable[[str], None]
"""Reads a requirements file into the same."""


def read(
    path: str, into: Gathered, extras: Collection[str], groups: Collection[str], requirements_file: RequirementsFile
) -> None:
    """Reads a ``pyproject.toml``.

    Raises:
        DoctorError: it cannot be read, or has no such extra or group.
    """
    document = text.toml(path)
    folder, shown = os.path.dirname(path), os.path.basename(path)
    project, tool = text.table(document.get("project")), text.table(document.get("tool"))
    own_groups = text.table(document.get("dependency-groups"))
    theirs = text.table(tool.get("poetry"))
    if project:
        into.requires_python = str(project.get("requires-python", ""))
        for line in text.texts(project.get("dependencies")):
            into.add(line, shown)
        _dynamic(project, tool, folder, into, requirements_file)
    optional = {
        canonicalize_name(str(name)): items for name, items in text.table(project.get("optional-dependencies")).items()
    }
    if theirs:
        poetry.read(theirs, into, extras, groups, shown, plain=not project.get("dependencies"))
    for extra in extras:
        if canonicalize_name(extra) in optional:
            for line in text.texts(optional[canonicalize_name(extra)]):
                into.add(line, f"{shown}, extra {extra}")
        elif extra not in text.table(theirs.get("extras")):
            raise DoctorError(f"{path} has no extra {extra!r}; it has {', '.join(sorted(optional)) or 'none'}")
    for group in groups:
        if group not in text.table(theirs.get("group")):
            _group(group, {canonicalize_name(name): items for name, items in own_groups.items()}, into, path, ())
    _uv(text.table(tool.get("uv")), into, shown)
    if not project and not theirs and not (groups and own_groups):
        setup_cfg(os.path.join(folder, "setup.cfg"), into, extras)


def setup_cfg(path: str, into: Gathered, extras: Collection[str]) -> None:
    """Reads a ``setup.cfg``, where there is one (setuptools' declarative configuration)."""
    folder = os.path.dirname(path)
    if not os.path.isfile(path):
        if os.path.isfile(os.path.join(folder, "setup.py")):
            into.note(f"{os.path.join(folder, 'setup.py')} says what is needed only when it is run: it is not run")
        return
    parser = configparser.RawConfigParser(strict=False)
    try:
        parser.read_string(text.text(path), path)
    except configparser.Error as error:
        raise DoctorError(f"{path} cannot be parsed: {str(error).splitlines()[0][:200]}")
    given = dict(parser.items("options")) if parser.has_section("options") else {}
    more = dict(parser.items("options.extras_require")) if parser.has_section("options.extras_require") else {}
    into.requires_python = given.get("python_requires", "")
    for value in [given.get("install_requires", ""), *(more.get(extra, "") for extra in extras)]:
        for line in value.splitlines():
            if line.strip() and not line.strip().startswith("#"):
                into.add(line.strip(), os.path.basename(path))


def _dynamic(
    project: dict[str, Any], tool: dict[str, Any], folder: str, into: Gathered, requirements_file: RequirementsFile
) -> None:
    """Dependencies that the build tool adds; setuptools' come from files that can be read."""
    if "dependencies" not in text.texts(project.get("dynamic")):
        return
    named = text.table(text.table(text.table(tool.get("setuptools")).get("dynamic")).get("dependencies")).get("file")
    files = [named] if isinstance(named, str) else text.texts(named)
    for name in files:
        requirements_file(os.path.join(folder, name))
    if not files and not text.table(tool.get("poetry")):
        into.note(
            "pyproject.toml leaves its dependencies to the build tool, which is not run: name a requirements file"
        )


def _group(name: str, known: dict[str, Any], into: Gathered, path: str, within: tuple[str, ...]) -> None:
    """A dependency group, and those it includes."""
    key = canonicalize_name(name)
    if key in within:
        raise DoctorError(f"{path}: the dependency group {name!r} includes itself")
    if key not in known:
        raise DoctorError(f"{path} has no dependency group {name!r}; it has {', '.join(sorted(known)) or 'none'}")
    for item in known[key] if isinstance(known[key], list) else ():
        if isinstance(item, str):
            into.add(item, f"{os.path.basename(path)}, group {name}")
        elif isinstance(item, dict) and isinstance(item.get("include-group"), str):
            _group(item["include-group"], known, into, path, (*within, key))


def _uv(given: dict[str, Any], into: Gathered, shown: str) -> None:
    """What uv does otherwise: sources beside the index, constraints, overrides."""
    sources = {
        canonicalize_name(name) for name, source in text.table(given.get("sources")).items() if not _indexed(source)
    }
    elsewhere = [item for item in into.requirements if canonicalize_name(item.name) in sources]
    for item in elsewhere:
        into.requirements.remove(item)
        into.note(f"{shown}: {item.name} comes from [tool.uv.sources]: it is not looked at")
    for line in text.texts(given.get("constraint-dependencies")):
        if found := text.requirement(line):
            into.constraints.append(found)
    if given.get("override-dependencies"):
        into.note(f"{shown}: uv's override-dependencies are not followed: its uv.lock has them")


def _indexed(source: object) -> bool:
    return bool(text.table(source).get("index")) or bool(text.rows(source))
