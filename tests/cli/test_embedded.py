from __future__ import annotations

import sys
import types
from typing import Any

import pytest

import bicorn
from bicorn.apps import loader
from bicorn.cli import embedded
from bicorn.errors import AppBootError, ConfigError


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The configurations that a stand-in for the supervisor was asked to serve; its exit code is the last element's."""
    configs: list[Any] = []
    supervisor = types.ModuleType("bicorn.process.supervisor")
    codes = {"main:fails": 3}

    def run(config: Any, **_: object) -> int:
        configs.append(config)
        return codes.get(config.app, 0)

    supervisor.run = run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "bicorn.process.supervisor", supervisor)
    return configs


def test_settings_are_the_commands(served: list[Any], capsys: pytest.CaptureFixture[str]) -> None:
    embedded.run("main:app", host="127.0.0.2", port=9000, workers=2)
    (config,) = served
    assert (config.app, config.bind, config.workers) == ("main:app", ("127.0.0.2:9000",), 2)
    embedded.run("main:app", threads=4, interface="asgi3")
    assert "threads=4 has no effect" in capsys.readouterr().err


def test_an_object_is_held_for_the_workers(served: list[Any]) -> None:
    def application(environ, start_response): ...

    embedded.run(application)
    assert loader.load(served[0].app).call is application


def test_a_failed_server_ends_the_program_with_its_code(served: list[Any]) -> None:
    with pytest.raises(SystemExit) as caught:
        embedded.run("main:fails")
    assert caught.value.code == 3


def test_a_wrong_setting_is_the_callers_to_handle(served: list[Any]) -> None:
    with pytest.raises(ConfigError, match="worker"):
        embedded.run("main:app", wokers=2)
    assert served == []


def test_a_module_that_runs_when_it_is_imported_is_told(served: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loader, "_importing", ["main"])
    with pytest.raises(AppBootError, match=r"the module 'main' calls bicorn\.run\(\) whenever it is imported"):
        embedded.run("main:app")
    assert served == []


def test_it_is_the_public_run() -> None:
    assert bicorn.run is embedded.run
