"""Proof 7: how evenly the workers share connections, and how long the slowest in a hundred requests takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from . import many
from .report import Row
from .sites import Kind, Site
from .started import Ground, Started, folder, serving

NAME = "shares"
TITLE = "Shares of connections, and the slowest requests"

WORKERS = (1, 2, 4)
SERVERS: dict[Kind, tuple[str, ...]] = {
    "fastapi": ("bicorn", "gunicorn-uvicorn", "uvicorn", "granian"),
    "flask": ("bicorn", "gunicorn-gthread", "granian"),
}
UNEVEN = 1.5  # times its fair share, for one of 400 long connections' workers


def prove(ground: Ground) -> Iterator[Row]:
    for kind, servers in SERVERS.items():
        for workers in WORKERS:
            for server in servers:
                if ground.wants(server):
                    yield from _prove(ground, server, kind, workers)


def patterns(ground: Ground) -> dict[str, Callable[[Started], many.Shares]]:
    short = ground.times(10_000, 2_000)
    return {
        f"{short:,} short": lambda started: many.short(started.address, short),
        "400 long, at once": lambda started: many.long(started.address, 400, 0.0, 5.0, 0.3),
        "400 long, one by one": lambda started: many.long(started.address, 400, 4.0, 5.0, 0.3),
    }


def _prove(ground: Ground, server: str, kind: Kind, workers: int) -> Iterator[Row]:
    for name, run in patterns(ground).items():
        with folder() as home:
            site = Site(home, kind)
            with serving(ground, server, site, workers=workers) as started:
                shares = partial(run, started)()
        parts = shares.spread(workers)
        problems = [f"{shares.failed} failed"] if shares.failed else []
        if kind == "fastapi" and "long" in name and parts[0] * workers > UNEVEN:
            problems.append(f"one worker has {parts[0] * workers:.1f} times its share")
        facts = {"shares": " / ".join(f"{part:.0%}" for part in parts), "p50": _ms(shares, 0.5),
                 "p99": _ms(shares, 0.99), "longest": _ms(shares, 1 - 1e-9)}  # fmt: skip
        case = f"{site.title}, {workers} worker{'s' * (workers > 1)}, {name}"
        yield Row(NAME, server, case, facts, tuple(problems))


def _ms(shares: many.Shares, part: float) -> str:
    return f"{shares.percentile(part) * 1e3:.1f} ms"
