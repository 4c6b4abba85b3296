"""How a ``setup.py`` takes what fails, read from its syntax tree: what it goes on without, and what nothing catches.

What is inside of a function counts only as told in each case; all else is taken for what may happen or not.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator

Tree = ast.Module | SyntaxError | None

BUILDS = ("run", "build_extension", "build_extensions")
"""Methods of setuptools' ``build_ext`` that compile."""


def goes_on(tree: Tree) -> bool:
    """Whether a method that compiles catches whatever goes wrong in its parent's, and does not raise it again."""
    if not isinstance(tree, ast.Module):
        return False
    classes = (node for node in ast.walk(tree) if isinstance(node, ast.ClassDef))
    methods = (node for made in classes for node in made.body if isinstance(node, ast.FunctionDef))
    return any(
        _compiles(attempt, method.name) and any(map(_catches_all, attempt.handlers))
        for method in methods
        if method.name in BUILDS
        for attempt in ast.walk(method)
        if isinstance(attempt, ast.Try)
    )


def _compiles(attempt: ast.Try, method: str) -> bool:
    """Whether its parent's method of the same name is called there."""
    calls = (node.func for line in attempt.body for node in ast.walk(line) if isinstance(node, ast.Call))
    return any(isinstance(called, ast.Attribute) and called.attr == method for called in calls)


def _catches_all(handler: ast.ExceptHandler) -> bool:
    named = handler.type
    everything = named is None or (isinstance(named, ast.Name) and named.id in ("Exception", "BaseException"))
    return everything and not any(_ends(node) for line in handler.body for node in ast.walk(line))


def _ends(node: ast.AST) -> bool:
    return isinstance(node, ast.Raise) or (
        isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "exit"
    )


def needs_cython(tree: Tree) -> bool:
    """Whether all its extension modules are made after an import of Cython that may fail, in the same ``try``."""
    if not isinstance(tree, ast.Module):
        return False
    if any(isinstance(node, ast.keyword) and node.arg == "setup_requires" for node in ast.walk(tree)):
        return False  # an installer fetches those first
    attempts = [node for node in tree.body if isinstance(node, ast.Try) and _tries_cython(node)]
    guarded = [call for attempt in attempts for call in _extensions(*attempt.body)]
    return bool(guarded) and len(guarded) == sum(1 for _ in _extensions(tree))


def _tries_cython(node: ast.Try) -> bool:
    if not all(_is_for_imports(handler) for handler in node.handlers):
        return False
    first = node.body[0]
    names = [alias.name for alias in first.names] if isinstance(first, ast.Import) else []
    names += [first.module or ""] if isinstance(first, ast.ImportFrom) and not first.level else []
    return any(name.split(".")[0] == "Cython" for name in names)


def _is_for_imports(handler: ast.ExceptHandler) -> bool:
    caught = isinstance(handler.type, ast.Name) and handler.type.id in ("ImportError", "ModuleNotFoundError")
    return caught and not any(_ends(node) for line in handler.body for node in ast.walk(line))


def _extensions(*nodes: ast.AST) -> Iterator[ast.Call]:
    for node in nodes:
        for call in ast.walk(node):
            if isinstance(call, ast.Call) and _name(call.func) in ("Extension", "cythonize", "CppExtension"):
                yield call


def _name(called: ast.expr) -> str:
    return called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""


def opens_universal(tree: Tree) -> bool:
    """Whether it opens a file with a mode such as ``rU``, outside of a ``try`` and of conditions.

    In a function too, where the module itself calls that by its name.
    """
    if not isinstance(tree, ast.Module):
        return False
    plain = list(_at_once(tree.body))
    called = {_name(node.func) for node in plain if isinstance(node, ast.Call)}
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name in called]
    plain += [node for function in functions for node in _at_once(function.body)]
    return any(isinstance(node, ast.Call) and _is_universal(node) for node in plain)


def _at_once(body: list[ast.stmt]) -> Iterator[ast.AST]:
    """What is evaluated whatever happens, as far as a ``with`` or a plain statement goes; not after a ``return``."""
    for line in body:
        if isinstance(line, ast.With):
            for item in line.items:
                yield from ast.walk(item.context_expr)
            yield from _at_once(line.body)
        elif isinstance(line, ast.Assign | ast.AnnAssign | ast.Expr | ast.Return):
            yield from _evaluated(line)
        if isinstance(line, ast.Return | ast.Raise):
            return


def _evaluated(node: ast.AST) -> Iterator[ast.AST]:
    """It and what is in it, however deep; not what is for later, or on a condition."""
    left = [node]
    while left:
        found = left.pop()
        if not isinstance(found, ast.Lambda | ast.IfExp | ast.BoolOp | ast.comprehension):
            yield found
            left.extend(ast.iter_child_nodes(found))


def _is_universal(call: ast.Call) -> bool:
    if _name(call.func) != "open" or (isinstance(call.func, ast.Attribute) and not _is_module(call.func.value)):
        return False
    given = [*call.args[1:2], *(keyword.value for keyword in call.keywords if keyword.arg == "mode")]
    return any(isinstance(mode, ast.Constant) and mode.value in ("U", "rU", "Ur", "rtU") for mode in given)


def _is_module(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "io"
