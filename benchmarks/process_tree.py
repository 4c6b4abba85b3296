"""What the kernel says about a started server: CPU time and memory of all its processes, and who else was busy.

A server is started as the leader of a session of its own, so its processes are those of that session, also when one
of them has been given another parent.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Process:
    """One line of /proc/PID/stat, as far as it matters here (proc(5))."""

    pid: int
    state: str
    session: int
    cpu_seconds: float
    """User and system time of its own and of the children it has waited for."""


def _read(pid: str) -> Process | None:
    try:
        text = Path("/proc", pid, "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The command name, in parentheses, may hold spaces and parentheses itself: count fields after the last one.
    fields = text[text.rindex(")") + 2 :].split()
    ticks = sum(int(value) for value in fields[11:15])
    return Process(int(pid), fields[0], int(fields[3]), ticks / _TICKS)


def _session(leader: int) -> Iterator[Process]:
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            process = _read(entry)
            if process is not None and process.session == leader:
                yield process


def cpu_seconds(leader: int) -> float:
    """CPU time so far of the session's processes, including those that have ended and been waited for."""
    return sum(process.cpu_seconds for process in _session(leader))


def living(leader: int) -> list[int]:
    """The session's processes that are not zombies."""
    return [process.pid for process in _session(leader) if process.state not in "ZX"]


def proportional_memory(leader: int) -> int:
    """Sum of the processes' proportional set sizes in bytes: shared pages are counted once among those sharing."""
    total = 0
    for pid in living(leader):
        try:
            rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        except (FileNotFoundError, ProcessLookupError):
            continue
        for line in rollup.splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024
    return total


def machine_busy_seconds() -> float:
    """CPU time so far of everything on this machine: all but idle and waiting for I/O (proc(5), /proc/stat)."""
    fields = [int(value) for value in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]]
    return (sum(fields) - fields[3] - fields[4]) / _TICKS
