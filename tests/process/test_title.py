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


class Page:
    """A slot of the scoreboard."""

    count = 0

    def requests(self) -> int:
        return self.count


def test_a_worker_tells_what_it_is_at_and_how_much_it_has_done(titles: list[str]) -> None:
    page, timers = Page(), []
    worker = title.WorkerTitle(Config(app="main:app"), 3, page)  # type: ignore[arg-type]
    worker.enter("starting")
    worker.enter("serving")
    worker.follow(lambda delay, call: timers.append((delay, call)))
    page.count = 1
    timers.pop()[1]()
    page.count = 1234
    delay, call = timers.pop()
    call()
    worker.enter("stopping")
    assert delay == 1.0
    head = "bicorn: worker 3 [main:app]"
    assert titles == [
        f"{head} starting",
        f"{head} serving",
        f"{head} serving, 1 request",
        f"{head} serving, 1234 requests",
        f"{head} stopping, 1234 requests",
    ]


def test_without_a_title_there_is_no_timer(without: None) -> None:
    worker = title.WorkerTitle(Config(), 1, Page())  # type: ignore[arg-type]
    worker.enter("serving")
    worker.follow(pytest.fail)


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
