"""A small exact client: many connections, kept alive or new for each request, and for each failure why, when and whose.

wrk loads; this one judges. It knows which process answered last on each connection and from which port it asked, so a
proof can say whether a failed request was one that a killed worker held.
"""

from __future__ import annotations

import json
import re
import socket
import ssl
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Self

PATIENCE = 15.0
LINKS = Literal["tcp", "tls", "unix"]

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_CLOSE = re.compile(rb"\r\nconnection: *close", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens."""

    link: LINKS
    port: int = 0
    path: Path = Path()
    certificate: Path = Path()

    def connect(self, timeout: float = PATIENCE) -> socket.socket:
        if self.link == "unix":
            sock = socket.socket(socket.AF_UNIX)
            sock.settimeout(timeout)
            sock.connect(str(self.path))
            return sock
        sock = socket.create_connection(("127.0.0.1", self.port), timeout=timeout)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.link == "tls":
            context = ssl.create_default_context(cafile=str(self.certificate))
            return context.wrap_socket(sock, server_hostname="127.0.0.1")
        return sock


class BadAnswer(Exception):
    """Not the whole of an answer, or not a good one."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: bytes
    closes: bool

    @property
    def pid(self) -> int:
        return int(json.loads(self.body)["pid"])

    @property
    def version(self) -> str:
        return str(json.loads(self.body)["version"])


def exchange(sock: socket.socket, path: str = "/", close: bool = False) -> Answer:
    """One request and its whole answer, of a known length.

    Raises:
        BadAnswer, OSError: what the peer sent is not that.
    """
    connection = "close" if close else "keep-alive"
    sock.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: {connection}\r\n\r\n".encode())
    data = b""
    while b"\r\n\r\n" not in data:
        data += _more(sock, data)
    head, _, body = data.partition(b"\r\n\r\n")
    length = _LENGTH.search(head)
    if length is None:
        raise BadAnswer(f"no Content-Length: {head[:60]!r}")
    while len(body) < int(length[1]):
        body += _more(sock, data)
    return Answer(int(head[9:12]), body, _CLOSE.search(head) is not None)


def _more(sock: socket.socket, so_far: bytes) -> bytes:
    data = sock.recv(65536)
    if not data:
        raise BadAnswer("closed in the middle of an answer" if so_far else "closed without an answer")
    return data


def ask(address: Address, path: str = "/", timeout: float = PATIENCE) -> Answer:
    """One request on a connection of its own."""
    with address.connect(timeout) as sock:
        return exchange(sock, path, close=True)


@dataclass(frozen=True, slots=True)
class Failure:
    """A request that was not answered with 200."""

    when: float
    """time.monotonic()"""
    why: str
    port: int
    """The client's port, 0 where there was no connection."""
    pid: int
    """Who answered last on this connection; 0 for a new one."""

    def __str__(self) -> str:
        return self.why + (f" (kept alive, last answered by {self.pid})" if self.pid else " (new connection)")


@dataclass(slots=True)
class Tally:
    """What the clients have seen."""

    requests: int = 0
    failures: list[Failure] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    longest: float = 0.0
    """Of the good answers."""
    served: Counter[int] = field(default_factory=Counter)
    """Good answers by process."""
    versions: Counter[str] = field(default_factory=Counter)
    first_seen: dict[int, float] = field(default_factory=dict)
    """When each process first answered."""

    def why(self) -> dict[str, int]:
        return dict(Counter(failure.why for failure in self.failures))


class Clients:
    """Threads that ask until told to stop.

    Args:
        new: clients with a connection for each request.
        kept: clients that keep one connection alive for as long as the server lets them.
        pause: seconds between two requests of a client.
        watch: called with each good answer and the time, in the client's thread.
    """

    def __init__(self, address: Address, new: int = 4, kept: int = 8, pause: float = 0.01,
                 watch: Callable[[Answer, float], None] | None = None) -> None:  # fmt: skip
        self.tally = Tally()
        self._address = address
        self._pause = pause
        self._watch = watch
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=target, daemon=True)
            for target, count in ((self._new, new), (self._kept, kept))
            for _ in range(count)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(PATIENCE + 5)

    def _new(self) -> None:
        while not self._stop.wait(self._pause):
            self._request(None, 0, close=True)

    def _kept(self) -> None:
        sock: socket.socket | None = None
        pid = 0
        while not self._stop.wait(self._pause):
            if sock is not None and _has_ended(sock):  # closed while idle, which a server may do
                sock.close()
                sock = None
            sock, pid = self._request(sock, pid if sock else 0, close=False)
        if sock is not None:
            sock.close()

    def _request(self, sock: socket.socket | None, pid: int, close: bool) -> tuple[socket.socket | None, int]:
        began = time.monotonic()
        port = 0
        try:
            sock = sock or self._address.connect()
            port = sock.getsockname()[1] if self._address.link != "unix" else 0
            answer = exchange(sock, close=close)
            if answer.status != 200:
                raise BadAnswer(f"status {answer.status}")
            self._good(answer, time.monotonic() - began)
            if not (close or answer.closes):
                return sock, answer.pid
        except (OSError, BadAnswer, ValueError) as error:
            self._bad(Failure(time.monotonic(), _name(error), port, pid))
        if sock is not None:
            sock.close()
        return None, 0

    def _good(self, answer: Answer, took: float) -> None:
        now = time.monotonic()
        with self._lock:
            tally = self.tally
            tally.requests += 1
            tally.times.append(took)
            tally.longest = max(tally.longest, took)
            tally.served[answer.pid] += 1
            tally.versions[answer.version] += 1
            tally.first_seen.setdefault(answer.pid, now)
        if self._watch is not None:
            self._watch(answer, now)

    def _bad(self, failure: Failure) -> None:
        with self._lock:
            self.tally.requests += 1
            self.tally.failures.append(failure)


def _has_ended(sock: socket.socket) -> bool:
    """Whether the server has closed an idle connection."""
    if isinstance(sock, ssl.SSLSocket):
        sock.setblocking(False)
        try:
            return sock.recv(1) == b""
        except ssl.SSLWantReadError:
            return False
        except OSError:
            return True
        finally:
            sock.settimeout(PATIENCE)
    try:
        return sock.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True


def _name(error: Exception) -> str:
    match error:
        case TimeoutError():
            return f"no answer in {PATIENCE:.0f} s"
        case ConnectionRefusedError():
            return "refused"
        case ConnectionResetError() | BrokenPipeError():
            return "reset"
        case BadAnswer():
            return str(error)
    return f"{type(error).__name__}: {error}"[:80]
