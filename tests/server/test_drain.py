"""The order in which a worker stops, without sockets; with them, see test_server.py."""

from __future__ import annotations

import asyncio
from typing import Any

from bicorn.config.settings import Config
from bicorn.server.drain import Drain
from bicorn.server.service import Service
from tests.driving import settle


class Peer:
    """A connection, as far as a stop knows it."""

    exchange = None

    def __init__(self) -> None:
        self.draining = False
        self.aborted = False

    def announce_close(self) -> None: ...

    def start_draining(self) -> None:
        self.draining = True

    def abort(self) -> None:
        self.aborted = True


async def test_who_comes_as_the_last_one_goes_is_waited_for() -> None:
    """A loop may let in what it has accepted some turns after its server was closed."""
    config = Config(app="main:app")
    service = Service(config, asyncio.get_running_loop(), None)
    last, late = Peer(), Peer()
    connections: dict[Any, None] = service.connections
    connections[last] = None
    stop = asyncio.create_task(Drain(config, service, [], asyncio.Event()).run(alone=True))
    await settle(20)
    assert last.draining
    service.gone(last)
    connections[late] = None
    await settle(20)
    assert not stop.done()
    assert not late.aborted
    service.gone(late)
    await asyncio.wait_for(stop, 5)
    assert not late.aborted
