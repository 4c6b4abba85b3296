from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Bicorn = Callable[[str], Any]


def test_every_value_with_its_origin(bicorn: Bicorn, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "bicorn.toml").write_text("loop = 'asyncio'")
    monkeypatch.setenv("WEB_CONCURRENCY", "3")
    outcome = bicorn("config no_such:app --threads 2")
    found = {line.split()[0]: line.split("# ")[1] for line in outcome.out.splitlines()}
    assert (outcome.code, outcome.err, outcome.served) == (0, "", [])
    origins = {name: found[name] for name in ("#", "app", "loop", "workers", "threads", "backlog")}
    assert origins == {
        "#": "file: bicorn.toml",
        "app": "command line",
        "loop": "bicorn.toml",
        "workers": "WEB_CONCURRENCY",
        "threads": "--threads",
        "backlog": "default",
    }


def test_an_application_is_not_needed(bicorn: Bicorn) -> None:
    assert bicorn("config").code == 0
