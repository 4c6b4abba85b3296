"""The compilers and headers that are here, found by looking; only a compiler's ``--version`` is ever run."""

from __future__ import annotations

import os
import re
import sys
import sysconfig
from collections.abc import Iterable, Mapping
from glob import glob

from packaging.version import InvalidVersion, Version

from ..record import Record
from .ask import Run, ask
from .facts import Target

PROGRAMS = {
    "cc": ("cc", "gcc", "clang"),
    "c++": ("c++", "g++", "clang++"),
    "rustc": ("rustc",),
    "cargo": ("cargo",),
    "cmake": ("cmake",),
    "meson": ("meson",),
    "ninja": ("ninja", "ninja-build"),
    "pkg-config": ("pkg-config", "pkgconf"),
}
SETTINGS = {"cc": "CC", "c++": "CXX", "rustc": "RUSTC", "cargo": "CARGO"}
"""The variables by which a build is told of another program."""

BELOW = ("*-linux-*", "libxml2", "mysql", "mariadb", "postgresql")
"""Folders below /usr/include that a pkg-config file or a script points to."""

INCLUDES = ("/usr/include", "/usr/local/include", "/opt/homebrew/include", "/opt/local/include")


class Toolchain(Record):
    """What is here.

    Args:
        programs: by their common names, with their versions: ``{"cc": "12.2.0"}``; empty where it is not said.
        headers: folders with C headers.
        pythons: minor versions of Python whose interpreter is here → whether its Python.h is.
    """

    programs: dict[str, str] = {}
    headers: tuple[str, ...] = INCLUDES
    pythons: dict[str, bool] = {}

    def missing(self, needs: Iterable[str], target: Target) -> tuple[str, ...]:
        """Those of some needs that are not here; of another platform nothing is known, and nothing is missing."""
        if not target.here:
            return ()
        return tuple(need for need in needs if not self._has(need, target))

    def _has(self, need: str, target: Target) -> bool:
        if need == "Python.h":  # with an interpreter yet to be installed its headers are a matter of how
            return self.pythons.get(f"{target.python.major}.{target.python.minor}", True)
        name, _, version = need.partition(" >= ")
        if need.endswith(".h"):
            return any(_header(folder, need) for folder in self.headers)
        if name in PROGRAMS and name not in self.programs:
            return False
        return not version or _at_least(self.programs.get(name, ""), version)


def look(environ: Mapping[str, str], *, run: Run | None = None) -> Toolchain:
    """Looks for them on the PATH and where headers usually are.

    Args:
        environ: PATH, and CC, CXX and the like; also CPATH and C_INCLUDE_PATH.
    """
    run = run or ask
    path = [folder for folder in environ.get("PATH", "").split(os.pathsep) if folder]
    programs = {}
    for name, candidates in PROGRAMS.items():
        told = environ.get(SETTINGS.get(name, ""), "").split(" ")[0]
        found = _find([told] if told else candidates, path)
        if found and not _is_empty_rustup(found, environ):
            programs[name] = _version(run([found, "--version"]))
            if not programs[name] and name in ("rustc", "cargo", "cc", "c++"):
                del programs[name]  # a rustup without a toolchain, /bin/false: it is there and does not work
    extra = [folder for name in ("CPATH", "C_INCLUDE_PATH") for folder in environ.get(name, "").split(":") if folder]
    folders = (*extra, *INCLUDES, *(folder for pattern in BELOW for folder in glob(f"/usr/include/{pattern}")))
    return Toolchain(programs, folders, _pythons(path))


def _find(names: Iterable[str], path: list[str]) -> str:
    for name in names:
        if os.path.isabs(name):
            return name if os.access(name, os.X_OK) else ""
        for folder in path:
            candidate = os.path.join(folder, name)
            if os.path.isfile(candidate) and os.access(candidate, os.X_OK):
                return candidate
    return ""


def _is_empty_rustup(program: str, environ: Mapping[str, str]) -> bool:
    """Whether it is a rustup that was never set up: to ask it for a version makes it write its settings."""
    home = environ.get("RUSTUP_HOME") or os.path.join(environ.get("HOME", "/"), ".rustup")
    return os.path.basename(os.path.realpath(program)) == "rustup" and not os.path.isdir(home)


def _pythons(path: list[str]) -> dict[str, bool]:
    found: dict[str, bool] = {}
    for folder in path:
        for candidate in glob(os.path.join(_escaped(folder), "python3.*")):
            match = re.fullmatch(r"python(3\.\d{1,2})", os.path.basename(candidate))
            if match and "shims" not in candidate:  # pyenv's: there for every version, whether it is active or not
                real = os.path.realpath(candidate)
                places = [os.path.join(os.path.dirname(os.path.dirname(real)), "include"), *INCLUDES]
                has = any(_header(f"{place}/python{match[1]}", "Python.h") for place in places)
                found[match[1]] = has or found.get(match[1], False)
    running = ".".join(map(str, sys.version_info[:2]))
    found[running] = _header(sysconfig.get_path("include"), "Python.h") or found.get(running, False)
    return found


def _escaped(folder: str) -> str:
    # a folder may be called "[x]"
    return re.sub(r"([*?[])", r"[\1]", folder)


def _header(folder: str, name: str) -> bool:
    return os.path.isfile(os.path.join(folder, name))


def _at_least(found: str, wanted: str) -> bool:
    try:
        return Version(found) >= Version(wanted)
    except InvalidVersion:
        return True  # it does not say: nothing to hold against it


def _version(printed: str) -> str:
    match = re.search(r"\d+\.\d+(?:\.\d+)?", printed)
    return match[0] if match else ""
