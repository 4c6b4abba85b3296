from __future__ import annotations

import asyncio
import sys

import pytest

from bicorn.errors import ConfigError
from bicorn.server.loop import loop_name, new_event_loop


def made_by(name: str) -> str:
    loop = new_event_loop(name)
    try:
        assert not loop.is_running()
        return type(loop).__module__.partition(".")[0]
    finally:
        loop.close()


def test_auto_is_uvloop_where_it_is_installed() -> None:
    pytest.importorskip("uvloop")
    assert made_by("auto") == made_by("uvloop") == loop_name("auto") == "uvloop"


def test_auto_is_asyncio_where_uvloop_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    assert made_by("auto") == loop_name("auto") == "asyncio"


def test_asyncio_is_its_own_loop() -> None:
    loop = new_event_loop("asyncio")
    assert isinstance(loop, asyncio.AbstractEventLoop)
    loop.close()
    assert made_by("asyncio") == loop_name("asyncio") == "asyncio"


def test_uvloop_asked_for_and_missing_is_a_settings_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvloop", None)
    with pytest.raises(ConfigError, match="pip install uvloop") as caught:
        new_event_loop("uvloop")
    assert caught.value.setting == "loop"


def test_an_unknown_loop_is_a_settings_error() -> None:
    with pytest.raises(ConfigError, match=r"auto, uvloop, asyncio \(got 'trio'\)"):
        new_event_loop("trio")
