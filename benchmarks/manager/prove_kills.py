"""Proof 3: a worker is killed every second. Only what it held fails, it is replaced within a second, its death is told.

The victim is stopped for a moment first, so that what it holds can be looked up exactly: the client ports of the
connections it has accepted. A failed request of the small client has to come from one of these; wrk's failures may be
no more than there were such connections.
"""

from __future__ import annotations

import os
import random
import re
import signal
import time
from collections.abc import Iterator

from . import processes
from .client import Failure
from .load import Seen, under_load
from .prove_reload import span
from .report import Row
from .sites import Kind, Site
from .started import Ground, Started, folder, peers, serving, wait_for

NAME = "kills"
TITLE = "kill -9 of a worker every second for 30 s"
REPLACED = 1.0

OPTIONS = {"granian": ("--respawn-failed-workers", "--respawn-interval", "0.5")}
CASES: tuple[tuple[Kind, tuple[str, ...]], ...] = (
    ("fastapi", ()),
    ("flask", ()),
    ("fastapi", ("--preload",)),
    ("flask", ("--preload",)),
)


def prove(ground: Ground) -> Iterator[Row]:
    for kind, options in CASES:
        for server in ("bicorn", *peers(kind)):
            if ground.wants(server) and not (options and server == "granian"):
                yield _prove(ground, server, kind, options)


def _prove(ground: Ground, server: str, kind: Kind, options: tuple[str, ...]) -> Row:
    problems: list[str] = []
    held: list[set[int]] = []
    victims: list[int] = []
    replaced: list[float] = []
    with folder() as home:
        site = Site(home, kind)
        options += OPTIONS.get(server, ())
        with (
            serving(ground, server, site, options=options, keep_log=f"{NAME}-{kind}{len(options)}") as started,
            under_load(started.address, new=8) as seen,
        ):
            wait_for(lambda: len(seen.tally.served) >= 4, 10.0)
            began = time.monotonic()
            for number in range(ground.times(30, 5)):
                wait_for(lambda: time.monotonic() >= began + number, 5.0, 0.005)  # noqa: B023
                candidates = _serving(started, seen)
                if not candidates:
                    problems.append("no worker is left")
                    break
                victims.append(victim := random.choice(candidates))
                held.append(_kill(started, victim))
                seconds = _replacement(started, seen, set(candidates))
                if seconds is None:
                    problems.append(f"kill {number + 1}: no replacement has answered within 5 s")
                    break
                replaced.append(seconds)
            wait_for(lambda: False, 0.5)
            log = started.log()
    unexplained = [pid for pid in victims if not re.search(rf"{pid}\b.*(SIGKILL|[Kk]illed|OOM)", log)]
    if unexplained:
        problems.append(f"{len(unexplained)} deaths of {len(victims)} are not in the log")
    if replaced and max(replaced) > REPLACED:
        problems.append(f"a replacement took {max(replaced):.1f} s")
    strangers, more = _not_its_own(seen, set().union(*held) if held else set(), sum(map(len, held)))
    problems += [f"failed, though no killed worker held it: {failure}" for failure in strangers[:3]]
    if more > 0:
        problems.append(f"{more} more of wrk's requests failed than killed workers had connections ({seen.why()})")
    facts = {"kills": str(len(victims)), "requests": f"{seen.requests:,}", "connections held": str(sum(map(len, held))),
             "failed": str(seen.failed), "of others": str(len(strangers) + max(0, more)),
             "replacement answers": span(replaced), "explained": f"{len(victims) - len(unexplained)}"}  # fmt: skip
    return Row(NAME, server, f"{site.title} {' '.join(options)}".strip(), facts, tuple(problems))


def _serving(started: Started, seen: Seen) -> list[int]:
    """Workers that are there and have answered."""
    return sorted(processes.others(started.pid) & set(seen.tally.served))


def _kill(started: Started, victim: int) -> set[int]:
    """Stop it, see whom it serves, kill it; the client ports."""
    os.kill(victim, signal.SIGSTOP)
    wait_for(lambda: processes.state(victim) in "TZX", 1.0, 0.001)
    clients = processes.clients_of(victim, started.address.port)
    os.kill(victim, signal.SIGKILL)
    return clients


def _replacement(started: Started, seen: Seen, before: set[int]) -> float | None:
    """Seconds until a worker has answered that had not before."""
    return wait_for(lambda: set(_serving(started, seen)) - before, 5.0, 0.005)


def _not_its_own(seen: Seen, ports: set[int], held: int) -> tuple[list[Failure], int]:
    """Failures of the small client that no victim held, and how many of wrk's are beyond what victims held."""
    own = [failure for failure in seen.tally.failures if failure.port in ports]
    strangers = [failure for failure in seen.tally.failures if failure.port not in ports]
    return strangers, sum(seen.wrk_failed.values()) - (held - len(own))
