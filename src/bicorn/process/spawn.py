"""The fork: one process becomes two, and each holds only what is its own.

The supervisor has no threads and no event loop, so a fork without exec is safe: nothing can be half-way through a lock.
Signals are blocked around it. One that reached the child before it has let go of the supervisor's pipe would be
taken for the supervisor's.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from typing import NoReturn

from .signals import HEARD


def fork(life: Callable[[int], int]) -> tuple[int, int]:
    """Start a process that has something to say.

    Args:
        life: runs in the child, with the writing end of its status pipe; returns the exit code.

    Returns:
        In the parent, the process id and the reading end of the status pipe. In the child, never.

    Raises:
        OSError: there is no process or no descriptor to have.
    """
    reader, writer = os.pipe()

    def live() -> int:
        os.close(reader)
        return life(writer)

    try:
        pid = fork_silent(live)
    except OSError:
        os.close(reader)
        os.close(writer)
        raise
    os.close(writer)
    os.set_blocking(reader, False)
    return pid, reader


def fork_silent(life: Callable[[], int]) -> int:
    """The same without a pipe; the process id.

    Raises:
        OSError: there is no process to have.
    """
    _flush()  # or what is still buffered would be written twice
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, HEARD)
    try:
        pid = os.fork()
        if pid == 0:
            _live(life)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    return pid


def unblock() -> None:
    """In the child, once its signals are its own."""
    signal.pthread_sigmask(signal.SIG_UNBLOCK, HEARD)


def _live(life: Callable[[], int]) -> None:
    """The child, from its first step to its last. It must never return into the supervisor's code."""
    code = 1
    try:
        code = life()
    except BaseException:
        traceback.print_exc()
    finally:
        _leave(code)


def _leave(code: int) -> None:
    """What the interpreter does at its end, without tearing down every module: that is slow, and of no use here.

    Threads that the application wants finished (those of its executors) are finished, what it registered with
    ``atexit`` runs. If that takes too long the supervisor's deadline ends it.
    """
    try:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        _flush()
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def leave_at_once(code: int) -> NoReturn:
    """End this process without any of that."""
    if sys.exc_info()[0] is not None:
        traceback.print_exc()
    _flush()
    os._exit(code)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):  # a closed pipe, a closed stream, none at all
            pass
