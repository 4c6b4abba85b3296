"""What a package imports that Python no longer has: what does so is installed, and then cannot be imported.

Only where its source archive is read anyway. An import counts that is a statement of the module itself, not of a
function, and under no condition and no ``try``; and where the package does not bring or need what replaces it.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from functools import cache
from typing import TYPE_CHECKING

from packaging.version import Version

from ..facts import Target
from ..knowledge import Removed, removed
from .native import ASIDE
from .script import syntax

if TYPE_CHECKING:
    from ..archive import Insides

LONGEST = 1024 * 1024
MOST_SHOWN = 2
_OTHERS = re.compile(r"py(thon)?2|lib2(?!to3)|^build$|^debian$", re.IGNORECASE)
"""Folders with what is for another Python, or is not installed."""


def scan(text: str) -> tuple[str, ...]:
    """Which modules that some Python no longer has are imported whatever happens."""
    if not _pattern().search(f"\n{text}"):
        return ()
    tree = syntax(text)
    if not isinstance(tree, ast.Module):
        return ()
    found = {name.partition(".")[0] for node in tree.body for name in _imported(node)}
    return tuple(sorted(found & _rows().keys()))


def broken(insides: Insides, target: Target, needs: Iterable[str]) -> Iterator[tuple[str, str]]:
    """In words, what cannot be imported on the target, and where that is said.

    Args:
        needs: names of the projects it needs, normalized: one of them may bring a module back.
    """
    needed = set(needs)
    shown: dict[str, list[str]] = {}
    for path in sorted(insides.imports, key=lambda path: (path.count("/"), path)):
        if _is_installed(path, insides):
            for name in insides.imports[path]:
                shown.setdefault(name, []).append(path)
    minor = Version(f"{target.python.major}.{target.python.minor}")
    for name, paths in list(shown.items())[:MOST_SHOWN]:
        row = _rows()[name]
        if minor < Version(row.python) or needed & {*row.brought, f"standard-{name}"} or _brings(insides, name):
            continue
        also = f" (and {len(paths) - 1} more)" if len(paths) > 1 else ""
        said = f"its {paths[0]}{also} cannot be imported: it imports {name}, which is gone since Python {row.python}"
        yield said, row.source


def _is_installed(path: str, insides: Insides) -> bool:
    folders = path.split("/")[:-1]
    if not folders or ASIDE & {folder.lower() for folder in folders} or any(map(_OTHERS.search, folders)):
        return False
    return f"{'/'.join(folders)}/__init__.py" in insides.names


def _brings(insides: Insides, name: str) -> bool:
    """Whether the archive has a module of that name itself."""
    ends = (f"{name}.py", f"{name}/__init__.py")
    return any(path in ends or (path.startswith("src/") and path[4:] in ends) for path in insides.names)


def _imported(node: ast.stmt) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (name.name for name in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        yield node.module


@cache
def _rows() -> dict[str, Removed]:
    return {name: row for row in removed() for name in row.modules}


@cache
def _pattern() -> re.Pattern[str]:
    return re.compile(rf"\n(?:import|from)\s[^#\n]*\b(?:{'|'.join(_rows())})\b")
