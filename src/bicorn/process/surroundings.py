"""What is around the server: systemd, the pid file, the terminal it came from, the server before it and the one after.

Each is here only where there is such a thing, and is imported only then.
"""

from __future__ import annotations

import selectors
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..errors import BicornError
from .policy.events import Event, SuccessorFailed
from .policy.fleet import Fleet
from .policy.states import RUNNING, Phase
from .policy.words import several

if TYPE_CHECKING:
    from ..config.settings import Config
    from ..config.sources import Start
    from ..server.listener import Listener
    from .children import Children
    from .control import ControlSocket
    from .daemon import Detached
    from .pidfile import PidFile
    from .systemd import Notifier
    from .upgrade import Predecessor, Successor

LOOK = 1.0
"""Seconds between two looks whether the predecessor has gone."""


class Surroundings:
    """All of it.

    Args:
        start: how the process was started; None: that is not known.
        handed: what systemd or a predecessor has handed over, from :func:`..config.sources.take_handed_over`.
        predecessor: the server this one takes over from, if there is one.
        detached: the way back to the command that was typed, for a daemon.

    Attributes:
        successor: the server that takes over from this one, once there is one.
        control: the control socket, if it is wanted.
    """

    def __init__(
        self,
        start: Start | None = None,
        handed: Mapping[str, str] | None = None,
        predecessor: Predecessor | None = None,
        detached: Detached | None = None,
    ) -> None:
        self.predecessor = predecessor
        self.successor: Successor | None = None
        self.control: ControlSocket | None = None
        self._start = start
        self._detached = detached
        self._notifier: Notifier | None = None
        self._pidfile: PidFile | None = None
        self._title: Any = None
        self._paths = ("", "")  # of the pid file and of the control socket, once the predecessor has gone
        self._serves = False
        if handed and "NOTIFY_SOCKET" in handed:
            from .systemd import Notifier

            self._notifier = Notifier.from_environment(handed)

    def open(self, config: Config) -> None:
        """Make what is seen from outside, before there is a worker.

        Raises:
            BicornError: the pid file or the control socket belongs to another server, or cannot be made.
        """
        suffix = ""
        if self.predecessor is not None:
            from .pidfile import NEXT  # until it has gone, its own are in use

            suffix = NEXT
        self._paths = (config.pidfile or "", config.control_socket or "")
        if config.pidfile:
            from .pidfile import PidFile

            self._pidfile = PidFile(config.pidfile + suffix)
            self._pidfile.create()
        if config.control_socket:
            from .control import open_control

            self.control = open_control(config.control_socket + suffix)

    def name(self, config: Config) -> str:
        """Show in ``ps`` who this is, where titles can be set; a notice for the log where they should and cannot."""
        from . import title

        if title.available():
            self._title = title.Title(config, "supervisor")
        return title.notice(config)

    def deadline(self, now: float) -> float | None:
        """When :meth:`follow` must be called, even if nothing happens."""
        times = [] if self.control is None or (due := self.control.deadline()) is None else [due]
        if self.predecessor is not None:
            times.append(now + LOOK)
        if self._notifier is not None and (due := self._notifier.deadline()) is not None:
            times.append(due)
        return min(times, default=None)

    def follow(self, fleet: Fleet, now: float) -> None:
        """Something may have changed: tell whom it concerns."""
        if fleet.phase is Phase.SERVING and not self._serves:
            self._serves = True
            if self._detached is not None:
                self._detached.settle()
            if self.predecessor is not None:
                self.predecessor.ready()
        if self.predecessor is not None and self.predecessor.is_gone():
            self._inherit(self.predecessor)
            self.predecessor = None
        if self._notifier is not None and self.predecessor is None:
            self._notify(self._notifier, fleet, now)
        if self._title is not None:
            self._title.show(_summary(fleet))

    def shares_sockets(self) -> bool:
        """Whether another server listens on the same sockets, or is about to: then their files are its too."""
        if self.successor is not None:
            return True
        return self.predecessor is not None and not self.predecessor.is_gone()

    def upgrade(
        self,
        listeners: list[Listener],
        before_exec: Callable[[], object] | None,
        selector: selectors.BaseSelector,
        children: Children,
    ) -> list[Event]:
        """Start :attr:`successor`; the data of its key in the selector is what to call for what it says."""
        from .upgrade import start_successor

        if self._start is None:
            return [SuccessorFailed("it is not known how this server was started")]
        try:
            successor = self.successor = start_successor(listeners, self._start, before_exec)
        except (OSError, BicornError) as error:
            return [SuccessorFailed(str(error))]
        told = successor.fileno()

        def listen() -> list[Event]:
            said = successor.listen()
            if successor.fileno() < 0:
                selector.unregister(told)
            return said

        def ended(wait_status: int | None) -> list[Event]:
            if successor.fileno() >= 0:
                selector.unregister(told)
            self.successor = None
            return [successor.ended(wait_status or 0)]

        selector.register(told, selectors.EVENT_READ, listen)
        children.expect(successor.pid, ended)
        return []

    def let_go(self) -> None:
        """In a forked process: none of this is its own."""
        for each in (self._notifier, self.successor, self.predecessor):
            if each is not None:
                each.close()
        if self.control is not None:
            self.control.forget()

    def close(self) -> None:
        """The end of the server. Again: nothing happens."""
        if self.control is not None:
            self.control.close()
        if self._pidfile is not None:
            self._pidfile.remove()
        for each in (self._notifier, self.successor, self.predecessor):
            if each is not None:
                each.close()
        self.control = self._pidfile = self._notifier = None

    def _notify(self, notifier: Notifier, fleet: Fleet, now: float) -> None:
        running = fleet.phase in RUNNING
        if not running and self.successor is not None and self.successor.is_ready:
            notifier.hand_over(self.successor.pid)
            self._notifier = None
            return
        notifier.follow(
            now,
            ready=fleet.ready(),
            wanted=fleet.target(),
            running=running,
            reloading=fleet.roll is not None,
            idle=fleet.is_dismissed,
        )

    def _inherit(self, predecessor: Predecessor) -> None:
        """Take the names of the server that has gone."""
        predecessor.close()
        pidfile, control = self._paths
        if self._pidfile is not None:
            try:
                self._pidfile.rename(pidfile)
            except BicornError as error:
                import logging

                logging.getLogger("bicorn.error").warning("%s; it is called %s", error, self._pidfile.path)
        if self.control is not None:
            self.control.move(control)


def _summary(fleet: Fleet) -> str:
    """``"4 workers"``, ``"3 of 4 workers, reloading"``."""
    ready, wanted = fleet.ready(), fleet.target()
    text = several(wanted, "worker") if ready == wanted else f"{ready} of {several(wanted, 'worker')}"
    if fleet.phase not in RUNNING:
        return f"{text}, stopping"
    return f"{text}, reloading" if fleet.roll is not None else text
