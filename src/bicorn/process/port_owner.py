"""Who has the port: read from /proc, only after a bind has failed, and only as far as it is readable."""

from __future__ import annotations

import os

_LISTEN = "0A"  # TCP_LISTEN in /proc/net/tcp


def owner_of_port(port: int, proc: str = "/proc") -> str:
    """`` by nginx (pid 123)``, or nothing where it cannot be told: another user's process, another system."""
    try:
        inodes = {f"socket:[{inode}]" for table in ("tcp", "tcp6") for inode in _listening(f"{proc}/net/{table}", port)}
        pid = _holder(proc, inodes) if inodes else None
        return f" by {_read(f'{proc}/{pid}/comm').strip()} (pid {pid})" if pid else ""
    except (OSError, ValueError, IndexError):
        return ""


def _listening(table: str, port: int) -> list[str]:
    """The inodes of the sockets that listen on ``port``; columns as in proc(5)."""
    try:
        rows = [line.split() for line in _read(table).splitlines()[1:]]
    except FileNotFoundError:
        return []
    return [row[9] for row in rows if row[3] == _LISTEN and int(row[1].rpartition(":")[2], 16) == port]


def _holder(proc: str, links: set[str]) -> str | None:
    """The first process that has one of these sockets open: of a server and its workers that is the server."""
    for pid in sorted((name for name in os.listdir(proc) if name.isdigit()), key=int):
        try:
            folder = f"{proc}/{pid}/fd"
            if any(os.readlink(f"{folder}/{fd}") in links for fd in os.listdir(folder)):
                return pid
        except OSError:
            continue  # another user's, or just gone
    return None


def _read(path: str) -> str:
    with open(path) as file:
        return file.read()
