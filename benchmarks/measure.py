"""One measurement: one server under one workload in one round."""

from __future__ import annotations

import dataclasses
import http.client
import statistics
import time
from dataclasses import dataclass

import process_tree
import wrk
from envs import Environment
from running import BenchmarkError, Running, check_answer, connect, request, serving, wait_until_answering
from servers import Server
from workloads import Workload

WARM_UP_SECONDS = 1
STARTS_PER_ROUND = 3
REQUESTS_AFTER_START = 400
SETTLE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Pinning:
    """Which core does what, as `taskset -c` takes it."""

    server: str
    client: str
    everywhere: str


@dataclass(frozen=True, slots=True)
class Figures:
    """What every run has, of requests or of WebSocket messages. A failed one has a reason and zeros."""

    workload: str
    server: str
    round: int
    failure: str = ""
    rate: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    cpu_us: float = 0.0
    """CPU time of all the server's processes for each completed request or message, in microseconds."""
    server_core: float = 0.0
    """Part of the server's core that was in use: about 1 where the server was the limit."""
    load_core: float = 0.0
    """The same of the core of who makes the load."""
    others: float = 0.0
    """Cores that anything else kept busy meanwhile: near 0 on a quiet machine, the only one whose figures count."""


@dataclass(frozen=True, slots=True)
class Run(Figures):
    """The figures of one run over HTTP."""

    requests: int = 0
    memory: int = 0
    """Proportional set size of all the server's processes after the load, in bytes."""
    errors: dict[str, int] = dataclasses.field(default_factory=dict)
    first_answer_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Counters:
    """Seconds by the clock, of the server's processes and of the whole machine, read at one moment."""

    clock: float
    server: float
    machine: float

    @classmethod
    def read(cls, leader: int) -> Counters:
        return cls(time.perf_counter(), process_tree.cpu_seconds(leader), process_tree.machine_busy_seconds())

    def since(self, earlier: Counters) -> Counters:
        return Counters(self.clock - earlier.clock, self.server - earlier.server, self.machine - earlier.machine)

    def figures(self, completed: int, load_seconds: float) -> dict[str, float]:
        """What these differences mean for so many requests or messages, whose load took so many seconds of CPU time."""
        return {
            "cpu_us": self.server / completed * 1e6,
            "server_core": self.server / self.clock,
            "load_core": load_seconds / self.clock,
            "others": max(0.0, (self.machine - self.server - load_seconds) / self.clock),
        }


def measure(server: Server, workload: Workload, environment: Environment, pinning: Pinning, *,
            round_number: int, seconds: int) -> Run:  # fmt: skip
    """Start the server, check its answers, warm it up, measure, stop it."""
    blank = Run(workload.name, server.name, round_number)
    try:
        if workload.kind == "start":
            return _measure_start(blank, server, workload, environment, pinning)
        return _measure_load(blank, server, workload, environment, pinning, seconds)
    except (BenchmarkError, wrk.WrkError) as error:
        return dataclasses.replace(blank, failure=str(error))


def _measure_load(blank: Run, server: Server, workload: Workload, environment: Environment, pinning: Pinning,
                  seconds: int) -> Run:  # fmt: skip
    with serving(server, workload, environment, pinning.server) as running:
        first = wait_until_answering(running, workload, environment)
        check_answer(running, workload, environment)
        wrk.run(workload, running.port, WARM_UP_SECONDS, pinning.client)
        before = Counters.read(running.pid)
        result = wrk.run(workload, running.port, seconds, pinning.client)
        used = Counters.read(running.pid).since(before)
        if result.requests == 0:
            raise BenchmarkError(f"no request was completed: {running.log_tail()}")
        errors = {name: count for name, count in result.socket_errors.items() if count}
        if result.bad_status:
            errors["status"] = result.bad_status
        return dataclasses.replace(
            blank,
            requests=result.requests,
            rate=result.rate,
            p50_ms=result.p50_ms,
            p99_ms=result.p99_ms,
            **used.figures(result.requests, result.cpu_seconds),
            memory=process_tree.proportional_memory(running.pid),
            errors=errors,
            first_answer_ms=first * 1e3,
        )


def _measure_start(blank: Run, server: Server, workload: Workload, environment: Environment, pinning: Pinning
                   ) -> Run:  # fmt: skip
    """Several starts on all cores: time to the first answer, then memory once every worker has had requests."""
    times: list[float] = []
    memories: list[int] = []
    for _ in range(STARTS_PER_ROUND):
        with serving(server, workload, environment, pinning.everywhere) as running:
            times.append(wait_until_answering(running, workload, environment) * 1e3)
            check_answer(running, workload, environment)
            time.sleep(SETTLE_SECONDS)
            _spread_requests(running, workload, environment)
            time.sleep(SETTLE_SECONDS)
            if len(process_tree.living(running.pid)) < workload.workers:
                raise BenchmarkError(f"fewer than {workload.workers} processes: {running.log_tail()}")
            memories.append(process_tree.proportional_memory(running.pid))
    return dataclasses.replace(blank, first_answer_ms=statistics.median(times), memory=int(statistics.median(memories)))


def _spread_requests(running: Running, workload: Workload, environment: Environment) -> None:
    """Requests on connections of their own, so that the kernel deals them out to every worker."""
    try:
        for _ in range(REQUESTS_AFTER_START):
            connection = connect(running, workload, environment)
            request(connection, workload)
            connection.close()
    except (OSError, http.client.HTTPException) as error:
        raise BenchmarkError(f"a request after the start failed: {error!r}") from error
