"""The environment whose health is looked at: its folders and the Python it is for. It need not be the running one."""

from __future__ import annotations

import os
import platform
import re
import sys
import sysconfig
from collections.abc import Iterator
from importlib.machinery import EXTENSION_SUFFIXES

from ...record import Record

MAX_FILES = 200_000


class Place(Record):
    """An environment.

    Args:
        folders: its site-packages.
        minor: its Python, ``"3.13"``; empty where that is not known.
        prefix: the folder it is in; empty for what is no virtual environment.
        running: whether it is the Python this runs on.
        machine, libc: what it runs on: ``"x86_64"``; ``"gnu"``, ``"musl"`` or empty.
        free_threaded: whether it is that build.
    """

    folders: tuple[str, ...]
    minor: str = ""
    prefix: str = ""
    running: bool = False
    machine: str = ""
    libc: str = ""
    free_threaded: bool = False


def here() -> Place:
    """The running Python's."""
    paths = sysconfig.get_paths()
    folders = dict.fromkeys(os.path.realpath(paths[name]) for name in ("purelib", "platlib"))
    return Place(
        folders=tuple(folder for folder in folders if os.path.isdir(folder)),
        minor=f"{sys.version_info[0]}.{sys.version_info[1]}",
        prefix=sys.prefix if sys.prefix != sys.base_prefix else "",
        running=True,
        machine=platform.machine(),
        libc=_libc(),
        free_threaded=bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
    )


def at(prefix: str) -> Place | None:
    """A virtual environment in a folder; None where there is none."""
    if not os.path.isfile(os.path.join(prefix, "pyvenv.cfg")):
        return None
    folders, minor = [], ""
    library = os.path.join(prefix, "lib")
    for name in sorted(os.listdir(library)) if os.path.isdir(library) else ():
        match = re.fullmatch(r"(?:python|pypy)(3\.\d{1,2})t?", name)
        folder = os.path.join(library, name, "site-packages")
        if match and os.path.isdir(folder):
            folders.append(folder)
            minor = match[1]
    free = any(folder.endswith(f"python{minor}t/site-packages") for folder in folders)
    return Place(tuple(folders), minor, prefix, False, platform.machine(), _libc(), free)


def extensions(place: Place) -> Iterator[str]:
    """The compiled modules below its folders."""
    count = 0
    for folder in place.folders:
        for path, names, files in os.walk(folder):
            names[:] = [name for name in names if name not in ("__pycache__", "node_modules")]
            for name in files:
                count += 1
                if count > MAX_FILES:
                    return
                if name.endswith((".so", ".pyd")):
                    yield os.path.join(path, name)


def _libc() -> str:
    suffix = EXTENSION_SUFFIXES[0]
    return "musl" if "musl" in suffix else "gnu" if "gnu" in suffix else ""
