"""Going to the background, and not before it has worked: as daemon(7) asks of a SysV daemon.

The command that was typed stays until the server serves, or has failed. So what goes wrong at the start is seen where
it was asked for, with the exit code it has everywhere else; and when the command returns, clients can come.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable

from ..errors import BicornError
from .signals import nothing

_STANDARD = (0, 1, 2)
_PASSED_ON = (signal.SIGINT, signal.SIGTERM)


class Detached:
    """The server's side of the going: what it tells the command that waits for it."""

    def __init__(self, tell: int) -> None:
        self._tell = tell

    def settle(self) -> None:
        """The server serves: let go of the terminal and let the command return. Again: nothing happens."""
        if self._tell >= 0:
            silence()
            self._end(0)

    def _end(self, code: int) -> None:
        tell, self._tell = self._tell, -1
        if tell >= 0:
            try:
                os.write(tell, b"%d\n" % (code & 0xFF))
            except OSError:
                pass  # whoever waited has been killed
            os.close(tell)


def detach(life: Callable[[Detached], int]) -> int:
    """Run ``life`` in a process that belongs to no terminal and no session, and return when it serves.

    Must be called before there are threads, and before anything is made that has the process id in it (the pid file).

    Args:
        life: the server's whole life; returns its exit code. It calls :meth:`Detached.settle` when it serves.

    Returns:
        In the command's process 0 once the server serves, or the exit code it has failed with. In the server's own,
        what ``life`` returns, at its end.

    Raises:
        BicornError: there is no process to have. And in the server's process, whatever ``life`` raises.
    """
    told, tell = os.pipe()
    # Until it is known whom they are for, they wait.
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, _PASSED_ON)
    try:
        if (first := os.fork()) != 0:
            os.close(tell)
            os.waitpid(first, 0)
            return _wait(told, mask)
        # A session of its own, and not as its leader: a terminal it opens later cannot become its own (setsid(2)).
        os.setsid()
        if os.fork() != 0:
            os._exit(0)
    except OSError as error:
        raise BicornError(f"there is no process for the background to have: {error.strerror}") from None
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    os.close(told)
    detached = Detached(tell)
    code = 1
    try:
        os.write(tell, b"%d\n" % os.getpid())
        code = life(detached)
        return code
    except BicornError as error:
        code = error.exit_code
        raise
    finally:
        detached._end(code)


def silence() -> None:
    """Let the standard streams lead nowhere. Each process of the server does it once it serves: one that did not would
    hold the terminal, or the pipe of an ``ssh`` that waits for its end, for good."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for fd in _STANDARD:
        os.dup2(nowhere, fd)
    if nowhere not in _STANDARD:
        os.close(nowhere)


def _wait(told: int, mask: Iterable[int]) -> int:
    """In the command's process: the server's first two lines are its process id and how it went."""
    with open(told, "rb") as lines:
        pid = int(lines.readline() or 0)

        def pass_on(number: int, _frame: object) -> None:
            if pid:
                os.kill(pid, number)  # Ctrl-C means the server that is starting

        old = [(number, signal.signal(number, pass_on)) for number in _PASSED_ON]
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        try:
            return int(lines.readline() or 1)
        finally:
            for number, handler in old:
                signal.signal(number, nothing if handler is None else handler)
