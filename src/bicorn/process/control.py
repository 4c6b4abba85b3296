"""The control socket, through which ``bicorn reload|stop|status|scale|dump`` talk to the supervisor.

A unix socket that only its owner may use. One line of JSON asks, one line answers; ``{"do": "status"}``. What takes a
while is answered when it is over: a reload when the new code serves or was rolled back, a dump when the workers have
spoken, a stop by the end of the connection, which is the end of the server.

It lives in the supervisor's selector, without threads. Nobody can hold the supervisor up or make it grow: requests,
clients and answers are bounded, and a client that says nothing, or does not read, is cut.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import selectors
import socket
from collections.abc import Callable, Mapping
from typing import Any

from ..server.listener import UnixFile
from .policy.events import Asked
from .policy.states import Ask
from .unix_socket import listen_at, remove_unix_file

logger = logging.getLogger("bicorn.error")

MODE = 0o600
LONGEST_REQUEST = 4096
MOST_CLIENTS = 16
PATIENCE = 5.0  # seconds for a client to say what it wants, and to read what it was told
MOST_WORKERS = 512  # the scoreboard has room for twice as many, which a reload may need

Report = Callable[[], Mapping[str, Any]]


def open_control(path: str) -> ControlSocket | None:
    """Listen there; None, and a word in the log, where nothing may be written: a read-only file system is no error.

    Raises:
        BindError: another server listens there, or something else is there, or the folder does not exist.
    """
    folder = os.path.dirname(os.path.abspath(path))
    if os.path.isdir(folder) and not os.access(folder, os.W_OK | os.X_OK):
        logger.info("There is no control socket: the folder %s is not writable", folder)
        return None
    return ControlSocket(*listen_at(path, MODE, MOST_CLIENTS))


class Client:
    """One connection.

    Attributes:
        waits: what it is waiting for: ``"reload"``, ``"dump"``, ``"stop"``; "" where it has to say something.
        deadline: when it must have said it, or must have read its answer; None while it waits.
    """

    def __init__(self, sock: socket.socket, deadline: float) -> None:
        self.sock = sock
        self.deadline: float | None = deadline
        self.waits = ""
        self.heard = b""
        self.unsent = b""


class ControlSocket:
    """The listening socket and its clients.

    Args:
        sock: listening, non-blocking.
        file: where.
    """

    def __init__(self, sock: socket.socket, file: UnixFile) -> None:
        self._sock, self._file = sock, file
        self._clients: list[Client] = []
        self._selector: selectors.BaseSelector | None = None
        self._dumps: dict[int, str | None] = {}  # by worker; None: has not spoken yet
        self._now = 0.0

    @property
    def path(self) -> str:
        """Where it is."""
        return self._file.path

    def register(self, selector: selectors.BaseSelector) -> None:
        """Wake up this selector whenever there is something for :meth:`events`."""
        self._selector = selector
        selector.register(self._sock, selectors.EVENT_READ)

    def deadline(self) -> float | None:
        """When :meth:`events` must be called even if nothing happens."""
        return min([client.deadline for client in self._clients if client.deadline is not None], default=None)

    # What clients want

    def events(self, now: float, running: bool, report: Report) -> list[Asked]:
        """What was asked since the last time. What can be answered at once is.

        Args:
            now: on the clock of the deadlines.
            running: the server is not about to end.
            report: what ``status`` answers.
        """
        self._now = now
        self._accept(now)
        asked: list[Asked] = []
        for client in list(self._clients):
            if client.unsent:
                self._send(client)
            elif request := self._hear(client):
                asked += self._answer(client, request, running, report)
            if client.deadline is not None and client.deadline <= now:
                self._drop(client)
        return asked

    def _accept(self, now: float) -> None:
        while True:
            try:
                sock, _ = self._sock.accept()
            except OSError:  # none left; or no descriptor left, which ends like a client that was too many
                return
            if len(self._clients) >= MOST_CLIENTS:
                sock.close()
                continue
            sock.setblocking(False)
            self._clients.append(Client(sock, now + PATIENCE))
            if self._selector is not None:
                self._selector.register(sock, selectors.EVENT_READ)

    def _hear(self, client: Client) -> bytes:
        """A complete line, if there is one. One that waits for its answer can only hang up."""
        try:
            data = client.sock.recv(LONGEST_REQUEST + 1)
        except BlockingIOError:
            return b""
        except OSError:
            data = b""
        if not data or client.waits:
            self._drop(client)
            return b""
        client.heard += data
        line, end, _ = client.heard.partition(b"\n")
        if len(line) > LONGEST_REQUEST:
            self._tell(client, ok=False, text="the request is too long")
            return b""
        if not end:
            return b""
        client.heard = b""
        return line or b"{}"

    def _answer(self, client: Client, line: bytes, running: bool, report: Report) -> list[Asked]:
        try:
            request = json.loads(line)
            what = request["do"]
        except (ValueError, KeyError, TypeError, RecursionError):
            self._tell(client, ok=False, text='one line of JSON is expected, such as {"do": "status"}')
            return []
        if what == "status":
            self._tell(client, ok=True, **report())
            return []
        if what not in ("reload", "stop", "scale", "dump"):
            self._tell(client, ok=False, text=f"unknown: {what!r}")
            return []
        if not running and what in ("reload", "scale"):
            self._tell(client, ok=False, text="the server is stopping")
            return []
        if what == "scale":
            return self._scale(client, request.get("workers"), report)
        self._wait(client, what)
        if what == "stop":
            return [Asked(Ask.QUIT if request.get("now") else Ask.STOP, "bicorn stop")]
        return [Asked(Ask.RELOAD if what == "reload" else Ask.DUMP, f"bicorn {what}")]

    def _scale(self, client: Client, number: Any, report: Report) -> list[Asked]:
        if type(number) is not int or not 1 <= number <= MOST_WORKERS:
            self._tell(client, ok=False, text=f"workers must be a whole number from 1 to {MOST_WORKERS}")
            return []
        self._tell(client, ok=True, workers=number, before=report()["wanted"])
        return [Asked(Ask.SCALE, "bicorn scale", number)]

    # What came of it

    def outcome(self, ok: bool, text: str) -> None:
        """A reload has ended, one way or the other."""
        for client in list(self._clients):
            if client.waits == "reload":
                self._tell(client, ok=ok, text=text)

    def dump_asked(self, number: int) -> None:
        """This worker was asked for its stacks."""
        if any(client.waits == "dump" for client in self._clients):
            self._dumps.setdefault(number, None)

    def dumped(self, number: int, text: str) -> None:
        """It has answered; "" where it has not."""
        if number in self._dumps:
            self._dumps[number] = text

    def settle(self) -> None:
        """All that was asked has been decided upon: a dump that nobody is left to answer is complete."""
        if None in self._dumps.values():
            return
        for client in list(self._clients):
            if client.waits == "dump":
                workers = [{"number": number, "stacks": text} for number, text in sorted(self._dumps.items())]
                self._tell(client, ok=True, workers=workers)
        self._dumps.clear()

    # The end

    def close(self) -> None:
        """The server ends: whoever waits hears of it, and the file goes."""
        self.outcome(False, "the server was stopped before the reload was over")
        for client in list(self._clients):
            self._drop(client)
        self._unregister(self._sock)
        self._sock.close()
        remove_unix_file(self._file)

    def forget(self) -> None:
        """In a forked process, which has no use for it."""
        for client in self._clients:
            client.sock.close()
        self._clients.clear()
        self._sock.close()

    def move(self, path: str) -> None:
        """Listen at another path from now on: that of the server whose work this one has taken over."""
        with contextlib.suppress(OSError):
            os.rename(self._file.path, path)
            self._file = self._file.replace(path=os.path.abspath(path))

    # Sending

    def _wait(self, client: Client, what: str) -> None:
        client.waits, client.deadline = what, None

    def _tell(self, client: Client, **answer: Any) -> None:
        client.waits, client.heard = "", b""
        client.deadline = self._now + PATIENCE
        client.unsent = json.dumps(answer).encode() + b"\n"
        self._send(client)

    def _send(self, client: Client) -> None:
        try:
            while client.unsent:
                client.unsent = client.unsent[client.sock.send(client.unsent) :]
        except BlockingIOError:
            self._watch(client, selectors.EVENT_WRITE)
            return
        except OSError:
            self._drop(client)
            return
        self._watch(client, selectors.EVENT_READ)

    def _watch(self, client: Client, event: int) -> None:
        if self._selector is not None and client in self._clients:
            self._selector.modify(client.sock, event)

    def _drop(self, client: Client) -> None:
        if client in self._clients:
            self._clients.remove(client)
            self._unregister(client.sock)
            client.sock.close()

    def _unregister(self, sock: socket.socket) -> None:
        if self._selector is not None:
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(sock)
