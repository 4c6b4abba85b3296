"""What the kernel says about single processes of a started server: parents, memory, CPU, who is connected."""

from __future__ import annotations

import os
import re
from pathlib import Path

import process_tree

_SOCKET = re.compile(r"socket:\[(\d+)\]")


def parent(pid: int) -> int:
    """The parent's process id; 0 when the process has gone."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (FileNotFoundError, ProcessLookupError):
        return 0


def state(pid: int) -> str:
    """The letter of proc(5): R, S, T, Z, ...; "" when the process has gone."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return ""


def others(leader: int) -> set[int]:
    """The server's processes without the one that was started."""
    return set(process_tree.living(leader)) - {leader}


def descendants(pid: int, leader: int) -> set[int]:
    """The living children of one of the server's processes, and theirs: a worker's parent may be a worker's sibling."""
    parents = {other: parent(other) for other in process_tree.living(leader)}
    found, new = set[int](), {pid}
    while new:
        new = {other for other, its in parents.items() if its in new} - found
        found |= new
    return found


def supervisors(leader: int) -> list[int]:
    """Those of the server's processes that have children: after an upgrade a second supervisor, too."""
    members = process_tree.living(leader)
    return sorted({parent(pid) for pid in members} & set(members))


def proportional_memory(pid: int) -> int:
    """The process's share of the memory it uses, in bytes (PSS)."""
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def cpu_seconds(pid: int) -> float:
    """Time on a processor, to the nanosecond (/proc/PID/schedstat), of the main thread and all others."""
    total = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def clients_of(pid: int, port: int) -> set[int]:
    """The client ports of the connections this process has accepted on ``port``, also those it has not read from."""
    inodes = set()
    for entry in os.scandir(f"/proc/{pid}/fd"):
        try:
            match = _SOCKET.match(os.readlink(entry.path))
        except FileNotFoundError:
            continue
        if match:
            inodes.add(match[1])
    clients = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        if fields[9] in inodes and int(fields[1].rpartition(":")[2], 16) == port:
            clients.add(int(fields[2].rpartition(":")[2], 16))
    return clients - {0}
