"""Proof 9: a supervisor that has nothing to do does nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator

from . import processes
from .report import Row
from .sites import Site
from .started import Ground, folder, serving

NAME = "idle"
TITLE = "The supervisor, idle, 4 workers"
MOST_CPU = 0.002
MOST_MEMORY = 25.0
SETTLE = 3.0
MIB = 1 << 20
CASES = (("flask", "bicorn", ()), ("flask", "bicorn", ("--preload",)), ("flask", "gunicorn-gthread", ()),
         ("fastapi", "gunicorn-uvicorn", ()), ("flask", "granian", ()), ("fastapi", "uvicorn", ()))  # fmt: skip


def prove(ground: Ground) -> Iterator[Row]:
    for kind, server, options in CASES:
        if not ground.wants(server):
            continue
        with folder() as home:
            site = Site(home, kind)  # type: ignore[arg-type]
            with serving(ground, server, site, options=options) as started:
                time.sleep(SETTLE)
                before, began = processes.cpu_seconds(started.pid), time.monotonic()
                time.sleep(ground.times(30, 10))
                used = (processes.cpu_seconds(started.pid) - before) / (time.monotonic() - began)
                memory = processes.proportional_memory(started.pid) / MIB
        problems = []
        if used > MOST_CPU:
            problems.append("more CPU than 0.2 %")
        if memory > MOST_MEMORY:
            problems.append("more memory than 25 MiB")
        facts = {"of a core": f"{used:.3%}", "PSS": f"{memory:.1f} MiB"}
        yield Row(NAME, server, f"{site.title} {' '.join(options)}".strip(), facts, tuple(problems))
