"""What all connections of one worker share: limits, deadlines, applications, the clock, and who is connected."""

from __future__ import annotations

import asyncio
import itertools
import time
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bicorn.apps.exchange import Endpoint, Exchange, Origin
from bicorn.observe.access import AccessLog
from bicorn.observe.slot import Slot
from bicorn.server.batch import Batch
from bicorn.server.date import http_date
from bicorn.server.phases import RECENT
from bicorn.wire.escapes import unescape
from bicorn.wire.head import Head
from bicorn.wire.limits import Limits
from bicorn.wire.response import Defaults

if TYPE_CHECKING:
    from bicorn.config.settings import Config

LOOKED_AT = 64
"""Connections to look at, where there is no room, for one that can be closed."""
TICK = 0.5
"""Seconds between two looks at the deadlines; a deadline is met this much late at most."""


class Service:
    """What all connections of one worker share.

    Args:
        config: the settings.
        loop: the event loop.
        access: the access log, or None where there is none.

    Attributes:
        now: the loop's time at the last tick, in seconds: coarse, and free to read.
        root: the application mounted at the root.
        connections: every open connection.
        running: every exchange whose application is at work outside a connection's own turn.
        draining: whether the worker is stopping: answers say ``Connection: close``.
        drained: once it accepts no more: done when nothing is left to wait for.
        recent: seconds after an answer in which the client's next request may be on its way; see ``phases.py``.
        restarting: whether it stops since another one takes its place.
        shutdown: set when the worker begins to stop; applications have it as ``state["bicorn.shutdown"]``.
        handshakes: connections that were accepted and are not open yet, since TLS comes first.
        requests: how many were counted.
        sent: bytes that went out, those of file transfers too.
        slot: this worker's page of the scoreboard, if there is one.
        websockets: the settings, where WebSockets are served.
        recycle: asks for this worker to be replaced, and why; it serves on until it is told to stop.
    """

    __slots__ = (
        "_mounts",
        "_origins",
        "_second",
        "_timer",
        "_told",
        "access",
        "batch",
        "body_timeout",
        "concurrency_limit",
        "connection_limit",
        "connections",
        "defaults",
        "drained",
        "draining",
        "handshakes",
        "head_timeout",
        "keep_alive_timeout",
        "limits",
        "loop",
        "min_body_rate",
        "now",
        "pipelined_limit",
        "recent",
        "recycle",
        "requests",
        "requests_before_recycling",
        "requests_limit",
        "restarting",
        "root",
        "running",
        "sent",
        "shutdown",
        "slot",
        "websockets",
        "write_timeout",
    )

    root: Endpoint

    def __init__(self, config: Config, loop: asyncio.AbstractEventLoop, access: AccessLog | None) -> None:
        self.loop = loop
        self.access = access
        self.limits = Limits(
            request_line=config.limit_request_line,
            fields=config.limit_request_fields,
            field_size=config.limit_request_field_size,
            head=config.limit_request_head,
            body=config.limit_request_body,
        )
        self.head_timeout = config.timeout_request_head
        self.body_timeout = config.timeout_request_body
        self.min_body_rate = config.min_body_rate
        self.write_timeout = config.timeout_write
        self.keep_alive_timeout = config.timeout_keep_alive
        self.pipelined_limit = config.limit_pipelined_requests or 1 << 30
        self.connection_limit = config.limit_connections
        self.concurrency_limit = config.limit_concurrency
        self.requests_limit = config.limit_requests_per_connection
        self.connections: dict[Any, None] = {}  # in the order they were opened
        self.running: set[Exchange] = set()
        self.draining = False
        self.recent = RECENT
        self.restarting = False
        self.drained: asyncio.Future[None] | None = None
        self.shutdown = asyncio.Event()
        # Nobody is told when a handshake fails: the connection is never made, and forgotten.
        self.handshakes: weakref.WeakSet[Any] = weakref.WeakSet()
        self.requests = 0
        self.sent = 0
        self.slot: Slot | None = None
        self.requests_before_recycling = _with_jitter(config)
        self.recycle: Callable[[str], None] | None = None
        self._told = False  # that this worker asked to be replaced
        self.websockets = None if config.ws == "none" else config
        self.batch = Batch(loop)
        self.now = loop.time()
        self.defaults = Defaults(
            server=b"server: bicorn\r\n" if config.server_header else b"",
            extra="".join(f"{name}: {value}\r\n" for name, value in config.headers).encode("latin-1"),
        )
        self._second = 0 if config.date_header else -1
        self._mounts: list[tuple[bytes, Endpoint]] = []
        self._origins: dict[Any, Origin] = {}
        self._timer: asyncio.TimerHandle | None = None

    def mount(self, endpoints: list[Endpoint]) -> None:
        """Serve `endpoints`, each at its prefix; the longest matching prefix wins."""
        self.root = next(endpoint for endpoint in endpoints if not endpoint.prefix)
        mounts = [(endpoint.prefix.encode("utf-8"), endpoint) for endpoint in endpoints if endpoint.prefix]
        for endpoint in endpoints:
            endpoint.slot = self.slot
        self._mounts = sorted(mounts, key=lambda mount: -len(mount[0]))

    def endpoint(self, head: Head) -> Endpoint:
        """The application a request is for."""
        if not self._mounts:
            return self.root
        path = unescape(head.path) if head.escaped else head.path
        for prefix, endpoint in self._mounts:
            if path.startswith(prefix) and (len(path) == len(prefix) or path[len(prefix)] == 47):
                return endpoint
        return self.root

    def origin(self, scheme: str, name: Any) -> Origin:
        """The shared description of the address `name` (a ``getsockname``) a connection came in at."""
        key = (scheme, name)
        origin = self._origins.get(key)
        if origin is None:
            if isinstance(name, bytes):  # an abstract unix socket
                name = name.decode("utf-8", "replace")
            if isinstance(name, tuple):
                server: tuple[str, int | None] | None = (name[0], name[1])
            else:
                server = (name, None) if name else None
            origin = Origin(scheme, server)
            if len(self._origins) < 1024:
                self._origins[key] = origin
        return origin

    # The clock

    def start_clock(self) -> None:
        """Look at the deadlines from now on."""
        self._tick()

    def stop_clock(self) -> None:
        """Look at them no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        self.now = now = self.loop.time()
        self._timer = self.loop.call_later(TICK, self._tick)
        second = int(time.time())
        if self._second >= 0 and second != self._second:
            self._second = second
            self.defaults.set_date(f"date: {http_date(second)}\r\n".encode("ascii"))
        for connection in list(self.connections):
            connection.tick(now)
        if self.access is not None:
            self.access.flush()
        if self.slot is not None:
            # asyncio's loops have the same clock, but an application may bring one with its own.
            self.slot.beat(time.monotonic())
            self.slot.count(self.requests, len(self.connections), self.sent, len(self.running))

    # What was served

    def count(self) -> None:
        """One more request, WebSocket connection or message has begun."""
        self.requests += 1
        if self.requests == self.requests_before_recycling:
            self.ask_to_recycle(f"max-requests ({self.requests}) reached")

    def ask_to_recycle(self, why: str) -> None:
        """Ask, once, for this worker to be replaced."""
        if self.recycle is not None and not self._told:
            self._told = True
            self.recycle(why)

    # Who is there

    def opened(self, connection: Any) -> bool:
        """Register a connection; False where there is no room for it, so that it must go again."""
        full = self.connection_limit and len(self.connections) >= self.connection_limit
        has_room = not full or self._make_room()
        self.connections[connection] = None
        if self.slot is not None:
            self.slot.connected(len(self.connections))
        return has_room

    def replace(self, connection: Any, successor: Any) -> None:
        """One connection is another one from here on."""
        self.connections.pop(connection, None)
        self.connections[successor] = None

    def gone(self, connection: Any) -> None:
        """Forget a connection."""
        self.connections.pop(connection, None)
        if self.slot is not None:
            self.slot.connected(len(self.connections))
        self.check_drained()

    def is_busy(self) -> bool:
        """Whether a stop has something to wait for."""
        return bool(self.connections or self.running)

    def check_drained(self) -> None:
        """Tell a stopping server when nothing is left to wait for."""
        if self.drained is not None and not self.is_busy() and not self.drained.done():
            self.drained.set_result(None)

    def wait_drained(self) -> asyncio.Future[None]:
        """A future that is done when nothing is left to wait for."""
        self.drained = drained = self.loop.create_future()
        self.check_drained()
        return drained

    def _make_room(self) -> bool:
        """Close the connection that has been idle longest of the next few; False where none is idle.

        Those looked at go to the end of the line. To look at all would let a client that opens connections one after
        the other have us look at thousands for each.
        """
        longest = None
        for connection in list(itertools.islice(self.connections, LOOKED_AT)):
            self.connections[connection] = self.connections.pop(connection)
            # By the coarse clock many have been idle for as long: of these, the first.
            if connection.is_idle() and (longest is None or connection.deadline < longest.deadline):
                longest = connection
        if longest is None:
            return False
        longest.close()
        return True


def _with_jitter(config: Config) -> int:
    """After how many requests to ask: workers that started together shall not all ask together. 0 for never."""
    if not config.max_requests:
        return 0
    import random  # few need it

    jitter = config.max_requests // 10 if config.max_requests_jitter is None else config.max_requests_jitter
    return config.max_requests + random.randint(0, jitter)  # noqa: S311  # not a secret
