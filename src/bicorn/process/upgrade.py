"""An upgrade without a gap: a new server is started beside this one, and inherits what this one listens on.

The same command line is executed again (fork(2), execve(2)), in the directory and the environment of the first start,
so that it finds the new code, the new Bicorn and the new Python. The listening sockets stay open across it: they are
the same sockets, with the same queues of clients, whatever their kind. Which descriptor is which is said in
``BICORN_LISTENERS``. Both serve until somebody ends one of them.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..config.sources import HANDED_OVER, Start
from ..errors import BicornError
from ..server.listener import Listener, UnixFile
from .policy.events import Event, SuccessorEnded, SuccessorFailed, SuccessorStarted
from .policy.words import how_it_ended
from .signals import HEARD

VARIABLE = "BICORN_LISTENERS"

_CANNOT_EXECUTE = 127  # what a shell exits with
_KEPT = frozenset({"NOTIFY_SOCKET", "WATCHDOG_USEC"})  # a successor's too, once it is the only one
_MEANINGS = {
    1: "it could not listen, or broke down",
    2: "its settings cannot be used",
    3: "its application could not be started",
    4: "there is no such application",
}
_FAMILIES = frozenset({socket.AF_INET, socket.AF_INET6, socket.AF_UNIX})


# -- The old server's side -------------------------------------------------------------------------------------


class Successor:
    """A server that was started to take over.

    Attributes:
        pid: its process id. Whoever waits for children tells :meth:`ended` how it ended.
        is_ready: its first worker serves.
    """

    def __init__(self, pid: int, told: int) -> None:
        self.pid = pid
        self.is_ready = False
        self._told = told
        self._failure = ""

    def fileno(self) -> int:
        """For the selector: readable when there is something to :meth:`listen` to. -1: no more."""
        return self._told

    def listen(self) -> list[Event]:
        """What it has said since the last time. Take it out of the selector when :meth:`fileno` is -1 afterwards."""
        try:
            data = os.read(self._told, 4096) if self._told >= 0 else b""
        except BlockingIOError:
            return []
        self.close()  # it says one thing, and then no more
        if data == b"ready\n":
            self.is_ready = True
            return [SuccessorStarted(self.pid)]
        self._failure = data.decode(errors="replace").strip()
        return []

    def ended(self, wait_status: int) -> Event:
        """It has gone: whether that is the failure to start or the end of a server that served."""
        code, name = 0, ""
        if os.WIFSIGNALED(wait_status):
            name = _signal_name(os.WTERMSIG(wait_status))
        else:
            code = os.waitstatus_to_exitcode(wait_status)
        heard = self.listen() if not self.is_ready else []
        self.close()
        how = how_it_ended(code, name)
        if self.is_ready and not heard:
            return SuccessorEnded(self.pid, how)
        meaning = self._failure or _MEANINGS.get(code, "")
        return SuccessorFailed(f"the new server (pid {self.pid}) {how}{f': {meaning}' if meaning else ''}")

    def close(self) -> None:
        """Close the pipe; in a worker: let go of it."""
        if self._told >= 0:
            os.close(self._told)
            self._told = -1


def start_successor(
    listeners: Sequence[Listener], start: Start, before_exec: Callable[[], object] | None = None
) -> Successor:
    """Start the same command again, with these sockets.

    Args:
        start: how this process was started.
        before_exec: the hook ``pre_exec``: called in the new process, before it becomes the new server.

    Raises:
        OSError: there is no process, or no descriptor, to have.
        BicornError: it is not known how this process was started.
    """
    if not sys.executable:
        raise BicornError("this Python does not know its own program, so it cannot be started again")
    told, tell = os.pipe()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, HEARD)
    try:
        pid = os.fork()
        if pid == 0:
            os.close(told)
            _become_successor(listeners, start, tell, before_exec)
    except OSError:
        os.close(told)
        raise
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        os.close(tell)
    os.set_blocking(told, False)
    return Successor(pid, told)


def command_line() -> list[str]:
    """What this process was started with, options of Python's own included."""
    # The program by its full path: the first word may have been found in PATH, in a directory we are no longer in.
    return [sys.executable, *sys.orig_argv[1:]]


def environment(listeners: Sequence[Listener], start: Start, tell: int) -> dict[str, str]:
    """The successor's: the first start's, and what it inherits. In the new process, whose id is in it."""
    environ = {name: text for name, text in start.environ.items() if name not in HANDED_OVER or name in _KEPT}
    described = [_describe(listener) for listener in listeners]
    said = {"pid": os.getpid(), "from": os.getppid(), "tell": tell, "listeners": described}
    return environ | {VARIABLE: json.dumps(said)}


def _become_successor(
    listeners: Sequence[Listener], start: Start, tell: int, before_exec: Callable[[], object] | None
) -> None:
    """The new process, until it is another program. It must never return into the supervisor's code."""
    try:
        # The supervisor's pipe is not this process's: what came through it would be taken for a signal to that one.
        signal.set_wakeup_fd(-1)
        for number in HEARD:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, HEARD)
        if before_exec is not None:
            before_exec()
        for fd in (tell, *(listener.sock.fileno() for listener in listeners)):
            os.set_inheritable(fd, True)
        os.chdir(start.directory)
        os.execve(sys.executable, command_line(), environment(listeners, start, tell))  # noqa: S606
    except BaseException as error:
        reason = error.strerror if isinstance(error, OSError) else None
        os.write(tell, f"{reason or f'{type(error).__name__}: {error}'}\n".encode()[:4096])
    finally:
        os._exit(_CANNOT_EXECUTE)


def _describe(listener: Listener) -> dict[str, Any]:
    file = listener.unix_file
    return {
        "fd": listener.sock.fileno(),
        "address": listener.address,
        "url": listener.url,
        "file": [file.path, file.device, file.inode] if file else None,
    }


# -- The new server's side -------------------------------------------------------------------------------------


class Predecessor:
    """The server this one was started by, to take over from.

    Attributes:
        pid: its process id.
        listeners: what it listens on, for :func:`.sockets.bind_all`.
    """

    def __init__(self, pid: int, tell: int, listeners: Sequence[Listener]) -> None:
        self.pid = pid
        self.listeners = list(listeners)
        self._tell = tell

    def ready(self) -> None:
        """Tell it that this server serves. Again: nothing happens."""
        if self._tell >= 0:
            try:
                os.write(self._tell, b"ready\n")
            except OSError:
                pass  # it has gone, or does not want to know
            self.close()

    def is_gone(self) -> bool:
        """Whether this server is the only one now. One system call: ask as often as you wake up."""
        return os.getppid() != self.pid

    def close(self) -> None:
        """Close the pipe; in a worker: let go of it."""
        if self._tell >= 0:
            os.close(self._tell)
            self._tell = -1


def predecessor(handed: Mapping[str, str]) -> Predecessor | None:
    """Whom this process succeeds, if anybody.

    Args:
        handed: the variables, from :func:`..config.sources.take_handed_over`.

    Raises:
        BicornError: it cannot be understood.
    """
    text = handed.get(VARIABLE)
    if not text:
        return None
    try:
        said = json.loads(text)
        if said["pid"] != os.getpid():  # meant for a process before us
            return None
        tell: int = said["tell"]
        os.set_inheritable(tell, False)
        return Predecessor(said["from"], tell, [_inherit(item) for item in said["listeners"]])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BicornError(f"{VARIABLE} is no list of sockets to take over: {error}") from None


def _inherit(item: Mapping[str, Any]) -> Listener:
    sock = socket.socket(fileno=item["fd"])
    if sock.family not in _FAMILIES:
        raise ValueError(f"descriptor {item['fd']} is none to listen on")
    sock.set_inheritable(False)
    sock.setblocking(False)
    file: UnixFile | None = None
    if item["file"]:
        path, device, inode = item["file"]
        file = UnixFile(path, device, inode, os.getpid())
    return Listener(sock, item["url"], unix_file=file, address=item["address"])


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal
        return f"signal {number}"
