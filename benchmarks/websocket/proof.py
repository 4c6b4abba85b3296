"""What the proofs with clients share (`clients.py`, `hostile.py`): their command line, their page, their exit code."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import envs
from manager.report import Row, table
from quote import NoMarkers, quote
from servers import HERE

from .workloads import SERVERS


def options(description: str, case: str, cases: Iterable[str], page: str) -> argparse.Namespace:
    """The command line.

    Args:
        case, cases: what the proof calls one of its cases, and their names.
        page: the file under `results/websocket/` that is written unless another is asked for.
    """
    names = list(cases)
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--only", action="append", choices=names, help=f"this {case}; repeatable")
    parser.add_argument("--servers", default="bicorn,bicorn-pure", metavar="A,B", help=f"of {', '.join(SERVERS)}")
    parser.add_argument("--source", type=Path, help="run Bicorn from this folder, not from a wheel built anew")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "websocket" / page)
    parser.add_argument("--into", action="append", type=Path, default=[], metavar="PAGE",
                        help="also put the table between the markers of this page")  # fmt: skip
    found = parser.parse_args()
    found.only = found.only or names
    found.servers = found.servers.split(",")
    found.source = found.source and found.source.resolve()
    return found


def run(
    name: str,
    title: str,
    options: argparse.Namespace,
    prove: Callable[[argparse.Namespace, envs.Environment], Iterator[Row]],
    head: Callable[[], str] = str,
) -> int:
    """Print each row as it comes, write the page, quote it; 1 when a row of Bicorn's has failed.

    Args:
        name: in messages and, behind `websocket-`, in the markers of the pages that quote the table.
        prove: gives the rows.
        head: what to know about the table; asked once the environment is there and nothing has begun.
    """
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that what was started is ended
    rows: list[Row] = []
    try:
        environment = envs.prepare(build=options.source is None)
        said = head()
        for row in prove(options, environment):
            print(row.line(), flush=True)
            rows.append(row)
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text("\n\n".join(filter(None, (f"# {title}", said, table(rows)))) + "\n")
        for page in options.into:
            quote(page, {f"websocket-{name}": "\n\n".join(filter(None, (table(rows), said)))})
    except (envs.EnvironmentProblem, NoMarkers) as problem:
        print(f"{name}: {problem}", file=sys.stderr)
        return 1
    failed = [row for row in rows if not row.passed and row.server.startswith("bicorn")]
    print(f"report: {options.out}; {len(rows)} rows, {len(failed)} of Bicorn's failed")
    return 1 if failed else 0
