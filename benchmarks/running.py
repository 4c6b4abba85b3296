"""Start one server, wait until it answers, check that it answers right, and end it: every wait has a limit."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import ssl
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import process_tree
from envs import Environment
from servers import HERE, HOST, Server
from workloads import Workload

START_LIMIT = 20.0
STOP_LIMIT = 5.0


class BenchmarkError(Exception):
    """A server did not start or did not answer as it should; the message says which and how."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server that has been started."""

    process: subprocess.Popen[bytes]
    port: int
    started: float
    """time.perf_counter() right before exec."""
    log: Path

    @property
    def pid(self) -> int:
        return self.process.pid

    def log_tail(self) -> str:
        lines = self.log.read_text(errors="replace").strip().splitlines()
        return " | ".join(lines[-6:])[-800:]


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind((HOST, 0))
        port: int = sock.getsockname()[1]
        return port


@contextlib.contextmanager
def serving(server: Server, workload: Workload, environment: Environment, cpus: str) -> Iterator[Running]:
    """The server under this workload's app, pinned to the cores of `cpus`; it is ended when the block is left."""
    with tempfile.TemporaryDirectory(prefix="bench-") as home, open(Path(home, "log"), "wb") as log:
        running = _start(server, workload, environment, cpus, home, log)
        try:
            yield running
        finally:
            _stop(running.process)


def _start(server: Server, workload: Workload, environment: Environment, cpus: str, home: str, log: IO[bytes]
           ) -> Running:  # fmt: skip
    port = free_port()
    arguments = server.arguments(
        bin_dir=environment.bin_dir,
        app=workload.app,
        interface=workload.interface,
        port=port,
        workers=workload.workers,
        certificate=environment.certificate if workload.tls else None,
    )
    # A clean environment: a PORT, WEB_CONCURRENCY or PYTHON... of the caller's would change some servers only.
    variables = {"PATH": os.environ["PATH"], "HOME": home, "LANG": "C.UTF-8", "PYTHONPATH": str(HERE / "apps")}
    started = time.perf_counter()
    process = subprocess.Popen(
        ["taskset", "-c", cpus, *arguments],
        cwd=HERE / "apps",
        env={**variables, **server.environment},
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    return Running(process, port, started, Path(log.name))


def _stop(process: subprocess.Popen[bytes]) -> None:
    """TERM to the server's own process group, then KILL to what is left of it."""
    deadline = time.monotonic() + STOP_LIMIT
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    while process_tree.living(process.pid) and time.monotonic() < deadline:
        process.poll()
        time.sleep(0.02)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(STOP_LIMIT)


def connect(running: Running, workload: Workload, environment: Environment, timeout: float = 5.0
            ) -> http.client.HTTPConnection:  # fmt: skip
    if workload.tls:
        context = ssl.create_default_context(cafile=str(environment.certificate[0]))
        return http.client.HTTPSConnection(HOST, running.port, timeout=timeout, context=context)
    return http.client.HTTPConnection(HOST, running.port, timeout=timeout)


def request(connection: http.client.HTTPConnection, workload: Workload) -> tuple[int, bytes]:
    """Send the workload's request; return status and body."""
    method = "POST" if workload.body else "GET"
    connection.request(method, workload.path, body=workload.body or None, headers=dict(workload.fields))
    response = connection.getresponse()
    return response.status, response.read()


def wait_until_answering(running: Running, workload: Workload, environment: Environment) -> float:
    """Seconds from exec to the end of the first answer."""
    deadline = time.monotonic() + START_LIMIT
    while True:
        connection = connect(running, workload, environment)
        try:
            request(connection, workload)
            return time.perf_counter() - running.started
        except (OSError, http.client.HTTPException) as error:
            if running.process.poll() is not None:
                raise BenchmarkError(f"it ended with {running.process.returncode}: {running.log_tail()}") from None
            if time.monotonic() > deadline:
                raise BenchmarkError(f"no answer in {START_LIMIT:.0f} s ({error!r}): {running.log_tail()}") from None
            time.sleep(0.001)
        finally:
            connection.close()


def check_answer(running: Running, workload: Workload, environment: Environment) -> None:
    """Two requests, on one connection where it stays open; raises BenchmarkError for a wrong answer."""
    connection = connect(running, workload, environment)
    try:
        for _ in range(2):
            status, body = request(connection, workload)
            if status != 200:
                raise BenchmarkError(f"status {status} instead of 200")
            if workload.length is not None and len(body) != workload.length:
                raise BenchmarkError(f"a body of {len(body)} bytes instead of {workload.length}")
            if workload.contains not in body:
                raise BenchmarkError(f"a body without {workload.contains!r}: {body[:80]!r}")
    except (OSError, http.client.HTTPException) as error:
        raise BenchmarkError(f"the check failed: {error!r}") from error
    finally:
        connection.close()
