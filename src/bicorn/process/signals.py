"""The signals: which one asks for what, and the pipe through which the supervisor hears of them.

Handlers only enqueue. Python's C handler writes each signal's number into a pipe (:func:`signal.set_wakeup_fd`), the
supervisor's selector wakes up and reads them, in order. Nothing else ever happens inside a handler.

=========  ==========================================  =========================================
signal     to the supervisor                           to a worker
=========  ==========================================  =========================================
TERM       finish the requests, then end               finish the requests, then end
INT        the same; the second cuts off, third kills  nothing: Ctrl-C reaches the supervisor too
QUIT       end without finishing the requests          the same
HUP, USR1  (the process manager, not in this version)  nothing: `pkill -HUP` must not kill workers
USR2
TTIN TTOU
WINCH      nothing (a terminal that is resized)        nothing
CHLD       look which worker has gone                  the application's own
=========  ==========================================  =========================================
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from types import FrameType
from typing import Any

from ..errors import BicornError
from .states import Ask

ASKS: dict[signal.Signals, Ask] = {
    signal.SIGTERM: Ask.STOP,
    signal.SIGINT: Ask.INTERRUPT,
    signal.SIGQUIT: Ask.QUIT,
    signal.SIGHUP: Ask.RELOAD,
    signal.SIGUSR1: Ask.REOPEN_LOGS,
    signal.SIGUSR2: Ask.UPGRADE,
    signal.SIGTTIN: Ask.MORE,
    signal.SIGTTOU: Ask.FEWER,
}
"""What each signal asks of the supervisor."""

HEARD = frozenset({*ASKS, signal.SIGCHLD})
"""Every signal the supervisor has a handler for."""

LEFT_TO_THE_SUPERVISOR = frozenset(ASKS) - {signal.SIGTERM}
"""What a worker does nothing about by itself; once its loop runs, QUIT is its own."""


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
        self._old: dict[signal.Signals, Callable[[int, FrameType | None], Any] | int | None] = {}
        for number in HEARD:
            # `nohup bicorn ...` asks not to hear of the terminal's end.
            if number is signal.SIGHUP and signal.getsignal(number) is signal.SIG_IGN:
                continue
            self._old[number] = signal.signal(number, nothing)

    def fileno(self) -> int:
        """For the selector: readable when there is something to :meth:`read`."""
        return self._reader

    def read(self) -> list[signal.Signals]:
        """The signals that have come since the last time, in their order."""
        heard: list[signal.Signals] = []
        while True:
            try:
                numbers = os.read(self._reader, 4096)
            except BlockingIOError:
                return heard
            heard += [signal.Signals(number) for number in numbers]

    def close(self) -> None:
        """Give the signals back to whoever had them."""
        signal.set_wakeup_fd(self._old_wakeup)
        for number, handler in self._old.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)
        self._close_ends()

    def forget(self) -> None:
        """In a worker, right after the fork: let go of the supervisor's pipe, and set up a worker's own signals.

        Until the worker's loop runs, TERM ends it at once: an import has nothing to finish, and a handler would have to
        wait for it.
        """
        signal.set_wakeup_fd(-1)
        self._close_ends()
        for number in HEARD:
            signal.signal(number, nothing if number in LEFT_TO_THE_SUPERVISOR else signal.SIG_DFL)

    def _close_ends(self) -> None:
        os.close(self._reader)
        os.close(self._writer)
