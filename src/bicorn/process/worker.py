"""A worker's life: load the applications, serve, finish, end with a code that says how it went."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

from ..apps.failure import user_traceback
from ..apps.loader import LoadedApp, load, prepare_import_path
from ..errors import BicornError
from ..server.loop import new_event_loop
from ..server.server import Server
from . import status
from .plan import MARGIN

if TYPE_CHECKING:
    from ..config.settings import Config
    from ..server.listener import Listener

logger = logging.getLogger("bicorn.error")

BOOT_ERROR = 3  # Gunicorn's code for a worker that cannot start
CRASHED = 1


def run(config: Config, listeners: Sequence[Listener], tell: int, lifeline: int) -> int:
    """Serve until told to stop.

    Args:
        listeners: what to accept from.
        tell: the writing end of this worker's status pipe.
        lifeline: the reading end of a pipe that only the supervisor can write to: it ends when the supervisor does.

    Returns:
        The exit code: 0 after a stop, 2, 3 or 4 for what could not start (the supervisor has been told why), 1 for a
        server that broke down.
    """
    ready = False

    def started(description: str) -> None:
        nonlocal ready
        ready = True
        _say(tell, status.ready(description))

    try:
        prepare_import_path(config)
        apps = load_all(config)
        with asyncio.Runner(loop_factory=partial(new_event_loop, config.loop)) as runner:
            runner.run(_serve(config, apps, listeners, lifeline, started))
    except BaseException as error:
        if ready:
            logger.critical("the worker broke down", exc_info=error)
            return CRASHED
        code, message = explain(error)
        _say(tell, status.failed(code, message))
        return code
    return 0


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


async def _serve(
    config: Config,
    apps: Sequence[tuple[str, LoadedApp]],
    listeners: Sequence[Listener],
    lifeline: int,
    started: Callable[[str], None],
) -> None:
    loop = asyncio.get_running_loop()
    server = Server(config, apps, listeners)
    loop.add_signal_handler(signal.SIGTERM, server.stop)
    loop.add_signal_handler(signal.SIGQUIT, server.stop, False)

    def orphaned() -> None:
        loop.remove_reader(lifeline)
        logger.warning("the supervisor has gone: stopping")
        # Nobody is left to end what does not end by itself; not even a call that holds the loop outlasts an alarm.
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, config.graceful_timeout + MARGIN)
        server.stop()

    loop.add_reader(lifeline, orphaned)
    try:
        await server.serve(lambda: started(describe(apps)))
    finally:
        loop.remove_reader(lifeline)


def describe(apps: Sequence[tuple[str, LoadedApp]]) -> str:
    """What is served, for the start-up lines: ``"main:app is ASGI 3; /legacy is old:app (WSGI)"``."""
    (_, main), *mounts = apps
    return "; ".join(
        [f"{main.name} is {main.kind}", *(f"{prefix} is {app.name} ({app.kind})" for prefix, app in mounts)]
    )


def _say(tell: int, line: bytes) -> None:
    try:
        while line:
            line = line[os.write(tell, line) :]
    except OSError:
        pass  # the supervisor has gone; the lifeline says so too
