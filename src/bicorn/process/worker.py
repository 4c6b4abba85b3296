"""A worker's life: load the applications, serve, finish, end with a code that says how it went."""

from __future__ import annotations

import asyncio
import faulthandler
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from ..apps.failure import user_traceback
from ..apps.loader import LoadedApp, load, prepare_import_path
from ..errors import BicornError
from ..observe import log
from ..observe.access import open_access_log
from ..server.loop import new_event_loop
from ..server.server import Server
from . import status
from .policy.times import MARGIN
from .warm import Imports

if TYPE_CHECKING:
    from ..apps.lifespan import Lifespan
    from ..config.settings import Config
    from ..observe.slot import Slot
    from ..server.listener import Listener
    from .hooks import Life
    from .title import WorkerTitle

logger = logging.getLogger("bicorn.error")

BOOT_ERROR = 3  # Gunicorn's code for a worker that cannot start
CRASHED = 1

Apps = Sequence[tuple[str, LoadedApp]]


def run(
    config: Config,
    listeners: Sequence[Listener],
    tell: int,
    lifeline: int,
    *,
    number: int = 1,
    is_alone: bool = False,
    is_retired: Callable[[], bool] | None = None,
    life: Life | None = None,
    slot: Slot | None = None,
    dump: int = -1,
    imported: Apps | None = None,
) -> int:
    """Serve until told to stop.

    Args:
        listeners: what to accept from; closed here once the server has its own copies.
        tell: the writing end of this worker's status pipe.
        lifeline: the reading end of a pipe that only the supervisor can write to: it ends when the supervisor does.
        number: among the workers.
        is_alone: no other code serves. It matters where files are watched, and this code cannot start.
        is_retired: to be asked when it is told to stop: whether others serve on.
        life: the hooks of this worker, if there are any.
        slot: its page of the scoreboard.
        dump: the writing end of the pipe for its stacks; -1 for none.
        imported: the applications, where the process that this one was forked from has imported them.

    Returns:
        The exit code: 0 after a stop, 2, 3 or 4 for what could not start (the supervisor has been told why), 1 for a
        server that broke down.
    """
    if dump >= 0:
        from .dump import register

        register(dump)
    title: WorkerTitle | None = None
    if "setproctitle" in sys.modules:  # the supervisor has looked for it
        from .title import WorkerTitle

        title = WorkerTitle(config, number, slot)
        title.enter("starting")
    imports = Imports(config)

    def made(apps: Apps) -> Worker:
        return Worker(config, apps, listeners, tell, lifeline, imports, life, slot, number, is_retired, title)

    serve = partial(_serve, config, life, made)
    try:
        code, message = serve(partial(_begin, config, life, slot, imported))
        if message and config.reload:
            from .stand_in import stand_in  # for development only

            if apps := stand_in(config, listeners, code, message, is_alone):
                say(tell, status.broken(message))
                code, message = serve(lambda: apps)
        if message:
            say(tell, status.failed(code, message))
        return code
    finally:
        if life is not None:
            life.leaving()


def _begin(config: Config, life: Life | None, slot: Slot | None, imported: Apps | None) -> Apps:
    """Become what the settings say, and load what they name."""
    _show_crashes()
    if life is not None:
        life.listen()
        life.born()
    if config.user is not None or config.group is not None:
        from .privileges import drop

        drop(config)
    if imported is not None:
        return imported
    if slot is not None:
        slot.phase(f"importing {config.app}")
    return import_apps(config)


def _serve(
    config: Config, life: Life | None, made: Callable[[Apps], Worker], begin: Callable[[], Apps]
) -> tuple[int, str]:
    """The exit code, and why it could not start, if it could not.

    Args:
        made: the worker for these applications.
        begin: returns what to serve.
    """
    worker: Worker | None = None
    try:
        apps = begin()
        if life is not None:
            apps = life.loaded(apps)
        worker = made(apps)
        loop = new_event_loop(config.loop)
        try:
            loop.run_until_complete(worker.live())
        finally:
            # Not around all of it: what it does at the start is not needed, and costs each worker a dozen pages.
            with asyncio.Runner(loop_factory=lambda: loop):
                pass  # ends what is left of tasks, generators and executors, and closes the loop
    except BaseException as error:
        if worker is not None and worker.is_cancelled and isinstance(error, asyncio.CancelledError):
            return 0, ""
        if worker is not None and worker.is_ready:
            logger.critical("the worker broke down", exc_info=error)
            return CRASHED, ""
        return explain(error)
    return 0, ""


def _show_crashes() -> None:
    """Native code that crashes leaves the Python stack it was called from on standard error."""
    try:
        if not faulthandler.is_enabled():
            faulthandler.enable()
    except (OSError, ValueError, RuntimeError):
        pass  # no standard error, or one that is no file


def import_apps(config: Config) -> Apps:
    """Every application, found where the settings say."""
    prepare_import_path(config)
    if config.reload:
        from .stand_in import import_afresh

        import_afresh(config)
    return load_all(config)


def load_all(config: Config) -> list[tuple[str, LoadedApp]]:
    """The main application under ``""``, then each mounted one under its prefix."""
    apps = [("", load(config.app or "", interface=config.interface, factory=config.factory))]
    # What --interface and --factory say, they say of the main application.
    return apps + [(prefix, load(target)) for prefix, target in config.mount_points]


def explain(error: BaseException) -> tuple[int, str]:
    """The exit code for what stopped the start, and the message for the log."""
    if isinstance(error, BicornError):
        return error.exit_code, str(error)
    if isinstance(error, SystemExit):
        return BOOT_ERROR, f"the application ended the process while it was starting: sys.exit({error.code!r})"
    return BOOT_ERROR, f"the worker could not start\n{user_traceback(error)}"


class Worker:
    """The part of the life that has an event loop.

    Args:
        imports: what was imported since the fork.
        life: the hooks of this worker, if there are any.
        slot: its page of the scoreboard, if there is one.
        number: among the workers.
        is_retired: whether others serve on when it is told to stop.

    Attributes:
        is_ready: it has accepted connections; what goes wrong from here on is no failure to start.
        is_cancelled: it was told to stop before that.
    """

    def __init__(
        self,
        config: Config,
        apps: Apps,
        listeners: Sequence[Listener],
        tell: int,
        lifeline: int,
        imports: Imports,
        life: Life | None = None,
        slot: Slot | None = None,
        number: int = 1,
        is_retired: Callable[[], bool] | None = None,
        title: WorkerTitle | None = None,
    ) -> None:
        self.is_ready = False
        self.is_cancelled = False
        self._config = config
        self._apps = apps
        self._listeners = listeners
        self._tell = tell
        self._lifeline = lifeline
        self._imports = imports
        self._life = life
        self._slot = slot
        self._number = number
        self._is_retired = is_retired
        self._title = title

    async def live(self) -> None:
        """Serve until a signal, or the end of the supervisor, says stop."""
        loop = asyncio.get_running_loop()
        self._serving = asyncio.current_task()
        access = open_access_log(self._config, loop.call_soon)
        self._server = Server(
            self._config, self._apps, self._listeners, access, recycle=self._ask_to_recycle, slot=self._slot
        )
        loop.add_signal_handler(signal.SIGTERM, self._stop, True)
        loop.add_signal_handler(signal.SIGQUIT, self._stop, False)
        loop.add_signal_handler(signal.SIGUSR1, _reopen_logs)
        loop.add_reader(self._lifeline, self._orphaned)
        try:
            await self._server.serve(self._started)
        finally:
            loop.remove_reader(self._lifeline)
            if access is not None:
                access.flush()

    def _started(self) -> None:
        self.is_ready = True
        # The server accepts from duplicates. If these stayed open, clients would still be queued while it drains.
        for listener in self._listeners:
            listener.sock.close()
        modules = self._imports.modules()
        if self._config.daemon:
            from .daemon import silence

            silence()
        say(self._tell, status.ready(describe(self._apps, self._server.lifespans), modules))
        if self._title is not None:
            self._title.enter("serving")
            self._title.follow(asyncio.get_running_loop().call_later)
        # Where nothing but inline WSGI is served, holding the loop is how it works.
        if self._config.warn_blocked and (self._server.lifespans or self._config.threads > 1):
            from ..server.blocked import Watchdog  # for development, mostly

            Watchdog(self._config.warn_blocked)

    def _stop(self, graceful: bool) -> None:
        if self._title is not None:
            self._title.enter("stopping")
        if self._life is not None:
            self._life.stopping() if graceful else self._life.interrupted()
        if not self.is_ready:
            self.is_cancelled = True
            if self._serving is not None:
                self._serving.cancel()
            return
        say(self._tell, status.stopping(self._closing_time()))
        self._server.stop(graceful, alone=self._is_retired is not None and self._is_retired())

    def _ask_to_recycle(self, why: str) -> None:
        say(self._tell, status.recycle(why))

    def _closing_time(self) -> float | None:
        """The most that the shutdown of the applications may take; None for no limit."""
        limit = self._config.lifespan_shutdown_timeout
        supported = sum(lifespan.supported for lifespan in self._server.lifespans)
        return None if supported and not limit else supported * limit

    def _orphaned(self) -> None:
        asyncio.get_running_loop().remove_reader(self._lifeline)
        logger.warning("the supervisor has gone: stopping")
        # Nobody is left to end what does not end by itself. An alarm also ends a call that holds the loop.
        closing = self._closing_time() if self.is_ready else 0.0
        if closing is not None:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            limit = self._config.drain_delay + self._config.graceful_timeout + MARGIN
            signal.setitimer(signal.ITIMER_REAL, limit + closing)
        self._stop(True)


def _reopen_logs() -> None:
    try:
        log.reopen()
    except BicornError as error:
        logger.error("%s; the old file is still in use", error)


def describe(apps: Apps, lifespans: Sequence[Lifespan]) -> str:
    """What is served, for the start-up lines: ``"main:app is ASGI 3 (lifespan on); /old is legacy:app, WSGI"``."""
    states = iter(lifespans)  # of the ASGI applications, in their order
    parts = []
    for prefix, app in apps:
        text = f"{prefix} is {app.name}, {app.kind}" if prefix else f"{app.name} is {app.kind}"
        if app.interface == "asgi":
            text += " (lifespan on)" if next(states).supported else " (no lifespan)"
        parts.append(text)
    return "; ".join(parts)


def say(tell: int, line: bytes) -> None:
    """Tell the supervisor, if there still is one."""
    try:
        while line:
            line = line[os.write(tell, line) :]
    except OSError:
        pass  # the lifeline says so too
