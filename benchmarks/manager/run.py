"""The proofs of the process manager: run them, print a row for each with pass or fail, write a Markdown page.

``python benchmarks/manager/run.py --only reload --servers bicorn``. Exit code 1 when Bicorn has failed a row.
"""

from __future__ import annotations

import argparse
import contextlib
import datetime
import os
import signal
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

# The folder of the benchmark, whose modules these proofs share; not this one, whose names are meant as a package.
sys.path[0] = str(Path(__file__).resolve().parents[1])

import envs  # noqa: E402
import wrk  # noqa: E402
from quote import NoMarkers, quote  # noqa: E402
from servers import HERE, SERVERS  # noqa: E402

from manager import (  # noqa: E402
    prove_balancer,
    prove_faults,
    prove_harness,
    prove_idle,
    prove_kills,
    prove_memory,
    prove_reload,
    prove_shares,
    prove_stuck,
    prove_upgrade,
    reload_saves,
)
from manager.report import Row, page, table  # noqa: E402
from manager.started import Ground  # noqa: E402

PROOFS = {
    proof.NAME: proof
    for proof in (
        prove_harness,
        prove_reload,
        prove_faults,
        prove_kills,
        prove_stuck,
        prove_balancer,
        prove_upgrade,
        prove_shares,
        prove_memory,
        prove_idle,
        reload_saves,
    )
}


def main() -> int:
    options = _options()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that what was started is ended
    try:
        environment = envs.prepare(build=options.source is None)
        version = wrk.version()
    except (envs.EnvironmentProblem, wrk.WrkError) as problem:
        print(f"proofs: {problem}", file=sys.stderr)
        return 1
    ground = Ground(environment, frozenset(options.servers), options.source, options.quick)
    head = (
        f"{os.cpu_count()} cores, {version}, load average {os.getloadavg()[0]:.2f} before the start,"
        f" {datetime.datetime.now(datetime.UTC):%Y-%m-%d %H:%M} UTC; "
        + ", ".join(f"{name} {environment.versions[name]}" for name in ("gunicorn", "granian", "uvicorn"))
        + ("; quick: fewer repetitions" if options.quick else "")
        + "."
    )
    rows: list[Row] = []
    for name in options.only:
        for row in _rows(name, ground):
            print(row.line(), flush=True)
            rows.append(row)
            options.out.parent.mkdir(parents=True, exist_ok=True)
            options.out.write_text(page(head, {name: proof.TITLE for name, proof in PROOFS.items()}, rows))
    for into in options.into:
        _quote(into, head, rows)
    failed = [row for row in rows if not row.passed and row.server.startswith(("bicorn", "harness"))]
    print(f"report: {options.out}; {len(rows)} rows, {len(failed)} of Bicorn's failed")
    return 1 if failed else 0


def _rows(name: str, ground: Ground) -> Iterator[Row]:
    """The rows of one proof; a proof that breaks is a row that failed."""
    try:
        yield from PROOFS[name].prove(ground)
    except Exception as error:
        traceback.print_exc()
        yield Row(name, "harness", "", {}, (f"the proof broke: {error!r}",))


def _quote(into: Path, head: str, rows: list[Row]) -> None:
    """Put the tables of the proofs that were run between the markers of a page that has places for them."""
    for name in dict.fromkeys(row.proof for row in rows):
        section = table([row for row in rows if row.proof == name]) + f"\n\n{head[0].upper()}{head[1:]}"
        with contextlib.suppress(NoMarkers):
            quote(into, {name: section})


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Proofs of the process manager.")
    parser.add_argument("--only", action="append", choices=sorted(PROOFS), help="this proof; repeatable")
    parser.add_argument("--servers", default=",".join(SERVERS), metavar="A,B", help="these servers only")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    parser.add_argument("--source", type=Path, help="run Bicorn from this src folder, not from a wheel built anew")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "manager" / "report.md")
    parser.add_argument("--into", action="append", type=Path, default=[], metavar="PAGE",
                        help="also put the tables between the markers of this page")  # fmt: skip
    options = parser.parse_args()
    options.only = options.only or list(PROOFS)
    options.servers = options.servers.split(",")
    options.source = options.source and options.source.resolve()
    return options


if __name__ == "__main__":
    sys.exit(main())
