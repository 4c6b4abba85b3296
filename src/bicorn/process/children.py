"""The supervisor's child processes: who has ended, and what a worker says until then."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable

from .policy.events import Event
from .status import StatusReader

Ended = Callable[[int | None], list[Event]]
"""Called with the wait status of a process that has gone; None where nobody can know it."""


class Child:
    """A worker process and what it says.

    Args:
        status: the reading end of its pipe; -1 once it is closed.
        template: the process id of the process it was forked from; 0: the supervisor.
        handle: a descriptor of the process (pidfd_open(2)), which names it even where it is somebody else's child; -1
            where there is none.

    Attributes:
        is_orphan: the template has gone, so nobody will say how it ended.
        is_stopping: it has said that it ends.
    """

    def __init__(self, number: int, pid: int, status: int, *, template: int = 0, handle: int = -1) -> None:
        self.number = number
        self.pid = pid
        self.status = status
        self.template = template
        self.handle = handle
        self.is_orphan = self.is_stopping = False
        self._reader = StatusReader(number)

    def listen(self) -> tuple[list[Event], bool]:
        """What it has said since the last time, and whether it may say more."""
        events: list[Event] = []
        while self.status >= 0:
            try:
                data = os.read(self.status, 65536)
            except BlockingIOError:
                return events, True
            if not data:
                return events, False
            events += self._reader.feed(data)
        return events, False

    def kill(self, number: signal.Signals) -> None:
        """Send it a signal, if it is still there."""
        try:
            if self.handle >= 0:
                signal.pidfd_send_signal(self.handle, number)
            else:
                os.kill(self.pid, number)
        except ProcessLookupError:
            pass  # it has ended and is about to be reaped

    def close(self) -> None:
        """Close what is the supervisor's of it."""
        for fd in (self.status, self.handle):
            if fd >= 0:
                os.close(fd)
        self.status = self.handle = -1


class Children:
    """Who is waited for."""

    def __init__(self) -> None:
        self._ended: dict[int, Ended] = {}

    def expect(self, pid: int, ended: Ended) -> None:
        """Call ``ended`` when this child has gone."""
        self._ended[pid] = ended

    def reap(self) -> list[Event]:
        """Take leave of every process that has ended.

        As process 1 (in a container) that includes strangers, whose own parents have gone. Elsewhere they are left to
        whoever started them.
        """
        if os.getpid() == 1:
            return self._reap_all()
        events: list[Event] = []
        for pid in list(self._ended):
            try:
                done, wait_status = os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:  # somebody else in this process has waited for it
                done, wait_status = pid, 0
            if done:
                events += self._ended.pop(pid)(wait_status)
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
            if ended := self._ended.pop(pid, None):
                events += ended(wait_status)


def how(wait_status: int) -> tuple[int, str]:
    """The exit code and the signal of a process that has ended; one of the two."""
    if os.WIFSIGNALED(wait_status):
        from .signals import name_of

        return 0, name_of(os.WTERMSIG(wait_status))
    return os.waitstatus_to_exitcode(wait_status), ""
