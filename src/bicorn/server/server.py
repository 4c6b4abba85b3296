"""One worker's server: applications started, listeners accepting, connections served, drained, and everything put
down again.

The life of a server is one method, ``Server.serve``: read it from top to bottom.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
import logging
import os
import socket
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from bicorn.apps.exchange import Endpoint
from bicorn.apps.loader import LoadedApp
from bicorn.server.connection import Connection
from bicorn.server.listener import Listener
from bicorn.server.service import Service
from bicorn.server.tls import build_context

if TYPE_CHECKING:
    from bicorn.apps.lifespan import Lifespan
    from bicorn.config.settings import Config
    from bicorn.observe.access import AccessLog

logger = logging.getLogger("bicorn.error")

# What a cancelled application gets to clean up before its connection is cut.
CANCEL_TIME = 1.0
# For waits that asyncio wants a limit for, and that have none or a better one.
FOREVER = 10.0 * 365 * 86400


class Server:
    """Serve applications on listening sockets until told to stop.

    Args:
        config: the settings.
        apps: ``(prefix, application)`` pairs; one has the prefix ``""``.
        listeners: bound, listening sockets; the server uses duplicates and leaves these open.
        access: the access log, or None for none.
        recycle: called with the reason when this worker should be replaced, perhaps from another thread.
    """

    def __init__(
        self,
        config: Config,
        apps: Sequence[tuple[str, LoadedApp]],
        listeners: Sequence[Listener],
        access: AccessLog | None = None,
        *,
        recycle: Callable[[str], None] | None = None,
    ) -> None:
        self._config = config
        self._apps = apps
        self._listeners = listeners
        self._access = access
        self._recycle = recycle
        self._stop: asyncio.Event | None = None
        self._graceful = True
        self._service: Service | None = None
        self.lifespans: list[Lifespan] = []

    async def serve(self, started: Callable[[], None] | None = None) -> None:
        """Serve until ``stop``.

        Args:
            started: called once, when every application is up and connections are being accepted.

        Raises:
            AppBootError: an application's lifespan start-up failed.
            TLSConfigError: the certificates cannot be used.
        """
        config = self._config
        loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        tls = build_context(config)
        self._service = service = Service(config, loop, self._access)
        service.recycle = self._recycle
        pool = concurrent.futures.ThreadPoolExecutor(config.threads, "bicorn-wsgi") if config.threads > 1 else None
        servers: list[asyncio.Server] = []
        try:
            service.mount([await self._endpoint(prefix, app, service, pool) for prefix, app in self._apps])
            for listener in self._listeners:
                servers.append(await self._accept(listener, service, tls))  # noqa: PERF401  # what is open must be closed
            service.start_clock()
            if started is not None:
                started()
            await self._stop.wait()
            for server in servers:
                server.close()
            await self._drain(service)
        finally:
            for server in servers:
                server.close()
            for connection in list(service.connections):
                connection.abort()
            service.stop_clock()
            for lifespan in reversed(self.lifespans):
                await lifespan.shutdown()
            if pool is not None:
                pool.shutdown(wait=False, cancel_futures=True)

    def stop(self, graceful: bool = True) -> None:
        """Stop serving: gracefully, or (now, or after all) at once. To be called in the loop's thread."""
        if not graceful:
            self._graceful = False
            service = self._service
            if service is not None and service.drained is not None and not service.drained.done():
                service.drained.set_result(None)
        if self._stop is not None:
            self._stop.set()

    async def _endpoint(
        self, prefix: str, app: LoadedApp, service: Service, pool: concurrent.futures.ThreadPoolExecutor | None
    ) -> Endpoint:
        """Start one application."""
        config = self._config
        if app.interface == "wsgi":
            from bicorn.apps.wsgi import WsgiEndpoint  # few servers need both halves

            return WsgiEndpoint(
                app.call,
                prefix=prefix,
                root_path=config.root_path,
                pool=pool,
                multiprocess=config.workers > 1,
                context=contextvars.copy_context(),
                running=service.running,
                defaults=service.defaults,
            )
        from bicorn.apps.asgi import AsgiEndpoint
        from bicorn.apps.lifespan import Lifespan

        lifespan = Lifespan(
            app.call,
            mode=config.lifespan,
            startup_timeout=config.lifespan_startup_timeout,
            shutdown_timeout=config.lifespan_shutdown_timeout,
            root_path=config.root_path + prefix,
        )
        await lifespan.startup()
        self.lifespans.append(lifespan)
        return AsgiEndpoint(
            app.call,
            prefix=prefix,
            root_path=config.root_path,
            state=lifespan.state if lifespan.supported else None,
            context=contextvars.copy_context(),
            running=service.running,
            defaults=service.defaults,
        )

    async def _accept(self, listener: Listener, service: Service, tls: Any) -> asyncio.Server:
        """Accept connections from one listener."""
        loop = asyncio.get_running_loop()
        scheme = listener.scheme
        options: dict[str, Any] = {"backlog": self._config.backlog}
        if scheme == "https":
            options["ssl"] = tls
            options["ssl_handshake_timeout"] = self._config.timeout_tls_handshake or FOREVER
            # Whoever reads slowly gets all of its answer; the connection's own deadlines end the others.
            options["ssl_shutdown_timeout"] = FOREVER
        # Made from the descriptor, it knows that it speaks TCP, and so do the sockets it accepts. asyncio sets
        # TCP_NODELAY on no others: each piece of a stream would wait 40 ms for the one before to be acknowledged.
        sock = socket.socket(fileno=os.dup(listener.sock.fileno()))
        sock.setblocking(False)

        def connection() -> Any:
            return Connection(service, scheme)

        if sock.family == socket.AF_UNIX:
            if sys.version_info >= (3, 13):
                options["cleanup_socket"] = False  # the file is the supervisor's, and the other workers listen on it
            return await loop.create_unix_server(connection, sock=sock, **options)
        return await loop.create_server(connection, sock=sock, **options)

    async def _drain(self, service: Service) -> None:
        """Let requests finish, for the graceful timeout at most; then cut what is left, and name it."""
        service.draining = True
        # A request that has arrived already is served: two turns of the loop read what the kernel holds.
        for _ in range(2):
            await asyncio.sleep(0)
        service.drained = asyncio.get_running_loop().create_future()
        for connection in list(service.connections):
            connection.start_draining()
        service.check_drained()
        if self._graceful:
            await asyncio.wait([service.drained], timeout=self._config.graceful_timeout)
        if not service.connections and not service.running:
            return
        exchanges = {connection.exchange for connection in service.connections if connection.exchange is not None}
        exchanges |= service.running
        for exchange in exchanges:
            logger.warning("cut at the stop: %s", exchange.describe())
            exchange.cancel()
        if service.drained.done():
            service.drained = asyncio.get_running_loop().create_future()
        for connection in list(service.connections):
            if connection.exchange is None:
                connection.abort()
        service.check_drained()
        await asyncio.wait([service.drained], timeout=CANCEL_TIME)
