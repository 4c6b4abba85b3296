"""Start a server for a proof, over TCP, TLS or a unix socket, and end it; every wait has a limit."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import process_tree
from envs import Environment
from running import BenchmarkError, free_port
from servers import HERE, HOST, SERVERS

from .client import LINKS, Address, BadAnswer, Clients, ask
from .sites import Kind, Site

START_LIMIT = 60.0
STOP_LIMIT = 15.0
LOGS = HERE / "results" / "manager"

ASGI_PEERS = ("gunicorn-uvicorn", "gunicorn-asgi", "granian")
WSGI_PEERS = ("gunicorn-gthread", "granian")


def peers(kind: Kind) -> tuple[str, ...]:
    """Who is shown beside Bicorn for this kind of application."""
    return ASGI_PEERS if kind in ("fastapi", "asgi") else WSGI_PEERS


@dataclass(frozen=True, slots=True)
class Ground:
    """What the proofs run with.

    Attributes:
        source: run Bicorn from this folder (a checkout's ``src``) instead of from the wheel.
        count: repetitions, for those proofs that repeat; the whole number unless told otherwise.
    """

    environment: Environment
    servers: frozenset[str]
    source: Path | None = None
    quick: bool = False

    def wants(self, server: str) -> bool:
        return server in self.servers and (self.environment.has(server) or self.source is not None)

    def times(self, count: int, quick: int) -> int:
        return quick if self.quick else count


class Started:
    """A server that has been started.

    Attributes:
        pid: of the process that was started, the supervisor.
    """

    def __init__(self, process: subprocess.Popen[bytes], server: str, site: Site, address: Address, log: Path) -> None:
        self.process = process
        self.server = server
        self.site = site
        self.address = address
        self.log_file = log

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def is_bicorn(self) -> bool:
        return self.server.startswith("bicorn")

    def log(self, since: int = 0) -> str:
        return self.log_file.read_bytes()[since:].decode(errors="replace")

    def log_size(self) -> int:
        return self.log_file.stat().st_size

    def hup(self) -> None:
        self.process.send_signal(signal.SIGHUP)

    def alive(self) -> bool:
        return self.process.poll() is None

    def ask(self, path: str = "/", timeout: float = 5.0) -> str:
        """One request; the body, or the reason why there is none."""
        try:
            return ask(self.address, path, timeout).body.decode()
        except (OSError, BadAnswer) as error:
            return f"{type(error).__name__}: {error}"

    def serves(self, version: str) -> bool:
        return f'"{version}"' in self.ask()

    def wait_until_answering(self) -> None:
        def answers() -> bool:
            if not self.alive():
                raise BenchmarkError(f"{self.server} ended with {self.process.returncode}: {self.tail()}")
            return '"pid"' in self.ask()

        if wait_for(answers, START_LIMIT) is None:
            raise BenchmarkError(f"{self.server} did not answer in {START_LIMIT:.0f} s: {self.tail()}")

    def wait_for_workers(self, count: int) -> None:
        """Until so many processes have answered."""
        with Clients(self.address, new=16, kept=0, pause=0.001) as clients:
            seen = clients.tally.served
            if wait_for(lambda: len(seen) >= count, START_LIMIT) is None:
                raise BenchmarkError(f"{self.server}: only {len(seen)} of {count} workers have answered: {self.tail()}")

    def tail(self) -> str:
        return " | ".join(self.log().strip().splitlines()[-6:])[-800:]


def wait_for(condition: Callable[[], object], limit: float, every: float = 0.02) -> float | None:
    """Seconds until the condition held; None if it did not within the limit."""
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > limit:
            return None
        time.sleep(every)
    return time.monotonic() - began


@contextlib.contextmanager
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="proof-") as name:
        yield Path(name)


@contextlib.contextmanager
def serving(ground: Ground, server: str, site: Site, *, link: LINKS = "tcp", workers: int = 4,
            options: Sequence[str] = (), port: int = 0, keep_log: str = "") -> Iterator[Started]:  # fmt: skip
    """The server with this site; it is ended, with all its processes, when the block is left.

    Args:
        keep_log: a name under which its log is kept in ``results/manager``.
    """
    started = start(ground, server, site, link=link, workers=workers, options=options, port=port)
    try:
        started.wait_until_answering()
        started.wait_for_workers(workers)
        yield started
    finally:
        stop(started)
        if keep_log:
            LOGS.mkdir(parents=True, exist_ok=True)
            (LOGS / f"{keep_log}-{server}.log").write_bytes(started.log_file.read_bytes())


def start(ground: Ground, server: str, site: Site, *, link: LINKS = "tcp", workers: int = 4,
          options: Sequence[str] = (), port: int = 0) -> Started:  # fmt: skip
    environment = ground.environment
    certificate = environment.certificate
    address = Address(link, port or free_port(), site.folder / "socket", certificate[0])
    arguments = SERVERS[server].arguments(
        bin_dir=environment.bin_dir,
        app=site.app,
        interface=site.interface,
        port=address.port,
        workers=workers,
        certificate=certificate if link == "tls" else None,
    )
    variables = {
        "PATH": os.environ["PATH"],
        "HOME": str(site.folder),
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(site.folder),
        "PYTHONDONTWRITEBYTECODE": "1",  # a new version within the same second would be taken for the old one
        **SERVERS[server].environment,
    }
    if ground.source is not None and server.startswith("bicorn"):
        variables["PYTHONPATH"] += f":{ground.source}"
        arguments[:1] = [str(environment.bin_dir / "python"), "-m", "bicorn"]
    if link == "unix":
        arguments = _on_unix(arguments, server, address.path)
    log = site.folder / f"log-{address.port}"
    with log.open("ab") as output:
        process = subprocess.Popen([*arguments, *options], cwd=site.folder, env=variables, stdin=subprocess.DEVNULL,
                                   stdout=output, stderr=subprocess.STDOUT, start_new_session=True)  # fmt: skip
    return Started(process, server, site, address, log)


def _on_unix(arguments: list[str], server: str, path: Path) -> list[str]:
    if server == "granian":
        at = arguments.index("--host")
        return [*arguments[:at], "--uds", str(path), *arguments[at + 4 :]]
    return [f"unix:{path}" if part.startswith(f"{HOST}:") else part for part in arguments]


def stop(started: Started) -> None:
    """TERM to the supervisor, then KILL to all that is left of its session."""
    if started.alive():
        started.process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            started.process.wait(STOP_LIMIT)
    for pid in process_tree.living(started.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    started.process.wait(STOP_LIMIT)
