"""The worker's decisions, in this process; its life as a process is in tests/integration/test_processes.py."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from bicorn.apps.loader import LoadedApp
from bicorn.config.settings import Config
from bicorn.errors import AppBootError, AppNotFound, TLSConfigError
from bicorn.process import worker
from bicorn.process.policy.events import BootFailed, Ready, Stopping
from bicorn.process.status import StatusReader
from bicorn.process.warm import Imports
from bicorn.process.worker import Worker, describe, explain, load_all, run, say


class Pipe:
    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.reader, False)

    def heard(self) -> list[Any]:
        return list(StatusReader(1).feed(os.read(self.reader, 65536)))

    def close(self) -> None:
        for fd in (self.reader, self.writer):
            os.close(fd)


@pytest.fixture
def pipe() -> Any:
    pipe = Pipe()
    yield pipe
    pipe.close()


@pytest.fixture(autouse=True)
def path_restored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))


def app(name: str, kind: str) -> LoadedApp:
    return LoadedApp(lambda: None, "wsgi" if kind == "WSGI" else "asgi", kind, name)


def supported(*values: bool) -> Any:
    return [SimpleNamespace(supported=value) for value in values]


def test_the_description_names_every_application_and_its_lifespan() -> None:
    assert describe([("", app("main:app", "ASGI 3"))], supported(True)) == "main:app is ASGI 3 (lifespan on)"
    assert describe([("", app("main:app", "WSGI"))], []) == "main:app is WSGI"
    mounted = [
        ("", app("a:a", "WSGI")),
        ("/x", app("b:b", "ASGI 2")),
        ("/y", app("c:c", "WSGI")),
        ("/z", app("d:d", "ASGI 3")),
    ]
    assert describe(mounted, supported(False, True)) == (
        "a:a is WSGI; /x is b:b, ASGI 2 (no lifespan); /y is c:c, WSGI; /z is d:d, ASGI 3 (lifespan on)"
    )


def test_mounted_applications_are_found_out_by_themselves(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("both_kinds")

    async def asgi(scope: object, receive: object, send: object) -> None: ...
    def wsgi(environ: object, start_response: object) -> list[bytes]:
        return []

    vars(module).update(asgi=asgi, make=lambda: wsgi)
    monkeypatch.setitem(sys.modules, "both_kinds", module)
    config = Config(app="both_kinds:make", factory=True, interface="wsgi", mounts=("/a=both_kinds:asgi",))
    assert [(prefix, each.interface) for prefix, each in load_all(config)] == [("", "wsgi"), ("/a", "asgi")]


def test_errors_of_ours_explain_themselves_and_others_show_the_users_traceback() -> None:
    assert explain(AppNotFound("there is no module 'x'")) == (4, "there is no module 'x'")
    assert explain(TLSConfigError("certfile x")) == (2, "certfile x")
    assert explain(SystemExit("bye")) == (3, "the application ended the process while it was starting: sys.exit('bye')")
    try:
        raise ZeroDivisionError("here")
    except ZeroDivisionError as error:
        code, message = explain(error)
    assert code == 3
    assert message.splitlines()[0] == "the worker could not start"
    assert message.splitlines()[-1] == "ZeroDivisionError: here"


def test_what_cannot_be_loaded_is_reported_with_its_code(pipe: Pipe, tmp_path: Path) -> None:
    (tmp_path / "broken_app.py").write_text("1/0\n")
    lifeline = Pipe()
    try:
        assert run(Config(app="no_such:app", app_dir=str(tmp_path)), [], pipe.writer, lifeline.reader) == 4
        assert run(Config(app="broken_app:app", app_dir=str(tmp_path)), [], pipe.writer, lifeline.reader) == 3
    finally:
        lifeline.close()
    missing, broken = pipe.heard()
    assert isinstance(missing, BootFailed)
    assert (missing.code, broken.code) == (4, 3)
    assert "no_such" in missing.message
    assert "ZeroDivisionError" in broken.message


def test_a_supervisor_that_has_gone_is_not_told(pipe: Pipe) -> None:
    gone = os.pipe()
    os.close(gone[0])
    say(gone[1], b"hello\n")
    os.close(gone[1])
    say(pipe.writer, b"hello\n")
    assert os.read(pipe.reader, 100) == b"hello\n"


class FakeServer:
    def __init__(self, *lifespans: bool) -> None:
        self.lifespans = supported(*lifespans)
        self.stops: list[bool] = []

    def stop(self, graceful: bool = True, *, alone: bool = False) -> None:
        self.stops.append(graceful)


def made(pipe: Pipe, *lifespans: bool, **settings: Any) -> tuple[Worker, FakeServer]:
    made = Worker(Config(**settings), [("", app("main:app", "WSGI"))], [], pipe.writer, pipe.reader, Imports(Config()))
    server = made._server = FakeServer(*lifespans)  # type: ignore[assignment]
    return made, server  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("lifespans", "limit", "closing"),
    [((), 30.0, 0.0), ((False,), 30.0, 0.0), ((True, True), 30.0, 60.0), ((True,), 0, None), ((), 0, 0.0)],
)
def test_being_told_to_stop_is_acknowledged_with_the_time_the_shutdown_may_take(
    pipe: Pipe, lifespans: tuple[bool, ...], limit: float, closing: float | None
) -> None:
    it, server = made(pipe, *lifespans, lifespan_shutdown_timeout=limit)
    it._started()
    it._stop(True)
    it._stop(False)
    assert pipe.heard() == [Ready(1, "main:app is WSGI"), Stopping(1, closing), Stopping(1, closing)]
    assert server.stops == [True, False]


@pytest.mark.parametrize(("ready", "code"), [(True, 1), (False, 3)])
def test_a_server_that_breaks_down_is_a_crash_or_a_failed_start(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, ready: bool, code: int
) -> None:
    async def live(self: Worker) -> None:
        self.is_ready = ready
        raise asyncio.CancelledError("by nobody we know")

    monkeypatch.setattr(worker, "load_all", lambda _: [])
    monkeypatch.setattr(Worker, "live", live)
    logging.getLogger("bicorn").propagate = True
    assert run(Config(app="main:app", loop="asyncio"), [], pipe.writer, pipe.reader) == code
    if ready:
        assert caplog.messages == ["the worker broke down"]
    else:
        [failed] = pipe.heard()
        assert "by nobody we know" in failed.message


def test_before_it_is_ready_a_stop_just_ends_the_start(pipe: Pipe) -> None:
    it, server = made(pipe)
    cancelled: list[bool] = []
    it._serving = SimpleNamespace(cancel=lambda: cancelled.append(True))  # type: ignore[assignment]
    it._stop(True)
    assert (cancelled, server.stops, it.is_cancelled) == ([True], [], True)


def test_the_modules_that_every_worker_needs_come_with_this_one() -> None:
    assert worker.Server.__module__ == "bicorn.server.server"


class Hooked:
    """Stands in for the hooks of a worker."""

    def __init__(self, fails: str = "") -> None:
        self.log: list[str] = []
        self.fails = fails

    def note(self, name: str) -> None:
        self.log.append(name)
        if name == self.fails:
            raise AppBootError(f"the hook {name} failed")

    def listen(self) -> None:
        self.note("listen")

    def born(self) -> None:
        self.note("born")

    def loaded(self, apps: Any) -> Any:
        self.note("loaded")
        return apps

    def stopping(self) -> None:
        self.note("stopping")

    def interrupted(self) -> None:
        self.note("interrupted")

    def leaving(self) -> None:
        self.note("leaving")


def test_hooks_are_called_around_the_life(pipe: Pipe, monkeypatch: pytest.MonkeyPatch) -> None:
    life: Any = Hooked()

    async def live(self: Worker) -> None:
        life.note("live")

    monkeypatch.setattr(worker, "load_all", lambda _: life.note("load") or [])
    monkeypatch.setattr(Worker, "live", live)
    assert run(Config(app="main:app", loop="asyncio"), [], pipe.writer, pipe.reader, life=life) == 0
    assert life.log == ["listen", "born", "load", "loaded", "live", "leaving"]


@pytest.mark.parametrize("hook", ["born", "loaded"])
def test_a_hook_that_fails_is_a_failed_start(pipe: Pipe, monkeypatch: pytest.MonkeyPatch, hook: str) -> None:
    life: Any = Hooked(fails=hook)
    monkeypatch.setattr(worker, "load_all", lambda _: [])
    assert run(Config(app="main:app", loop="asyncio"), [], pipe.writer, pipe.reader, life=life) == 3
    assert pipe.heard() == [BootFailed(1, 3, f"the hook {hook} failed")]
    assert life.log[-1] == "leaving"


def test_hooks_hear_how_it_is_told_to_stop(pipe: Pipe) -> None:
    it, _ = made(pipe)
    it._started()
    it._life = life = Hooked()  # type: ignore[assignment]
    it._stop(True)
    it._stop(False)
    assert life.log == ["stopping", "interrupted"]  # type: ignore[attr-defined]
