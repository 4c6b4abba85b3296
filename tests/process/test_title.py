"""setproctitle is a stand-in here: the real one would rename the process that runs the tests."""

from __future__ import annotations

import sys
import types

import pytest

from bicorn.config.settings import Config
from bicorn.process import title
from bicorn.process.title import Title


@pytest.fixture
def titles(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every title that was set."""
    shown: list[str] = []
    module = types.ModuleType("setproctitle")
    module.setproctitle = shown.append  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "setproctitle", module)
    monkeypatch.setattr(sys, "platform", "linux")
    return shown


def test_a_title_says_who_and_how(titles: list[str]) -> None:
    worker = Title(Config(app="main:app"), "worker 3")
    worker.show()
    worker.show("ready, 0 requests")
    worker.show("ready, 0 requests")
    worker.show("draining")
    assert titles == [
        "bicorn: worker 3 [main:app]",
        "bicorn: worker 3 [main:app] ready, 0 requests",
        "bicorn: worker 3 [main:app] draining",
    ]


def test_a_name_stands_in_front(titles: list[str]) -> None:
    Title(Config(app="main:app", proc_name="shop"), "supervisor").show("4 workers")
    assert titles == ["shop: supervisor [main:app] 4 workers"]


def test_with_setproctitle_there_is_nothing_to_say(titles: list[str]) -> None:
    assert title.available()
    assert title.notice(Config(proc_name="shop")) == ""


@pytest.fixture
def without(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "setproctitle", None)  # to import it is an ImportError


@pytest.mark.usefixtures("without")
def test_without_setproctitle_only_a_name_is_worth_a_word() -> None:
    assert not title.available()
    assert title.notice(Config()) == ""
    notice = title.notice(Config(proc_name="shop", origins={"proc_name": "--name"}))
    assert notice == "proc_name (from --name) has no effect: it needs setproctitle (pip install 'bicorn[title]')"
    Title(Config(), "supervisor").show("4 workers")


def test_nothing_is_set_on_macos(titles: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    Title(Config(), "worker 1").show("ready")
    assert titles == []
    assert not title.available()
