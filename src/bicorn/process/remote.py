"""A running server, as another process sees it: its control socket, which answers; or its process id, which is good
for signals only.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import time
from collections.abc import Callable
from typing import Any

from ..errors import BicornError
from . import pidfile

LONGEST_ANSWER = 64 * 1024 * 1024


class RemoteError(BicornError):
    """The server cannot be reached, or has refused."""


class Remote:
    """A running server.

    Args:
        socket: the path of its control socket; "" where there is none.
        pid: its process id; 0 where that is not known.
    """

    def __init__(self, socket: str, pid: int) -> None:
        self.socket, self.pid = socket, pid

    def ask(self, what: str, **more: Any) -> dict[str, Any]:
        """Ask through the control socket; the answer.

        Raises:
            RemoteError: it does not answer.
        """
        with self._connect() as connection:
            _say(connection, {"do": what, **more})
            return _answer(connection)

    def stop(self, *, now: bool) -> None:
        """Stop the server, and wait until it has ended.

        Raises:
            RemoteError: it cannot be reached.
        """
        if not self.socket:
            with self._watched() as ended:
                self.signal(signal.SIGQUIT if now else signal.SIGTERM)
                ended()
            return
        with self._connect() as connection:
            _say(connection, {"do": "stop", "now": now})
            try:
                if answer := connection.recv(65536):
                    raise RemoteError(json.loads(answer).get("text") or "the server answered something else")
            except ConnectionError:
                pass  # which is its end, too

    def signal(self, number: int) -> None:
        """Send the supervisor a signal.

        Raises:
            RemoteError: it has gone, or is another user's.
        """
        try:
            os.kill(self.pid, number)
        except OSError as error:
            raise RemoteError(f"process {self.pid} cannot be sent a signal: {error.strerror}") from None

    def _connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(self.socket)
        except OSError as error:
            connection.close()
            if isinstance(error, (FileNotFoundError, ConnectionRefusedError)):
                raise RemoteError(f"no server listens at {self.socket}") from None
            raise RemoteError(f"{self.socket} cannot be used: {error.strerror or error}") from None
        return connection

    def _watched(self) -> _End:
        return _End(self.pid)


class _End:
    """The end of a process that is not our child.

    It is looked at from before it is told to end, for its number may be used again.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._fd = -1

    def __enter__(self) -> Callable[[], None]:
        if hasattr(os, "pidfd_open"):
            try:
                self._fd = os.pidfd_open(self._pid)
            except OSError:
                pass  # gone already, which kill() says; or an old kernel
        return self._wait

    def __exit__(self, *_: object) -> None:
        if self._fd >= 0:
            os.close(self._fd)

    def _wait(self) -> None:
        if self._fd >= 0:
            select.select([self._fd], [], [])
            return
        while pidfile.is_alive(self._pid):
            time.sleep(0.05)


def pid_in(path: str) -> int:
    """The process id in a pid file.

    Raises:
        RemoteError: no server is running.
    """
    try:
        pid = pidfile.read(path)
    except OSError as error:
        raise RemoteError(f"the pid file {path} cannot be read: {error.strerror}") from None
    if pid is None:
        raise RemoteError(
            f"no server is running: {path} has no process id"
            if os.path.exists(path)
            else f"no server is running: there is no pid file {path}"
        )
    if not pidfile.is_alive(pid):
        raise RemoteError(f"no server is running: process {pid} of {path} has gone")
    return pid


def _say(connection: socket.socket, request: dict[str, Any]) -> None:
    connection.sendall(json.dumps(request).encode() + b"\n")


def _answer(connection: socket.socket) -> dict[str, Any]:
    heard = b""
    try:
        while not heard.endswith(b"\n") and len(heard) < LONGEST_ANSWER:
            data = connection.recv(1 << 20)
            if not data:
                raise RemoteError("the server ended before it answered")
            heard += data
        answer: dict[str, Any] = json.loads(heard)
    except (OSError, ValueError) as error:
        raise RemoteError(f"the server's answer cannot be understood: {error}") from None
    return answer
