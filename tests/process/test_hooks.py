"""Hooks: when they are called, with what, and what becomes of one that fails."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bicorn.apps.loader import LoadedApp
from bicorn.config.settings import Config
from bicorn.errors import AppBootError, BicornError, ConfigError
from bicorn.process.facades import BOOTING
from bicorn.process.hooks import HOOKS_SET, Hooks

APPS = [("", LoadedApp(lambda environ, start_response: [], "wsgi", "WSGI", "main:app"))]
ARGUMENTS = {
    "on_starting": "server",
    "on_reload": "server",
    "when_ready": "server",
    "pre_fork": "server, worker",
    "post_fork": "server, worker",
    "post_worker_init": "worker",
    "worker_int": "worker",
    "worker_abort": "worker",
    "pre_exec": "server",
    "pre_request": "worker, request",
    "post_request": "worker, request, environ, response",
    "child_exit": "server, worker",
    "worker_exit": "server, worker",
    "nworkers_changed": "server, new, old",
    "on_exit": "server",
}


HELD_AGAINST = ("on_starting", "when_ready", "post_fork", "post_worker_init")


class Calls:
    """Hooks of every kind, and a note of each call."""

    def __init__(self, *names: str, fails: str = "") -> None:
        self.made: list[str] = []
        self.last: tuple[Any, ...] = ()
        self.arguments: dict[str, tuple[Any, ...]] = {}
        self.config = Config(**{name: self.hook(name, fails == name) for name in names or HOOKS_SET})  # type: ignore[arg-type]
        self.hooks = Hooks(self.config, 2)

    def last_of(self, name: str) -> tuple[Any, ...]:
        return self.arguments[name]

    def hook(self, name: str, fails: bool) -> Callable[..., None]:
        def note(*arguments: Any) -> None:
            self.made.append(name)
            self.last = arguments
            self.arguments[name] = arguments
            if fails:
                raise ValueError("of the hook")

        made: Callable[..., None] = eval(f"lambda {ARGUMENTS[name]}: note({ARGUMENTS[name]})", {"note": note})
        return made


def test_every_hook_is_known_here() -> None:
    assert list(ARGUMENTS) == HOOKS_SET


def test_a_life_in_the_supervisor() -> None:
    calls = Calls()
    hooks = calls.hooks
    hooks.starting()
    assert calls.made == ["nworkers_changed", "on_starting"]
    hooks.ready(["a listener"])
    assert calls.made[-1] == "when_ready"
    assert hooks.server.LISTENERS == ["a listener"]
    hooks.forking(1)
    server, worker = calls.last
    assert (calls.made[-1], server, worker.age, worker.pid) == ("pre_fork", hooks.server, 1, BOOTING)
    assert worker.sockets == ["a listener"]
    hooks.forked(1, 123)
    assert (worker.pid, server.WORKERS) == (123, {123: worker})
    hooks.forking(2)
    assert calls.last[1].age == 2
    hooks.exited(1)
    assert calls.made[-1] == "child_exit"
    assert calls.last == (server, worker)
    assert (worker.alive, server.WORKERS) == (False, {})
    hooks.exited(1)
    hooks.exited(9)
    made = len(calls.made)
    hooks.forking(4, here=False)
    assert (hooks.server.worker_age, len(calls.made)) == (3, made)
    assert calls.made[-1] == "child_exit"
    hooks.executing()
    hooks.ended()
    assert calls.made[-2:] == ["pre_exec", "on_exit"]


def test_the_number_of_workers() -> None:
    calls = Calls("nworkers_changed")
    calls.hooks.starting()
    assert calls.last == (calls.hooks.server, 2, None)
    calls.hooks.resized(3, 2)
    assert calls.last == (calls.hooks.server, 3, 2)


def test_a_reload_takes_the_new_functions() -> None:
    calls = Calls("on_reload", "nworkers_changed", "on_exit")
    new = Calls("on_reload", "nworkers_changed")
    calls.hooks.reloading(new.config.replace(proc_name="new"), 5)
    assert (calls.made, new.made) == ([], ["nworkers_changed", "on_reload"])
    assert new.last_of("nworkers_changed") == (calls.hooks.server, 5, 2)
    assert (calls.hooks.server.cfg.proc_name, calls.hooks.server.num_workers) == ("new", 5)
    calls.hooks.ended()
    assert calls.made == [], "it is set no more"


def test_a_life_in_a_worker() -> None:
    calls = Calls("post_fork", "post_worker_init", "worker_int", "worker_exit", "worker_abort", "pre_fork")
    calls.hooks.forking(3)
    before = calls.last[1]
    before.of_the_hook = 1
    life = calls.hooks.life(3)
    life.born()
    server, worker = calls.last
    assert (worker is before, worker.pid, worker.ppid, server.WORKERS) == (
        True,
        os.getpid(),
        server.pid,
        {os.getpid(): worker},
    )
    assert life.loaded(APPS) == APPS
    assert (worker.booted, worker.wsgi) == (True, APPS[0][1].call)
    life.interrupted()
    life.interrupted()
    assert worker.alive is False
    life.aborted()
    assert worker.aborted
    life.leaving()
    assert calls.made == ["pre_fork", "post_fork", "post_worker_init", "worker_int", "worker_abort", "worker_exit"]


def test_a_worker_that_nobody_announced_has_hooks_too() -> None:
    calls = Calls("post_fork")
    life = calls.hooks.life(1)
    life.born()
    assert calls.last[1].pid == os.getpid()
    life.stopping()
    assert calls.last[1].alive is False


def test_a_worker_hears_int_and_abrt_where_there_are_hooks_for_them() -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGABRT)}
    try:
        Calls("post_fork").hooks.life(1).listen()
        assert {number: signal.getsignal(number) for number in before} == before
        calls = Calls("worker_int", "worker_abort")
        calls.hooks.life(1).listen()
        os.kill(os.getpid(), signal.SIGINT)
        calls.hooks.aborting(os.getpid())
        assert calls.made == ["worker_int", "worker_abort"]
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    Calls("worker_int").hooks.aborting(os.getpid())  # it would end this process


def test_hooks_around_requests_are_put_around_every_application() -> None:
    life = Calls("pre_request").hooks.life(1)
    [(prefix, app)] = life.loaded(APPS)
    assert (prefix, app.kind, app.call is APPS[0][1].call) == ("", "WSGI", False)


# Failures


@pytest.mark.parametrize("name", ["on_starting", "when_ready"])
def test_a_hook_of_the_start_ends_it(name: str) -> None:
    hooks = Calls(name, fails=name).hooks
    with pytest.raises(BicornError, match=rf"(?s)^the hook {name} failed\n.*ValueError: of the hook"):
        hooks.starting() if name == "on_starting" else hooks.ready([])


@pytest.mark.parametrize("name", ["post_fork", "post_worker_init"])
def test_a_hook_of_the_boot_is_a_boot_failure(name: str) -> None:
    life = Calls(name, fails=name).hooks.life(1)
    with pytest.raises(AppBootError, match=rf"(?s)^the hook {name} failed\n.*ValueError: of the hook") as error:
        life.born() if name == "post_fork" else life.loaded(APPS)
    assert error.value.exit_code == 3


@pytest.mark.parametrize(
    "name",
    sorted(
        {*ARGUMENTS} - {"on_starting", "when_ready", "post_fork", "post_worker_init"} - {"pre_request", "post_request"}
    ),
)
def test_all_others_are_logged(name: str, caplog: pytest.LogCaptureFixture) -> None:
    calls = Calls(name, fails=name)
    hooks = calls.hooks
    hooks.starting()
    hooks.forking(1)
    hooks.forked(1, 5)
    life = hooks.life(1)
    for step in (life.interrupted, life.aborted, life.leaving, lambda: hooks.exited(1), hooks.executing, hooks.ended):
        step()
    hooks.reloading(calls.config, 1)
    assert name in calls.made
    assert f"the hook {name} failed" in caplog.text
    assert "ValueError: of the hook" in caplog.text


def test_a_hook_that_exits_does_not_end_the_supervisor(caplog: pytest.LogCaptureFixture) -> None:
    def on_exit(server: object) -> None:
        sys.exit(5)

    Hooks(Config(on_exit=on_exit), 1).ended()
    assert "the hook on_exit failed" in caplog.text


# By name


@pytest.fixture
def importable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "hooks_of_a_test.py").write_text("class Site:\n    on_exit = print\ndef one(server): ...\nx = 1\n")
    return tmp_path


@pytest.mark.usefixtures("importable")
def test_a_function_by_its_name() -> None:
    hooks = Hooks(Config(on_exit="hooks_of_a_test:Site.on_exit", when_ready="hooks_of_a_test.one"), 1)
    assert hooks.has("on_exit")
    assert hooks.has("when_ready")


@pytest.mark.usefixtures("importable")
@pytest.mark.parametrize(
    ("target", "problem"),
    [
        ("no_such_module:f", "cannot be imported: No module named 'no_such_module'"),
        ("hooks_of_a_test:f", "cannot be imported: module 'hooks_of_a_test' has no attribute 'f'"),
        ("hooks_of_a_test:x", "is no function"),
    ],
)
def test_a_name_that_leads_nowhere(target: str, problem: str) -> None:
    with pytest.raises(ConfigError) as error:
        Hooks(Config(on_exit=target, origins={"on_exit": "--on-exit"}), 1)
    assert str(error.value) == f"on_exit {target!r} (from --on-exit) {problem}"


@pytest.mark.usefixtures("importable")
def test_a_name_that_leads_to_a_function_of_other_arguments() -> None:
    with pytest.raises(ConfigError, match=r"^pre_fork must be a function of \(server, worker\).*it takes \(server\)"):
        Hooks(Config(pre_fork="hooks_of_a_test:one"), 1)


def test_a_module_that_fails_shows_why(importable: Path) -> None:
    (importable / "broken_hooks_of_a_test.py").write_text("1 / 0")
    with pytest.raises(ConfigError, match=r"(?s)cannot be imported\n.*ZeroDivisionError"):
        Hooks(Config(on_exit="broken_hooks_of_a_test:f"), 1)


@pytest.mark.parametrize("number", [2, 3, 4])
def test_post_request_gets_as_many_arguments_as_it_takes(number: int) -> None:
    got: list[Any] = []
    names = ", ".join("abcd"[:number])
    hook = eval(f"lambda {names}: got.append(({names}))", {"got": got})
    life = Hooks(Config(post_request=hook), 1).life(1)
    [(_, app)] = life.loaded(APPS)
    environ = {"REQUEST_METHOD": "GET", "RAW_URI": "/a?b", "SERVER_PROTOCOL": "HTTP/1.1", "REMOTE_ADDR": ""}
    app.call({**environ, "wsgi.url_scheme": "http"}, lambda *_: None)
    [arguments] = got
    assert len(arguments) == number
    assert arguments[1].path == "/a"
