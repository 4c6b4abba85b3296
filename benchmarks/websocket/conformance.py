"""Conformance: Autobahn's fuzzing client against Bicorn, compiled and interpreted, and its peers; a Markdown table.

``python benchmarks/websocket/conformance.py --servers bicorn,uvicorn-sansio --cases '6.*'``. Each server runs with its
own defaults. Exit code 1 when Bicorn has failed a case.
"""

from __future__ import annotations

import argparse
import datetime
import fnmatch
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

# The folder of the benchmark, whose modules these proofs share; not this one, whose names are meant as a package.
sys.path[0] = str(Path(__file__).resolve().parents[1])

import envs  # noqa: E402
from quote import NoMarkers, quote  # noqa: E402
from running import BenchmarkError, serving, wait_until_answering  # noqa: E402
from servers import HERE, HOST, Server  # noqa: E402

from websocket import autobahn, peers  # noqa: E402
from websocket.autobahn import Outcome  # noqa: E402

SERVERS = ("bicorn", "bicorn-pure", "uvicorn-sansio", "uvicorn-websockets", "granian", "gunicorn-asgi", "hypercorn")
TITLES = {
    "1": "Framing: text and binary",
    "2": "Pings and pongs",
    "3": "Reserved bits",
    "4": "Reserved opcodes",
    "5": "Fragmentation",
    "6": "UTF-8",
    "7": "Close handshake",
    "9": "Limits and large messages",
    "10": "Auto-fragmentation",
    "12": "permessage-deflate, defaults",
    "13": "permessage-deflate, windows and takeover",
}
QUICK = ("1", "2", "3", "4", "5", "6", "7", "10")
LIMIT = 2400.0
"""Seconds for one server; Autobahn gives up on a single case by itself."""


def main() -> int:
    options = _options()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that what was started is ended
    try:
        suite = autobahn.prepare(options.python2)
        environment = envs.prepare(build=options.source is None)
        servers = peers.installed(environment, options.servers, options.source)
        for note in environment.notes:
            print(f"note: {note}")
        with ThreadPoolExecutor(options.jobs) as pool:
            asked = [pool.submit(_examine, server, environment, suite, options.cases) for server in servers]
            results = {server.name: found.result() for server, found in zip(servers, asked, strict=True)}
        options.out.parent.mkdir(parents=True, exist_ok=True)
        head = _head(environment, servers)
        options.out.write_text(f"# WebSocket conformance\n\n{head}\n\n{table(results)}\n\n{failures(results)}\n")
        for page in options.into:
            quote(page, {"conformance": f"{table(results)}\n\n{head}"})
    except (envs.EnvironmentProblem, NoMarkers) as problem:
        print(f"conformance: {problem}", file=sys.stderr)
        return 1
    print(f"\n{table(results)}\n\n{failures(results)}\n\nreport: {options.out}; Autobahn's own pages beside it")
    return 1 if _failed(results) else 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Autobahn's fuzzing client against Bicorn and its peers.")
    parser.add_argument("--servers", default=",".join(SERVERS), metavar="A,B", help=f"of {', '.join(SERVERS)}")
    parser.add_argument("--cases", action="append", metavar="PATTERN", help="such as '6.*' or 12.1.3; repeatable")
    parser.add_argument("--quick", action="store_true", help="without the large messages and compression: seconds")
    parser.add_argument(
        "--source", type=Path, help="run Bicorn from this folder (src, or hatch_build.py's --build-lib)"
    )
    parser.add_argument("--jobs", type=int, default=2, help="so many servers at a time (default 2)")
    parser.add_argument("--python2", metavar="PATH", help="the Python 2.7 (or PyPy 2) to install the suite on")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "conformance" / "report.md")
    parser.add_argument("--into", action="append", type=Path, default=[], metavar="PAGE",
                        help="also put the table between the markers of this page")  # fmt: skip
    options = parser.parse_args()
    options.servers = options.servers.split(",")
    for name in options.servers:
        if name not in SERVERS:
            parser.error(f"there is no server {name!r}; there are {', '.join(SERVERS)}")
    options.source = options.source and options.source.resolve()
    groups = QUICK if options.quick else tuple(TITLES)
    options.cases = options.cases or [f"{group}.*" for group in groups]
    return options


def _examine(server: Server, environment: envs.Environment, suite: autobahn.Suite, cases: Sequence[str]
             ) -> dict[str, Outcome] | str:  # fmt: skip
    """One server's outcomes, or the reason why there are none."""
    cores = ",".join(map(str, sorted(os.sched_getaffinity(0))))
    began = time.monotonic()
    keep = HERE / "results" / "conformance" / server.name
    try:
        with serving(server, peers.PLAIN, environment, cores) as running:
            wait_until_answering(running, peers.PLAIN, environment)
            outcomes = suite.run(server.name, f"ws://{HOST}:{running.port}", cases, LIMIT, keep)
            if running.process.poll() is not None:
                raise BenchmarkError(f"the server ended with {running.process.returncode}: {running.log_tail()}")
    except (BenchmarkError, envs.EnvironmentProblem) as problem:
        print(f"{server.name:20} {problem}", flush=True)
        return str(problem)
    passed = sum(outcome.passed for outcome in outcomes.values())
    print(f"{server.name:20} {passed} of {len(outcomes)} in {time.monotonic() - began:.0f} s", flush=True)
    return outcomes


def _head(environment: envs.Environment, servers: Sequence[Server]) -> str:
    names = dict.fromkeys(server.distribution for server in servers)
    versions = ", ".join(f"{name} {environment.versions.get(name, 'from source')}" for name in names)
    return (
        f"Cases that end OK or INFORMATIONAL, of those run; {autobahn.SUITE.replace('==', ' ')},"
        f" {versions}; {datetime.datetime.now(datetime.UTC):%Y-%m-%d}."
    )


def table(results: Mapping[str, dict[str, Outcome] | str]) -> str:
    """A row for each group of cases, a column for each server."""
    lines = [f"| cases | | {' | '.join(results)} |", "|---|---|" + "--:|" * len(results)]
    for group, title in TITLES.items():
        cells = [_cell(outcomes, f"{group}.*") for outcomes in results.values()]
        if any(cell != "-" for cell in cells):
            lines.append(f"| {group} | {title} | {' | '.join(cells)} |")
    return "\n".join([*lines, f"| | **all** | {' | '.join(_cell(outcomes, '*') for outcomes in results.values())} |"])


def _cell(outcomes: dict[str, Outcome] | str, pattern: str) -> str:
    if isinstance(outcomes, str):
        return "failed"
    found = [outcome.passed for case, outcome in outcomes.items() if fnmatch.fnmatch(case, pattern)]
    return f"{sum(found)} of {len(found)}" if found else "-"


def failures(results: Mapping[str, dict[str, Outcome] | str]) -> str:
    """Every case that did not pass, by server, in the suite's own words."""
    lines = []
    for server, outcomes in results.items():
        if isinstance(outcomes, str):
            lines.append(f"- {server}: {outcomes}")
            continue
        words: dict[str, list[str]] = {}
        for case in sorted(outcomes, key=lambda case: [int(part) for part in case.split(".")]):
            outcome = outcomes[case]
            if not outcome.passed:
                said = outcome.behavior if outcome.behavior == outcome.closing else (
                    f"{outcome.behavior}, close {outcome.closing}")  # fmt: skip
                words.setdefault(said, []).append(case)
        lines += [f"- {server}, {said}: {', '.join(cases)}" for said, cases in words.items()]
    return "\n".join(lines) or "Every case passed on every server."


def _failed(results: Mapping[str, dict[str, Outcome] | str]) -> bool:
    own = [outcomes for name, outcomes in results.items() if name.startswith("bicorn")]
    return any(isinstance(outcomes, str) or not all(each.passed for each in outcomes.values()) for outcomes in own)


if __name__ == "__main__":
    sys.exit(main())
