from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

Bicorn = Callable[[str], Any]
APP = "async def app(scope, receive, send): ...\n"


def test_serving_is_the_supervisors_business(bicorn: Bicorn) -> None:
    outcome = bicorn("serve main:app --workers 3")
    assert outcome.code == 7
    assert [config.workers for config in outcome.served] == [3]


def test_the_settings_can_be_read_again(bicorn: Bicorn, folder: Path) -> None:
    (folder / "bicorn.toml").write_text("workers = 2")
    [reread] = bicorn("main:app --threads 3").reread
    (folder / "bicorn.toml").write_text("workers = 4\nthreads = 4")
    config = reread()
    assert (config.app, config.workers, config.threads) == ("main:app", 4, 3)


def test_check_config_loads_the_application_and_stops(bicorn: Bicorn, folder: Path) -> None:
    (folder / "site_a.py").write_text(APP)
    outcome = bicorn("site_a --check-config")
    assert (outcome.code, outcome.out, outcome.served) == (0, "site_a:app: ASGI 3\n", [])


def test_print_config_shows_the_settings_then_checks(bicorn: Bicorn, folder: Path) -> None:
    (folder / "site_b.py").write_text(APP)
    outcome = bicorn("site_b:app -w 2 --print-config")
    assert outcome.code == 0
    assert "\nworkers                       = 2 " in outcome.out
    assert outcome.out.endswith("site_b:app: ASGI 3\n")
    assert outcome.served == []


def test_print_config_shows_the_settings_even_of_what_cannot_be_loaded(bicorn: Bicorn) -> None:
    outcome = bicorn("no_such_module:app --print-config")
    assert outcome.code == 4
    assert outcome.out.startswith("# file: none\n")
    assert outcome.err.startswith("bicorn: there is no module 'no_such_module'")
