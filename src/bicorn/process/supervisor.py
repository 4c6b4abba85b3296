"""The supervisor: binds, forks the workers, waits, and carries out what ``plan.py`` decides.

It decides nothing, never imports the application, and has neither threads nor an event loop: only one selector that
waits for signals and for what workers say, until the plan's next deadline.
"""

from __future__ import annotations

import errno
import gc
import logging
import os
import selectors
import signal
import sys
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .. import __version__
from ..observe import log
from ..server.listener import Listener
from . import sharing, signals, spawn
from .events import (
    Action,
    Asked,
    Died,
    End,
    Event,
    Forked,
    ForkFailed,
    Log,
    Share,
    Signal,
    Spawn,
    StopListening,
    Tick,
)
from .fleet import Fleet, Want
from .plan import decide
from .signals import ASKS, SignalPipe
from .sockets import bind_all, close_all
from .status import StatusReader

if TYPE_CHECKING:
    from ..config.settings import Config

logger = logging.getLogger("bicorn.error")


def run(config: Config) -> int:
    """Serve until told to stop; the exit code.

    Raises:
        BicornError: it cannot start: an address, a certificate, a log file. Nothing is left open.
    """
    # Here, because they bring ssl and asyncio, and who only imports this module wants neither.
    from ..server import tls
    from ..server.loop import loop_name

    log.configure(config)
    tls.prepare(config)
    loop = loop_name(config.loop)
    listeners = bind_all(config)
    try:
        for line in start_up_lines(config, listeners, loop):
            logger.info("%s", line)
        return Supervisor(config, listeners).run()
    finally:
        close_all(listeners)


def start_up_lines(config: Config, listeners: Sequence[Listener], loop: str) -> list[str]:
    """What is known before the first worker is ready: where, and with what."""
    where = " and ".join(listener.url for listener in listeners)
    workers = f"{config.workers} worker{'s' * (config.workers > 1)}"
    threads = f", {config.threads} threads each" if config.threads > 1 else ""
    implementation = {"cpython": "CPython", "pypy": "PyPy"}.get(sys.implementation.name, sys.implementation.name)
    python = f"{implementation} {sys.version.split()[0]}"
    return [f"Bicorn {__version__} on {where} (Press Ctrl+C to stop)", f"{workers}{threads}, {loop}, {python}"]


class Child:
    """A worker process and what it says.

    Attributes:
        status: the reading end of its pipe; -1 once it is closed.
    """

    def __init__(self, number: int, pid: int, status: int) -> None:
        self.number = number
        self.pid = pid
        self.status = status
        self.reader = StatusReader(number)


class Supervisor:
    """The shell around the plan.

    Args:
        listeners: shared by all workers; closed when the stop begins.
    """

    def __init__(self, config: Config, listeners: Sequence[Listener]) -> None:
        self._config = config
        self._listeners = listeners
        self._fleet = Fleet(Want(config.workers, config.graceful_timeout))
        self._children: dict[int, Child] = {}  # by process id
        self._code: int | None = None

    def run(self) -> int:
        """Until the plan says the end; the exit code."""
        self._signals = SignalPipe()
        self._lifeline, self._lifeline_writer = os.pipe()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._signals, selectors.EVENT_READ)
        try:
            sharing.share_server()
            self._decide([Tick()])
            while self._code is None:
                self._decide(self._wait() or [Tick()])
        finally:
            self._selector.close()
            os.close(self._lifeline)
            os.close(self._lifeline_writer)  # whoever is left hears of it here
            self._signals.close()
            gc.unfreeze()
        return self._code

    # -- Wait

    def _wait(self) -> list[Event]:
        """Sleep until something happens or is due; what has happened."""
        deadline = self._fleet.deadline()
        self._selector.select(None if deadline is None else max(0.0, deadline - time.monotonic()))
        # What a worker said comes before its death. So does what was asked: where TERM goes to the whole group at once,
        # a worker that has obeyed has not left by itself.
        said = [event for child in list(self._children.values()) for event in self._listen(child)]
        asked = [Asked(ASKS[number], signals.name_of(number)) for number in self._signals.read() if number in ASKS]
        return [*said, *asked, *self._reap()]

    def _listen(self, child: Child) -> list[Event]:
        events: list[Event] = []
        while child.status >= 0:
            try:
                data = os.read(child.status, 65536)
            except BlockingIOError:
                break
            events += child.reader.feed(data)
            if not data:
                self._hang_up(child)
        return events

    def _hang_up(self, child: Child) -> None:
        if child.status >= 0:
            self._selector.unregister(child.status)
            os.close(child.status)
            child.status = -1

    def _reap(self) -> list[Event]:
        """Take leave of every process that has ended.

        As process 1 (in a container) that includes strangers, whose own parents have gone. Elsewhere they are left to
        whoever started them.
        """
        if os.getpid() == 1:
            return self._reap_all()
        events: list[Event] = []
        for pid in list(self._children):
            try:
                done, wait_status = os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:  # somebody else in this process has waited for it
                done, wait_status = pid, 0
            if done:
                events += self._gone(pid, wait_status)
        return events

    def _reap_all(self) -> list[Event]:
        events: list[Event] = []
        while True:
            try:
                pid, wait_status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return events
            if not pid:
                return events
            events += self._gone(pid, wait_status)

    def _gone(self, pid: int, wait_status: int) -> list[Event]:
        child = self._children.pop(pid, None)
        if child is None:
            return []
        last_words = self._listen(child)
        self._hang_up(child)
        if os.WIFSIGNALED(wait_status):
            return [*last_words, Died(child.number, signal=_signal_name(os.WTERMSIG(wait_status)))]
        return [*last_words, Died(child.number, os.waitstatus_to_exitcode(wait_status))]

    # -- Decide and act

    def _decide(self, events: list[Event]) -> None:
        """Ask the plan about each event, act, and ask about what came of that."""
        while events:
            for action in decide(self._fleet, events.pop(0), time.monotonic()):
                events += self._act(action)

    def _act(self, action: Action) -> list[Event]:
        match action:
            case Spawn():
                return [self._spawn(action.number)]
            case Share():
                sharing.share_modules(action.modules)
            case Signal():
                self._kill(action.pid, signal.Signals[action.name])
            case Log():
                logger.log(log.LEVELS[action.level], "%s", action.text)
            case StopListening():
                close_all(self._listeners)
            case End():
                self._code = action.code
        return []

    def _spawn(self, number: int) -> Event:
        try:
            pid, status = spawn.fork(self._become_worker)
        except OSError as error:
            return ForkFailed(number, error.strerror or errno.errorcode.get(error.errno or 0, str(error)))
        self._children[pid] = Child(number, pid, status)
        self._selector.register(status, selectors.EVENT_READ)
        return Forked(number, pid)

    def _kill(self, pid: int, number: signal.Signals) -> None:
        if pid not in self._children:
            return
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass  # it has ended and is about to be reaped

    def _become_worker(self, tell: int) -> int:
        """In the child: let go of all that is the supervisor's, then live."""
        from . import worker  # imported before the fork already; the supervisor itself has no use for it

        self._signals.forget()
        signals.become_worker()
        spawn.unblock()
        try:
            self._selector.close()
        except OSError:
            pass  # a kqueue does not survive a fork
        os.close(self._lifeline_writer)
        for sibling in self._children.values():
            if sibling.status >= 0:
                os.close(sibling.status)
        self._children.clear()
        return worker.run(self._config, self._listeners, tell, self._lifeline)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"
