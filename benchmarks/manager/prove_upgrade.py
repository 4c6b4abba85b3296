"""Proof 6: USR2 starts a new supervisor on the same sockets, TERM ends the old one, and nobody notices."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import process_tree

from . import processes
from .client import LINKS
from .load import Seen, under_load
from .prove_reload import row, span
from .report import Row
from .sites import Kind, Site
from .started import Ground, Started, folder, peers, serving, wait_for

NAME = "upgrade"
TITLE = "USR2, then TERM to the old supervisor"

CASES: tuple[tuple[Kind, LINKS], ...] = (
    ("fastapi", "tcp"),
    ("flask", "tcp"),
    ("fastapi", "tls"),
    ("flask", "unix"),
)


def prove(ground: Ground) -> Iterator[Row]:
    for kind, link in CASES:
        for server in ("bicorn", *peers(kind)):
            if ground.wants(server) and server != "granian":  # it has no such thing
                yield _prove(ground, server, kind, link)


def _prove(ground: Ground, server: str, kind: Kind, link: LINKS) -> Row:
    problems: list[str] = []
    took: list[float] = []
    with folder() as home:
        site = Site(home, kind)
        with (
            serving(ground, server, site, link=link, keep_log=f"{NAME}-{kind}-{link}") as started,
            under_load(started.address) as seen,
        ):
            wait_for(lambda: seen.tally.requests > 50, 10.0)
            current = started.pid
            for _ in range(ground.times(5, 1)):
                version = site.write()
                before = set(process_tree.living(started.pid))
                os.kill(current, signal.SIGUSR2)
                began = wait_for(lambda: _successor(started, before, seen, version), 40.0)  # noqa: B023
                if began is None:
                    problems.append(f"no new supervisor serves: {started.tail()[-160:]}")
                    break
                new = _successor(started, before, seen, version)
                os.kill(current, signal.SIGTERM)
                ended = wait_for(lambda: _gone(started, current), 40.0)  # noqa: B023
                if ended is None:
                    problems.append("the old supervisor has not ended")
                    break
                took.append(began + ended)
                current = new
                wait_for(lambda: False, 0.5)
    done = {"upgrades": str(len(took))}
    return row(NAME, server, f"{site.title}, {link}", seen, done, problems, {"one takes": span(took)})


def _successor(started: Started, before: set[int], seen: Seen, version: str) -> int:
    """The supervisor that has a full set of workers when its code answers; 0 until then."""
    if not seen.tally.versions[version]:
        return 0
    found = {pid: len(processes.descendants(pid, started.pid)) for pid in processes.supervisors(started.pid)}
    count, pid = max(((count, pid) for pid, count in found.items() if pid not in before), default=(0, 0))
    return pid if count >= 4 else 0


def _gone(started: Started, pid: int) -> bool:
    started.process.poll()
    return processes.state(pid) in ("", "Z", "X")
