"""How a worker stops, so that nothing that can be answered is lost.

1. Answers say ``Connection: close``, applications are told by their event. For ``drain_delay`` connections are still
   accepted, until those who send them know better. (Not where this worker alone is replaced: nobody need know.)
2. No more is accepted. What waits in the kernel's queue is, where nobody else would.
3. Idle connections are closed: at once, or, where they were used a moment ago, when another moment has passed in which
   a request on its way is answered. Event streams and WebSockets are told to end, then ended.
4. Requests have ``graceful_timeout`` to finish.
5. What is left is cancelled, cut, and named.

`Drain.run` is that list.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from bicorn.apps.exchange import Exchange
from bicorn.server.door import Door
from bicorn.server.phases import LINGER_TIME, RECENT, RECENT_ALONE
from bicorn.server.service import Service

if TYPE_CHECKING:
    from bicorn.config.settings import Config

logger = logging.getLogger("bicorn.error")

# What a cancelled application gets to clean up before its connection is cut.
CANCEL_TIME = 1.0
# What an event stream gets to end by itself once it was told.
STREAM_TIME = 1.0
# Seconds between two looks for event streams.
LOOK = 0.25
# In these turns of the loop it opens what it has accepted, and reads what the kernel holds.
TURNS = 4
# Where the whole server stops, workers that are still starting just end, and with the last copy of a socket goes what
# is queued. So those that can accept it outlast the others, and the supervisor, which has seen to it that nobody begins
# to connect any more: whoever was about to is here by then. Not longer, for clients that were ignored ask again after a
# second.
TOGETHER = 0.05


class Drain:
    """The stop of one worker.

    Args:
        config: the settings.
        service: what is to be stopped.
        doors: where connections come in.
        at_once: set when there is no more time: whatever is being waited for, it goes on with cutting what is left.
    """

    def __init__(self, config: Config, service: Service, doors: Sequence[Door], at_once: asyncio.Event) -> None:
        self._delay = config.drain_delay
        self._graceful_timeout = config.graceful_timeout
        self._service = service
        self._doors = doors
        self._at_once = at_once
        self._streams: dict[Exchange, float] = {}  # those that were told, and until when they may end by themselves

    async def run(self, alone: bool) -> None:
        """Stop.

        Args:
            alone: whether only this worker stops, while others accept from the same sockets.
        """
        service = self._service
        service.restarting = alone
        service.recent = RECENT_ALONE if alone else RECENT
        hurry = service.loop.create_task(self._at_once.wait())
        try:
            self._announce()
            if not alone:
                await self._wait(hurry, self._delay + TOGETHER)
            end = service.loop.time() + self._graceful_timeout
            await self._close_doors(alone, hurry)
            await self._finish(end, hurry)
            await self._cut()
        finally:
            hurry.cancel()

    def _announce(self) -> None:
        """Answers say that they are their connections' last; applications hear of it."""
        service = self._service
        service.draining = True
        service.shutdown.set()
        for connection in service.connections:
            connection.announce_close()

    async def _close_doors(self, alone: bool, hurry: asyncio.Task[bool]) -> None:
        service = self._service
        for door in self._doors:
            door.pause()
        for _ in range(TURNS):
            await asyncio.sleep(0)
        queues = [] if alone else [(door, queue) for door in self._doors if (queue := door.hold()) is not None]
        for door in self._doors:
            door.close()
        # uvloop lets go of its socket a turn later. Until then clients go on arriving: those who arrive after the sweep
        # would be reset with the last copy, and those whom it has accepted would find nobody waiting for them.
        for _ in range(TURNS):
            await asyncio.sleep(0)
        arriving = [task for door, queue in queues for task in door.sweep(queue)]
        service.drained = service.loop.create_future()
        for connection in list(service.connections):
            connection.start_draining()
        if arriving:
            opened = asyncio.gather(*arriving, return_exceptions=True)  # a handshake may fail
            await self._wait(hurry, LINGER_TIME, opened)
            for task in arriving:
                task.cancel()
        until = service.loop.time() + LINGER_TIME
        while service.handshakes and service.loop.time() < until and not hurry.done():
            await self._wait(hurry, 0.01)  # whoever has begun to say hello has been accepted

    async def _finish(self, end: float, hurry: asyncio.Task[bool]) -> None:
        """Let requests finish."""
        service = self._service
        # Not until the future was done once: a connection may have been opened since.
        while service.is_busy() and not hurry.done() and (left := end - service.loop.time()) > 0:
            self._end_streams()
            await self._wait(hurry, min(left, LOOK), service.wait_drained())

    def _end_streams(self) -> None:
        """Tell event streams, which would go on for ever, that their client has gone; a moment later it has."""
        now = self._service.loop.time()
        for connection in list(self._service.connections):
            exchange = connection.exchange
            if exchange is None or not exchange.is_event_stream():
                continue
            if exchange not in self._streams:
                self._streams[exchange] = now + STREAM_TIME
                exchange.tell_stream()
            elif now >= self._streams[exchange]:
                exchange.end_stream()

    async def _wait(self, hurry: asyncio.Future[Any], seconds: float, *others: asyncio.Future[Any]) -> None:
        """Wait for any of these, or until time is up."""
        await asyncio.wait([hurry, *others], timeout=seconds, return_when=asyncio.FIRST_COMPLETED)

    async def _cut(self) -> None:
        """Cancel what is left, and name it; then its connections may be cut."""
        service = self._service
        if not service.is_busy():
            return
        exchanges = {connection.exchange for connection in service.connections if connection.exchange is not None}
        exchanges |= service.running
        for exchange in exchanges:
            logger.warning("cut at the stop: %s", exchange.describe())
            exchange.cancel()
        drained = service.wait_drained()
        for connection in list(service.connections):
            if connection.exchange is None:
                connection.abort()
        await asyncio.wait([drained], timeout=CANCEL_TIME)
