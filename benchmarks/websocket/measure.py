"""One measurement: one server under one workload in one round."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import process_tree
from envs import ENVS, Environment
from measure import Counters, Figures, Pinning
from running import BenchmarkError, Running, serving, wait_until_answering
from servers import HOST, Server

from .load import connected, texts
from .peers import PLAIN
from .workloads import Workload

WARM_UP_SECONDS = 1.0
SETTLE_SECONDS = 5.0
"""Between the last message and the look at the memory: who gives memory back when idle has had the time to."""

_CHECK = """
import sys
from websockets.sync.client import connect
url, deflate, texts = sys.argv[1], sys.argv[2], sys.argv[3].split("\\x1f")
with connect(url, compression=deflate or None, open_timeout=5) as client:
    agreed = bool(client.protocol.extensions)
    for text in texts:
        client.send(text)
        assert client.recv(timeout=5) == text, "the echo is not what was sent"
    client.send(b"\\0\\xff")
    assert client.recv(timeout=5) == b"\\0\\xff", "the echo of bytes is not what was sent"
print("deflate" if agreed else "plain")
"""


@dataclass(frozen=True, slots=True)
class Run(Figures):
    """The figures of one run; a message is one that was echoed, or delivered to one connection."""

    messages: int = 0
    wire_bytes: float = 0.0
    """For each message, from the server."""
    memory: float = 0.0
    """What one idle connection adds to the server's proportional set size, in bytes."""


def measure(server: Server, workload: Workload, environment: Environment, pinning: Pinning, *, round_number: int,
            seconds: float, settle: float = SETTLE_SECONDS) -> Run:  # fmt: skip
    """Start the server, check its echoes with a real client, warm it up, measure, stop it."""
    blank = Run(workload.name, server.name, round_number)
    try:
        with tempfile.TemporaryDirectory(prefix="load-") as name, \
                serving(server, PLAIN, environment, pinning.server) as running:  # fmt: skip
            wait_until_answering(running, PLAIN, environment)
            _check(running, workload, environment)
            if workload.kind == "idle":
                return _idle(blank, workload, running, pinning, Path(name), settle)
            return _load(blank, workload, running, pinning, Path(name), seconds)
    except BenchmarkError as error:
        return dataclasses.replace(blank, failure=str(error))


def _load(blank: Run, workload: Workload, running: Running, pinning: Pinning, folder: Path, seconds: float) -> Run:
    with connected(
        "broadcast" if workload.kind == "broadcast" else "echo",
        running.port,
        connections=workload.connections,
        warm=WARM_UP_SECONDS,
        seconds=seconds,
        size=workload.size,
        deflate=workload.deflate,
        cpu=pinning.client,
        folder=folder,
    ) as generator:
        before = Counters.read(running.pid)
        load = generator.run(seconds + 30)
        used = Counters.read(running.pid).since(before)
    if load.messages == 0:
        raise BenchmarkError(f"no message was answered: {running.log_tail()}")
    return dataclasses.replace(
        blank,
        messages=load.messages,
        rate=load.messages / load.seconds,
        p50_ms=load.p50_ms,
        p99_ms=load.p99_ms,
        **used.figures(load.messages, load.cpu_seconds),
        wire_bytes=load.wire_bytes / load.messages,
    )


def _idle(blank: Run, workload: Workload, running: Running, pinning: Pinning, folder: Path, settle: float) -> Run:
    """Memory with all connections open, each after one message, over that of the server when it has served a few."""
    before = process_tree.proportional_memory(running.pid)
    with connected(
        "echo",
        running.port,
        connections=workload.connections,
        warm=0,
        seconds=0,
        size=workload.size,
        deflate=workload.deflate,
        cpu=pinning.client,
        folder=folder,
    ):
        time.sleep(settle)
        after = process_tree.proportional_memory(running.pid)
        if running.process.poll() is not None:
            raise BenchmarkError(f"the server ended with {running.process.returncode}: {running.log_tail()}")
    return dataclasses.replace(blank, memory=(after - before) / workload.connections)


def _check(running: Running, workload: Workload, environment: Environment) -> None:
    """Real messages by a client that is not ours, in a process of its own; raises BenchmarkError."""
    command = [str(environment.bin_dir / "python"), "-c", _CHECK, f"ws://{HOST}:{running.port}/",
               "deflate" if workload.deflate else "", "\x1f".join(texts(min(workload.size, 4096))[:4])]  # fmt: skip
    variables = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ENVS / "site-websocket")}
    done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise BenchmarkError(f"{(done.stderr.strip().splitlines() or ['?'])[-1]}: {running.log_tail()}")
    if workload.deflate and done.stdout.strip() != "deflate":
        raise BenchmarkError("it does not agree to permessage-deflate")
