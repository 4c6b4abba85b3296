"""The house style that a linter does not hold: sizes, docstrings, a test file for each module."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "bicorn"
MODULES = sorted(path.relative_to(PACKAGE).as_posix() for path in PACKAGE.rglob("*.py"))
TESTABLE = [module for module in MODULES if not module.endswith(("__init__.py", "__main__.py", "types.py"))]
MAX_LINES = 450  # "under about 400"
MAX_FUNCTION = 60  # a screen

# Where several modules are one thing to test, the file that tests them.
TOGETHER = {
    "apps/reserve.py": "apps/test_calls.py",
    "apps/stacks.py": "server/test_overdue.py",
    "apps/waits.py": "apps/test_websocket.py",
    "apps/websocket_messages.py": "apps/test_websocket.py",
    "cli/dump.py": "cli/test_remote.py",
    "cli/reload.py": "cli/test_remote.py",
    "cli/scale.py": "cli/test_remote.py",
    "cli/status.py": "cli/test_remote.py",
    "cli/stop.py": "cli/test_remote.py",
    "doctor/logs/families/binding.py": "doctor/logs/test_explain.py",
    "doctor/logs/families/build.py": "doctor/logs/test_explain.py",
    "doctor/logs/families/compilers.py": "doctor/logs/test_explain.py",
    "doctor/logs/families/index.py": "doctor/logs/test_explain.py",
    "doctor/logs/families/installer.py": "doctor/logs/test_explain.py",
    "doctor/logs/families/loading.py": "doctor/logs/test_explain.py",
    "doctor/logs/family.py": "doctor/logs/test_explain.py",
    "observe/slot.py": "observe/test_scoreboard.py",
    "process/leftovers.py": "process/test_template.py",
    "process/nursery.py": "process/test_template.py",
    "process/policy/death.py": "process/policy/test_plan.py",
    "process/remote.py": "cli/test_remote.py",
    "process/policy/templates.py": "process/policy/test_plan.py",
    "process/policy/times.py": "process/policy/test_plan.py",
    "server/handshake.py": "server/test_websocket.py",
    "server/overdue_inline.py": "server/test_overdue.py",
    "server/overdue_pool.py": "server/test_overdue.py",
    "wire/opcodes.py": "wire/test_websocket.py",
}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def parse(module: str) -> ast.Module:
    return ast.parse((PACKAGE / module).read_text())


def functions(tree: ast.AST) -> Iterator[Function]:
    return (node for node in ast.walk(tree) if isinstance(node, Function))


def length(function: Function) -> int:
    """Lines of code, without the docstring."""
    body = function.body[1:] if ast.get_docstring(function) else function.body
    last = function.end_lineno or 0
    return last - (body[0].lineno if body else last) + 1


@pytest.mark.parametrize("module", MODULES)
def test_files_are_short(module: str) -> None:
    assert len((PACKAGE / module).read_text().splitlines()) <= MAX_LINES


@pytest.mark.parametrize("module", MODULES)
def test_functions_fit_a_screen(module: str) -> None:
    long = {function.name: length(function) for function in functions(parse(module)) if length(function) > MAX_FUNCTION}
    assert long == {}


@pytest.mark.parametrize("module", MODULES)
def test_modules_and_public_names_say_what_they_are_for(module: str) -> None:
    tree = parse(module)
    silent = [] if ast.get_docstring(tree) else ["the module"]
    public = (node for node in tree.body if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"))
    assert silent + [node.name for node in public if not ast.get_docstring(node)] == []


@pytest.mark.parametrize("module", TESTABLE)
def test_each_module_has_its_tests(module: str) -> None:
    path = Path(module)
    expected = Path("tests") / TOGETHER.get(module, path.parent / f"test_{path.name.lstrip('_')}")
    assert (ROOT / expected).is_file(), f"no {expected}"


def test_no_drawer_for_everything() -> None:
    assert [module for module in MODULES if Path(module).stem in {"utils", "util", "helpers", "misc", "common"}] == []


def test_each_pxd_belongs_to_a_module() -> None:
    lonely = [path.name for path in PACKAGE.rglob("*.pxd") if not path.with_suffix(".py").is_file()]
    assert lonely == []
