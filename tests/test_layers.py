"""The architecture's rules that import-linter cannot say; see ARCHITECTURE.md."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "src" / "bicorn"
MODULES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))
IMPURE = {"asyncio", "socket", "ssl", "os", "time", "threading", "signal", "subprocess", "logging"}


def parse(module: str) -> ast.Module:
    return ast.parse((PACKAGE / module).read_text())


def imported(tree: ast.AST) -> Iterator[str]:
    """The absolute names of the modules outside the package that a module imports, wherever it does."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def dotted(node: ast.AST) -> str:
    """``os.environ`` for the expression that says so; empty for anything that is no dotted name."""
    if isinstance(node, ast.Attribute) and (value := dotted(node.value)):
        return f"{value}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else ""


def names(tree: ast.AST) -> set[str]:
    """Every dotted name a module uses or imports."""
    return {dotted(node) for node in ast.walk(tree)} | set(imported(tree))


@functools.cache
def names_of_each() -> dict[str, set[str]]:
    """The names of every module; the trees are not kept, each would be looked at by every collection of garbage."""
    return {module: names(parse(module)) for module in MODULES}


def users(*wanted: str) -> set[str]:
    """The modules that use one of these dotted names."""
    return {module for module, used in names_of_each().items() if not used.isdisjoint(wanted)}


def outside(modules: set[str], *places: str) -> set[str]:
    """Those not in one of the given files or folders."""
    return {module for module in modules if not module.startswith(places)}


PURE = [module for module in MODULES if module.startswith(("wire/", "process/policy/"))]


@pytest.mark.parametrize("module", PURE)
def test_pure_modules_decide_and_do_nothing(module: str) -> None:
    assert {name.partition(".")[0] for name in imported(parse(module))} & IMPURE == set()


def test_only_config_sources_reads_the_environment() -> None:
    # _reading.py settles which files are imported, before there is any configuration.
    assert outside(users("os.environ", "os.environb", "os.getenv"), "config/sources.py", "_reading.py") == set()


def test_only_process_forks_and_kills() -> None:
    forks = users("os.fork", "os.forkpty", "os.posix_spawn", "os.kill", "os.killpg", "subprocess", "multiprocessing")
    # doctor/ask.py asks compilers for their versions and package managers for what they have.
    assert outside(forks, "process/", "doctor/ask.py") == set()


def exits(tree: ast.AST) -> bool:
    """Whether a module ends the process; catching an application's SystemExit does not."""
    calls = {dotted(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    raised = {dotted(node.exc) for node in ast.walk(tree) if isinstance(node, ast.Raise) and node.exc}
    return not calls.isdisjoint({"sys.exit", "exit", "quit", "SystemExit"}) or "SystemExit" in raised


def test_only_cli_exits() -> None:
    assert outside({module for module in MODULES if exits(parse(module))}, "cli/", "__main__.py") == set()
    # A forked child must leave without the parent's clean-up.
    assert outside(users("os._exit", "os.abort"), "process/") == set()


def test_only_server_touches_transports() -> None:
    transports = ("Transport", "WriteTransport", "Protocol", "BufferedProtocol")
    touched = users(*(f"asyncio.{name}" for name in transports), *(f"asyncio.transports.{name}" for name in transports))
    assert outside(touched, "server/") == set()


@pytest.mark.parametrize("module", MODULES)
def test_nothing_happens_at_import(module: str) -> None:
    body = parse(module).body
    calls = [node for node in body if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)]
    loops = [node for node in body if isinstance(node, ast.For | ast.While | ast.With)]
    if module == "__main__.py":
        return
    assert [ast.unparse(node) for node in calls + loops] == []


def test_the_rules_see_what_they_forbid() -> None:
    tree = ast.parse("import os.path\nfrom os import environ\ndef f():\n    import ssl\n    sys.exit(os.environ['A'])")
    assert {"os.path", "os.environ", "ssl", "sys.exit"} <= names(tree)
