"""Which C and C++ files a build compiles, as far as its files say so: named in ``setup.py`` or ``pyproject.toml``.

A file that is named only under a condition may be for another system, or for who has Cython: it may be compiled. One
that is not named at all is somebody's test, or found by a pattern.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from ..archive import Insides
from .native import ASIDE
from .outline import SOURCES
from .script import LONGEST, syntax

_ASIDE = ("depends", "include_dirs", "package_data", "data_files", "exclude", "scripts", "headers")
_UNSURE = (ast.IfExp, ast.Try, ast.comprehension, ast.Compare)
_TAKEN_OUT = ("remove", "discard")
_PLAIN = re.compile(r"pypy|python_implementation|__name__", re.IGNORECASE)
"""Conditions that hold wherever CPython builds it."""


def compiled(insides: Insides) -> dict[str, bool]:
    """Paths in the archive; whether they are compiled for sure."""
    named: dict[str, bool] = {}
    for name, sure in (*_of_script(insides.texts.get("setup.py", "")), *_of_project(insides)):
        named[name] = sure or named.get(name, False)
    found: dict[str, bool] = {}
    for name, sure in named.items():
        wanted = "/".join(part for part in name.replace("\\", "/").split("/") if part not in ("", "."))
        fitting = [path for path in insides.outlines if f"/{path}".endswith(f"/{wanted}") and path.endswith(SOURCES)]
        exact = [path for path in fitting if path == wanted] or fitting
        for path in exact:
            aside = ASIDE & set(path.lower().split("/")[:-1]) or "pypy" in path.lower()
            found[path] = found.get(path, False) or (sure and len(exact) == 1 and not aside)
    return found


def _of_project(insides: Insides) -> Iterator[tuple[str, bool]]:
    try:
        tool = tomllib.loads(insides.texts.get("pyproject.toml", "")).get("tool", {})
    except (tomllib.TOMLDecodeError, RecursionError):
        return
    own: Any = tool.get("setuptools", {}) if isinstance(tool, dict) else {}
    modules = own.get("ext-modules", []) if isinstance(own, dict) else []
    for module in modules if isinstance(modules, list) else ():
        sources = module.get("sources", []) if isinstance(module, dict) else []
        yield from ((source, True) for source in sources if isinstance(source, str))


def _of_script(text: str) -> Iterator[tuple[str, bool]]:
    tree = syntax(text[:LONGEST])
    if isinstance(tree, ast.Module):
        with suppress(ValueError, RecursionError, MemoryError):
            yield from _named(tree, True)


def _named(node: ast.AST, sure: bool) -> Iterator[tuple[str, bool]]:
    """The names of sources in a syntax tree; sure outside of conditions."""
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str) and node.value.endswith(SOURCES) and "*" not in node.value:
            yield node.value, sure
        return
    if isinstance(node, ast.keyword) and node.arg in _ASIDE:
        return
    if isinstance(node, ast.If):
        sure = sure and bool(_PLAIN.search(ast.unparse(node.test)))
    elif isinstance(node, _UNSURE) or (isinstance(node, ast.Call) and getattr(node.func, "attr", "") in _TAKEN_OUT):
        sure = False
    for child in ast.iter_child_nodes(node):
        yield from _named(child, sure)
