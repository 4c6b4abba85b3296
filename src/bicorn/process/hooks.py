"""Hooks: functions of a ``gunicorn.conf.py``, or ``MODULE:FUNCTION``, called at Gunicorn's moments with its arguments.

In the supervisor::

    nworkers_changed(N, None) → on_starting → (sockets) → when_ready → pre_fork for each worker
    HUP: nworkers_changed → on_reload → pre_fork ...; a worker has gone: child_exit; the end: on_exit

In a worker::

    post_fork → (privileges, the application) → post_worker_init → pre_request, post_request ... → worker_exit
    INT, QUIT: worker_int; about to be killed for its silence: worker_abort

A hook that raises: ``on_starting`` and ``when_ready`` end the start, ``post_fork`` and ``post_worker_init`` fail the
boot (exit code 3), all others are logged with their traceback. With Gunicorn some of those end the supervisor, and
with it every worker; none is worth that.

This module is imported where there are hooks, by nobody else.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from ..apps.failure import user_traceback
from ..config.settings import HOOKS, OPTIONS, Config
from ..config.values import Hook
from ..errors import AppBootError, BicornError, ConfigError
from .facades import Log, Server, Worker

if TYPE_CHECKING:
    from ..apps.loader import LoadedApp

logger = logging.getLogger("bicorn.error")


class Hooks:
    """The hooks of one server, and what they are given. Inherited by every worker when it is forked.

    Args:
        workers: how many workers are wanted.

    Raises:
        ConfigError: a ``MODULE:FUNCTION`` that cannot be had.
    """

    def __init__(self, config: Config, workers: int) -> None:
        self._config = config
        self._functions = functions(config)
        self.log = Log()
        self.server = Server(config, self.log, workers)
        self._workers: dict[int, Worker] = {}  # by their numbers

    # In the supervisor

    def starting(self) -> None:
        """Before anything is bound.

        Raises:
            BicornError: a hook failed.
        """
        self.resized(self.server.num_workers, None)
        self.must("on_starting", self.server)

    def ready(self, listeners: Sequence[Any]) -> None:
        """The sockets listen.

        Raises:
            BicornError: the hook failed.
        """
        self.server.LISTENERS = listeners
        self.must("when_ready", self.server)

    def resized(self, new: int, old: int | None) -> None:
        """The number of workers that are wanted has changed."""
        self.server.num_workers = new
        self.call("nworkers_changed", self.server, new, old)

    def reloading(self, config: Config, workers: int) -> None:
        """The settings were read again, and want so many workers.

        Raises:
            ConfigError: as for the first ones.
        """
        self.use(config)
        self.resized(workers, self.server.num_workers)
        self.call("on_reload", self.server)

    def use(self, config: Config) -> None:
        """Be those of other settings.

        Raises:
            ConfigError: as for the first ones.
        """
        self._functions = functions(config)
        self._config = config
        self.server.use(config)

    def forking(self, number: int, *, here: bool = True) -> None:
        """A worker is about to be forked; not ``here``: by another process, which calls the hook."""
        self.server.worker_age += 1
        worker = Worker(number, self.server.worker_age, self._config, self.log)
        worker.ppid, worker.sockets = self.server.pid, self.server.LISTENERS
        self._workers[number] = worker
        if here:
            self.call("pre_fork", self.server, worker)

    def forked(self, number: int, pid: int) -> None:
        """It exists."""
        if worker := self._workers.get(number):
            worker.pid = pid
            self.server.WORKERS[pid] = worker

    def exited(self, number: int) -> None:
        """It has gone."""
        worker = self._workers.pop(number, None)
        if worker is None:
            return
        worker.alive = False
        if isinstance(worker.pid, int):
            self.server.WORKERS.pop(worker.pid, None)
        self.call("child_exit", self.server, worker)

    def aborting(self, pid: int) -> None:
        """A worker is about to be killed for its silence: let it call its hook, while its stacks are collected."""
        if self.has("worker_abort"):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGABRT)

    def executing(self) -> None:
        """In the forked process that is about to become the new server."""
        self.call("pre_exec", self.server)

    def ended(self) -> None:
        """The last step."""
        self.call("on_exit", self.server)

    # Calling

    def has(self, name: str) -> bool:
        """Whether there is such a hook."""
        return name in self._functions

    def call(self, name: str, *arguments: Any) -> None:
        """Call a hook if there is one; a failure is logged."""
        try:
            self.must(name, *arguments)
        except BicornError as error:
            logger.error("%s", error)

    def must(self, name: str, *arguments: Any, failure: type[BicornError] = BicornError) -> None:
        """Call a hook if there is one.

        Raises:
            BicornError: the hook failed; of the kind that `failure` names.
        """
        function = self._functions.get(name)
        if function is None:
            return
        try:
            function(*arguments)
        except (Exception, SystemExit) as error:
            raise failure(f"the hook {name} failed\n{user_traceback(error)}") from error

    # In a worker

    def life(self, number: int) -> Life:
        """In the forked process: the hooks of this one worker."""
        worker = self._workers.get(number) or Worker(number, self.server.worker_age, self._config, self.log)
        worker.pid = os.getpid()
        self.server.WORKERS[worker.pid] = worker
        return Life(self, self._functions, worker)


class Life:
    """The hooks that are called in a worker."""

    def __init__(self, hooks: Hooks, known: Mapping[str, Callable[..., Any]], worker: Worker) -> None:
        self._hooks, self._functions, self._worker = hooks, known, worker
        self._told = False

    def listen(self) -> None:
        """Hear INT and ABRT, where there are hooks for them: Ctrl-C reaches every process of the terminal."""
        if self._hooks.has("worker_int"):
            signal.signal(signal.SIGINT, lambda *_: self.interrupted())
        if self._hooks.has("worker_abort"):
            signal.signal(signal.SIGABRT, lambda *_: self.aborted())

    def born(self) -> None:
        """Right after the fork, before privileges are dropped.

        Raises:
            AppBootError: the hook failed.
        """
        self._hooks.must("post_fork", self._hooks.server, self._worker, failure=AppBootError)

    def loaded(self, apps: Sequence[tuple[str, LoadedApp]]) -> list[tuple[str, LoadedApp]]:
        """The applications are loaded; returns them, with the hooks around their requests.

        Raises:
            AppBootError: the hook failed.
        """
        self._worker.wsgi = apps[0][1].call if apps else None
        self._hooks.must("post_worker_init", self._worker, failure=AppBootError)
        self._worker.booted = True
        before, after = self._functions.get("pre_request"), self._functions.get("post_request")
        if before is None and after is None:
            return list(apps)
        from . import request_hooks  # for whoever has such a hook

        around = request_hooks.RequestHooks(self._worker, before, after)
        return [(prefix, app.replace(call=around.application(app))) for prefix, app in apps]

    def stopping(self) -> None:
        """It was told to stop."""
        self._worker.alive = False

    def interrupted(self) -> None:
        """INT or QUIT was heard; Ctrl-C may bring both."""
        self._worker.alive = False
        if not self._told:
            self._told = True
            self._hooks.call("worker_int", self._worker)

    def aborted(self) -> None:
        """It is about to be killed for its silence."""
        self._worker.alive = False
        self._worker.aborted = True
        self._hooks.call("worker_abort", self._worker)

    def leaving(self) -> None:
        """The last of all, unless it is killed."""
        self._worker.alive = False
        self._hooks.call("worker_exit", self._hooks.server, self._worker)


def functions(config: Config) -> dict[str, Callable[..., Any]]:
    """Every hook that is set, found.

    Raises:
        ConfigError: there is no such module or function, or it takes other arguments.
    """
    found = {}
    for name in HOOKS_SET:
        value = getattr(config, name)
        if value is not None:
            found[name] = value if callable(value) else _find(name, value, config.origin(name))
    if after := found.get("post_request"):
        found["post_request"] = _with_fewer(after)
    return found


HOOKS_SET = [name for name, option in OPTIONS.items() if option.group == HOOKS]


def _find(name: str, target: str, origin: str) -> Callable[..., Any]:
    module, _, path = target.partition(":")
    try:
        function: Any = import_module(module)
        for part in path.split("."):
            function = getattr(function, part)
    except Exception as error:
        why = f": {error}" if isinstance(error, (ImportError, AttributeError)) else f"\n{user_traceback(error)}"
        raise ConfigError(f"{name} {target!r} (from {origin}) cannot be imported{why}", setting=name) from error
    if not callable(function):
        raise ConfigError(f"{name} {target!r} (from {origin}) is no function", setting=name, value=target)
    OPTIONS[name].convert(function, origin)  # which looks at its arguments
    return function  # type: ignore[no-any-return]


def _with_fewer(after: Callable[..., Any]) -> Callable[..., Any]:
    """``post_request`` with two or three arguments, as older files have it, called with four."""
    kind = OPTIONS["post_request"].kind
    assert isinstance(kind, Hook)
    number = kind.taken(after)
    return after if number == len(kind.arguments) else lambda *arguments: after(*arguments[:number])
