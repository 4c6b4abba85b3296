"""A folder to start in, the command run in this process, and a stand-in for the supervisor."""

from __future__ import annotations

import os
import sys
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bicorn.cli import main
from bicorn.config.settings import Config

Bicorn = Callable[[str], "Outcome"]


@dataclass
class Outcome:
    """What one command left behind."""

    code: int
    out: str
    err: str
    served: list[Config]
    reread: list[Any]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty working directory, and an environment without settings."""
    monkeypatch.chdir(tmp_path)
    for variable in [name for name in os.environ if name.startswith(("BICORN_", "UVICORN_", "GUNICORN_"))]:
        monkeypatch.delenv(variable)
    for variable in ("PORT", "WEB_CONCURRENCY", "FORWARDED_ALLOW_IPS"):
        monkeypatch.delenv(variable, raising=False)
    path, modules = list(sys.path), dict(sys.modules)
    yield tmp_path
    sys.path[:] = path
    sys.modules.update(modules)  # settings that are read again make a server forget what is not its own
    for name in sys.modules.keys() - modules.keys():
        if not name.startswith(("bicorn", "click")):  # the commands that were imported hold on to it
            del sys.modules[name]


@pytest.fixture
def bicorn(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Bicorn:
    """Runs ``bicorn ...``; where it would serve, the configuration is noted instead."""
    served: list[Config] = []
    reread: list[Any] = []
    supervisor = types.ModuleType("bicorn.process.supervisor")

    def serve(config: Config, **how: Any) -> int:
        served.append(config)
        reread.append(how.get("reread"))
        return 7

    supervisor.run = serve  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "bicorn.process.supervisor", supervisor)

    def run(line: str) -> Outcome:
        code = main.run(line.split())
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err, served, reread)

    return run
