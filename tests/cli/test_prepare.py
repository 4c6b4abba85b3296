from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bicorn.cli import prepare
from bicorn.config.settings import Config
from bicorn.errors import ConfigError

Bicorn = Callable[[str], Any]


def test_notices_are_said_once_on_standard_error(bicorn: Bicorn) -> None:
    outcome = bicorn("main:app --statsd-host a:1 --spew --spew")
    assert outcome.err.splitlines() == [
        "bicorn: note: --spew is ignored: use sys.settrace or a debugger",
        "bicorn: note: --statsd-host is ignored: metrics are not sent yet",
    ]
    assert outcome.out == ""


def test_the_application_comes_from_any_source(bicorn: Bicorn, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "bicorn.toml").write_text("app = 'main:toml'")
    assert bicorn("").served[-1].app == "main:toml"
    monkeypatch.setenv("BICORN_APP", "main:env")
    assert bicorn("").served[-1].app == "main:env"
    assert bicorn("main:typed").served[-1].app == "main:typed"


def test_without_an_application_there_is_help() -> None:
    with pytest.raises(ConfigError, match="bicorn main:app"):
        prepare.application(Config())
    assert prepare.application(Config(app="main:app")) == "main:app"


def test_the_directory_is_entered_and_the_environment_set(
    bicorn: Bicorn, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "site").mkdir()
    monkeypatch.delenv("FOR_THE_APP", raising=False)
    monkeypatch.setattr(os, "environ", dict(os.environ))
    bicorn("main:app --chdir site -e FOR_THE_APP=1")
    assert Path.cwd() == folder / "site"
    assert os.environ["FOR_THE_APP"] == "1"
