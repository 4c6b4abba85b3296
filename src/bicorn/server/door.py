"""Where connections come in: one listening socket and the loop's server on it."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from typing import TYPE_CHECKING, Any

from bicorn.server.connection import Connection
from bicorn.server.listener import Listener
from bicorn.server.service import Service

if TYPE_CHECKING:
    from bicorn.config.settings import Config

# For waits that asyncio wants a limit for, and that have none or a better one.
FOREVER = 10.0 * 365 * 86400


class Door:
    """Accept connections from one listener, until told to stop.

    Args:
        config: the settings.
        listener: what to accept from; the door uses a duplicate of its socket.
        service: what the connections share.
        tls: the context for ``https``.
    """

    def __init__(self, config: Config, listener: Listener, service: Service, tls: Any) -> None:
        self._listener = listener
        self._service = service
        self._backlog = config.backlog
        self._server: asyncio.Server | None = None
        self._options: dict[str, Any] = {}
        if listener.scheme == "https":
            self._options["ssl"] = tls
            self._options["ssl_handshake_timeout"] = config.timeout_tls_handshake or FOREVER
            # Whoever reads slowly gets all of its answer; the connection's own deadlines end the others.
            self._options["ssl_shutdown_timeout"] = FOREVER

    async def open(self) -> None:
        """Accept from now on."""
        loop = self._service.loop
        options: dict[str, Any] = {"backlog": self._backlog, **self._options}
        # Made from the descriptor, it knows that it speaks TCP, and so do the sockets it accepts. asyncio sets
        # TCP_NODELAY on no others: each piece of a stream would wait 40 ms for the one before to be acknowledged.
        sock = socket.socket(fileno=os.dup(self._listener.sock.fileno()))
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
        if self._server is not None:
            for sock in self._server.sockets:
                self._service.loop.remove_reader(sock.fileno())

    def close(self) -> None:
        """Accept no more."""
        if self._server is not None:
            self._server.close()

    def hold(self) -> socket.socket | None:
        """A copy of the listening socket, which outlives ``close`` and so keeps what is queued; to be swept."""
        if self._server is None or not self._server.sockets:
            return None
        return socket.socket(fileno=os.dup(self._server.sockets[0].fileno()))

    def sweep(self, queue: socket.socket) -> list[asyncio.Task[Any]]:
        """Accept what waits in the kernel's queue, and close it; the tasks end when the connections are open.

        The kernel resets what is queued when the last copy of a listening socket is closed, although those clients
        believe that they are connected. So nothing happens between the last accept and the close.
        """
        accepted: list[socket.socket] = []
        with queue:
            queue.setblocking(False)
            while len(accepted) <= self._backlog:  # no more can have been queued
                try:
                    accepted.append(queue.accept()[0])
                except ConnectionAbortedError:
                    continue  # that one has gone again
                except OSError:
                    break  # none is left, or no descriptor to have it
        loop = self._service.loop
        tasks = []
        for sock in accepted:
            sock.setblocking(False)
            # The types know of no handshake without TLS.
            opening: Any = loop.connect_accepted_socket(self._connection, sock, **self._options)
            tasks.append(loop.create_task(opening))
        return tasks

    def _connection(self) -> Any:
        connection = Connection(self._service, self._listener.scheme)
        if self._options:
            self._service.handshakes.add(connection)
        return connection
