"""What a ``setup.py`` leans on, read from its syntax tree; it is not run.

It is executed by an installer, so what it imports must be there: an ``imp`` or a ``pkg_resources`` that is gone ends
the build before a compiler is looked for. An import inside of ``try`` is taken for one that may fail.
"""

from __future__ import annotations

import ast
import re
import sys
import warnings
from collections.abc import Iterator
from typing import TYPE_CHECKING

from ...record import Record
from ..knowledge import Gone, gone
from . import outcome

if TYPE_CHECKING:
    from ..archive import Insides

EXTENSION = re.compile(r"\bext_modules\b|\bExtension\(|\bcffi_modules\b|\bcythonize\(|\brust_extensions\b|\bmypycify\(")
OPTIONAL = re.compile(r"\boptional\s*=\s*True|class\s+\w*BuildFailed|except\s*\(?[^:\n]*\bCCompilerError\b")
CMAKE = re.compile(r"['\"]cmake['\"]")
PKG_CONFIG = re.compile(r"['\"]pkg-config['\"]|\bpkgconfig\.(parse|exists|cflags|libs)\(")
LONGEST = 500_000
BESIDE = ("versioneer", "ez_setup")
"""Modules that lie beside a ``setup.py`` and of which not only the imports are run when it imports them."""
PYTHON2 = ("Missing parentheses in call to", "multiple exception types must be parenthesized", "leading zeros in")
"""What CPython says of ``print "x"``, ``except A, b:`` and ``0777``."""


class Script(Record):
    """What it leans on.

    Args:
        exists: whether there is one.
        imports: the modules it imports whatever happens.
        gone: of what it uses: what may be gone; in which file.
        extensions: whether it mentions extension modules.
        optional: whether it goes on where they cannot be compiled.
        cmake: whether it runs CMake itself.
        pkg_config: whether it asks pkg-config.
        needs_cython: whether it has extension modules only where Cython can be imported.
        own: whether it imports a module that lies beside it, which may do anything.
        universal: the file of those that opens a file with the mode ``U``; empty where none does.
        python2: the file of those that only Python 2 can read; empty where there is none.
    """

    exists: bool = False
    imports: frozenset[str] = frozenset()
    gone: tuple[tuple[Gone, str], ...] = ()
    extensions: bool = False
    optional: bool = False
    cmake: bool = False
    pkg_config: bool = False
    needs_cython: bool = False
    own: bool = False
    python2: str = ""
    universal: str = ""


def read(insides: Insides) -> Script:
    """Reads the ``setup.py`` of an archive, and the modules of its own that it imports, and what these import."""
    text = insides.texts.get("setup.py")
    if text is None:
        configured = insides.texts.get("setup.cfg", "")
        return Script(extensions="ext_modules" in configured)
    text = text[:LONGEST]
    tree = syntax(text)
    imports = _imports(tree)
    used = {"setup.py": (text, tree, imports)}
    for beside, name in _own(insides, imports):
        other = insides.texts[name][:LONGEST]
        own = syntax(other)
        used[name] = (other if beside in BESIDE else "", own, _imports(own))
        for inner in _inner(insides, name, own):
            used.setdefault(inner, ("", None, frozenset(insides.imports[inner])))
    missing = tuple(
        (row, name) for name, (content, _, modules) in used.items() for row in gone() if _uses(row, content, modules)
    )
    return Script(
        True,
        imports,
        missing,
        bool(EXTENSION.search(text)),
        bool(OPTIONAL.search(text)) or outcome.goes_on(tree),
        bool(CMAKE.search(text)),
        bool(PKG_CONFIG.search(text)),
        outcome.needs_cython(tree),
        any(f"{name}.py" in insides.names for name in imports - {*BESIDE, "setup"}),
        next((name for name, (_, found, _) in used.items() if _is_python2(found)), ""),
        "setup.py" if outcome.opens_universal(tree) else "",
    )


def _own(insides: Insides, imports: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Modules that lie beside it and that it imports whatever happens, with their files."""
    for name in sorted(imports - {"setup"} - sys.stdlib_module_names):
        for file in (f"{name}.py", f"{name}/__init__.py"):
            if file in insides.texts:
                yield name, file


def _inner(insides: Insides, file: str, tree: ast.Module | SyntaxError | None) -> Iterator[str]:
    """Of the modules of its own that a package imports at once, those of which it is known what they import."""
    package = file.removesuffix("/__init__.py")
    for node in tree.body if isinstance(tree, ast.Module) and package != file else ():
        if not isinstance(node, ast.ImportFrom):
            continue
        if node.level == 1:
            names = [node.module] if node.module else [alias.name for alias in node.names]
        elif not node.level and node.module and node.module.startswith(f"{package}."):
            names = [node.module.removeprefix(f"{package}.")]
        else:
            continue
        for name in names:
            path = f"{package}/{name.replace('.', '/')}"
            yield from (inner for inner in (f"{path}.py", f"{path}/__init__.py") if inner in insides.imports)


def _uses(row: Gone, text: str, imports: frozenset[str]) -> bool:
    if row.module:
        return row.module in imports
    if row.text not in text:
        return False
    plain = _without_comments(text)
    found = bool(re.search(rf"(?<![\w.]){re.escape(row.text)}\b|\.{re.escape(row.text)}\b", plain))
    return found and (
        bool(row.setuptools)  # an option of setup() is given, not asked for
        or not re.search(
            rf"(hasattr|getattr)\([^)]*['\"]{re.escape(row.text.rsplit('.', 1)[-1])}|except AttributeError", plain
        )
    )


def syntax(text: str) -> ast.Module | SyntaxError | None:
    """A script's syntax tree; the error where Python 3 cannot read it; None where it is no text for any parser."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # "\d" in somebody's docstring
            return ast.parse(text)
    except SyntaxError as error:
        return error
    except (ValueError, RecursionError, MemoryError):
        return None


def _is_python2(found: ast.Module | SyntaxError | None) -> bool:
    return isinstance(found, SyntaxError) and str(found.msg).startswith(PYTHON2)


def _without_comments(text: str) -> str:
    return re.sub(r"(?m)#.*$", "", text)


def _imports(tree: ast.Module | SyntaxError | None) -> frozenset[str]:
    return frozenset(_imported(tree.body)) if isinstance(tree, ast.Module) else frozenset()


def _imported(body: list[ast.stmt]) -> Iterator[str]:
    """What is imported as the module runs: not in functions, not where failing is provided for."""
    for node in body:
        if isinstance(node, ast.Import):
            for name in node.names:
                yield from _parents(name.name)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield from _parents(node.module)
        elif isinstance(node, ast.With):
            yield from _imported(node.body)


def _parents(name: str) -> Iterator[str]:
    parts = name.split(".")
    for end in range(1, len(parts) + 1):
        yield ".".join(parts[:end])
