"""What ``import bicorn`` gives, and what it costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

import bicorn

HEAVY = {"asyncio", "click", "logging", "pathlib", "re", "ssl", "bicorn.config", "bicorn.server", "bicorn.cli"}


def test_version() -> None:
    assert bicorn.__version__.count(".") == 2


def test_names_are_imported_on_first_use() -> None:
    from bicorn.config.settings import Config

    assert bicorn.Config is Config
    assert set(bicorn.__all__) <= set(dir(bicorn))
    with pytest.raises(AttributeError, match="module 'bicorn' has no attribute 'Confg'"):
        _ = bicorn.Confg


@pytest.mark.slow
def test_importing_it_imports_nothing_heavy() -> None:
    code = "import sys; before = set(sys.modules); import bicorn; print(*sorted(set(sys.modules) - before))"
    done = subprocess.run(
        [sys.executable, "-S", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
        env={"PYTHONPATH": str(bicorn.__path__[0]) + "/.."},
    )
    assert set(done.stdout.split()) & HEAVY == set()
