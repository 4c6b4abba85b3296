"""The benchmark: prepare the environment, run every server under every workload, write JSON and Markdown.

Rounds are interleaved: in each one every server of a workload has its turn, in an order that rotates, so that what
else the machine does meets all of them alike. README.md says how to run this and how to read what it writes.
"""

from __future__ import annotations

import argparse
import dataclasses
import fnmatch
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import envs
import machine
import report
import wrk
from measure import Pinning, Run, measure
from quote import NoMarkers, quote
from servers import HERE, SERVERS
from workloads import WORKLOADS, Workload

RESULTS = HERE / "results"


def main() -> int:
    options = _options()
    try:
        if options.raw:
            described, runs = _load(options.raw)
        else:
            described, runs = _measure_all(options)
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(report.render(described, runs))
        print(f"report: {options.out}")
        for page in options.into:
            quote(page, report.sections(described, runs))
    except (envs.EnvironmentProblem, wrk.WrkError, NoMarkers) as problem:
        print(f"benchmark: {problem}", file=sys.stderr)
        return 1
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Bicorn and its peers, side by side.")
    parser.add_argument("--quick", action="store_true", help="one round of 2 s")
    parser.add_argument("--only", action="append", metavar="PATTERN", help="workloads by name, wildcards allowed")
    parser.add_argument("--servers", metavar="A,B", help="these servers only (also where a workload leaves them out)")
    parser.add_argument("--rounds", type=int, help="interleaved rounds (default 3)")
    parser.add_argument("--seconds", type=int, help="length of one measured run (default 5)")
    parser.add_argument("--server-cpu", default="0", help="core for the server (default 0)")
    parser.add_argument("--client-cpu", default="1", help="core for wrk (default 1)")
    parser.add_argument("--out", type=Path, default=RESULTS / "report.md", help="where the Markdown goes")
    parser.add_argument("--from", dest="raw", action="append", type=Path, metavar="RAW", help="render earlier results")
    parser.add_argument("--into", action="append", type=Path, default=[], metavar="PAGE",
                        help="also put the main figures between the markers of this page")  # fmt: skip
    parser.add_argument("--list", action="store_true", help="list workloads and servers, and stop")
    options = parser.parse_args()
    if options.list:
        for workload in WORKLOADS.values():
            print(f"{workload.name:20} {workload.title}: {', '.join(workload.servers)}")
        parser.exit()
    options.rounds = options.rounds or (1 if options.quick else 3)
    options.seconds = options.seconds or (2 if options.quick else 5)
    options.servers = options.servers.split(",") if options.servers else []
    for name in options.servers:
        if name not in SERVERS:
            parser.error(f"there is no server {name!r}; there are {', '.join(SERVERS)}")
    options.workloads = [
        workload
        for workload in WORKLOADS.values()
        if any(fnmatch.fnmatch(workload.name, pattern) for pattern in options.only or ["*"])
    ]
    if not options.workloads:
        parser.error(f"no workload matches; there are {', '.join(WORKLOADS)}")
    return options


def _participants(workload: Workload, wanted: Sequence[str], environment: envs.Environment) -> list[str]:
    """Who runs: the workload's own list or those asked for, as far as they are able to and installed."""
    able = []
    for name in wanted or workload.servers:
        server = SERVERS[name]
        fits = workload.interface in server.interfaces and (server.tls or not workload.tls)
        if fits and (server.workers or workload.workers == 1) and environment.has(name):
            able.append(name)
    return able


def _measure_all(options: argparse.Namespace) -> tuple[machine.Machine, list[Run]]:
    wrk.version()
    environment = envs.prepare()
    for note in environment.notes:
        print(f"note: {note}")
    cores = sorted(os.sched_getaffinity(0))
    pinning = Pinning(options.server_cpu, options.client_cpu, ",".join(map(str, cores)))
    described = machine.describe(environment, pinning, rounds=options.rounds, seconds=options.seconds)
    # This process sleeps while wrk runs; what little it does must not happen on the server's core.
    os.sched_setaffinity(0, {int(options.client_cpu)})
    raw = RESULTS / "raw" / time.strftime("%Y%m%d-%H%M%S.json")
    runs: list[Run] = []
    for workload in options.workloads:
        names = _participants(workload, options.servers, environment)
        for round_number in range(options.rounds):
            turn = round_number % len(names) if names else 0
            for name in names[turn:] + names[:turn]:
                run = measure(SERVERS[name], workload, environment, pinning, round_number=round_number,
                              seconds=options.seconds)  # fmt: skip
                runs.append(run)
                _tell(run)
        _store(raw, described, runs)
    return described, runs


def _tell(run: Run) -> None:
    head = f"{run.workload:20} {run.round + 1} {run.server:18}"
    if run.failure:
        text = f"failed: {run.failure}"
    elif run.cpu_us:
        text = (f"{run.cpu_us:8.1f} µs {run.rate:10,.0f}/s  p99 {run.p99_ms:8.2f} ms  server {run.server_core:4.0%}"
                f"  wrk {run.load_core:4.0%}  others {run.others:4.0%}  {run.errors or ''}")  # fmt: skip
    else:
        text = f"{run.first_answer_ms:8.0f} ms to the first answer  {run.memory / (1 << 20):6.1f} MiB"
    print(head, text, flush=True)


def _store(path: Path, described: machine.Machine, runs: Sequence[Run]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    data = {"machine": dataclasses.asdict(described), "runs": [dataclasses.asdict(run) for run in runs]}
    path.write_text(json.dumps(data, indent=1))


def _load(paths: Sequence[Path]) -> tuple[machine.Machine, list[Run]]:
    """The runs of several files as one; the head is the last file's."""
    runs: list[Run] = []
    data: dict[str, Any] = {}
    for path in paths:
        data = json.loads(path.read_text())
        for fields in data["runs"]:
            if "wrk_core" in fields:  # as it was called until November 2026
                fields["load_core"] = fields.pop("wrk_core")
            runs.append(Run(**fields))
    return machine.Machine(**data["machine"]), runs


if __name__ == "__main__":
    sys.exit(main())
