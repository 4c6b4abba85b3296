"""Who has the port: read from /proc, only after a bind has failed, and only as far as it is readable."""

from __future__ import annotations

import os
from pathlib import Path

_LISTEN = "0A"  # TCP_LISTEN in /proc/net/tcp


def owner_of_port(port: int, proc: Path = Path("/proc")) -> str:
    """`` by nginx (pid 123)``, or nothing where it cannot be told: another user's process, another system."""
    try:
        inodes = {f"socket:[{inode}]" for table in ("tcp", "tcp6") for inode in _listening(proc / "net" / table, port)}
        pid = _holder(proc, inodes) if inodes else None
        return f" by {(proc / pid / 'comm').read_text().strip()} (pid {pid})" if pid else ""
    except (OSError, ValueError, IndexError):
        return ""


def _listening(table: Path, port: int) -> list[str]:
    """The inodes of the sockets that listen on ``port``; columns as in proc(5)."""
    try:
        rows = [line.split() for line in table.read_text().splitlines()[1:]]
    except FileNotFoundError:
        return []
    return [row[9] for row in rows if row[3] == _LISTEN and int(row[1].rpartition(":")[2], 16) == port]


def _holder(proc: Path, links: set[str]) -> str | None:
    """The first process that has one of these sockets open: of a server and its workers that is the server."""
    for pid in sorted((name for name in os.listdir(proc) if name.isdigit()), key=int):
        try:
            folder = proc / pid / "fd"
            if any(os.readlink(folder / fd) in links for fd in os.listdir(folder)):
                return pid
        except OSError:
            continue  # another user's, or just gone
    return None
