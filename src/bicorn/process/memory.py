"""How much memory a process takes, its share of what it has in common with others counted in."""

from __future__ import annotations

_KIB = 1024


def proportional(pid: int | str = "self") -> int:
    """Bytes of memory a process takes; 0 where the system does not tell, or the process has gone.

    Workers share most of their pages with each other, so the resident size (RSS) counts the same memory once for each.
    Linux tells the proportional size (PSS: a page that four processes share counts a quarter) in ``smaps_rollup``
    (proc_pid_smaps(5); since 4.14). To read it the kernel walks the page tables, a millisecond for each gigabyte or
    two, so ask every few seconds at most. It is refused where the process runs as another user: then RSS it is.
    """
    return _sum(f"/proc/{pid}/smaps_rollup", b"Pss:") or _sum(f"/proc/{pid}/status", b"VmRSS:")


def _sum(path: str, field: bytes) -> int:
    """The number of KiB behind `field` in one of the kernel's tables, in bytes."""
    try:
        with open(path, "rb") as file:
            for line in file:
                if line.startswith(field):
                    return int(line.split()[1]) * _KIB
    except (OSError, ValueError, IndexError):
        pass
    return 0
