"""What a build misses, as the packages of a system are called: compilers, headers of Python, libraries, programs.

The one table of it: what a log lacks and what a build is foretold to lack are the same things.
"""

from __future__ import annotations

from .knowledge import library, library_with

INSTALL = {
    "apt": "sudo apt install {}",
    "dnf": "sudo dnf install {}",
    "pacman": "sudo pacman -S {}",
    "apk": "sudo apk add {}",
    "brew": "brew install {}",
}

_TOOLS: dict[str, dict[str, str]] = {
    "cc": {"apt": "build-essential", "dnf": "gcc gcc-c++ make", "pacman": "base-devel", "apk": "build-base"},
    "rust": {"apt": "rustc cargo", "dnf": "rust cargo", "pacman": "rust", "apk": "rust cargo", "brew": "rust"},
    "cmake": dict.fromkeys(INSTALL, "cmake"),
    "meson": dict.fromkeys(INSTALL, "meson"),
    "ninja": dict.fromkeys(INSTALL, "ninja") | {"apt": "ninja-build", "dnf": "ninja-build", "apk": "samurai"},
    "swig": dict.fromkeys(INSTALL, "swig"),
    "gfortran": {"apt": "gfortran", "dnf": "gcc-gfortran", "pacman": "gcc-fortran", "apk": "gfortran", "brew": "gcc"},
    "pkg-config": {"apt": "pkg-config", "dnf": "pkgconf", "pacman": "pkgconf", "apk": "pkgconf", "brew": "pkgconf"},
    "make": {"apt": "make", "dnf": "make", "pacman": "make", "apk": "make", "brew": "make"},
    "git": dict.fromkeys(INSTALL, "git"),
}
_SAME = {"c++": "cc", "rustc": "rust", "cargo": "rust"}
_PYTHON_H = {"apt": "python{}-dev", "dnf": "python{}-devel", "apk": "python3-dev", "pacman": "python"}


def commands(manager: str, wanted: tuple[str, ...], *, python: str = "", project: str = "") -> tuple[str, ...]:
    """What to type so that the system has all of it; nothing where one of them is not known for this manager.

    Args:
        manager: ``"apt"``, ``"dnf"``, ``"pacman"``, ``"apk"``, ``"brew"``; anything else means that none is known.
        wanted: ``"cc"``, ``"Python.h"``, a program, a header or a library's name.
        python: the version the headers are for.
        project: for whose source, which tells best which library it is.
    """
    packages: list[str] = []
    for name in wanted:
        found = package(manager, name, python=python, project=project)
        if not found:
            return ()
        packages += [each for each in found.split() if each not in packages]
    return (INSTALL[manager].format(" ".join(packages)),) if packages else ()


def package(manager: str, name: str, *, python: str = "", project: str = "") -> str:
    """The packages that bring one of them, separated by spaces; empty where that is not known."""
    if manager not in INSTALL:
        return ""
    name = _SAME.get(name, name)
    if name == "Python.h":
        return _PYTHON_H.get(manager, "").format(python or "3")
    if name in _TOOLS and not (name == "pkg-config" and library(project)):
        return _TOOLS[name].get(manager, "")
    found = library_with(name) or library(project)
    return found.packages.get(manager, "") if found else ""
