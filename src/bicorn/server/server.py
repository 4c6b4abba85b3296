"""One worker's server: applications started, listeners accepting, connections served, drained, and everything put
down again.

The life of a server is one method, ``Server.serve``: read it from top to bottom.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextvars
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from bicorn.apps.exchange import SHUTDOWN, Endpoint
from bicorn.apps.loader import LoadedApp
from bicorn.observe.slot import SERVING
from bicorn.server.door import Door
from bicorn.server.drain import Drain
from bicorn.server.listener import Listener
from bicorn.server.service import Service
from bicorn.server.tls import build_context

if TYPE_CHECKING:
    from bicorn.apps.lifespan import Lifespan
    from bicorn.config.settings import Config
    from bicorn.observe.access import AccessLog
    from bicorn.observe.slot import Slot
    from bicorn.server.overdue import Overdue
    from bicorn.server.overdue_pool import LeavingPool


class Server:
    """Serve applications on listening sockets until told to stop.

    Args:
        config: the settings.
        apps: ``(prefix, application)`` pairs; one has the prefix ``""``.
        listeners: bound, listening sockets; the server uses duplicates and leaves these open.
        access: the access log, or None for none.
        slot: this worker's page of the scoreboard.
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
        slot: Slot | None = None,
    ) -> None:
        self._config = config
        self._apps = apps
        self._listeners = listeners
        self._access = access
        self._recycle = recycle
        self._slot = slot
        self._stop: asyncio.Event | None = None
        self._at_once: asyncio.Event | None = None
        self._graceful = True
        self._alone = False
        self._overdue: Overdue | None = None
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
        self._at_once = asyncio.Event()
        if not self._graceful:
            self._at_once.set()
        tls = build_context(config)
        service = Service(config, loop, self._access)
        service.recycle = self._recycle
        service.slot = self._slot
        if config.request_timeout:
            from bicorn.server.overdue import Overdue

            self._overdue = Overdue(config, service)
        pool = self._pool()
        doors: list[Door] = []
        try:
            service.mount([await self._endpoint(prefix, app, service, pool) for prefix, app in self._apps])
            for listener in self._listeners:
                doors.append(Door(config, listener, service, tls))
                await doors[-1].open()
            service.start_clock()
            if self._overdue is not None:
                self._overdue.start()
            if started is not None:
                started()
            self._show(SERVING)
            await self._stop.wait()
            self._show("draining")
            await Drain(config, service, doors, self._at_once).run(self._alone)
        finally:
            for door in doors:
                door.close()
            for connection in list(service.connections):
                connection.abort()
            service.stop_clock()
            if self._overdue is not None:
                self._overdue.stop()
            self._show("lifespan shutdown")
            for lifespan in reversed(self.lifespans):
                await lifespan.shutdown()
            if pool is not None:
                pool.shutdown(wait=False, cancel_futures=True)

    def stop(self, graceful: bool = True, *, alone: bool = False) -> None:
        """Stop serving. To be called in the loop's thread.

        Args:
            graceful: let requests finish; otherwise (now, or after all) cut them.
            alone: only this worker stops, while others accept from the same sockets: `bicorn.server.drain` says what
                that makes different.
        """
        if not graceful:
            self._graceful = False
            if self._at_once is not None:
                self._at_once.set()
        if self._stop is not None:
            self._alone = alone
            self._stop.set()

    def _show(self, phase: str) -> None:
        """Say on the scoreboard what this worker is at."""
        if self._slot is not None:
            self._slot.phase(phase)

    def _pool(self) -> LeavingPool | concurrent.futures.ThreadPoolExecutor | None:
        """The threads for WSGI applications; None where they are called inline."""
        if self._config.threads == 1:
            return None
        if self._overdue is not None:
            return self._overdue.pool
        return concurrent.futures.ThreadPoolExecutor(self._config.threads, "bicorn-wsgi")

    async def _endpoint(self, prefix: str, app: LoadedApp, service: Service, pool: Any) -> Endpoint:
        """Start one application."""
        config = self._config
        if app.interface == "wsgi":
            from bicorn.apps.wsgi import WsgiEndpoint  # few servers need both halves

            call = app.call if self._overdue is None else self._overdue.watch(app.call)
            if config.warn_blocked and pool is None:
                from bicorn.server.blocked import unwatched

                call = unwatched(call)
            return WsgiEndpoint(
                call,
                prefix=prefix,
                root_path=config.root_path,
                pool=pool,
                multiprocess=config.workers != 1,
                context=contextvars.copy_context(),
                running=service.running,
                defaults=service.defaults,
                shutdown=service.shutdown,
            )
        from bicorn.apps.asgi import AsgiEndpoint
        from bicorn.apps.lifespan import Lifespan

        lifespan = Lifespan(
            app.call,
            mode=config.lifespan,
            startup_timeout=config.lifespan_startup_timeout,
            shutdown_timeout=config.lifespan_shutdown_timeout,
            root_path=config.root_path + prefix,
            state={SHUTDOWN: service.shutdown},
        )
        self._show("lifespan start-up")
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
