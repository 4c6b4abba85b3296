"""Proof 5: two instances behind HAProxy, TERM and start of one after the other, as a rolling deployment does it."""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from running import BenchmarkError, free_port

from .client import Address
from .load import under_load
from .prove_reload import row, span
from .report import Row
from .sites import Kind, Site
from .started import LOGS, Ground, Started, folder, peers, start, stop, wait_for

NAME = "balancer"
TITLE = "TERM and start, 20 times, of two instances behind HAProxy"

CASES: tuple[tuple[Kind, tuple[str, ...]], ...] = (
    ("fastapi", ()),
    ("flask", ()),
    ("fastapi", ("--drain-delay", "2")),
    ("flask", ("--drain-delay", "2")),
)

_CONFIG = """
global
    nbthread 1
    stats socket {socket} mode 600 level admin
    log stdout format raw local0
defaults
    mode http
    log global
    option httplog
    option dontlog-normal
    timeout connect 5s
    timeout client 30s
    timeout server 30s
    retries 3
    option redispatch
frontend front
    bind 127.0.0.1:{port}
    default_backend instances
backend instances
    balance roundrobin
    option httpchk GET {check}
    timeout check 1s
    default-server check inter 250ms fall 2 rise 1
    server one 127.0.0.1:{one}
    server two 127.0.0.1:{two}
"""


def prove(ground: Ground) -> Iterator[Row]:
    if shutil.which("haproxy") is None:
        yield Row(NAME, "harness", "", {}, ("haproxy is missing. Debian, Ubuntu: apt-get install haproxy",))
        return
    for kind, options in CASES:
        for server in ("bicorn", *peers(kind)):
            if ground.wants(server) and (server == "bicorn" or not options):
                yield _prove(ground, server, kind, options)


def _prove(ground: Ground, server: str, kind: Kind, options: tuple[str, ...]) -> Row:
    problems: list[str] = []
    stops: list[float] = []
    cycles = 0
    with contextlib.ExitStack() as stack:
        home = stack.enter_context(folder())
        sites = [Site(stack.enter_context(folder()), kind) for _ in range(2)]
        instances = [start(ground, server, site, workers=2, options=options) for site in sites]
        stack.callback(_stop_all, instances)
        for instance in instances:
            instance.wait_until_answering()
        # The application knows that it is being stopped, and its readiness says so (docs/stopping.md).
        check = "/ready" if options else "/"
        address = stack.enter_context(_haproxy(home, instances, check))
        with under_load(address) as seen:
            wait_for(lambda: seen.tally.requests > 50, 10.0)
            for cycle in range(ground.times(20, 4)):
                at = cycle % 2
                port = instances[at].address.port
                ended = _end(instances[at])
                if ended is None:
                    problems.append(f"not ended after TERM: {instances[at].tail()[-100:]}")
                    break
                stops.append(ended)
                instances[at] = start(ground, server, sites[at], workers=2, options=options, port=port)
                instances[at].wait_until_answering()
                if wait_for(lambda: _up(home / "haproxy", at), 10.0) is None:  # noqa: B023
                    problems.append("HAProxy does not see it")
                    break
                wait_for(lambda: False, 0.5)
                cycles += 1
    case = f"{sites[0].title} {' '.join(options)}".strip()
    return row(NAME, server, case, seen, {"cycles": str(cycles)}, problems, {"a stop takes": span(stops)})


def _stop_all(instances: list[Started]) -> None:
    for instance in instances:
        stop(instance)


def _end(started: Started) -> float | None:
    started.process.send_signal(signal.SIGTERM)
    seconds = wait_for(lambda: not started.alive(), 40.0)
    stop(started)
    return seconds


@contextlib.contextmanager
def _haproxy(home: Path, instances: list[Started], check: str) -> Iterator[Address]:
    port = free_port()
    config = home / "haproxy.cfg"
    one, two = (instance.address.port for instance in instances)
    config.write_text(_CONFIG.format(socket=home / "haproxy", port=port, one=one, two=two, check=check))
    with (home / "haproxy.log").open("wb") as log:
        process = subprocess.Popen(["haproxy", "-db", "-f", str(config)], stdout=log, stderr=log)
    try:
        address = Address("tcp", port)
        if wait_for(lambda: _up(home / "haproxy", 0) and _up(home / "haproxy", 1), 10.0) is None:
            raise BenchmarkError(f"haproxy does not work: {(home / 'haproxy.log').read_text()[-300:]}")
        time.sleep(0.2)
        yield address
    finally:
        process.terminate()
        process.wait(10.0)
        LOGS.mkdir(parents=True, exist_ok=True)
        (LOGS / "haproxy.log").write_bytes((home / "haproxy.log").read_bytes())  # requests that went wrong, and why


def _up(path: Path, at: int) -> bool:
    """Whether HAProxy takes the instance to be there (management guide, 9.3, "show stat")."""
    try:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(2.0)
            sock.connect(str(path))
            sock.sendall(b"show stat\n")
            text = b"".join(iter(lambda: sock.recv(65536), b"")).decode()
    except OSError:
        return False
    lines = [line.split(",") for line in text.splitlines() if line.startswith("instances,")]
    return any(line[1] == ("one", "two")[at] and line[17].startswith("UP") for line in lines)
