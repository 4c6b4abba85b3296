from __future__ import annotations

import gc
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import bicorn as package
from bicorn.cli import main as cli
from bicorn.errors import AppBootError, AppNotFound, BicornError, BindError, ConfigError

Bicorn = Callable[[str], Any]
READING = "compiled" if package.__compiled__ else "interpreted"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (
            "main:app --workers 4 --worker-class uvicorn.workers.UvicornWorker --bind 0.0.0.0:8000",
            {"app": "main:app", "workers": 4, "bind": ("0.0.0.0:8000",)},
        ),
        ("main:app --host 0.0.0.0 --port 8000", {"app": "main:app", "bind": ("0.0.0.0:8000",)}),
        (
            "main:app -w 4 -k uvicorn.workers.UvicornWorker -b 0.0.0.0:8000 --timeout 120 --access-logfile -",
            {"workers": 4, "bind": ("0.0.0.0:8000",), "access_log": True, "access_logfile": "-", "threads": 1},
        ),
        ("myproject.wsgi --threads 4", {"app": "myproject.wsgi", "threads": 4}),
        ("main:app --reload --log-level debug", {"app": "main:app", "log_level": "debug"}),
        ("serve main:app", {"app": "main:app"}),
        ("--workers 2 main:app", {"app": "main:app", "workers": 2}),
    ],
)
def test_lines_that_people_type_serve(bicorn: Bicorn, line: str, expected: dict[str, Any]) -> None:
    outcome = bicorn(line)
    assert outcome.code == 7, "the supervisor's own exit code"
    [config] = outcome.served
    assert {name: getattr(config, name) for name in expected} == expected


@pytest.mark.parametrize("line", ["--version", "-v"])
def test_the_version(bicorn: Bicorn, line: str) -> None:
    outcome = bicorn(line)
    assert (outcome.code, outcome.out) == (0, f"bicorn {package.__version__} ({READING})\n")


@pytest.mark.parametrize("line", ["--help", "-h", "--help-all", "main:app --help", "check --help", "config -h"])
def test_help(bicorn: Bicorn, line: str) -> None:
    outcome = bicorn(line)
    assert (outcome.code, outcome.err, outcome.served) == (0, "", [])
    assert outcome.out.startswith("Usage: bicorn")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("main:app --worker 4", "No such option --worker. Did you mean --workers? (bicorn --help lists the options)"),
        ("main:app --no-acess-log", "No such option --no-acess-log. Did you mean --no-access-log?"),
        ("main:app --qqqqqqqqqqqq", "No such option --qqqqqqqqqqqq. (bicorn --help"),
        ("main:app other", "Got unexpected extra argument (other)"),
        ("main:app --workers", "Option '--workers' requires an argument."),
        ("main:app --workers x", "workers must be a whole number of 1 or more, or auto (got 'x' from --workers)"),
        ("main:app --workers 0", "workers must be a whole number of 1 or more, or auto (got '0' from --workers)"),
        ("main:app --protocol uwsgi", "--protocol cannot be used: only HTTP is served"),
        ("main:app --user nobody-here", "user 'nobody-here' is not a user of this machine (from --user)"),
        ("main:app -b a -b b:x", "bind must be HOST:PORT"),
        ("main:app --keyfile a", "keyfile is given without certfile (from --keyfile)"),
        ("", "which application? Name it as MODULE or MODULE:ATTRIBUTE"),
    ],
)
def test_what_is_typed_wrong_is_one_message_and_exit_code_2(bicorn: Bicorn, line: str, message: str) -> None:
    outcome = bicorn(line)
    assert outcome.code == 2
    assert outcome.err.startswith(f"bicorn: {message}")
    assert "Traceback" not in outcome.err
    assert (outcome.out, outcome.served) == ("", [])


@pytest.mark.parametrize(
    ("error", "code"), [(ConfigError("x"), 2), (AppBootError("x"), 3), (AppNotFound("x"), 4), (BindError("x"), 1)]
)
def test_errors_become_a_message_and_their_exit_code(
    bicorn: Bicorn, monkeypatch: pytest.MonkeyPatch, error: BicornError, code: int
) -> None:
    def fail(_: object, **__: object) -> int:
        raise error

    monkeypatch.setattr(sys.modules["bicorn.process.supervisor"], "run", fail)
    outcome = bicorn("main:app")
    assert (outcome.code, outcome.err) == (code, "bicorn: x\n")


def test_an_interrupt_before_anything_is_served_is_no_traceback(
    bicorn: Bicorn, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: object, **__: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(sys.modules["bicorn.process.supervisor"], "run", interrupted)
    outcome = bicorn("main:app")
    assert (outcome.code, outcome.err.strip()) == (130, "")


@pytest.fixture
def collector() -> Iterator[None]:
    """Turned on again: ``main`` turns it off for good."""
    yield
    gc.enable()


@pytest.mark.usefixtures("collector")
def test_main_exits_with_the_code(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["bicorn", "--version"])
    with pytest.raises(SystemExit) as exit_:
        cli.main()
    assert exit_.value.code == 0
    with pytest.raises(SystemExit) as exit_:
        cli.main(["--no-such"])
    assert exit_.value.code == 2
    assert capsys.readouterr().err.startswith("bicorn: No such option --no-such.")
    assert not gc.isenabled(), "a start is not slowed down by the collector"


def test_every_command_is_a_module_with_that_name() -> None:
    for name, about in cli.COMMANDS.items():
        assert cli.import_module(f"bicorn.cli.{name}").command.name == name
        assert about.endswith(".")


@pytest.mark.slow
def test_a_start_loads_only_what_it_needs(folder: Path) -> None:
    source = str(Path(package.__file__).parent.parent)
    code = f"import sys; sys.path[:0] = [{source!r}]; from bicorn.cli.main import run; "
    code += "run(['config']); print(*sys.modules, file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=folder)
    loaded = set(done.stderr.split())
    heavy = {"asyncio", "ssl", "logging", "argparse", "tomllib", "difflib", "subprocess", "importlib.metadata"}
    others = {"bicorn.server", "bicorn.apps", "bicorn.process", "bicorn.wire", "bicorn.demo", "bicorn.cli.help_text"}
    assert (heavy | others) & loaded == set()


@pytest.mark.slow
def test_python_m_bicorn(folder: Path) -> None:
    source = str(Path(package.__file__).parent.parent)
    command = [sys.executable, "-c", f"import sys, runpy; sys.path[:0] = [{source!r}]; sys.argv = ['bicorn', '-v']; "]
    command[-1] += "runpy.run_module('bicorn', run_name='__main__', alter_sys=True)"
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder)
    assert done.stdout == f"bicorn {package.__version__} ({READING})\n"
