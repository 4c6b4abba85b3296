"""Where connections come in: one listening socket and the loop's server on it."""

from __future__ import annotations

import asyncio
import os
import select
import socket
import sys
from time import monotonic
from typing import TYPE_CHECKING, Any

from bicorn.server.connection import Connection
from bicorn.server.listener import Listener
from bicorn.server.service import Service

if TYPE_CHECKING:
    from bicorn.config.settings import Config
    from bicorn.server.turns import Turns

# For waits that asyncio wants a limit for, and that have none or a better one.
FOREVER = 10.0 * 365 * 86400
# From "no descriptors are left" to the next try, as asyncio has it.
RETRY = 1.0
# Connections of one turn of the loop: the requests of those accepted before come first again after so many.
AT_ONCE = 64
# Seconds between two connections after which others may have come together with the second: the turn between them was
# long, or there was nothing to do. Not less: what is accepted here and not by libuv costs a tenth more processor time.
APART = 0.002


class Door:
    """Accept connections from one listener, until told to stop; where others accept from it too, by turns.

    Args:
        config: the settings.
        listener: what to accept from; the door uses duplicates of its socket.
        service: what the connections share.
        tls: the context for ``https``.
    """

    def __init__(self, config: Config, listener: Listener, service: Service, tls: Any) -> None:
        self._listener = listener
        self._service = service
        self._backlog = config.backlog
        self._server: asyncio.Server | None = None
        self._queue: socket.socket | None = None  # a copy, so that the kernel's queue lasts while there is no server
        self._later: asyncio.TimerHandle | None = None
        self._opening: asyncio.Task[None] | None = None
        self._turns: Turns | None = None
        is_libuv = not isinstance(service.loop, asyncio.SelectorEventLoop)
        # libuv accepts one connection in each turn of the loop. A turn takes as long as all requests that came with it,
        # so of many clients who come to a busy worker the last would wait for as many turns. Where there are several
        # workers each takes one, which is as it should be: whoever took more would be ahead, and have to yield.
        self._accepts_others = is_libuv and config.workers == 1
        self._last = 0.0  # when libuv has accepted one
        self._tasks: set[asyncio.Task[Any]] = set()  # of the others
        # A single worker has nobody to share with. asyncio's server would drop what it has accepted and not let in yet.
        if config.workers != 1 and service.slot is not None and is_libuv:
            from bicorn.server.turns import Turns

            self._turns = Turns(service.slot)
        self._options: dict[str, Any] = {}
        if listener.scheme == "https":
            self._options["ssl"] = tls
            self._options["ssl_handshake_timeout"] = config.timeout_tls_handshake or FOREVER
            # Whoever reads slowly gets all of its answer; the connection's own deadlines end the others.
            self._options["ssl_shutdown_timeout"] = FOREVER

    async def open(self) -> None:
        """Accept from now on."""
        self._queue = socket.socket(fileno=os.dup(self._listener.sock.fileno()))
        self._queue.setblocking(False)
        await self._accept()

    async def _accept(self) -> None:
        loop = self._service.loop
        options: dict[str, Any] = {"backlog": self._backlog, **self._options}
        # Made from the descriptor, it knows that it speaks TCP, and so do the sockets it accepts. asyncio sets
        # TCP_NODELAY on no others: each piece of a stream would wait 40 ms for the one before to be acknowledged.
        assert self._queue is not None
        sock = socket.socket(fileno=os.dup(self._queue.fileno()))
        sock.setblocking(False)
        if sock.family == socket.AF_UNIX:
            if sys.version_info >= (3, 13):
                options["cleanup_socket"] = False  # the file is the supervisor's, and the other workers listen on it
            self._server = await loop.create_unix_server(self._connection, sock=sock, **options)
        else:
            self._server = await loop.create_server(self._connection, sock=sock, **options)

    def pause(self) -> None:
        """Leave clients in the kernel's queue, so that those accepted before can be let in before ``close``.

        asyncio lets in what it has accepted some turns of the loop later, and drops it where its server is closed by
        then. uvloop does so at once, and knows no such pause.
        """
        self._stop_yielding()
        if self._server is not None:
            for sock in self._server.sockets:
                self._service.loop.remove_reader(sock.fileno())

    def close(self) -> None:
        """Accept no more."""
        self._stop_yielding()
        if self._server is not None:
            self._server.close()
            self._server = None
        if self._queue is not None:
            self._queue.close()
            self._queue = None

    def hold(self) -> socket.socket | None:
        """A copy of the listening socket, which outlives ``close`` and so keeps what is queued; to be swept."""
        return None if self._queue is None else socket.socket(fileno=os.dup(self._queue.fileno()))

    def sweep(self, queue: socket.socket) -> list[asyncio.Task[Any]]:
        """Accept what waits in the kernel's queue, and close it; the tasks end when the connections are open.

        The kernel resets what is queued when the last copy of a listening socket is closed, although those clients
        believe that they are connected. So nothing happens between the last accept and the close.
        """
        with queue:
            queue.setblocking(False)
            accepted = _accepted(queue, self._backlog + 1)  # no more can have been queued
        return [*self._tasks, *map(self._let_in, accepted)]

    def _let_in(self, sock: socket.socket) -> asyncio.Task[Any]:
        """A connection for a socket that the loop's server has not accepted."""
        loop = self._service.loop
        sock.setblocking(False)
        # The types know of no handshake without TLS.
        opening: Any = loop.connect_accepted_socket(self._new, sock, **self._options)
        task: asyncio.Task[Any] = loop.create_task(opening)
        self._tasks.add(task)
        task.add_done_callback(self._has_let_in)
        return task

    def _has_let_in(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # taken: of a handshake that fails the loop's own server does not tell either

    def _connection(self) -> Any:
        """The loop's server has accepted one."""
        connection = self._new()
        if self._accepts_others:
            now = monotonic()
            if now - self._last > APART:
                self._service.loop.call_soon(self._accept_others)
            self._last = now
        return connection

    def _accept_others(self) -> None:
        """Those that have come together with one that the loop's server has accepted.

        Not near the limit of connections: idle ones make room for one that comes, not for many at once.
        """
        limit = self._service.connection_limit
        is_near = limit and self._count() + AT_ONCE >= limit
        if self._server is not None and self._queue is not None and not is_near:
            for sock in _accepted(self._queue, AT_ONCE):
                self._let_in(sock)

    def _new(self) -> Any:
        connection = Connection(self._service, self._listener.scheme)
        if self._turns is not None and not self._turns.may_accept(self._count() + 1) and self._server is not None:
            self._service.loop.call_soon(self._yield)  # this one has been accepted
        if self._options:
            self._service.handshakes.add(connection)
        return connection

    # Turns: a worker that has more connections than the others lets them accept first

    def _count(self) -> int:
        return len(self._service.connections) + len(self._service.handshakes)

    def _yield(self) -> None:
        """Accept no more until a client comes and it is our turn again."""
        server, self._server = self._server, None
        if server is None or self._queue is None:
            return
        server.close()
        self._service.loop.add_reader(self._queue, self._knocked)

    def _knocked(self) -> None:
        """There is a client. Unless it is our turn now, somebody else has a moment to take it."""
        assert self._queue is not None
        assert self._turns is not None
        self._service.loop.remove_reader(self._queue)
        if self._turns.may_accept(self._count() + 1):
            self._reopen()
        else:
            self._later = self._service.loop.call_later(self._turns.patience, self._look_again)

    def _look_again(self) -> None:
        assert self._queue is not None
        assert self._turns is not None
        if select.select([self._queue], [], [], 0)[0]:
            self._turns.insist(self._count())
            self._reopen()
        else:
            self._service.loop.add_reader(self._queue, self._knocked)

    def _reopen(self) -> None:
        self._opening = self._service.loop.create_task(self._accept())
        self._opening.add_done_callback(self._reopened)

    def _reopened(self, opening: asyncio.Task[None]) -> None:
        """Try again where there was no descriptor to have."""
        if not opening.cancelled() and opening.exception() is not None and self._queue is not None:
            self._later = self._service.loop.call_later(RETRY, self._reopen)

    def _stop_yielding(self) -> None:
        """Whatever is being waited for, it is over."""
        if self._later is not None:
            self._later.cancel()
        if self._opening is not None:
            self._opening.cancel()
        if self._queue is not None and self._server is None:
            self._service.loop.remove_reader(self._queue)


def _accepted(queue: socket.socket, most: int) -> list[socket.socket]:
    """Those in the kernel's queue, so many at most."""
    accepted: list[socket.socket] = []
    while len(accepted) < most:
        try:
            accepted.append(queue.accept()[0])
        except ConnectionAbortedError:
            continue  # that one has gone again
        except OSError:
            break  # none is left, or no descriptor to have it
    return accepted
