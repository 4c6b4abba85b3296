"""What an import has left behind that does not survive a fork, or not as it was meant to, with ``--preload``.

A thread is in the process that started it and in no copy of it: what a worker hands to it is never done, and a lock it
held stays locked. An event loop's selector, and a connection to a database, are one thing that all copies use at once.
Nothing can be done about it here. But it can be said, with names, before somebody looks for it at night.
"""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import stat
import threading

Descriptors = dict[int, int]
_NAMED = 5  # of each kind


def descriptors() -> Descriptors:
    """The open sockets of this process, by number, with what tells one that was opened later under the same number."""
    found = {}
    for name in os.listdir("/dev/fd"):
        try:
            status = os.fstat(int(name))
        except OSError:
            continue  # the one the directory was listed with
        if stat.S_ISSOCK(status.st_mode):
            found[int(name)] = status.st_ino
    return found


def find(before: Descriptors) -> list[str]:
    """What the import has left behind, each kind in words.

    Args:
        before: the sockets there were before it.
    """
    kinds = [
        ("thread", [f"{thread.name!r}" for thread in threading.enumerate() if thread is not threading.main_thread()]),
        ("thread of native code", _native_threads()),
        ("event loop", [type(loop).__name__ for loop in _loops()]),
        ("connection", [peer for fd in _opened(before) if (peer := _peer(fd))]),
    ]
    return [_words(kind, names) for kind, names in kinds if names]


def _words(kind: str, names: list[str]) -> str:
    shown = ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
    preposition = " to" if kind == "connection" else ""
    return f"{len(names)} {kind}{'s' * (len(names) > 1)}{preposition} ({shown})"


def _native_threads() -> list[str]:
    """The names of threads that Python knows nothing of; Linux only."""
    # After a fork the main thread is the one that called it, and does not know its new number.
    known = {os.getpid(), *[thread.native_id for thread in threading.enumerate()]}
    names = []
    try:
        for task in os.listdir("/proc/self/task"):
            if int(task) not in known:
                with open(f"/proc/self/task/{task}/comm", errors="replace") as file:
                    names.append(file.read().strip())
    except OSError:
        pass
    return names


def _loops() -> list[asyncio.AbstractEventLoop]:
    found = [each for each in gc.get_objects() if issubclass(type(each), asyncio.AbstractEventLoop)]
    return [loop for loop in found if not loop.is_closed()]


def _opened(before: Descriptors) -> list[int]:
    return [fd for fd, inode in descriptors().items() if before.get(fd) != inode]


def _peer(fd: int) -> str:
    """Whom a socket is connected to; empty where it is not."""
    with socket.socket(fileno=os.dup(fd)) as sock:
        try:
            name = sock.getpeername()
        except OSError:
            return ""
    if isinstance(name, tuple):
        return f"[{name[0]}]:{name[1]}" if ":" in str(name[0]) else f"{name[0]}:{name[1]}"
    return os.fsdecode(name)  # without one it is half of a pair, as an event loop has for itself
