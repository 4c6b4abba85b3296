"""What the control group this process is in allows it, and whether it has run out of memory (cgroups(7)).

A container is a control group: its processors and memory are limits of the group, not of the machine, and nothing but
the group's files knows them. Both versions are read: 2, one tree for everything, and 1, a tree for each controller.
Where a file is missing (another system, no controller, no permission) there is no limit to be known.
"""

from __future__ import annotations

import os

from ..record import Record

_UNLIMITED = 1 << 60  # version 1 says "no limit" with the largest multiple of a page


class Group(Record):
    """The control group of this process, as folders to read in, innermost first.

    A limit of an outer group holds for the inner ones too, so each is looked at. In a container only its own is seen.

    Args:
        version: 2, 1, or 0 for none.
        memory: the folders of the memory controller.
        cpu: the folders of the processor controller.
    """

    version: int = 0
    memory: tuple[str, ...] = ()
    cpu: tuple[str, ...] = ()

    def oom_kills(self) -> int:
        """How many processes of the group the kernel has killed because memory ran out; -1: it does not tell.

        Version 2 has ``memory.events`` (kernel: admin-guide/cgroup-v2, "Memory Interface Files": ``oom_kill`` counts
        "the number of processes belonging to this cgroup killed by any kind of OOM killer", inner groups included), 1
        has ``memory.oom_control``. It is counted before the process hears of it.
        """
        if not self.memory:
            return -1
        return _oom_kills(f"{self.memory[0]}/{'memory.events' if self.version == 2 else 'memory.oom_control'}")

    def processors(self) -> float | None:
        """How many processors' worth of time the group gets; None for no limit."""
        quotas = [quota for folder in self.cpu if (quota := self._quota(folder)) is not None]
        return min(quotas, default=None)

    def memory_limit(self) -> int | None:
        """How many bytes of memory the group may take; None for no limit."""
        name = "memory.max" if self.version == 2 else "memory.limit_in_bytes"
        limits = [int(text) for folder in self.memory if (text := _read(f"{folder}/{name}").strip()).isdigit()]
        return min((limit for limit in limits if 0 < limit < _UNLIMITED), default=None)

    def _quota(self, folder: str) -> float | None:
        if self.version == 2:
            fields = _read(f"{folder}/cpu.max").split()  # "max 100000" or "150000 100000", in microseconds
        else:
            fields = [_read(f"{folder}/cpu.cfs_{name}_us").strip() for name in ("quota", "period")]  # -1: none
        if len(fields) != 2 or not all(field.isdigit() and int(field) for field in fields):
            return None
        return int(fields[0]) / int(fields[1])


class OomKills:
    """Tells which of the workers that were killed were killed because memory ran out.

    Args:
        group: of this process and its workers.
        system: counts for the whole machine, and is asked where the group does not tell (proc_vmstat(5), since 4.13).
    """

    def __init__(self, group: Group | None = None, system: str = "/proc/vmstat") -> None:
        self._group = own() if group is None else group
        self._system = system
        self._known = self._now()

    def take(self) -> bool:
        """Whether there is a kill that has not been taken yet. To be asked for each child that ended by SIGKILL."""
        if self._now() <= self._known:
            return False
        self._known += 1
        return True

    def _now(self) -> int:
        kills = self._group.oom_kills()
        return _oom_kills(self._system) if kills < 0 else kills


def oom_kills() -> int:
    """See :meth:`Group.oom_kills`: of this process's own group."""
    return own().oom_kills()


def own(root: str = "/", pid: int | str = "self") -> Group:
    """The group of this process.

    Args:
        root: where ``proc`` and ``sys`` are, for tests.
    """
    root = root.rstrip("/")
    paths: dict[str, str] = {}
    for line in _read(f"{root}/proc/{pid}/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        for controller in controllers.split(","):
            paths[controller] = path
    mounted = f"{root}/sys/fs/cgroup"
    if _read(f"{mounted}/cgroup.controllers") and "" in paths:
        folders = _folders(mounted, paths[""])
        return Group(2, folders, folders)
    memory = _folders(f"{mounted}/memory", paths["memory"]) if "memory" in paths else ()
    cpu: tuple[str, ...] = ()
    if "cpu" in paths:
        for name in ("cpu", "cpu,cpuacct", "cpuacct,cpu"):  # the same, by the names distributions give it
            if not cpu:
                cpu = _folders(f"{mounted}/{name}", paths["cpu"])
    return Group(1, memory, cpu) if memory or cpu else Group()


def _oom_kills(path: str) -> int:
    for line in _read(path).splitlines():
        name, _, value = line.partition(" ")
        if name == "oom_kill" and value.isdigit():
            return int(value)
    return -1


def _folders(mounted: str, path: str) -> tuple[str, ...]:
    """From the group's own folder to the outermost; only those that are there.

    A container that sees its group as the root of the tree may still be told the path outside: then only the root is
    there, and is the group's own.
    """
    parts = [part for part in path.split("/") if part and part != ".."]
    folders = ["/".join((mounted, *parts[:length])) for length in range(len(parts), -1, -1)]
    return tuple([folder for folder in folders if os.path.isdir(folder)])


def _read(path: str) -> str:
    """The file's text; empty where there is none."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read()
    except OSError:
        return ""
