"""Hostile WebSocket clients: what they do to the server's memory, how they are ended, and what others notice of them.

``python benchmarks/websocket/hostile.py --only bomb --servers bicorn,uvicorn-sansio``. A row for each attack on a
server started anew, with one worker. Exit code 1 when Bicorn has failed one.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import datetime
import json
import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

# The folder of the benchmark, whose modules these share; not this one, whose names are meant as a package.
sys.path[0] = str(Path(__file__).resolve().parents[1])

import envs  # noqa: E402
import process_tree  # noqa: E402
from manager.report import Row  # noqa: E402
from running import BenchmarkError, Running, serving, wait_until_answering  # noqa: E402
from servers import Server  # noqa: E402

from websocket import peers, proof  # noqa: E402
from websocket.attacks import ATTACKS, MAX_SIZE, WRITE_TIMEOUT, Attack, outcome  # noqa: E402
from websocket.raw import Raw  # noqa: E402

MIB = 1 << 20
MEMORY_LIMIT = 24 * MIB
"""The most an attack may add: a message of the largest size once, and what it takes to handle it."""
P99_LIMIT_MS = 100.0
"""For the others: they share one core's turns with the attacker, who is owed a part."""
CALM_SECONDS = 2.0


def main() -> int:
    options = proof.options("Hostile WebSocket clients.", "attack", ATTACKS, "hostile.md")
    return proof.run("hostile", "Hostile WebSocket clients", options, _rows, _head)


def _head() -> str:
    return (
        f"One worker; Bicorn with `--timeout-write {WRITE_TIMEOUT:g} --ws-max-size {MAX_SIZE}`, the peers with"
        f" their defaults. Load average {os.getloadavg()[0]:.2f} before the start,"
        f" {datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC."
    )


def _rows(options: argparse.Namespace, environment: envs.Environment) -> Iterator[Row]:
    for name in options.only:
        for server in peers.installed(environment, options.servers, options.source):
            yield _examine(name, ATTACKS[name], _told(server), environment)


def _told(server: Server) -> Server:
    if server.distribution != "bicorn":
        return server
    told = ("--timeout-write", f"{WRITE_TIMEOUT:g}", "--ws-max-size", str(MAX_SIZE))
    return dataclasses.replace(server, command=server.command + told)


def _examine(name: str, attack: Attack, server: Server, environment: envs.Environment) -> Row:
    cores = ",".join(map(str, sorted(os.sched_getaffinity(0))))
    try:
        with serving(server, peers.PLAIN, environment, cores) as running:
            wait_until_answering(running, peers.PLAIN, environment)
            with _bystander(running) as calm:
                time.sleep(CALM_SECONDS)
            before = process_tree.proportional_memory(running.pid)
            with _peak(running) as peak, _bystander(running) as times:
                began = time.monotonic()
                with Raw(running.port, attack.path, deflate=attack.deflate) as client:
                    attack.run(client)
                    ended = outcome(client)
                took = time.monotonic() - began
                time.sleep(max(0.0, CALM_SECONDS - took))
            lives = running.process.poll() is None and len(process_tree.living(running.pid)) > 0
            grown = max(peak[0], process_tree.proportional_memory(running.pid)) - before
            tail = running.log_tail()
    except BenchmarkError as error:
        return Row("hostile", server.name, attack.title, {}, (str(error),))
    problems = _problems(attack, ended, grown, times, lives, tail)
    facts = {
        "ended": ended,
        "after s": f"{took:.1f}",
        "memory MiB": f"+{grown / MIB:.1f}",
        "others p99 ms": f"{_p99(times):.1f}",
        "calm p99 ms": f"{_p99(calm):.1f}",
        "others max ms": f"{max(times, default=0.0):.0f}",
    }
    return Row("hostile", server.name, f"{attack.title} (`{name}`)", facts, tuple(problems))


def _problems(attack: Attack, ended: str, grown: int, times: list[float], lives: bool, tail: str) -> Iterator[str]:
    if ended not in attack.right:
        yield f"it ended with {ended}, right is {' or '.join(sorted(attack.right))}"
    if grown > MEMORY_LIMIT:
        yield f"{grown / MIB:.0f} MiB more"
    if not times or _p99(times) > P99_LIMIT_MS:
        yield "others waited" if times else "others were not served"
    if not lives:
        yield f"the server is gone: {tail}"
    if "Traceback" in tail:
        yield f"a traceback in the log: {tail[-200:]}"


def _p99(times: list[float]) -> float:
    return statistics.quantiles(times, n=100)[98] if len(times) > 1 else 0.0


@contextlib.contextmanager
def _bystander(running: Running) -> Iterator[list[float]]:
    """Another client's echo times in milliseconds, there when the block is left; none when it was failed."""
    command = [sys.executable, str(Path(__file__).with_name("bystander.py")), str(running.port)]
    times: list[float] = []
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            if process.stdout.readline().strip() != "ready":
                raise BenchmarkError(f"the bystander was not served: {running.log_tail()}")
            yield times
            said = json.loads(process.communicate(timeout=30)[0] or "{}")
            if not said.get("failure"):
                times += said.get("times", [])
        finally:
            process.kill()


@contextlib.contextmanager
def _peak(running: Running) -> Iterator[list[int]]:
    """The largest proportional set size seen while the block runs, as the one item of a list."""
    peak, over = [0], threading.Event()

    def look() -> None:
        while not over.wait(0.05):
            peak[0] = max(peak[0], process_tree.proportional_memory(running.pid))

    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    try:
        yield peak
    finally:
        over.set()
        looking.join(5)


if __name__ == "__main__":
    sys.exit(main())
