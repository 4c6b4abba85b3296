"""The interpreters that are asked about: ``"3.14"``, ``"3.14t"``, ``"pp3.11"``, on this platform or on another one.

An installer chooses wheels by tags (PEP 425, PEP 600, PEP 656) and dependencies by markers (PEP 508). Both follow from
an interpreter and a platform, and neither needs that interpreter to be here.
"""

from __future__ import annotations

import platform as this
import re
import sys
from collections.abc import Iterator

from packaging import tags
from packaging.markers import default_environment
from packaging.version import Version

from ..errors import DoctorError
from ..record import Record
from .facts import Target
from .knowledge import pythons

MACHINES = {"amd64": "x86_64", "x64": "x86_64", "arm64": "aarch64"}
"""Other names of machines, as Linux calls them."""

OLD_NAMES = ((2, 17, "manylinux2014"), (2, 12, "manylinux2010"), (2, 5, "manylinux1"))
"""What manylinux was called before it was called by its glibc (PEP 513, 571, 599)."""

GLIBC = (2, 36)
"""The glibc of another machine of which nothing is said: Debian 12's, which is what images are mostly built on."""
MUSL = (1, 2)
MACOS = (14, 0)


class Platform(Record):
    """Where the interpreter runs.

    Args:
        shown: as it is called in a label; empty for this machine.
        tags: the platform tags, the best first.
        markers: those markers of PEP 508 that the platform settles.
    """

    shown: str
    tags: tuple[str, ...]
    markers: dict[str, str] = {}


def parse(label: str, platform: str | None = None) -> Target:
    """An interpreter by its label.

    Args:
        label: ``"3.14"``, ``"3.14.2"``, ``"3.14t"``, ``"pp3.11"``; ``"cp314"`` and ``"python3.14"`` are understood too.
        platform: None for this machine; else a wheel's platform tag (``"manylinux_2_28_aarch64"``), or in short
            ``"musllinux"``, ``"macos-arm64"``, ``"windows"``, ``"aarch64"``.

    Raises:
        DoctorError: it names no interpreter, or no platform.
    """
    match = re.fullmatch(
        r"(?:(pp|pypy)|cp|cpython|python)?-?(3)\.?(\d{1,2})((?:\.\d{1,3})?)(t?)", label.strip().lower()
    )
    if not match or (match[1] and match[5]):
        raise DoctorError(f"{label!r} is no Python: say 3.14, 3.14t or pp3.11")
    minor = (3, int(match[3]))
    place = _here() if platform is None else _elsewhere(platform)
    shown = f"{'pp' if match[1] else ''}3.{minor[1]}{match[4]}{match[5]}{f' on {place.shown}' if place.shown else ''}"
    make = _pypy if match[1] else _cpython
    return make(shown, minor, match[4], place, bool(match[5]), platform is None)


def everything(platform: str | None = None, *, oldest: str = "3.11") -> tuple[Target, ...]:
    """Every CPython that is supported, the oldest first: what ``--all`` means."""
    known = (row.version for row in pythons() if row.released)
    return tuple(parse(version, platform) for version in known if Version(version) >= Version(oldest))


def _cpython(shown: str, minor: tuple[int, int], patch: str, place: Platform, free: bool, here: bool) -> Target:
    whole = _whole(minor, patch, here)
    name = f"cp{minor[0]}{minor[1]}"
    abi = f"{name}t" if free else name
    own = tags.cpython_tags(minor, [abi], place.tags)
    compatible = tags.compatible_tags(minor, interpreter=name, platforms=place.tags)
    markers = {"implementation_name": "cpython", "platform_python_implementation": "CPython"}
    return Target(shown, whole, (*own, *compatible), _markers(whole, place, markers), free, "cpython", here)


def _pypy(shown: str, minor: tuple[int, int], patch: str, place: Platform, _: bool, here: bool) -> Target:
    whole = _whole(minor, patch, False)
    name = f"pp{minor[0]}{minor[1]}"
    own = tags.generic_tags(name, [f"pypy{minor[0]}{minor[1]}_pp73"], place.tags)
    compatible = tags.compatible_tags(minor, interpreter=name, platforms=place.tags)
    markers = {"implementation_name": "pypy", "platform_python_implementation": "PyPy", "implementation_version": "7.3"}
    return Target(shown, whole, (*own, *compatible), _markers(whole, place, markers), False, "pypy", here)


def _whole(minor: tuple[int, int], patch: str, here: bool) -> Version:
    """With its patch: as said, as running, or else the newest that is known."""
    short = f"{minor[0]}.{minor[1]}"
    if patch:
        return Version(short + patch)
    if here and sys.version_info[:2] == minor and sys.version_info.releaselevel == "final":
        return Version(".".join(map(str, sys.version_info[:3])))
    return next((Version(row.newest) for row in pythons() if row.version == short), Version(f"{short}.0"))


def _markers(whole: Version, place: Platform, settled: dict[str, str]) -> dict[str, str]:
    here = {name: str(value) for name, value in default_environment().items()}
    version = {
        "python_version": f"{whole.major}.{whole.minor}",
        "python_full_version": str(whole),
        "implementation_version": str(whole),
    }
    return here | version | place.markers | settled


def _here() -> Platform:
    return Platform("", tuple(tags.platform_tags()))


def _elsewhere(platform: str) -> Platform:
    asked = platform.strip().lower().replace("-", "_").replace(".", "_")
    for kind in (_manylinux, _musllinux, _macos, _windows):
        if found := kind(asked):
            return found
    message = "say a platform tag such as manylinux_2_28_aarch64, musllinux_1_2_x86_64, macosx_14_0_arm64 or win_amd64"
    raise DoctorError(f"{platform!r} is no platform that wheels are built for: {message}")


def _machine(name: str | None) -> str:
    name = name or this.machine().lower()
    return MACHINES.get(name, name)


def _linux(shown: str, machine: str, found: Iterator[str]) -> Platform:
    markers = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix", "platform_machine": machine}
    return Platform(shown, (*found, f"linux_{machine}"), markers | _UNKNOWN)


_UNKNOWN = {"platform_release": "", "platform_version": ""}


def _manylinux(asked: str) -> Platform | None:
    old = {name: (major, minor) for major, minor, name in OLD_NAMES}
    architecture = r"(x86_64|amd64|x64|aarch64|arm64|i686|armv7l|ppc64le|s390x|riscv64|loongarch64)"
    match = re.fullmatch(rf"(?:(?:(manylinux)(?:_(\d+)_(\d+))?|(manylinux\d+)|linux)_?)?{architecture}?", asked)
    if not match or not asked:
        return None
    glibc = (int(match[2]), int(match[3])) if match[2] else old.get(match[4] or "", GLIBC)
    machine = _machine(match[5])

    def names() -> Iterator[str]:
        for minor in range(glibc[1], 4, -1):
            yield f"manylinux_{glibc[0]}_{minor}_{machine}"
            yield from (f"{name}_{machine}" for major, level, name in OLD_NAMES if (major, level) == (glibc[0], minor))

    return _linux(f"manylinux_{glibc[0]}_{glibc[1]}_{machine}", machine, names())


def _musllinux(asked: str) -> Platform | None:
    match = re.fullmatch(r"(?:musllinux|musl|alpine)(?:_(\d+)_(\d+))?(?:_(\w+))?", asked)
    if not match:
        return None
    musl = (int(match[1]), int(match[2])) if match[1] else MUSL
    machine = _machine(match[3])
    found = (f"musllinux_{musl[0]}_{minor}_{machine}" for minor in range(musl[1], -1, -1))
    return _linux(f"musllinux_{musl[0]}_{musl[1]}_{machine}", machine, found)


def _macos(asked: str) -> Platform | None:
    match = re.fullmatch(r"(?:macosx?|darwin)(?:_(\d+)_(\d+))?(?:_(arm64|aarch64|x86_64|universal2))?", asked)
    if not match:
        return None
    version = (int(match[1]), int(match[2])) if match[1] else MACOS
    machine = "x86_64" if match[3] == "x86_64" else "arm64"
    markers = {"sys_platform": "darwin", "platform_system": "Darwin", "os_name": "posix", "platform_machine": machine}
    shown = f"macosx_{version[0]}_{version[1]}_{machine}"
    return Platform(shown, tuple(tags.mac_platforms(version, machine)), markers | _UNKNOWN)


def _windows(asked: str) -> Platform | None:
    match = re.fullmatch(r"(?:windows|win)_?(amd64|x86_64|arm64|32)?", asked)
    if not match:
        return None
    name, machine = {"32": ("win32", "x86"), "arm64": ("win_arm64", "ARM64")}.get(
        match[1] or "", ("win_amd64", "AMD64")
    )
    markers = {"sys_platform": "win32", "platform_system": "Windows", "os_name": "nt", "platform_machine": machine}
    return Platform(name, (name,), markers | _UNKNOWN)
