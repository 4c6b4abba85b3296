"""The shell's own parts; with real workers it is tested in tests/integration."""

from __future__ import annotations

import logging
import selectors
import signal
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import pytest

from bicorn import __version__
from bicorn.config.settings import Config
from bicorn.errors import BindError, ConfigError, TLSConfigError
from bicorn.observe import log
from bicorn.process import sharing, spawn, supervisor
from bicorn.process.policy.events import (
    Action,
    Asked,
    Died,
    Discard,
    Dump,
    Dumped,
    End,
    Event,
    Forked,
    Log,
    Outcome,
    Prepare,
    ReopenLogs,
    Reread,
    Resized,
    Settings,
    SettingsRefused,
    Share,
    Signal,
    Spawn,
    StopListening,
    SuccessorFailed,
    Upgrade,
)
from bicorn.process.policy.states import Ask, Phase
from bicorn.process.reread import Edition, Editions
from bicorn.process.supervisor import Supervisor, start_up_lines
from bicorn.process.surroundings import Surroundings
from bicorn.server.listener import Listener


def test_importing_it_loads_neither_asyncio_nor_anything_of_the_server() -> None:
    code = """
import sys, bicorn.process.supervisor
heavy = {"asyncio", "ssl", "uvloop", "threading", "multiprocessing", "subprocess"} - {"threading"}
print(sorted(name for name in sys.modules if name in heavy or name.startswith(("bicorn.apps", "bicorn.wire"))))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_the_start_is_told_in_two_lines_until_the_first_worker_adds_its_own() -> None:
    listeners: Any = [Listener(None, "http://127.0.0.1:8000"), Listener(None, "unix:/run/s")]  # type: ignore[arg-type]
    lines = start_up_lines(Config(workers=4, threads=8, loop="asyncio"), listeners)
    assert lines[0] == f"Bicorn {__version__} on http://127.0.0.1:8000 and unix:/run/s (Press Ctrl+C to stop)"
    assert lines[1].startswith("4 workers, 8 threads each, asyncio, ")
    assert start_up_lines(Config(loop="asyncio"), listeners)[1].startswith("1 worker, asyncio, ")


def test_what_cannot_start_is_raised_before_anything_is_forked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spawn, "fork", None)
    with pytest.raises(TLSConfigError):
        supervisor.run(Config(app="main:app", certfile=("missing.pem",)))
    with pytest.raises(BindError):
        supervisor.run(Config(app="main:app", bind=("192.0.2.1:1",)))
    monkeypatch.setitem(sys.modules, "uvloop", None)
    with pytest.raises(ConfigError):
        supervisor.run(Config(app="main:app", bind=("127.0.0.1:0",), loop="uvloop"))


class FakeSelector:
    def __init__(self, *heard: list[Event]) -> None:
        self.keys = {
            number: selectors.SelectorKey(number, number, 1, lambda events=events: events)
            for number, events in enumerate(heard)
        }

    def select(self, _: object) -> list[Any]:
        return [(key, 1) for key in self.keys.values()]

    def get_map(self) -> Any:
        return self.keys


class FakeSignals:
    def __init__(self, *numbers: int) -> None:
        self.numbers = list(numbers)

    def read(self) -> list[int]:
        heard, self.numbers = self.numbers, []
        return heard


class FakeStaff:
    """Notes what it is told."""

    def __init__(self, *gone: Event) -> None:
        self.gone = list(gone)
        self.told: list[Any] = []

    def spawn(self, number: int, generation: int, is_alone: bool) -> list[Event]:
        self.told.append(("spawn", number, generation, is_alone))
        return [Forked(number, 100 + number)]

    def signal(self, *arguments: Any) -> None:
        self.told.append(arguments)

    def dump(self, number: int, now: float) -> list[Event]:
        return [Dumped(number, "stacks")]

    def dumped(self, now: float) -> list[Event]:
        return []

    def deadline(self) -> float | None:
        return None

    children = None

    def reap(self) -> list[Event]:
        return self.gone

    @property
    def templates(self) -> FakeTemplates:
        return FakeTemplates(self.told)


class FakeTemplates:
    """Notes it there, too."""

    def __init__(self, told: list[Any]) -> None:
        self.told = told

    def prepare(self, generation: int, now: float) -> list[Event]:
        self.told.append(("prepare", generation))
        return []

    def share(self, generation: int, modules: tuple[str, ...], now: float) -> None:
        self.told.append(("share", generation, modules))

    def discard(self, generation: int, now: float) -> None:
        self.told.append(("discard", generation))

    def keep(self, generations: set[int]) -> None:
        self.told.append(("keep", generations))

    def give_up(self, now: float) -> None:
        pass

    def deadline(self) -> float | None:
        return None


class FakeControl:
    def __init__(self, *asked: Asked) -> None:
        self.asked = list(asked)
        self.told: list[Any] = []

    def deadline(self) -> float | None:
        return None

    def events(self, now: float, running: bool, report: Any) -> list[Asked]:
        self.told.append((running, report()["state"]))
        return self.asked

    def __getattr__(self, name: str) -> Any:
        return lambda *arguments: self.told.append((name, *arguments))


def made(*, control: FakeControl | None = None, read: Any = None, start: Any = None, **settings: Any) -> Supervisor:
    surroundings = Surroundings(start)
    surroundings.control = control  # type: ignore[assignment]
    it = Supervisor(Editions(Edition(1, Config(app="main:app", **settings), []), start, read), surroundings)
    it._selector = FakeSelector()  # type: ignore[assignment]
    it._signals = FakeSignals()  # type: ignore[assignment]
    it._staff = FakeStaff()  # type: ignore[assignment]
    return it


def act(it: Supervisor, action: Action) -> list[Event]:
    return it._act(action, 1.0)


def told(it: Supervisor) -> list[Any]:
    return it._staff.told  # type: ignore[attr-defined, no-any-return]


def test_workers_and_templates_are_the_staffs() -> None:
    it = made()
    assert act(it, Spawn(3, 1)) == [Forked(3, 103)]
    for action in (Signal(11, "SIGTERM", alone=True), Prepare(2), Discard(1)):
        assert act(it, action) == []
    assert told(it) == [("spawn", 3, 1, True), (11, "SIGTERM", True), ("prepare", 2), ("discard", 1)]
    assert act(it, Dump(3)) == [Dumped(3, "stacks")]


def test_the_library_is_imported_where_the_plan_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    shared: list[tuple[str, ...]] = []
    monkeypatch.setattr(sharing, "share_modules", shared.append)
    it = made()
    assert act(it, Share(1, ("json", "email"))) == []
    assert shared == [("json", "email")]
    assert told(it) == []


def test_well_known_libraries_are_imported_by_a_process_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "share_modules", lambda modules: None)
    modules = ("json", "flask", "flask.app")
    it = made()
    assert act(it, Share(1, modules)) == []
    assert told(it) == [("share", 1, modules)]


def test_whoever_wants_no_such_process_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sharing, "share_modules", lambda modules: None)
    plain, hooked, watching = made(share_imports=False), made(), made()
    hooked._hooks = SimpleNamespace(has=lambda name: name == "pre_fork")  # type: ignore[assignment]
    watching._warmth = SimpleNamespace()  # type: ignore[assignment]
    for it in (plain, hooked, watching):
        act(it, Share(1, ("flask",)))
        assert told(it) == []


def test_such_a_process_goes_when_no_more_connections_are_accepted_and_with_its_generation() -> None:
    it = made()
    act(it, StopListening())
    it._settle_editions({1})
    assert told(it) == [("keep", set()), ("keep", {1})]


def test_the_other_actions(caplog: pytest.LogCaptureFixture) -> None:
    it = made()
    logging.getLogger("bicorn").propagate = True
    with caplog.at_level("DEBUG"):
        for action in (Log("warning", "100 % sure"), StopListening(), Outcome(True, "done"), Resized(2, 1), End(4)):
            assert act(it, action) == []
    assert caplog.messages == ["100 % sure"]
    assert it._code == 4


def test_who_waits_for_a_reload_or_for_stacks_is_told() -> None:
    control = FakeControl()
    it = made(control=control)
    act(it, Outcome(False, "no such module"))
    it._fleet.phase = Phase.STOPPING
    it._fleet.listening = False
    it._decide([*act(it, Dump(3, log=True))])
    assert control.told == [
        ("outcome", False, "no such module"),
        ("dump_asked", 3),
        ("dumped", 3, "stacks"),
    ]


def test_log_files_are_opened_again_and_a_failure_is_told(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    logging.getLogger("bicorn").propagate = True

    def reopen() -> None:
        raise ConfigError("cannot open the log file /nowhere: gone")

    monkeypatch.setattr(log, "reopen", reopen)
    assert act(made(), ReopenLogs()) == []
    assert caplog.messages == ["cannot open the log file /nowhere: gone; the old file is still in use"]


def test_settings_that_cannot_be_read_again_are_the_old_ones() -> None:
    [answer] = act(made(), Reread(2))
    assert isinstance(answer, Settings)
    assert answer.want.workers == 1


def test_settings_are_refused_with_their_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    it = made()

    def add(*_: object) -> Edition:
        raise ConfigError("workers must be a whole number")

    monkeypatch.setattr(it._editions, "add", add)
    assert act(it, Reread(2)) == [SettingsRefused("workers must be a whole number")]


def test_nobody_knows_how_it_was_started_so_there_is_no_upgrade() -> None:
    assert act(made(), Upgrade()) == [SuccessorFailed("it is not known how this server was started")]


def test_what_was_said_and_asked_comes_before_who_has_died_of_it() -> None:
    """TERM to the whole process group, as systemd sends it."""
    control = FakeControl(Asked(Ask.STOP, "bicorn stop"))
    it = made(control=control)
    it._selector = FakeSelector([Died(7)])  # type: ignore[assignment]
    it._signals = FakeSignals(signal.SIGCHLD, signal.SIGTERM)  # type: ignore[assignment]
    it._staff = FakeStaff(Died(1))  # type: ignore[assignment]
    assert it._wait() == [Died(7), Asked(Ask.STOP, "SIGTERM"), Asked(Ask.STOP, "bicorn stop"), Died(1)]
    assert control.told == [(True, "starting")]


def test_one_that_has_gone_by_what_another_has_said_is_not_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    it = made()
    selector = FakeSelector([], [Died(7)])
    keys = selector.select(None)
    del selector.keys[1]
    monkeypatch.setattr(selector, "select", lambda _: keys)
    it._selector = selector  # type: ignore[assignment]
    assert it._wait() == []


def test_a_file_that_has_changed_is_a_reload_that_is_not_on_trial() -> None:
    class Watcher:
        has_ended = False

        def changes(self) -> list[str]:
            return ["main.py"]

    assert made()._changed(Watcher()) == [Asked(Ask.RELOAD, "main.py changed", grace=0.0)]  # type: ignore[arg-type]
