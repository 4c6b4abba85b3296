"""Workers that are killed under load, and how workers share connections: short forms of benchmarks/manager."""

from __future__ import annotations

import http.client
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.running import PATIENCE, Running, poll

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="the tests read Linux's /proc"),
]

Serve = Callable[..., Running]
WORKERS = 3


def ready(serve: Serve, *options: str) -> Running:
    running = serve("--workers", str(WORKERS), *options)
    poll(lambda: len(ask_many(running, 12)) == WORKERS, running.log)
    return running


def ask_many(running: Running, count: int) -> Counter[int]:
    """Open so many connections, then ask on each: who answers how often."""
    connections = [http.client.HTTPConnection("127.0.0.1", running.port, timeout=PATIENCE) for _ in range(count)]
    try:
        for connection in connections:
            connection.connect()
        return Counter(ask(connection) for connection in connections)
    finally:
        for connection in connections:
            connection.close()


def ask(connection: http.client.HTTPConnection) -> int:
    connection.request("GET", "/")
    return int(connection.getresponse().read())


class Client(threading.Thread):
    """Asks on one connection for as long as it lasts, then on another; notes who failed it."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.failed_by: list[int] = []
        self.answers = 0
        self.stop = threading.Event()
        self._port = port

    def run(self) -> None:
        while not self.stop.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=PATIENCE)
            pid = 0
            try:
                while not self.stop.wait(0.002):
                    pid = ask(connection)
                    self.answers += 1
            except (OSError, http.client.HTTPException):
                self.failed_by.append(pid)
            finally:
                connection.close()


def test_only_what_a_killed_worker_held_fails(serve: Serve, folder: Path) -> None:
    running = ready(serve)
    clients = [Client(running.port) for _ in range(8)]
    for client in clients:
        client.start()
    victims: list[int] = []
    for _ in range(3):
        victim = running.workers()[0]
        victims.append(victim)
        os.kill(victim, signal.SIGKILL)
        poll(lambda: victim not in ask_many(running, 12) and len(ask_many(running, 12)) == WORKERS, running.log)  # noqa: B023
        running.wait_for(rf"pid {victim}\).*SIGKILL")
    for client in clients:
        client.stop.set()
    for client in clients:
        client.join(PATIENCE)
    # 0: a new connection, which the victim had accepted and not answered yet.
    assert {pid for client in clients for pid in client.failed_by} <= {0, *victims}
    assert all(client.answers for client in clients)


def test_connections_that_come_at_once_are_shared(serve: Serve, folder: Path) -> None:
    pytest.importorskip("uvloop")
    running = ready(serve)
    # A busy machine may leave a worker no time to take its turn: then a client is not left waiting for it.
    shares: list[int] = []
    for _ in range(5):
        shares = sorted(ask_many(running, 120).values())
        if shares[0] >= 20:
            break
        time.sleep(0.1)
    assert len(shares) == WORKERS
    assert shares[0] >= 20
    assert shares[-1] <= 60
