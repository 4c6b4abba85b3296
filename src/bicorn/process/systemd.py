"""systemd: the sockets it has opened for us, and what it wants to hear.

Nothing of libsystemd is needed: both protocols are a few variables and one datagram each (sd_listen_fds(3),
sd_notify(3), sd_watchdog_enabled(3)).
"""

from __future__ import annotations

import logging
import os
import socket
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

from .policy.words import several
from .sockets import SYSTEMD, adopt, close_all

if TYPE_CHECKING:
    from ..config.settings import Config
    from ..server.listener import Listener

logger = logging.getLogger("bicorn.error")

FIRST = 3
"""Descriptors are passed from this one on (SD_LISTEN_FDS_START)."""

_PATIENCE = 1.0  # seconds for systemd to make room in its queue, which it always has


def listen_fds(handed: Mapping[str, str]) -> list[tuple[int, str]]:
    """The descriptors that were passed to this process, each with its ``FileDescriptorName=``.

    Args:
        handed: the variables, from :func:`..config.sources.take_handed_over`.
    """
    try:
        count, pid = int(handed.get("LISTEN_FDS", "0")), int(handed.get("LISTEN_PID", "0"))
    except ValueError:
        return []
    if pid != os.getpid():  # meant for a process before us, which has not cleaned up
        return []
    names = handed.get("LISTEN_FDNAMES", "").split(":")
    names += [""] * (count - len(names))
    return [(FIRST + index, names[index]) for index in range(count)]


def listeners(handed: Mapping[str, str], config: Config) -> list[Listener]:
    """The sockets that were passed, to be used instead of ``bind`` (Gunicorn does the same).

    None where ``bind`` says itself which descriptors to use (``fd://3``).

    Raises:
        BindError: one of them is not a listening stream socket.
    """
    passed = listen_fds(handed)
    if handed.get("LISTEN_PID") == str(os.getppid()):
        logger.warning(
            "the sockets of systemd are not used: it has passed them to the process that started this one (%s), a shell"
            " or a wrapper; let that one use exec",
            handed["LISTEN_PID"],
        )
    if any(address.startswith("fd://") for address in config.bind):
        for fd, _ in passed:
            with suppress(OSError):  # not there: whoever binds it says so
                os.set_inheritable(fd, False)
        return []
    found: list[Listener] = []
    try:
        for fd, name in passed:
            found.append(adopt(fd, f"{SYSTEMD}{name or fd}", config))
    except BaseException:
        close_all(found)
        raise
    if found and config.origin("bind") != "default":
        logger.warning(
            "bind (from %s) is not used: systemd has passed the sockets to listen on (bind fd://%d to choose)",
            config.origin("bind"),
            FIRST,
        )
    return found


class Notifier:
    """Tells systemd how the server is. Does nothing where it was not asked for, and never fails.

    Attributes:
        interval: seconds between two :meth:`watchdog`, half of what systemd allows; None: it does not watch.
    """

    def __init__(self, address: str = "", interval: float | None = None) -> None:
        self.interval = interval
        self._address = b"\0" + os.fsencode(address[1:]) if address.startswith("@") else os.fsencode(address)
        self._socket: socket.socket | None = None
        self._status = ""
        self._failing = False
        self._is_ready = False
        self._is_reloading = False
        self._over = False
        self._next = float("-inf")
        if address:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._socket.settimeout(_PATIENCE)

    @classmethod
    def from_environment(cls, handed: Mapping[str, str]) -> Notifier:
        """From the variables that :func:`..config.sources.take_handed_over` has taken."""
        address = handed.get("NOTIFY_SOCKET", "")
        if not address.startswith(("/", "@")):
            return cls()
        return cls(address, _interval(handed))

    def deadline(self) -> float | None:
        """When :meth:`follow` must be called next, on its clock, even if nothing changes."""
        return self._next if self.interval is not None and self._is_ready else None

    def follow(
        self, now: float, *, ready: int, wanted: int, running: bool = True, reloading: bool = False, idle: bool = False
    ) -> None:
        """Say what has changed. To be called after each decision, and at the :meth:`deadline`.

        Args:
            now: on a clock that never goes back.
            ready: how many workers serve and are not stuck.
            wanted: how many there should be.
            running: the end has not begun.
            reloading: old workers are being replaced.
            idle: that none serves is what was asked for (WINCH).
        """
        healthy = ready > 0 or idle or not running
        status = _words(ready, wanted, running, reloading)
        if not running:
            if not self._over:
                self._over = True
                self.stopping(status)
        elif reloading and self._is_ready and not self._is_reloading:
            self._is_reloading = True
            self.reloading(status)
        elif ready > 0 and (not self._is_ready or (self._is_reloading and not reloading)):
            self._is_ready, self._is_reloading = True, False
            self.ready(status)
        elif self._is_ready:
            self.status(status)
        if self.interval is not None and self._is_ready and now >= self._next:
            self._next = now + self.interval
            if healthy:
                self.watchdog()

    def ready(self, status: str = "") -> None:
        """The first worker serves; or a reload is over, however it ended."""
        self._send("READY=1", f"MAINPID={os.getpid()}", self._changed(status))

    def reloading(self, status: str = "") -> None:
        """A reload begins: :meth:`ready` ends it (``Type=notify-reload``)."""
        moment = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send("RELOADING=1", f"MONOTONIC_USEC={moment}", self._changed(status))

    def stopping(self, status: str = "") -> None:
        """The end begins."""
        self._send("STOPPING=1", self._changed(status))

    def status(self, text: str) -> None:
        """One line for ``systemctl status``; the same one again is not sent."""
        self._send(self._changed(text))

    def watchdog(self) -> None:
        """All is well. To be called each :attr:`interval`, as long as it is."""
        self._send("WATCHDOG=1")

    def hand_over(self, pid: int) -> None:
        """From now on the service is that process, a successor that serves already: said instead of :meth:`stopping`,
        which would be the service's end. Nothing more is said: systemd listens to the other."""
        self._send(f"MAINPID={pid}", self._changed("Handed over to a new server"))
        self.close()

    def close(self) -> None:
        """Say nothing more; in a worker: let go of the supervisor's socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _changed(self, status: str) -> str:
        if not status or status == self._status:
            return ""
        self._status = status
        return f"STATUS={status}"

    def _send(self, *fields: str) -> None:
        text = "\n".join(field for field in fields if field)
        if self._socket is None or not text:
            return
        try:
            self._socket.sendto(text.encode(), self._address)
            self._failing = False
        except OSError as error:
            if not self._failing:
                logger.warning("systemd cannot be told how the server is: %s", error.strerror or error)
            self._failing = True


def _words(ready: int, wanted: int, running: bool, reloading: bool) -> str:
    if not running:
        return f"Stopping, {several(ready, 'worker')} left" if ready else "Stopping"
    if reloading:
        return f"Reloading, {several(ready, 'worker')} serving"
    return f"Serving, {several(ready, 'worker')}" + (f" of {wanted}" if ready != wanted else "")


def _interval(handed: Mapping[str, str]) -> float | None:
    try:
        allowed = int(handed.get("WATCHDOG_USEC", "0"))
        pid = int(handed.get("WATCHDOG_PID", "0") or 0)
    except ValueError:
        return None
    return allowed / 2_000_000 if allowed > 0 and pid in (0, os.getpid()) else None
