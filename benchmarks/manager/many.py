"""Thousands of connections from one process: how the workers share them, and how long each answer took."""

from __future__ import annotations

import heapq
import json
import random
import selectors
import socket
import time
from collections import Counter
from dataclasses import dataclass, field

from .client import Address

SHORT = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
LONG = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
PATIENCE = 20.0


@dataclass(slots=True)
class Shares:
    """What came of it."""

    connections: Counter[int] = field(default_factory=Counter)
    """By the process that answered first on them."""
    times: list[float] = field(default_factory=list)
    failed: int = 0

    def spread(self, workers: int) -> list[float]:
        """Each worker's part of the connections, the largest first; those that got none are there too."""
        total = sum(self.connections.values()) or 1
        parts = sorted((count / total for count in self.connections.values()), reverse=True)
        return parts + [0.0] * (workers - len(parts))

    def percentile(self, part: float) -> float:
        return sorted(self.times)[int(len(self.times) * part)] if self.times else 0.0


class _Connection:
    __slots__ = ("answered", "began", "data", "sock")

    def __init__(self, address: Address) -> None:
        self.sock = socket.socket(socket.AF_UNIX if address.link == "unix" else socket.AF_INET)
        self.sock.setblocking(False)
        self.sock.connect_ex(str(address.path) if address.link == "unix" else ("127.0.0.1", address.port))
        self.began = time.perf_counter()
        self.data = b""
        self.answered = 0


def short(address: Address, count: int, at_once: int = 64) -> Shares:
    """``count`` connections with one request each, so many at a time."""
    shares = Shares()
    with selectors.DefaultSelector() as selector:
        opened = 0
        end = time.monotonic() + PATIENCE + count / 200
        while (opened < count or selector.get_map()) and time.monotonic() < end:
            while opened < count and len(selector.get_map()) < at_once:
                connection = _Connection(address)
                selector.register(connection.sock, selectors.EVENT_WRITE, connection)
                opened += 1
            for key, events in selector.select(1.0):
                if not _step(selector, key.data, events, SHORT, shares):
                    selector.unregister(key.data.sock)
                    key.data.sock.close()
        for key in list(selector.get_map().values()):
            shares.failed += 1
            key.data.sock.close()
    return shares


def long(address: Address, count: int, opening: float, seconds: float, pause: float) -> Shares:
    """``count`` connections that are opened over ``opening`` seconds and then ask every ``pause`` seconds, or so.

    Only the requests made when all are open count for the times.
    """
    shares = Shares()
    began = time.monotonic()
    due: list[tuple[float, int, _Connection | None]] = [
        (began + opening * number / count, number, None) for number in range(count)
    ]
    heapq.heapify(due)
    end = began + opening + seconds
    full = False
    turn = count
    with selectors.DefaultSelector() as selector:
        while (now := time.monotonic()) < end:
            if not full and now > began + opening + 0.5:
                full = True
                shares.times.clear()
            while due and due[0][0] <= now:
                _, _, connection = heapq.heappop(due)
                connection = connection or _Connection(address)
                connection.began = time.perf_counter()
                selector.register(connection.sock, selectors.EVENT_WRITE, connection)
            wait = min(end, due[0][0] if due else end) - now
            for key, events in selector.select(max(0.0, wait)):
                connection = key.data
                answers = connection.answered
                alive = _step(selector, connection, events, LONG, shares)
                if not alive or connection.answered > answers:
                    selector.unregister(connection.sock)
                    if alive:
                        turn += 1
                        heapq.heappush(due, (time.monotonic() + pause * random.uniform(0.5, 1.5), turn, connection))
                    else:
                        connection.sock.close()
        for key in list(selector.get_map().values()):
            if not key.data.answered:
                shares.failed += 1
            key.data.sock.close()
    for _, _, connection in due:
        if connection is not None:
            connection.sock.close()
    return shares


def _step(selector: selectors.BaseSelector, connection: _Connection, events: int, request: bytes, shares: Shares
          ) -> bool:  # fmt: skip
    """Write the request, or read on; False when the connection is over."""
    try:
        if events & selectors.EVENT_WRITE:
            connection.sock.send(request)
            connection.data = b""
            selector.modify(connection.sock, selectors.EVENT_READ, connection)
            return True
        data = connection.sock.recv(65536)
    except OSError:
        shares.failed += 1
        return False
    connection.data += data
    if connection.data.rstrip().endswith(b"}") or (not data and b"}" in connection.data):
        shares.times.append(time.perf_counter() - connection.began)
        if not connection.answered:
            shares.connections[json.loads(connection.data.rpartition(b"\r\n")[2])["pid"]] += 1
        connection.answered += 1
        return request is LONG
    if not data:
        shares.failed += 1
    return bool(data)
