"""The shell's own parts; with real workers it is tested in tests/integration/test_processes.py."""

from __future__ import annotations

import errno
import logging
import os
import signal
import subprocess
import sys
from typing import Any

import pytest

from bicorn import __version__
from bicorn.config.settings import Config
from bicorn.errors import BindError, ConfigError, TLSConfigError
from bicorn.process import sharing, spawn, supervisor
from bicorn.process.events import Died, End, Event, Forked, ForkFailed, Log, Ready, Share, Signal, Spawn, StopListening
from bicorn.process.status import ready
from bicorn.process.supervisor import Child, Supervisor, start_up_lines
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
    lines = start_up_lines(Config(workers=4, threads=8), listeners, "uvloop")
    assert lines[0] == f"Bicorn {__version__} on http://127.0.0.1:8000 and unix:/run/s (Press Ctrl+C to stop)"
    assert lines[1].startswith("4 workers, 8 threads each, uvloop, ")
    assert start_up_lines(Config(), listeners, "asyncio")[1].startswith("1 worker, asyncio, ")


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
    def register(self, *_: object) -> None: ...
    def unregister(self, *_: object) -> None: ...
    def select(self, _: object) -> None: ...


class FakeSignals:
    def __init__(self, *numbers: signal.Signals) -> None:
        self.numbers = list(numbers)

    def read(self) -> list[signal.Signals]:
        heard, self.numbers = self.numbers, []
        return heard


def made() -> Supervisor:
    made = Supervisor(Config(app="main:app"), [])
    made._selector = FakeSelector()  # type: ignore[assignment]
    made._signals = FakeSignals()  # type: ignore[assignment]
    return made


def child(it: Supervisor, pid: int, said: bytes = b"") -> None:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    os.write(writer, said)
    os.close(writer)
    it._children[pid] = Child(1, pid, reader)


@pytest.mark.parametrize(
    ("error", "reason"),
    [(OSError(errno.EAGAIN, "Resource temporarily unavailable"), "Resource temporarily unavailable"), (OSError(), "")],
)
def test_a_fork_that_fails_is_an_event(monkeypatch: pytest.MonkeyPatch, error: OSError, reason: str) -> None:
    def fork(_: object) -> tuple[int, int]:
        raise error

    monkeypatch.setattr(spawn, "fork", fork)
    assert made()._act(Spawn(3)) == [ForkFailed(3, reason)]


def test_a_fork_that_works_is_one_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spawn, "fork", lambda _: (4711, 99))
    it = made()
    assert it._act(Spawn(3)) == [Forked(3, 4711)]
    assert it._children[4711].number == 3


def test_the_library_is_imported_where_the_plan_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    shared: list[tuple[str, ...]] = []
    monkeypatch.setattr(sharing, "share_modules", shared.append)
    assert made()._act(Share(("json", "email"))) == []
    assert shared == [("json", "email")]


def test_only_workers_that_are_there_are_signalled(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[int, int]] = []

    def kill(pid: int, number: int) -> None:
        sent.append((pid, number))
        if pid == 12:
            raise ProcessLookupError

    monkeypatch.setattr(os, "kill", kill)
    it = made()
    child(it, 11)
    child(it, 12)
    for pid in (11, 12, 13):
        it._act(Signal(pid, "SIGKILL"))
    assert sent == [(11, signal.SIGKILL), (12, signal.SIGKILL)]
    for each in it._children.values():
        it._hang_up(each)


def test_the_other_actions(caplog: pytest.LogCaptureFixture) -> None:
    it = made()
    logging.getLogger("bicorn").propagate = True
    with caplog.at_level("DEBUG"):
        for action in (Log("warning", "100 % sure"), StopListening(), End(4)):
            assert it._act(action) == []
    assert caplog.messages == ["100 % sure"]
    assert it._code == 4


def waits(monkeypatch: pytest.MonkeyPatch, *answers: tuple[int, int] | type[Exception]) -> None:
    todo = list(answers)

    def waitpid(pid: int, _: int) -> tuple[int, int]:
        answer = todo.pop(0) if todo else (0, 0)
        if isinstance(answer, tuple):
            return answer
        raise answer

    monkeypatch.setattr(os, "waitpid", waitpid)


@pytest.mark.parametrize(
    ("wait_status", "event"),
    [
        (3 << 8, Died(1, 3)),
        (signal.SIGSEGV, Died(1, signal="SIGSEGV")),
        (50, Died(1, signal="signal 50")),
        (0, Died(1, 0)),
    ],
)
def test_how_a_worker_ended_and_its_last_words(monkeypatch: pytest.MonkeyPatch, wait_status: int, event: Event) -> None:
    it = made()
    child(it, 11, ready("main:app"))
    waits(monkeypatch, (11, wait_status))
    assert it._reap() == [Ready(1, "main:app"), event]
    assert it._children == {}


def test_a_worker_somebody_else_has_waited_for_is_gone_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    it = made()
    child(it, 11)
    waits(monkeypatch, ChildProcessError)
    assert it._reap() == [Died(1, 0)]


def test_elsewhere_than_as_process_1_strangers_are_left_to_their_parents(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    monkeypatch.setattr(os, "waitpid", lambda pid, _: (asked.append(pid), (0, 0))[1])
    it = made()
    child(it, 11)
    assert it._reap() == []
    assert asked == [11]
    it._hang_up(it._children[11])


@pytest.mark.parametrize("end", [(0, 0), ChildProcessError])
def test_as_process_1_strangers_are_reaped_too(monkeypatch: pytest.MonkeyPatch, end: Any) -> None:
    monkeypatch.setattr(os, "getpid", lambda: 1)
    it = made()
    child(it, 11)
    waits(monkeypatch, (4711, 0), (11, 0), (4712, 9), end)
    assert it._reap() == [Died(1, 0)]


def test_what_was_asked_comes_before_who_has_died_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """TERM to the whole process group, as systemd sends it."""
    it = made()
    child(it, 11)
    it._signals = FakeSignals(signal.SIGCHLD, signal.SIGTERM)  # type: ignore[assignment]
    waits(monkeypatch, (11, 0))
    assert [type(event).__name__ for event in it._wait()] == ["Asked", "Died"]
