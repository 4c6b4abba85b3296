from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Bicorn = Callable[[str], Any]


def test_what_it_stands_for(bicorn: Bicorn) -> None:
    outcome = bicorn("dev main:app")
    [config] = outcome.served
    assert (config.app, config.reload, config.log_level, config.access_log) == ("main:app", True, "debug", True)
    assert config.warn_blocked == 0.1
    assert config.origin("reload") == "bicorn dev"


def test_a_file_for_deployment_does_not_change_that(bicorn: Bicorn, folder: Path) -> None:
    (folder / "bicorn.toml").write_text("log_level = 'error'\nworkers = 3\nreload = false\n")
    [config] = bicorn("dev main:app").served
    assert (config.log_level, config.workers, config.reload) == ("debug", 3, True)


def test_what_is_typed_wins(bicorn: Bicorn) -> None:
    [config] = bicorn("dev main:app --log-level info --no-access-log --warn-blocked 0.5 --port 9000").served
    assert (config.log_level, config.access_log, config.warn_blocked) == ("info", False, 0.5)
    assert config.origin("log_level") == "--log-level"
    assert config.bind == ("127.0.0.1:9000",)


@pytest.mark.parametrize("order", ["--print-config", "--check-config"])
def test_orders(bicorn: Bicorn, order: str, folder: Path) -> None:
    (folder / "orders_app.py").write_text("def app(environ, start_response): ...\n")
    outcome = bicorn(f"dev orders_app:app {order}")
    assert outcome.code == 0
    assert outcome.served == []
