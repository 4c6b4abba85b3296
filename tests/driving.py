"""One connection of a real server on a stand-in for its socket: bytes in, bytes out, time moved by hand."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import contextvars
import io
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Self
from unittest import mock

from bicorn.apps.asgi import AsgiEndpoint
from bicorn.apps.exchange import Endpoint, Exchange
from bicorn.apps.wsgi import WsgiEndpoint
from bicorn.config.settings import Config
from bicorn.observe.access import AccessRecord
from bicorn.server.connection import Connection
from bicorn.server.service import Service
from tests.fakes import FakeTransport


class SocketTransport(FakeTransport):
    """A transport that has a socket too: what is written to its descriptor directly counts as written, call by call.

    While the client reads nothing (``hold``), the socket is full.

    Attributes:
        reads: the client reads as time passes; else only when the test does.
    """

    reads = True

    def __init__(self, **extra: Any) -> None:
        kind = socket.SOCK_SEQPACKET if sys.platform == "linux" else socket.SOCK_STREAM
        self._ours, self._theirs = socket.socketpair(type=kind)  # which keeps calls apart
        self._full, self._other = socket.socketpair()
        self._open = self._ours.dup()  # what our descriptor stands for while the client reads
        for sock in (self._ours, self._theirs, self._full, self._other, self._open):
            sock.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                self._full.send(bytes(65536))
        self._lock = threading.Lock()
        super().__init__(extra={"socket": self._ours} | extra)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.collect()
        super().write(data)

    def writelines(self, list_of_data: Iterable[bytes | bytearray | memoryview]) -> None:
        """As asyncio's was for a while (CVE-2024-12254): it does not say that the buffer is full."""
        paused, self._paused = self._paused, True
        super().writelines(list_of_data)
        self._paused = paused

    def collect(self) -> None:
        """Merge what was written to the descriptor into ``written``."""
        with self._lock, contextlib.suppress(BlockingIOError, OSError):
            while data := self._theirs.recv(1 << 20):
                self._writes.append(data)
                self._written += data

    def send(self, data: bytes) -> None:
        """Bytes come, and the loop does not read them."""
        self._theirs.send(data)

    def hold(self) -> None:
        super().hold()
        os.dup2(self._full.fileno(), self._ours.fileno())

    def release(self, count: int | None = None) -> None:
        if count is None:
            os.dup2(self._open.fileno(), self._ours.fileno())
        super().release(count)

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        super().set_write_buffer_limits(high, low)
        if self._held > self._high and not self._paused:
            self._paused = True
            self.get_protocol().pause_writing()

    def break_socket(self) -> None:
        """The peer has gone, and the loop has not noticed yet."""
        self.collect()
        self._theirs.close()

    def shut(self) -> None:
        """Close the sockets, at the end of a test."""
        for sock in (self._ours, self._theirs, self._full, self._other, self._open):
            sock.close()


@dataclass
class Answer:
    """One response, as a client reads it."""

    status: int
    headers: dict[str, str]
    body: bytes
    trailers: dict[str, str] = field(default_factory=dict)
    informational: list[tuple[int, dict[str, str]]] = field(default_factory=list)


def read_answers(data: bytes, *, head: bool = False) -> list[Answer]:
    """Every response in `data`; fails where they do not end exactly with it."""
    answers = []
    stream = io.BytesIO(data)
    early: list[tuple[int, dict[str, str]]] = []
    while stream.tell() < len(data):
        version, status, _ = (stream.readline().decode("latin-1").rstrip("\r\n") + " ").split(" ", 2)
        assert version == "HTTP/1.1", data
        code, headers = int(status), _fields(stream)
        if code < 200:
            early.append((code, headers))
            continue
        answer = Answer(code, headers, b"", informational=early)
        early = []
        if head or code in (204, 304):
            pass
        elif "transfer-encoding" in headers:
            while size := int(stream.readline(), 16):
                answer.body += stream.read(size)
                assert stream.read(2) == b"\r\n"
            answer.trailers = _fields(stream)
        elif "content-length" in headers:
            answer.body = stream.read(int(headers["content-length"]))
            assert len(answer.body) == int(headers["content-length"]), data
        else:
            answer.body = stream.read()
        answers.append(answer)
    assert not early
    return answers


def _fields(stream: io.BytesIO) -> dict[str, str]:
    fields: dict[str, str] = {}
    while line := stream.readline():
        assert line.endswith(b"\r\n"), line
        if line == b"\r\n":
            return fields
        name, _, value = line.decode("latin-1").partition(":")
        name = name.lower()
        fields[name] = f"{fields[name]}, {value.strip()}" if name in fields else value.strip()
    raise AssertionError("the head does not end")


class Records:
    """An access log that keeps its records."""

    def __init__(self) -> None:
        self.records: list[AccessRecord] = []

    def log(self, record: AccessRecord) -> None:
        self.records.append(record)

    def flush(self) -> None:
        pass


# A connection whose handshake is done.
SSL = mock.Mock(
    version=lambda: "TLSv1.3",
    getpeercert=lambda binary_form: None,
    cipher=lambda: ("TLS_AES_128_GCM_SHA256", "TLSv1.3", 128),
    context=mock.Mock(get_ciphers=list, certificate_pem=None),
)


class Drive:
    """A connection to one or several applications, within a running loop.

    Args:
        app: the application at the root; one that is a coroutine function, or has ``asgi`` set, is ASGI.
        mounts: ``(prefix, application)`` pairs.
        state: the lifespan's state of ASGI applications.
        pool: the threads of WSGI applications.
        scheme: ``"https"`` makes it look like TLS.
        extra: facts of the transport.
        settings: settings that are not as they are by default.
    """

    def __init__(
        self,
        app: Callable[..., Any],
        *,
        mounts: Sequence[tuple[str, Callable[..., Any]]] = (),
        wsgi: bool = False,
        state: dict[str, Any] | None = None,
        pool: concurrent.futures.ThreadPoolExecutor | None = None,
        errors: io.StringIO | None = None,
        access: bool = False,
        scheme: str = "http",
        extra: dict[str, Any] | None = None,
        **settings: Any,
    ) -> None:
        self.config = Config(app="main:app", **({"server_header": False, "date_header": False} | settings))
        self.loop = asyncio.get_running_loop()
        self.access = Records() if access else None
        self.service = Service(self.config, self.loop, self.access)  # type: ignore[arg-type]
        self._state, self._pool, self._errors, self._wsgi = state, pool, errors, wsgi
        self.service.mount([self._endpoint(prefix, call) for prefix, call in [("", app), *mounts]])
        self.scheme = scheme
        self.extra = ({"ssl_object": SSL} if scheme == "https" else {}) | (extra or {})
        self.transports: list[SocketTransport] = []
        self.connection, self.transport = self.connect()

    def _endpoint(self, prefix: str, app: Callable[..., Any]) -> Endpoint:
        service = self.service
        context = contextvars.copy_context()
        if self._wsgi or getattr(app, "wsgi", False):
            return WsgiEndpoint(
                app,
                prefix=prefix,
                root_path=self.config.root_path,
                pool=self._pool,
                multiprocess=self.config.workers > 1,
                context=context,
                running=service.running,
                defaults=service.defaults,
                errors=self._errors,
            )
        return AsgiEndpoint(
            app,
            prefix=prefix,
            root_path=self.config.root_path,
            state=self._state,
            context=context,
            running=service.running,
            defaults=service.defaults,
        )

    def connect(self) -> tuple[Connection, SocketTransport]:
        """One more connection."""
        connection = Connection(self.service, self.scheme)
        transport = SocketTransport(**self.extra)
        transport.set_protocol(connection)  # type: ignore[arg-type]  # a protocol by shape
        self.transports.append(transport)
        connection.connection_made(transport)
        return connection, transport

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for transport in self.transports:
            connection: Any = transport.get_protocol()
            if not connection.closed:
                transport.lose()
            transport.shut()

    # What the client does

    def feed(self, data: bytes) -> None:
        """Bytes come, in one piece."""
        self.connection.data_received(data)

    def get(
        self, target: str = "/", *fields: str, method: str = "GET", version: str = "1.1", body: bytes = b""
    ) -> None:
        """A request comes."""
        lines = [f"{method} {target} HTTP/{version}", "Host: example.org", *fields]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        self.feed("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

    def take(self) -> bytes:
        """What has been sent since it was last asked for."""
        return self.transport.take()

    def answers(self, *, head: bool = False) -> list[Answer]:
        """The same, read as responses."""
        return read_answers(self.take(), head=head)

    def answer(self, *, head: bool = False) -> Answer:
        """The same, where it is one response."""
        [answer] = self.answers(head=head)
        return answer

    async def ask(self, target: str = "/", *fields: str, head: bool = False, **request: Any) -> Answer:
        """A request, and its answer once there is one."""
        if head:
            request["method"] = "HEAD"
        self.get(target, *fields, **request)
        await until(lambda: bool(self.sent()) and self.connection.exchange is None)
        return self.answer(head=head)

    def sent(self) -> bytes:
        """What has been sent and not been taken."""
        self.transport.collect()
        return bytes(self.transport.written)

    def reads(self) -> bool:
        """Whether the server takes more from the client."""
        return self.transport.is_reading()

    def is_closed(self) -> bool:
        """Whether the server has closed the connection."""
        return self.transport.closed

    # The clock

    def tick(self, seconds: float) -> None:
        """Time passes, at the end of which the deadlines are looked at once."""
        self.service.now += seconds
        if self.transport.reads:
            self.transport.collect()
        for connection in list(self.service.connections):
            connection.tick(self.service.now)

    def pass_time(self, seconds: float, step: float = 0.5) -> None:
        """Time passes as it does in a server, looked at every `step`."""
        for _ in range(round(seconds / step)):
            self.tick(step)

    def drain(self) -> None:
        """The worker stops and has stopped accepting."""
        self.service.draining = True
        self.service.wait_drained()
        for connection in list(self.service.connections):
            connection.start_draining()

    @property
    def running(self) -> set[Exchange]:
        return self.service.running


async def settle(turns: int = 5) -> None:
    """Let the loop do what is due."""
    for _ in range(turns):
        await asyncio.sleep(0)


async def until(condition: Callable[[], bool], patience: float = 30.0) -> None:
    """Let the loop turn until the condition is true; fails the test when patience runs out."""
    loop = asyncio.get_running_loop()
    end = loop.time() + patience
    while not condition():
        assert loop.time() < end, "it did not come true"
        await asyncio.sleep(0)
