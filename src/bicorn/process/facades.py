"""What hooks are given: objects with the attributes that Gunicorn's have and ``gunicorn.conf.py`` files use.

They show, and carry what a hook hangs on them from one hook to the next. They are not how the server is steered: that
is done by signals and commands.
"""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Mapping, Sequence
from typing import Any

from ..config import bind
from ..config.settings import OPTIONS, Config

BOOTING = "[booting]"  # Gunicorn's word for the process id of a worker that is not forked yet


class Log:
    """Gunicorn's logger object: a logger, and the two loggers behind it."""

    def __init__(self) -> None:
        self.error_log = logging.getLogger("bicorn.error")
        self.access_log = logging.getLogger("bicorn.access")

    def __getattr__(self, name: str) -> Any:
        return getattr(self.error_log, name)  # debug, info, warning, error, critical, exception, log, ...

    def reopen_files(self) -> None:
        """Open the log files anew."""
        from ..observe.log import reopen

        reopen()


class Settings:
    """The settings, under Bicorn's names and Gunicorn's."""

    def __init__(self, config: Config) -> None:
        self._config = config

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        value = self._find(name)
        if name == "bind":
            return list(value)
        return value

    def _find(self, name: str) -> Any:
        if name in OPTIONS:
            return getattr(self._config, name)
        from ..config.dialects import GUNICORN_BY_NAME
        from ..config.old_name import Fate

        row = GUNICORN_BY_NAME.get(name)
        if row is not None and row.fate is Fate.BECOMES and row.to in OPTIONS:
            return getattr(self._config, row.to)
        raise AttributeError(f"No configuration setting for: {name}")

    @property
    def address(self) -> list[Any]:
        """``(host, port)``, or the path of a unix socket, for each address."""
        return addresses(self._config)

    @property
    def env(self) -> dict[str, str]:
        """The variables of ``raw_env``."""
        return {name: value for name, _, value in [pair.partition("=") for pair in self._config.raw_env]}

    @property
    def is_ssl(self) -> bool:
        """Whether connections are TLS."""
        return self._config.tls

    @property
    def keepalive(self) -> float:
        """Seconds; 0 where each connection is closed after its response."""
        return 0 if self._config.limit_requests_per_connection == 1 else self._config.timeout_keep_alive

    @property
    def proc_name(self) -> str:
        """The name in ``ps``."""
        return self._config.proc_name or "bicorn"

    @property
    def settings(self) -> Mapping[str, Setting]:
        """Every setting, as an object with ``get()`` and ``value``."""
        return {name: Setting(name, getattr(self._config, name)) for name in OPTIONS}


class Setting:
    """One of ``cfg.settings``."""

    def __init__(self, name: str, value: Any) -> None:
        self.name, self.value = name, value

    def get(self) -> Any:
        """The value."""
        return self.value


class Worker:
    """One worker, in the supervisor and, after the fork, in the worker itself.

    Attributes:
        age: how many workers had been started when this one was, itself included.
        pid: of its process; ``"[booting]"`` before there is one.
        ppid: of the supervisor.
        alive: it has not been told to stop.
        booted: the application is loaded.
        aborted: it is being killed for its silence.
        nr: requests that hooks were called for.
        wsgi: the application, once it is loaded.
    """

    def __init__(self, number: int, age: int, config: Config, log: Log) -> None:
        self.number, self.age = number, age
        self.pid: int | str = BOOTING
        self.ppid = os.getpid()
        self.cfg, self.log = Settings(config), log
        self.timeout = config.timeout / 2  # as Gunicorn tells its workers
        self.alive = True
        self.booted = self.aborted = False
        self.nr = 0
        self.wsgi: Any = None
        self.sockets: Sequence[Any] = ()

    def __str__(self) -> str:
        return f"<Worker {self.pid}>"

    def notify(self) -> None:
        """Nothing to do: a worker shows by its loop that it is alive."""


class Server:
    """The supervisor.

    Attributes:
        pid: of its process.
        master_pid: of the server it takes over from, after USR2; else 0.
        WORKERS: every worker by its process id.
        LISTENERS: the listening sockets.
        worker_age: how many workers have been started.
        num_workers: how many are wanted.
    """

    def __init__(self, config: Config, log: Log, workers: int) -> None:
        self.pid = os.getpid()
        self.master_pid = self.reexec_pid = 0
        self.master_name = "Master"
        self.log = log
        self.WORKERS: dict[int, Worker] = {}
        self.LISTENERS: Sequence[Any] = ()
        self.worker_age = 0
        self.num_workers = workers
        self.use(config)

    def use(self, config: Config) -> None:
        """Other settings: they were read again."""
        self.cfg = Settings(config)
        self.address = addresses(config)
        self.timeout = config.timeout
        self.proc_name = self.cfg.proc_name

    def kill_worker(self, pid: int, sig: int) -> None:
        """Send a worker a signal."""
        if pid in self.WORKERS:
            os.kill(pid, sig)

    def kill_workers(self, sig: int) -> None:
        """Send every worker a signal."""
        for pid in list(self.WORKERS):
            self.kill_worker(pid, sig)

    def wakeup(self) -> None:
        """Nothing to do: the supervisor wakes up by itself."""

    def reload(self) -> None:
        """What HUP does."""
        os.kill(self.pid, signal.SIGHUP)


def addresses(config: Config) -> list[Any]:
    """As Gunicorn has them: ``(host, port)``, a path, or a descriptor's number."""
    found: list[Any] = []
    for text in config.bind:
        address = bind.parse(text)
        if address.kind == "tcp":
            found.append((address.host, address.port))
        else:
            found.append(address.path if address.kind == "unix" else address.fd)
    return found
