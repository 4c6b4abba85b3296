"""Proof 8: memory of a Django application with 8 workers, with --preload and without."""

from __future__ import annotations

from collections.abc import Iterator

import process_tree

from .load import under_load
from .report import Row
from .sites import Site
from .started import Ground, folder, serving, wait_for

NAME = "memory"
TITLE = "Memory of Django with 8 workers"
WORKERS = 8
MIB = 1 << 20
SERVERS = ("bicorn", "gunicorn-sync", "gunicorn-gthread", "granian")


def prove(ground: Ground) -> Iterator[Row]:
    for options in (("--preload",), ()):
        smallest = 0.0
        # Bicorn comes last: the others are what it is held against.
        for server in reversed(SERVERS):
            if ground.wants(server) and not (options and server == "granian"):
                row, used = _prove(ground, server, options, smallest if server == "bicorn" else 0.0)
                if server.startswith("gunicorn") and used:
                    smallest = min(smallest or used, used)
                yield row


def _prove(ground: Ground, server: str, options: tuple[str, ...], limit: float) -> tuple[Row, float]:
    with folder() as home:
        site = Site(home, "django")
        with serving(ground, server, site, workers=WORKERS, options=options) as started:
            # Every worker has served something: before that its pages are still the parent's.
            with under_load(started.address, connections=0, new=8, kept=0, pause=0.002) as seen:
                wait_for(lambda: len(seen.tally.served) >= WORKERS and seen.requests > 1500, 20.0)
            wait_for(lambda: False, 1.0)
            total = process_tree.proportional_memory(started.pid) / MIB
            count = len(process_tree.living(started.pid))
    problems = [f"{seen.failed} failed ({seen.why()})"] if seen.failed else []
    if len(seen.tally.served) < WORKERS:
        problems.append(f"only {len(seen.tally.served)} workers have answered")
    if limit and total > limit:
        problems.append(f"more than Gunicorn's {limit:.0f} MiB")
    facts = {"PSS of all": f"{total:.1f} MiB", "for each worker": f"{total / WORKERS:.1f} MiB",
             "processes": str(count)}  # fmt: skip
    return Row(NAME, server, " ".join(options) or "without --preload", facts, tuple(problems)), total
