"""Compiled modules that do not fit: built for another Python, libc or machine, or with a library that is not here.

A module's file name says what it was built for: ``_x.cpython-313-x86_64-linux-gnu.so`` (PEP 3149), ``_x.abi3.so``
(PEP 384).
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import NamedTuple

from ..facts import Ailment
from . import elf
from .place import Place, extensions

MAX_READ = 20_000
MAX_CACHE = 32 * 1024 * 1024
MAX_SHOWN = 8

_NAME = re.compile(r"\.cpython-3(?P<minor>\d{1,2})(?P<flags>[a-z]*)(?:-(?P<triplet>[\w-]+))?\.(?:so|pyd)$")
_FOLDERS = (
    "/lib",
    "/usr/lib",
    "/lib64",
    "/usr/lib64",
    "/usr/local/lib",
    "/lib/{0}-linux-gnu",
    "/usr/lib/{0}-linux-gnu",
)


class Trouble(NamedTuple):
    """One module's: the kind, what distinguishes it, the distribution's folder."""

    kind: str
    detail: str
    owner: str


def check(place: Place, environ: Mapping[str, str]) -> Iterator[Ailment]:
    """What does not fit, by distribution."""
    found: dict[Trouble, list[str]] = {}
    beside = _beside(place)
    libraries = Libraries(place, environ)
    fitting = _fitting(place)
    for number, path in enumerate(extensions(place)):
        if number >= MAX_READ:
            break
        if trouble := _named(path, place, fitting) or _inside(path, place, libraries, beside):
            found.setdefault(trouble, []).append(path)
    for trouble, paths in found.items():
        yield _ailment(trouble, paths, place)


def _fitting(place: Place) -> set[str]:
    """Modules that are there for this Python: beside them those for another one do no harm."""
    found = set()
    for path in extensions(place):
        match = _NAME.search(path)
        if (match and _python(match) == _wanted(place)) or path.endswith(".abi3.so"):
            found.add(_module(path))
    return found


def _python(match: re.Match[str]) -> str:
    return f"3.{match['minor']}{'t' if 't' in match['flags'] else ''}"


def _wanted(place: Place) -> str:
    return place.minor + ("t" if place.free_threaded else "")


def _module(path: str) -> str:
    folder, name = os.path.split(path)
    return os.path.join(folder, name.partition(".")[0])


def _owner(path: str, place: Place) -> str:
    folder = next((each for each in place.folders if path.startswith(each)), "")
    return os.path.relpath(path, folder).split(os.sep)[0].partition(".")[0] if folder else ""


def _named(path: str, place: Place, fitting: set[str]) -> Trouble | None:
    match = _NAME.search(path)
    if not match or not place.minor or _module(path) in fitting:
        return None
    owner = _owner(path, place)
    return Trouble("other-python", _python(match), owner) if _python(match) != _wanted(place) else None


def _inside(path: str, place: Place, libraries: Libraries, beside: set[str]) -> Trouble | None:
    try:
        with open(path, "rb") as file:
            read = elf.read(file)
    except OSError:
        return None
    if read is None or not place.machine:
        return None
    owner = _owner(path, place)
    if read.machine not in ("?", place.machine) and {read.machine, place.machine} != {"i686", "x86_64"}:
        return Trouble("wrong-architecture", read.machine, owner)
    needs_musl = any(name.startswith("libc.musl-") for name in read.needed)
    if place.libc and (needs_musl or "libc.so.6" in read.needed) and needs_musl != (place.libc == "musl"):
        return Trouble("other-libc", "musl" if needs_musl else "glibc", owner)
    if read.glibc and libraries.glibc and read.glibc > libraries.glibc:
        return Trouble("libc-too-old", ".".join(map(str, read.glibc)), owner)
    missing = [name for name in read.needed if name not in beside and not libraries.have(name, read.paths, path)]
    return Trouble("missing-library", ", ".join(sorted(missing)), owner) if missing else None


def _beside(place: Place) -> set[str]:
    """Libraries that wheels have brought along: packages load some of them themselves before the module."""
    found = set()
    for folder in place.folders:
        for _, _, files in os.walk(folder):
            found |= {name for name in files if ".so" in name}
    return found


class Libraries:
    """The shared libraries that the dynamic linker would find (ld.so(8))."""

    def __init__(self, place: Place, environ: Mapping[str, str], read: Callable[[], bytes] | None = None) -> None:
        told = [folder for folder in environ.get("LD_LIBRARY_PATH", "").split(":") if folder]
        self._folders = [*told, *(folder.format(place.machine) for folder in _FOLDERS)]
        self._cache = (read or _cache)()
        self._known: dict[str, bool] = {}
        self.glibc = _glibc()

    def have(self, name: str, paths: Iterable[str], asker: str) -> bool:
        """Whether it is found for the module that asks."""
        origin = os.path.dirname(asker)
        named = (path.replace("$ORIGIN", origin).replace("${ORIGIN}", origin) for path in paths)
        if any(os.path.exists(os.path.join(folder, name)) for folder in named):
            return True
        if name not in self._known:
            cached = b"\0" + name.encode() + b"\0" in self._cache
            self._known[name] = cached or any(os.path.exists(os.path.join(folder, name)) for folder in self._folders)
        return self._known[name]


def _cache() -> bytes:
    try:
        with open("/etc/ld.so.cache", "rb") as file:
            return file.read(MAX_CACHE)
    except OSError:
        return b""


def _glibc() -> tuple[int, int] | None:
    try:
        said = os.confstr("CS_GNU_LIBC_VERSION") or ""
    except (AttributeError, ValueError, OSError):
        return None
    match = re.search(r"(\d+)\.(\d+)", said)
    return (int(match[1]), int(match[2])) if match else None


def _ailment(trouble: Trouble, paths: list[str], place: Place) -> Ailment:
    kind, detail, owner = trouble
    what = {
        "other-python": f"{owner} has compiled modules for Python {detail}; this is Python {_wanted(place)}.",
        "wrong-architecture": f"{owner} is built for {detail}; this is a {place.machine}.",
        "other-libc": f"{owner} is built for {detail}; this system's C library is another.",
        "libc-too-old": f"{owner} is built for glibc {detail} or newer; this system's is older.",
        "missing-library": f"{owner} needs {detail}, which this system does not have.",
    }[kind]
    cure = "Install it anew with this Python."
    if kind == "missing-library":
        cure = "Install the system's package that has it, or a wheel of it that brings it along."
    folders = (os.path.relpath(path, place.folders[0]) for path in sorted(paths)[:MAX_SHOWN])
    more = f" and {len(paths) - MAX_SHOWN} more" if len(paths) > MAX_SHOWN else ""
    python = "python" if place.running else os.path.join(place.prefix, "bin", "python")
    return Ailment(
        kind=kind,
        what=what,
        where=", ".join(folders) + more,
        cure=cure,
        commands=(f"{python} -m pip install --force-reinstall --no-cache-dir {owner}",),
        severity="warning" if kind == "missing-library" else "error",
    )
