"""The WebSocket benchmark: every server under every workload, in interleaved rounds; raw figures and a Markdown page.

``python benchmarks/websocket/run.py --quick``. It prepares its own environment, as `benchmarks/run.py` does, and takes
about half an hour in full; README.md says how to read what it writes.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime
import fnmatch
import json
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

# The folder of the benchmark, whose modules these share; not this one, whose names are meant as a package.
sys.path[0] = str(Path(__file__).resolve().parents[1])

import envs  # noqa: E402
import machine  # noqa: E402
from measure import Pinning  # noqa: E402
from quote import NoMarkers, quote  # noqa: E402
from servers import HERE, Server  # noqa: E402

from websocket import peers, report  # noqa: E402
from websocket.measure import SETTLE_SECONDS, WARM_UP_SECONDS, Run, measure  # noqa: E402
from websocket.workloads import SERVERS, WORKLOADS, Workload  # noqa: E402

RESULTS = HERE / "results" / "websocket"
QUICK_IDLE = 2000


def main() -> int:
    options = _options()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that what was started is ended
    try:
        head, runs = _load(options.raw) if options.raw else _measure_all(options)
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(report.render(head, runs))
        for page in options.into:
            quote(page, report.sections(head, runs))
    except (envs.EnvironmentProblem, NoMarkers) as problem:
        print(f"benchmark: {problem}", file=sys.stderr)
        return 1
    print(f"\n{report.targets(report.summarise(runs))}\n\nreport: {options.out}")
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="WebSockets on Bicorn and its peers, side by side.")
    parser.add_argument("--quick", action="store_true", help="one round of 2 s, fewer idle connections")
    parser.add_argument("--only", action="append", metavar="PATTERN", help=f"of {', '.join(WORKLOADS)}; repeatable")
    parser.add_argument("--servers", default=",".join(SERVERS), metavar="A,B", help=f"of {', '.join(SERVERS)}")
    parser.add_argument("--rounds", type=int, help="interleaved rounds (default 3; idle connections have one)")
    parser.add_argument("--seconds", type=float, help="length of one measured run (default 4)")
    parser.add_argument("--server-cpu", default="0", help="core for the server (default 0)")
    parser.add_argument("--client-cpu", default="1", help="core for the load (default 1)")
    parser.add_argument("--source", type=Path, help="run Bicorn from this folder, not from a wheel built anew")
    parser.add_argument("--out", type=Path, default=RESULTS / "report.md", help="where the Markdown goes")
    parser.add_argument("--from", dest="raw", action="append", type=Path, metavar="RAW", help="render earlier results")
    parser.add_argument("--into", action="append", type=Path, default=[], metavar="PAGE",
                        help="also put the main figures between the markers of this page")  # fmt: skip
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick else 3)
    options.seconds = options.seconds or (2.0 if options.quick else 4.0)
    options.source = options.source and options.source.resolve()
    options.servers = options.servers.split(",")
    for name in options.servers:
        if name not in SERVERS:
            parser.error(f"there is no server {name!r}; there are {', '.join(SERVERS)}")
    options.workloads = [
        dataclasses.replace(workload, connections=QUICK_IDLE) if options.quick and workload.kind == "idle" else workload
        for workload in WORKLOADS.values()
        if any(fnmatch.fnmatch(workload.name, pattern) for pattern in options.only or ["*"])
    ]
    if not options.workloads:
        parser.error(f"no workload matches; there are {', '.join(WORKLOADS)}")
    return options


def _measure_all(options: argparse.Namespace) -> tuple[str, list[Run]]:
    environment = envs.prepare(build=options.source is None)
    servers = peers.installed(environment, options.servers, options.source)
    pinning = Pinning(options.server_cpu, options.client_cpu, "")
    head = _head(environment, servers, options)
    # This process sleeps while the load runs; what little it does must not happen on the server's core.
    os.sched_setaffinity(0, {int(options.client_cpu)})
    raw = RESULTS / "raw" / time.strftime("%Y%m%d-%H%M%S.json")
    raw.parent.mkdir(parents=True, exist_ok=True)
    runs: list[Run] = []
    for workload in options.workloads:
        for round_number in range(1 if workload.kind == "idle" else options.rounds):
            turn = round_number % len(servers) if servers else 0
            for server in servers[turn:] + servers[:turn]:
                settle = 2.0 if options.quick else SETTLE_SECONDS
                run = measure(server, workload, environment, pinning, round_number=round_number,
                              seconds=options.seconds, settle=settle)  # fmt: skip
                runs.append(run)
                _tell(run, workload)
        raw.write_text(json.dumps({"head": head, "runs": [dataclasses.asdict(run) for run in runs]}, indent=1))
    return head, runs


def _tell(run: Run, workload: Workload) -> None:
    head = f"{run.workload:16} {run.round + 1} {run.server:19}"
    if run.failure:
        text = f"failed: {run.failure}"
    elif workload.kind == "idle":
        text = f"{run.memory:10,.0f} bytes for each of {workload.connections:,} connections"
    else:
        text = (f"{run.cpu_us:8.2f} µs {run.rate:10,.0f}/s  p99 {run.p99_ms:8.2f} ms  server {run.server_core:4.0%}"
                f"  load {run.load_core:4.0%}  others {run.others:4.0%}  {run.wire_bytes:9,.0f} bytes")  # fmt: skip
    print(head, text, flush=True)


def _head(environment: envs.Environment, servers: Sequence[Server], options: argparse.Namespace) -> str:
    load = os.getloadavg()[0]
    names = dict.fromkeys([*(server.distribution for server in servers), "uvloop", "httptools", "wsproto"])
    versions = ", ".join(f"{name} {environment.versions[name]}" for name in names if name in environment.versions)
    lines = [
        f"- {machine.cpu_model()}, {os.cpu_count()} cores; CPython {envs.PYTHON}; Bicorn: commit {machine.commit()};"
        f" {datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC; load average before the start {load:.2f}",
        f"- {versions}, websockets {peers.websockets_version()}",
        f"- {options.rounds} interleaved rounds of {options.seconds:g} s after {WARM_UP_SECONDS:g} s of warm-up,"
        f" medians; server on core {options.server_cpu}, load (one thread of C, 64 connections, closed loop) on core"
        f" {options.client_cpu}; one worker; access log off",
        "- CPU per message: user + system time of all the server's processes over the messages answered (broadcast:"
        " delivered). Memory: what the server's proportional set size grows by, each connection after one message",
    ]
    if load > machine.BUSY:
        lines.append(f"- Note: the machine was not quiet: load average {load:.2f} before the start")
    return "\n".join([*lines, *(f"- Note: {note}" for note in environment.notes)])


def _load(paths: Sequence[Path]) -> tuple[str, list[Run]]:
    """The runs of several files as one; the head is the last file's."""
    runs: list[Run] = []
    head = ""
    for path in paths:
        data = json.loads(path.read_text())
        head = data["head"]
        runs += [Run(**fields) for fields in data["runs"]]
    return head, runs


if __name__ == "__main__":
    sys.exit(main())
