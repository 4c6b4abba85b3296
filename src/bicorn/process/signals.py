"""The signals: which one asks for what, and the pipe through which the supervisor hears of them.

Handlers only enqueue. Python's C handler writes each signal's number into a pipe (:func:`signal.set_wakeup_fd`), the
supervisor's selector wakes up and reads them, in order. Nothing else ever happens inside a handler.

==========  =======================================  ==============================================
signal      to the supervisor                        to a worker
==========  =======================================  ==============================================
TERM        finish the requests, then end            finish the requests, then end
INT         the same; the second cuts off, then      nothing: Ctrl-C reaches the supervisor too
            kills
QUIT        end without finishing the requests       the same
HUP         settings and code are loaded again       nothing: `pkill -HUP` must not kill workers
USR1        log files are opened again, all of them  its own log files are opened again
USR2        a new server takes over                  it shows its stacks, in the supervisor's log
TTIN TTOU   one worker more, one fewer               nothing
WINCH       the workers are dismissed, where         nothing
            somebody else serves (not by a terminal
            that was resized)
RTMIN+1     every worker shows its stacks            nothing
CHLD        look which worker has gone               the application's own
==========  =======================================  ==============================================
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from types import FrameType
from typing import Any

from ..errors import BicornError
from .policy.states import Ask

ASKS: dict[int, Ask] = {
    signal.SIGTERM: Ask.STOP,
    signal.SIGINT: Ask.INTERRUPT,
    signal.SIGQUIT: Ask.QUIT,
    signal.SIGHUP: Ask.RELOAD,
    signal.SIGUSR1: Ask.REOPEN_LOGS,
    signal.SIGUSR2: Ask.UPGRADE,
    signal.SIGTTIN: Ask.MORE,
    signal.SIGTTOU: Ask.FEWER,
    signal.SIGWINCH: Ask.DISMISS,
}
"""What each signal asks of the supervisor."""

if hasattr(signal, "SIGRTMIN"):  # not on macOS
    ASKS[signal.SIGRTMIN + 1] = Ask.DUMP

HEARD = frozenset({*ASKS, signal.SIGCHLD})
"""Every signal the supervisor has a handler for."""

LEFT_TO_THE_SUPERVISOR = frozenset(ASKS) - {signal.SIGTERM}
"""What a worker does nothing about by itself; once its loop runs, QUIT and USR1 are its own."""


def name_of(number: int) -> str:
    """``"SIGTERM"``; for a real-time signal ``"SIGRTMIN+1"``."""
    try:
        return signal.Signals(number).name
    except ValueError:
        first = getattr(signal, "SIGRTMIN", 0)
        return f"SIGRTMIN+{number - first}" if first and first < number <= signal.SIGRTMAX else f"signal {number}"


def nothing(_number: int, _frame: FrameType | None) -> None:
    """A handler that does nothing. Unlike SIG_IGN it is not inherited by the programs that are started."""


class SignalPipe:
    """While open, every signal in :data:`HEARD` becomes a number to :meth:`read`.

    Raises:
        BicornError: not in the main thread, the only one that Python delivers signals to.
    """

    def __init__(self) -> None:
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._reader, False)
        os.set_blocking(self._writer, False)
        try:
            # A storm of signals may fill the pipe; that must not be worth a message, for it has been heard.
            self._old_wakeup = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        except ValueError:
            self._close_ends()
            raise BicornError("bicorn must be run from the main thread: signals are delivered to no other") from None
        self._old: dict[int, Callable[[int, FrameType | None], Any] | int | None] = {}
        for number in HEARD:
            # HUP too where `nohup` had it ignored: it is how a reload is asked for, and no terminal's end stops us.
            self._old[number] = signal.signal(number, nothing)

    def fileno(self) -> int:
        """For the selector: readable when there is something to :meth:`read`."""
        return self._reader

    def read(self) -> list[int]:
        """The signals that have come since the last time, in their order."""
        heard: list[int] = []
        while True:
            try:
                numbers = os.read(self._reader, 4096)
            except BlockingIOError:
                return heard
            heard += numbers

    def close(self) -> None:
        """Give the signals back to whoever had them."""
        signal.set_wakeup_fd(self._old_wakeup)
        for number, handler in self._old.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        self._close_ends()

    def forget(self) -> None:
        """In a forked process, right after the fork: let go of the supervisor's pipe."""
        signal.set_wakeup_fd(-1)
        self._close_ends()

    def _close_ends(self) -> None:
        os.close(self._reader)
        os.close(self._writer)


def become_worker() -> None:
    """In a worker, right after the fork: its own signals.

    Until the worker's loop runs, TERM ends it at once: an import has nothing to finish, and a handler would have to
    wait for it.
    """
    for number in HEARD:
        signal.signal(number, nothing if number in LEFT_TO_THE_SUPERVISOR else signal.SIG_DFL)


def become_template() -> None:
    """In a process that workers are forked from: whatever its group is sent is for the supervisor, who tells it."""
    for number in ASKS:
        signal.signal(number, nothing)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
