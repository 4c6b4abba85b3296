"""Requests that take too long (``request_timeout``). Imported only where it is set: without, it costs nothing.

How depends on where the application is at work:

======================  ===========================================================================================
an ASGI task            it is cancelled
a thread of the pool    it is left to itself and another takes its place; the worker asks to be replaced
inline (WSGI)           the loop stands still with it, so a thread beside it answers (`bicorn.server.overdue_inline`);
                        the worker asks to be replaced
======================  ===========================================================================================

The client gets a 504 where nothing was sent yet, else its connection is cut, so that it does not take half an answer
for a whole one. The log has the request, its age, and the stack of whatever is at work on it.

The time counts that the application takes. While the body is still coming, and while the client has not taken what was
sent, others' deadlines count. An event stream that has begun may go on for ever; so may work after the answer.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bicorn.apps.exchange import Exchange
from bicorn.apps.stacks import thread_stack
from bicorn.errors import ProtocolError
from bicorn.server.overdue_inline import InlineWatch
from bicorn.server.overdue_pool import LeavingPool
from bicorn.server.phases import BODY as BODY_PHASE
from bicorn.server.service import TICK, Service
from bicorn.wire.states import BODY, TRAILERS

if TYPE_CHECKING:
    from bicorn.config.settings import Config

logger = logging.getLogger("bicorn.error")

RECYCLE = "a request was over request-timeout"


class Overdue:
    """Looks at the requests of a worker, and ends those that are over their time.

    Args:
        config: the settings; its ``request_timeout`` is not 0.
        service: what all connections share.

    Attributes:
        pool: the threads for WSGI applications, or None where they are called inline.
    """

    def __init__(self, config: Config, service: Service) -> None:
        self._limit = config.request_timeout
        self._service = service
        self._interval = min(TICK, self._limit / 10)
        self._spent: dict[Exchange, float] = {}
        self._last = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._inline: InlineWatch | None = None
        self.pool = LeavingPool(config.threads) if config.threads > 1 else None

    def watch(self, app: Callable[..., Any]) -> Callable[..., Any]:
        """A WSGI application that is watched; in the pool it is anyway."""
        if self.pool is not None:
            return app
        if self._inline is None:
            self._inline = InlineWatch(self._limit, self._interval, lambda: self._service.ask_to_recycle(RECYCLE))
        return self._inline.watch(app)

    def start(self) -> None:
        """Look from now on."""
        self._last = self._service.loop.time()
        self._timer = self._service.loop.call_later(self._interval, self._look)
        if self._inline is not None:
            self._inline.start()

    def stop(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()
        if self._inline is not None:
            self._inline.stop()

    def _look(self) -> None:
        loop = self._service.loop
        now = loop.time()
        self._timer = loop.call_later(self._interval, self._look)
        # While the loop stood still none of these could go on: it is not they who took so long.
        passed = min(now - self._last, 2 * self._interval)
        self._last = now
        spent = {}
        for exchange in list(self._service.running):
            connection: Any = exchange.channel
            if connection.exchange is not exchange or exchange.is_event_stream():
                continue  # answered, or without an end
            spent[exchange] = self._spent.get(exchange, -passed) + (0.0 if self._waits(connection) else passed)
            if spent[exchange] >= self._limit:
                self._end(exchange, spent.pop(exchange))
        self._spent = spent

    def _waits(self, connection: Any) -> bool:
        """Whether it is the client that is waited for."""
        if connection.phase == BODY_PHASE and connection.deadline:
            return True
        state = connection.response.state
        return state in (BODY, TRAILERS) and bool(connection.unsent())

    def _end(self, exchange: Exchange, spent: float) -> None:
        connection: Any = exchange.channel
        thread = self.pool.leave(exchange) if self.pool is not None else 0
        stack = thread_stack(thread) if thread else exchange.stack()
        how = "its thread is left to itself" if thread else "it is cancelled" if stack else "it had no thread yet"
        report(exchange, spent, how, stack)
        connection.break_off(ProtocolError(504, f"no answer within {self._limit:g} s"))
        exchange.cancel()
        if thread:
            self._service.running.discard(exchange)  # a stop does not wait for it
            self._service.check_drained()
            self._service.ask_to_recycle(RECYCLE)


def report(exchange: Exchange, spent: float, how: str, stack: str) -> None:
    """Say which request took too long, and where it is."""
    text = f"\n{stack}" if stack else ""
    logger.error("%s has taken %.1f s (request-timeout): %s%s", exchange.describe(), spent, how, text)
