"""The life of a template (``template.py``): it imports the application, or libraries of it, and forks workers."""

from __future__ import annotations

import gc
import logging
import os
import selectors
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NoReturn

from ..errors import BicornError
from . import signals, spawn, status
from .dump import register
from .warm import Warmth

if TYPE_CHECKING:
    from ..apps.loader import LoadedApp
    from ..config.settings import Config
    from ..server.listener import Listener

    Apps = Sequence[tuple[str, LoadedApp]]

logger = logging.getLogger("bicorn.error")

_LEFT = "the import has left behind {}: each worker has a copy that does not work, or shares what is not made for it; \
start them in the lifespan, in post_fork, or when they are first used"


Before = Callable[[int, int], None]
"""Called before a worker is forked, with its number, and with how many there have been."""

Live = Callable[[int, int, int, bool, "Apps | None"], int]
"""A worker's life: its number, its ends of the status pipe and the dump pipe, whether it is alone, the applications
(None: it has to import them)."""


def run(
    config: Config,
    listeners: Sequence[Listener],
    sock: socket.socket,
    dump: int,
    lifeline: int,
    before_fork: Before,
    become_worker: Live,
    libraries: Sequence[str] = (),
) -> NoReturn:
    """In the new process: import what it is for, then fork workers until it is discarded.

    Args:
        listeners: for the workers; closed when no more are wanted, or clients would be queued where nobody accepts.
        dump: the writing end of the pipe for its stacks.
        lifeline: ends when the supervisor does.
        before_fork: called before each fork.
        become_worker: a worker's life.
        libraries: the modules to import; none: the application.
    """
    code = 1
    try:
        register(dump)
        code = _run(config, listeners, sock, lifeline, before_fork, become_worker, libraries)
    finally:
        # No exit handlers and no waiting for threads: what the import has begun is the workers' to end.
        spawn.leave_at_once(code)


def _run(
    config: Config,
    listeners: Sequence[Listener],
    sock: socket.socket,
    lifeline: int,
    before_fork: Before,
    become_worker: Live,
    libraries: Sequence[str],
) -> int:
    from . import leftovers, worker

    if "setproctitle" in sys.modules:  # the supervisor has looked for it
        from .title import Title

        Title(config, "template").show()
    if config.user is not None or config.group is not None:
        from . import privileges

        try:
            privileges.drop(config)
        except BicornError as error:
            sock.sendall(status.line("failed", str(error.exit_code), str(error)))
            return error.exit_code
    before = leftovers.descriptors()
    apps: Apps | None = None
    warmth = Warmth()
    if libraries:
        warmth.share(libraries)
    else:
        try:
            apps = worker.import_apps(config)
        except BaseException as error:
            code, message = worker.explain(error)
            if not config.reload:
                sock.sendall(status.line("failed", str(code), message))
                return code
            # Each worker tries once more, and serves what takes its place: see ``stand_in.py``.
    gc.collect()
    if found := ", ".join(leftovers.find(before)):
        if libraries:
            sock.sendall(status.line("failed", "0", f"their import has left behind {found}"))
            return 0
        logger.warning("%s", _LEFT.format(found))
    gc.freeze()  # the collector of a worker writes into none of these pages, which would copy them
    sock.sendall(status.line("imported", apps[0][1].name if apps else config.app or ""))
    return Nursery(apps, listeners, sock, lifeline, before_fork, become_worker, warmth.changed).run()


class Nursery:
    """Where workers are forked.

    Args:
        changed: the libraries it has that were installed anew: it then forks nobody any more.
    """

    def __init__(
        self,
        apps: Apps | None,
        listeners: Sequence[Listener],
        sock: socket.socket,
        lifeline: int,
        before_fork: Before,
        become_worker: Live,
        changed: Callable[[], list[str]],
    ) -> None:
        self._apps = apps
        self._listeners = listeners
        self._sock = sock
        self._lifeline = lifeline
        self._before_fork = before_fork
        self._become_worker = become_worker
        self._changed = changed
        self._children: set[int] = set()
        self._discarded = False
        self._rest = b""
        self._ends: list[int] = []  # that have come, and belong to the next requests

    def run(self) -> int:
        """Until it is discarded and all workers have gone, or the supervisor has."""
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)
        signals.become_template()  # once more: the application may have had ideas of its own
        signal.signal(signal.SIGCHLD, signals.nothing)
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        self._selector = selectors.DefaultSelector()
        for each in (self._sock, self._reader, self._lifeline):
            self._selector.register(each, selectors.EVENT_READ)
        while not self._discarded or self._children:
            ready = {key.fd for key, _ in self._selector.select()}
            if self._lifeline in ready:
                break  # the workers hear of it themselves
            if self._sock.fileno() in ready and not self._hear():
                break
            self._reap()
        return 0

    def _hear(self) -> bool:
        data, ends, _, _ = socket.recv_fds(self._sock, 65536, 64)
        for end in ends:
            os.set_inheritable(end, False)
        self._ends += ends
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            match status.fields(line):
                case ["fork", number, alone, age]:
                    (tell, dump), self._ends = self._ends[:2], self._ends[2:]
                    if self._is_outdated():
                        self._say("unforked", number, "what it has is not what is installed")
                    else:
                        self._before_fork(int(number), int(age))
                        self._fork(int(number), tell, dump, bool(alone))
                    os.close(tell)
                    os.close(dump)
                case ["discard"]:
                    self._discard()
        return bool(data)

    def _discard(self) -> None:
        self._discarded = True
        for listener in self._listeners:
            listener.sock.close()

    def _is_outdated(self) -> bool:
        """New workers are to have other code than there is here. It is told once, and ends this process in time."""
        if packages := self._changed():
            self._say("failed", "0", f"{', '.join(packages)}: installed anew")
            self._discard()
        return self._discarded

    def _fork(self, number: int, tell: int, dump: int, is_alone: bool) -> None:
        def live() -> int:
            self._let_go()
            return self._become_worker(number, tell, dump, is_alone, self._apps)

        try:
            pid = spawn.fork_silent(live)
        except OSError as error:
            self._say("unforked", str(number), error.strerror or str(error))
        else:
            self._children.add(pid)
            self._say("forked", str(number), str(pid))

    def _say(self, *fields: str) -> None:
        try:
            self._sock.sendall(status.line(*fields))
        except OSError:
            pass  # the supervisor has gone; the lifeline says so too

    def _let_go(self) -> None:
        signal.set_wakeup_fd(-1)
        try:
            self._selector.close()
        except OSError:
            pass  # a kqueue does not survive a fork
        for fd in (self._reader, self._writer, *self._ends):
            os.close(fd)
        self._sock.close()
        signals.become_worker()
        spawn.unblock()

    def _reap(self) -> None:
        try:
            while os.read(self._reader, 4096):
                pass
        except BlockingIOError:
            pass
        for pid in list(self._children):
            try:
                done, wait_status = os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:  # the application has waited for all there are
                done, wait_status = pid, 0
            if done:
                self._children.discard(pid)
                self._say("gone", str(pid), str(wait_status))
