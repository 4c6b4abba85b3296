"""``uv.lock``: what is installed follows from the edges that begin at the project."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from packaging.utils import canonicalize_name

from . import text
from .edges import conditions
from .gathered import Gathered

Node = tuple[str, str, str]
"""Name, version, extra."""

_LOCAL = ("editable", "virtual", "directory", "path")


def read(path: str, into: Gathered, extras: Collection[str], groups: Collection[str]) -> None:
    """Reads a ``uv.lock``: the project and the other members of its workspace, with their dependencies.

    Raises:
        DoctorError: it cannot be read.
    """
    document = text.toml(path)
    into.requires_python = str(document.get("requires-python", ""))
    packages = text.rows(document.get("package"))
    by_name: dict[str, list[dict[str, Any]]] = {}
    for item in packages:
        by_name.setdefault(canonicalize_name(str(item.get("name", ""))), []).append(item)
    edges: dict[Node, list[tuple[Node, str]]] = {}
    roots: list[tuple[Node, str]] = []
    for item in packages:
        name, version = canonicalize_name(str(item.get("name", ""))), str(item.get("version", ""))
        edges[name, version, ""] = list(_leads(text.rows(item.get("dependencies")), by_name))
        for extra, rows in text.table(item.get("optional-dependencies")).items():
            edges[name, version, canonicalize_name(extra)] = list(_leads(text.rows(rows), by_name))
        source = text.table(item.get("source"))
        if "editable" in source or "virtual" in source:
            roots.append(((name, version, ""), ""))
            roots += [((name, version, canonicalize_name(extra)), "") for extra in extras]
            for group in groups:
                rows = text.rows(text.table(item.get("dev-dependencies")).get(group))
                roots += _leads(rows, by_name)
    found = conditions(roots, edges)
    for item in packages:
        _pin(item, found, into)


def _leads(rows: list[dict[str, Any]], by_name: dict[str, list[dict[str, Any]]]) -> Iterator[tuple[Node, str]]:
    for row in rows:
        name, marker = canonicalize_name(str(row.get("name", ""))), str(row.get("marker", ""))
        for item in by_name.get(name, ()):
            version = str(item.get("version", ""))
            if row.get("version") not in (None, version):
                continue
            yield (name, version, ""), marker
            for extra in text.texts(row.get("extra")):
                yield (name, version, canonicalize_name(extra)), marker


def _pin(item: dict[str, Any], found: dict[Node, str], into: Gathered) -> None:
    name, version = canonicalize_name(str(item.get("name", ""))), str(item.get("version", ""))
    source = text.table(item.get("source"))
    markers = [marker for node, marker in found.items() if node[:2] == (name, version)]
    if not markers:
        return  # of a group or an extra that is not asked for
    if "git" in source or "url" in source or any(key in source for key in _LOCAL):
        if "editable" not in source and "virtual" not in source:
            into.note(f"uv.lock: {name} does not come from an index: it is not looked at")
        return
    into.pin(name, version, "" if "" in markers else " or ".join(sorted(markers)), "uv.lock")
