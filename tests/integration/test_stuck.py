"""Workers that are stuck, or ask for too much: found, explained with stacks and requests, replaced; others serve on."""

from __future__ import annotations

import os
import re
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.running import Running, poll

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="the tests read Linux's /proc"),
]

Serve = Callable[..., Running]

ASGI = """
import asyncio, os, pathlib, re, time

ARRIVED = pathlib.Path(__file__).parent / "arrived"

def sleep():
    time.sleep(600)

def spin():
    while True:
        pass

def compute():
    re.match("(a|a)*$", "a" * 60 + "b")  # native code that holds the interpreter's lock

def load():
    import slow_to_import

async def app(scope, receive, send):
    if scope["type"] != "http":
        raise RuntimeError
    path = scope["path"]
    if path != "/":
        ARRIVED.touch()
    if path == "/wait":
        await asyncio.sleep(600)
    if path == "/grow":
        app.ballast = b"x" * (100 << 20)
    name = path.strip("/")
    if name in ("sleep", "spin", "compute", "load"):
        globals()[name]()
    body = str(os.getpid()).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"connection", b"close")]})
    await send({"type": "http.response.body", "body": body})
"""

WSGI = """
import os, pathlib, time

def sleep():
    pathlib.Path(__file__).with_name("arrived").touch()
    time.sleep(600)

def app(environ, start_response):
    start_response("200 OK", [("Connection", "close")])
    if environ["PATH_INFO"] == "/sleep":
        sleep()
    if environ["PATH_INFO"] == "/turn":
        time.sleep(0.6)
    return [str(os.getpid()).encode()]
"""


@pytest.fixture
def site(folder: Path) -> Path:
    (folder / "asgi_site.py").write_text(ASGI)
    (folder / "wsgi_site.py").write_text(WSGI)
    (folder / "slow_to_import.py").write_text("import time\ntime.sleep(600)\n")
    return folder


def ask(server: Running, path: str) -> socket.socket:
    """Send a request, and do not wait for its answer."""
    sock = server.connect()
    sock.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    return sock


def found(server: Running, cause: str, since: float, within: float) -> str:
    """The line about a death and the stacks behind it: up to the next line, if the replacement was not there before."""
    match = server.wait_for(rf"(?s)\[ERROR\] (worker \d+ \(pid \d+\) [^\n]*\[cause: {cause};[^\n]*\].*?)\n(?:\[20|\Z)")
    assert time.monotonic() - since < within + 2  # the machine is busy with other things
    return match[1]


@pytest.mark.parametrize("how", ["sleep", "spin", "compute", "load"])
def test_a_stuck_worker_is_found_explained_and_replaced_while_the_others_serve(
    serve: Serve, site: Path, how: str
) -> None:
    server = serve("--workers", "2", "--timeout", "1", app="asgi_site:app").ready()
    before = poll(lambda: len(server.workers()) == 2 and server.workers(), "two workers")
    since = time.monotonic()
    with ask(server, f"/{how}?why=not"):
        failures: list[Exception] = []
        served: list[str] = []
        over = threading.Event()

        def others() -> None:
            while not over.is_set():
                try:
                    with ask(server, "/") as sock:
                        sock.settimeout(30)
                        served.append(sock.recv(65536).decode().rpartition("\n")[2])
                except OSError as error:
                    failures.append(error)

        stuck = threading.Thread(target=others)
        poll((site / "arrived").exists, "the request to arrive")
        stuck.start()
        story = found(server, "timeout", since, 3)
        served_meanwhile = len(served)
        over.set()
        stuck.join(30)
    assert served_meanwhile > 0
    assert f"requests: GET /{how}?why=not for " in story
    assert f"in {how}" in story
    if how == "load":
        assert "slow_to_import.py" in story
    after = poll(lambda: len(server.workers()) == 2 and set(server.workers()) - set(before), "a replacement")
    assert len(after) == 1
    assert server.stop() == 0


def test_an_inline_wsgi_worker_that_works_is_not_stuck(serve: Serve, site: Path) -> None:
    """Its loop turns once for all that has come; each request it begins is a sign of life."""
    server = serve("--workers", "1", "--timeout", "1", app="wsgi_site:app").ready()
    (pid,) = poll(lambda: len(server.workers()) == 1 and server.workers(), "a worker")
    socks = [ask(server, "/turn") for _ in range(5)]
    answers = [sock.recv(65536) for sock in socks]
    for sock in socks:
        sock.close()
    assert all(answer.endswith(str(pid).encode()) for answer in answers)
    assert "cause:" not in server.log()


@pytest.mark.parametrize("options", [(), ("--preload",)], ids=["forked by the supervisor", "forked by a template"])
def test_wsgi_inline_stuck(serve: Serve, site: Path, options: tuple[str, ...]) -> None:
    server = serve("--workers", "1", "--timeout", "1", *options, app="wsgi_site:app").ready()
    since = time.monotonic()
    with ask(server, "/sleep"):
        story = found(server, "timeout", since, 3)
    assert "GET /sleep for " in story
    assert "in sleep" in story
    assert poll(lambda: server.get(), "the replacement to answer")


def test_a_dump_by_signal_names_the_thread_of_each_request(serve: Serve, site: Path) -> None:
    server = serve("--workers", "1", "--threads", "2", app="wsgi_site:app").ready()
    (pid,) = poll(lambda: len(server.workers()) == 1 and server.workers(), "a worker")
    with ask(server, "/sleep"):
        poll((site / "arrived").exists, "the request to arrive")
        os.kill(pid, signal.SIGUSR2)
        server.wait_for(r"Thread 0x[0-9a-f]+ .*?with GET /sleep for .*\n(?:  .*\n)*?.* in sleep")
    assert server.workers() == [pid], "it serves on"
    server.send(signal.SIGQUIT)
    server.wait()


def test_a_dump_of_all_workers_shows_the_tasks(serve: Serve, site: Path) -> None:
    server = serve("--workers", "2", "--log-level", "debug", app="asgi_site:app").ready()
    server.wait_for("is ready after")
    with ask(server, "/wait"):
        poll((site / "arrived").exists, "the request to arrive")
        os.kill(server.pid, signal.SIGRTMIN + 1)
        server.wait_for(r"(?s)Task .*in sleep\n.* in app\n")
        poll(lambda: server.log().count("shows its stacks") == 2, "both")
    server.send(signal.SIGQUIT)
    server.wait()


def test_a_worker_that_never_gets_ready(serve: Serve, site: Path) -> None:
    (site / "never.py").write_text("import slow_to_import\n")
    server = serve("--boot-timeout", "1", app="never:app")
    assert server.wait() in (3, 4)
    assert "was not ready after" in server.log()
    assert "importing never:app" in server.log()
    assert "slow_to_import.py" in server.log()


def test_a_lifespan_that_never_starts(serve: Serve, site: Path) -> None:
    (site / "never.py").write_text("import time\nasync def app(scope, receive, send):\n    time.sleep(600)\n")
    server = serve("--boot-timeout", "1", app="never:app")
    assert server.wait() in (3, 4)
    assert re.search(r"was not ready after .* \(lifespan start-up\)", server.log())


def test_killed_from_outside(serve: Serve, site: Path) -> None:
    server = serve("--workers", "2", app="asgi_site:app").ready()
    workers = poll(lambda: len(server.workers()) == 2 and server.workers(), "two workers")
    with ask(server, "/wait"):
        poll((site / "arrived").exists, "the request to arrive")
        for pid in workers:
            os.kill(pid, signal.SIGKILL)
        server.wait_for(r"was killed by SIGKILL from outside.*\[cause: killed from outside; .*GET /wait for ")
    assert poll(lambda: server.get(), "a replacement")


def test_a_worker_that_grows_too_large_is_replaced(serve: Serve, site: Path) -> None:
    server = serve("--workers", "1", "--max-worker-memory", "64M", app="asgi_site:app").ready()
    first = server.get()
    assert server.get("/grow") == first
    server.wait_for(r"will be replaced: its memory, \d+ MiB, is over max-worker-memory", 40)
    poll(lambda: server.get() != first, "the replacement")


def test_auto_says_how_it_counted(serve: Serve, site: Path) -> None:
    server = serve("--workers", "auto", app="asgi_site:app").ready()
    count = int(server.wait_for(r"auto: (\d+) workers? \(\d+ processors?")[1])
    poll(lambda: len(server.workers()) == count, "so many")
    assert re.search(rf"\] {count} workers?, ", server.log())
    assert server.stop() == 0
