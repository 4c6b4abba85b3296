"""``--workers auto``: how many there is room for, and how that was counted."""

from __future__ import annotations

import math
import os
from typing import TYPE_CHECKING

from . import cgroup
from .policy.words import several

if TYPE_CHECKING:
    from ..config.settings import Config

MIB = 1 << 20
PER_WORKER = 128 * MIB
"""Taken for one worker where ``--max-worker-memory`` says nothing better: Django or FastAPI with a database driver and
a few libraries take 60 to 120 MiB."""
SUPERVISOR = 32 * MIB
"""Left for the supervisor, and for what the kernel counts besides."""


def resolve(config: Config) -> tuple[Config, str]:
    """The settings with a number of workers in place of ``auto`` (0), and the sentence about it; else as they are."""
    if config.workers:
        return config, ""
    workers, how = count(config)
    return config.replace(workers=workers), how


def count(config: Config, group: cgroup.Group | None = None) -> tuple[int, str]:
    """How many workers, and how it was counted: ``"auto: 4 workers (8 processors, cgroup quota 4, memory 2 GiB)"``.

    One for each processor that this process may use, but no more than the control group's quota has time for (a part of
    a processor counts as one: two workers use a quota of 1.5 better than one does), and no more than fit into the
    memory there is. One at least.
    """
    group = cgroup.own() if group is None else group
    processors = usable_processors()
    facts = [several(processors, "processor")]
    workers = processors
    quota = group.processors()
    if quota is not None:
        workers = min(workers, max(1, math.ceil(quota)))
        facts.append(f"cgroup quota {quota:.3g}")
    limit = group.memory_limit()
    memory = min(limit or _all_memory(), _all_memory()) or limit
    each = config.max_worker_memory or PER_WORKER
    fitting = max(1, (memory - SUPERVISOR) // each) if memory else workers
    if fitting < workers:
        workers = fitting
        facts.append(f"memory {_size(memory or 0)} at {_size(each)} each")
    elif limit is not None:
        facts.append(f"memory {_size(limit)}")
    return workers, f"auto: {several(workers, 'worker')} ({', '.join(facts)})"


def usable_processors() -> int:
    """How many processors this process may run on (``taskset``, ``cpuset``), not how many the machine has."""
    try:
        return len(os.sched_getaffinity(0)) or 1
    except (AttributeError, OSError):  # not on macOS
        return os.cpu_count() or 1


def _all_memory() -> int:
    """Of the machine; 0 where it does not tell."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return 0


def _size(amount: int) -> str:
    """``"512 MiB"``, ``"2 GiB"``, ``"1.5 GiB"``."""
    return f"{amount / (1 << 30):.3g} GiB" if amount >= 1 << 30 else f"{amount / MIB:.0f} MiB"
