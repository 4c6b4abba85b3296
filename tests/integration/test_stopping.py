"""How real servers stop, under load and not: what is lost (nothing), who is told, how long it takes."""

from __future__ import annotations

import http.client
import re
import signal
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.running import PATIENCE, Running, exchange, poll

pytestmark = pytest.mark.slow

Serve = Callable[..., Running]
LOOPS = ["asyncio", "uvloop"]

APP = """
import asyncio, os, time

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        print("lifespan over", flush=True)
        await send({"type": "lifespan.shutdown.complete"})
        return
    path = scope["path"]
    headers = []
    if path == "/events":
        headers = [(b"content-type", b"text/event-stream")]
    elif path == "/poll":
        try:
            await asyncio.wait_for(scope["state"]["bicorn.shutdown"].wait(), 60)
        except TimeoutError:
            pass
    elif path == "/stuck":
        await asyncio.sleep(60)
    else:
        await asyncio.sleep(0.002)
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    if path == "/events":
        await send({"type": "http.response.body", "body": b"data: 1\\n\\n", "more_body": True})
        await receive()
        assert (await receive())["type"] == "http.disconnect"
        await send({"type": "http.response.body", "body": b"data: bye\\n\\n"})
        return
    await send({"type": "http.response.body", "body": str(os.getpid()).encode()})

def wsgi(environ, start_response):
    if environ["PATH_INFO"] == "/stuck":
        time.sleep(60)
    if environ["PATH_INFO"] == "/slow":
        time.sleep(1.5)
    start_response("200 OK", [])
    return [str(os.getpid()).encode()]
"""

GET = b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.fixture
def folder(folder: Path) -> Path:
    (folder / "stopping.py").write_text(APP)
    return folder


class Load:
    """Clients that ask one request after the other and count what became of each.

    Args:
        keep_alive: how many use their connection until an answer says that it was the last.
        fresh: how many connect for each request.
    """

    def __init__(self, server: Running, keep_alive: int = 6, fresh: int = 2) -> None:
        self._port = server.port
        self._over = threading.Event()
        self.outcomes: Counter[str] = Counter()
        self.answers: Counter[str] = Counter()
        clients = [True] * keep_alive + [False] * fresh
        self.clients = len(clients)
        self._threads = [threading.Thread(target=self._ask, args=(each,)) for each in clients]
        for thread in self._threads:
            thread.start()

    def _ask(self, keep_alive: bool) -> None:
        while not self._over.is_set():
            try:
                connection = socket.create_connection(("127.0.0.1", self._port), timeout=PATIENCE)
            except ConnectionError:
                self.outcomes["refused"] += 1
                self._over.wait(0.01)
                continue
            with connection:
                number = 0
                while self._one(connection, number) and keep_alive and not self._over.is_set():
                    number += 1

    def _one(self, connection: socket.socket, number: int) -> bool:
        """Ask once; whether the connection can go on."""
        try:
            connection.sendall(GET % b"/")
            response = http.client.HTTPResponse(connection)
            response.begin()
            body = response.read().decode()
        except (OSError, http.client.HTTPException) as error:
            self.outcomes[f"lost: {error!r}" if number else "lost at the door"] += 1
            return False
        self.outcomes[f"answered {response.status}"] += 1
        self.answers[body] += 1
        return not response.will_close

    def wait_for(self, count: int) -> None:
        goal = self.outcomes["answered 200"] + count
        poll(lambda: self.outcomes["answered 200"] >= goal, lambda: f"{count} answers: {self.outcomes}")

    def end(self) -> Counter[str]:
        self._over.set()
        for thread in self._threads:
            thread.join(PATIENCE)
        return self.outcomes


# -- Nothing is lost


@pytest.mark.parametrize("loop", LOOPS)
@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("app", ["stopping:app", "stopping:wsgi"])
def test_a_stop_under_load_loses_nothing(serve: Serve, app: str, workers: int, loop: str) -> None:
    server = serve("--workers", str(workers), "--loop", loop, app=app).ready()
    load = Load(server)
    load.wait_for(200)
    assert server.stop() == 0
    outcomes = load.end()
    if sys.platform != "linux":  # there some microseconds lie between the last look at the queue and its end
        assert outcomes.pop("lost at the door", 0) <= 5, outcomes
    assert {outcome for outcome in outcomes if outcome != "refused"} == {"answered 200"}, outcomes
    assert "[WARNING]" not in server.log()


def test_workers_that_are_replaced_after_so_many_requests_lose_none(serve: Serve) -> None:
    server = serve("--workers", "2", "--max-requests", "150", app="stopping:app").ready()
    load = Load(server)
    poll(lambda: len(load.answers) >= 6, lambda: f"six workers: {load.outcomes}\n{server.log()}", 30)
    load.wait_for(100)
    outcomes = load.end()
    assert set(outcomes) == {"answered 200"}, outcomes
    assert server.stop() == 0


# -- Who is told


def test_event_streams_and_long_polls_end_at_once(serve: Serve) -> None:
    server = serve(app="stopping:app").ready()
    events = server.connect()
    events.sendall(GET % b"/events")
    received = b""
    while b"data: 1" not in received:
        received += events.recv(1000)
    polling = server.connect()
    polling.sendall(GET % b"/poll")
    server.get()
    before = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - before < 8  # of 30 that they could have had, on a busy machine
    assert exchange(events, b"").endswith(b"data: bye\n\n\r\n0\r\n\r\n")
    assert b"connection: close" in exchange(polling, b"")
    assert "lifespan over" in server.log()
    assert "[WARNING]" not in server.log()


def test_what_outlasts_the_graceful_timeout_is_named(serve: Serve) -> None:
    server = serve("--graceful-timeout", "0.2", app="stopping:app").ready()
    stuck = server.connect()
    stuck.sendall(GET % b"/stuck")
    server.get()
    assert server.stop() == 0
    assert "cut at the stop: GET /stuck from 127.0.0.1:" in server.log()
    assert "lifespan over" in server.log()
    stuck.close()


def test_during_the_drain_delay_it_serves_and_says_that_each_answer_is_the_last(serve: Serve) -> None:
    server = serve("--drain-delay", "60", "--workers", "2", app="stopping:app").ready()
    assert b"connection: close" not in answer(server)
    server.send(signal.SIGTERM)
    poll(lambda: b"connection: close" in answer(server), "an answer that says so")
    time.sleep(0.3)
    for _ in range(5):
        assert b"connection: close" in answer(server)
    server.send(signal.SIGQUIT)  # no more time
    assert server.wait() == 0


def test_after_the_drain_delay_it_stops(serve: Serve) -> None:
    server = serve("--drain-delay", "0.5", "--workers", "2", app="stopping:app").ready()
    load = Load(server)
    load.wait_for(50)
    before = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - before >= 0.5
    outcomes = load.end()
    # Who has just connected when the socket is closed: each client at most once, after that it is refused.
    assert outcomes.pop("lost at the door", 0) <= load.clients, outcomes
    assert {outcome for outcome in outcomes if outcome != "refused"} == {"answered 200"}, outcomes


def answer(server: Running) -> bytes:
    """A keep-alive request's answer, as it came."""
    with server.connect() as sock:
        sock.sendall(GET % b"/")
        return sock.recv(1000)


# -- request-timeout


def asked(server: Running, path: bytes) -> bytes:
    return exchange(server.connect(), GET % path)


@pytest.mark.parametrize("loop", LOOPS)
def test_a_task_that_takes_too_long(serve: Serve, loop: str) -> None:
    server = serve("--loop", loop, "--request-timeout", "0.3", app="stopping:app").ready()
    assert asked(server, b"/stuck").startswith(b"HTTP/1.1 504 Gateway Timeout\r\n")
    server.wait_for(r"GET /stuck from 127\.0\.0\.1:\d+ has taken 0\.\d s \(request-timeout\): it is cancelled\n.*stop")
    assert server.get()
    assert server.stop() == 0


@pytest.mark.parametrize("loop", LOOPS)
def test_a_thread_that_takes_too_long(serve: Serve, loop: str) -> None:
    server = serve("--loop", loop, "--request-timeout", "0.3", "--threads", "2", app="stopping:wsgi").ready()
    first = server.get()
    assert asked(server, b"/stuck").startswith(b"HTTP/1.1 504 Gateway Timeout\r\n")
    server.wait_for(r"GET /stuck from \S+ has taken .* its thread is left to itself\n(.*\n)+?.*time\.sleep\(60\)")
    poll(lambda: server.get() != first, lambda: f"another worker\n{server.log()}", 30)
    before = time.monotonic()
    assert server.stop() == 0
    assert time.monotonic() - before < 10  # the thread that sleeps holds nobody


@pytest.mark.parametrize("loop", LOOPS)
def test_an_inline_application_that_takes_too_long(serve: Serve, loop: str) -> None:
    server = serve("--loop", loop, "--request-timeout", "0.3", app="stopping:wsgi").ready()
    first = server.get()
    before = time.monotonic()
    assert asked(server, b"/slow").startswith(b"HTTP/1.1 504 Gateway Timeout\r\n")
    assert time.monotonic() - before < 1.4  # while it was still at it
    server.wait_for(r"GET /slow from \S+ has taken .* answered for it; (.*\n)+?.*time\.sleep\(1\.5\)")
    poll(lambda: server.get() != first, lambda: f"another worker\n{server.log()}", 30)
    assert server.stop() == 0
    assert not re.search(r"error in the WSGI application", server.log())
