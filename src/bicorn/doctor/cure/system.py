"""This system, and what it offers: its package manager, pyenv, uv; asked, never changed.

Only what the system itself says that it has is proposed: a command that does not work is worse than none.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping

from packaging.version import InvalidVersion, Version

from ...record import Record
from .. import supplies
from ..ask import Run, ask

MANAGERS = {"apt": "apt-cache", "dnf": "dnf", "pacman": "pacman", "apk": "apk", "brew": "brew"}
"""Package managers, by the program that answers for them; the first that is there is the system's."""

INSTALL = {
    "apt": "apt-get install -y",
    "dnf": "dnf install -y",
    "pacman": "pacman -S --noconfirm",
    "apk": "apk add",
    "brew": "brew install",
}

_WHERE = "import os, sysconfig; print(os.path.dirname(os.__file__)); print(sysconfig.get_path('include'))"


class System(Record):
    """What there is to install from.

    Args:
        name: as it calls itself: ``"Debian GNU/Linux 12 (bookworm)"``.
        manager: ``"apt"``, ``"dnf"``, ``"pacman"``, ``"apk"``, ``"brew"``; empty where none is known.
        sudo: what goes before a command that changes the system.
        programs: of ``pyenv`` and ``uv``: where they are.
        path: the folders that programs are looked for in.
    """

    name: str = ""
    manager: str = ""
    sudo: str = ""
    programs: dict[str, str] = {}
    path: str = ""

    def install(self, packages: str) -> str:
        """The command that installs packages."""
        return f"{self.sudo}{INSTALL[self.manager]} {packages}"


class Way(Record):
    """A way to a Python.

    Args:
        python: what to call it by afterwards.
        commands: what to type first; empty where it is here.
        checked: what was asked, and what it said.
        uv: whether uv makes the environment, which then has no pip.
    """

    python: str
    commands: tuple[str, ...] = ()
    checked: str = ""
    uv: bool = False


def look(environ: Mapping[str, str], *, os_release: str = "/etc/os-release") -> System:
    """Looks at this system."""
    path = environ.get("PATH", os.defpath)
    manager = next((name for name, program in MANAGERS.items() if shutil.which(program, path=path)), "")
    programs = {name: found for name in ("pyenv", "uv") if (found := shutil.which(name, path=path))}
    root = hasattr(os, "geteuid") and os.geteuid() == 0
    return System(_name(os_release), manager, "" if root or manager == "brew" else "sudo ", programs, path)


def way(minor: str, system: System, *, headers: bool = False, run: Run | None = None) -> Way | None:
    """The nearest way to a Python: it is here, the system has it, pyenv or uv can get it; None where nobody has it.

    Args:
        minor: ``"3.13"``.
        headers: whether something will be compiled for it.
    """
    run = run or ask
    asked = (_here, _packaged, _pyenv, _uv)
    return next((found for look_for in asked if (found := look_for(minor, system, headers, run))), None)


def _here(minor: str, system: System, headers: bool, run: Run) -> Way | None:
    found = shutil.which(f"python{minor}", path=system.path)
    version = _version(run([found, "--version"])) if found else ""
    if not found or not version.startswith(f"{minor}."):
        return None
    library, include = _folders(found, minor, run)
    lacks = [] if os.path.isdir(f"{library}/ensurepip") else [f"python{minor}-venv"]
    if headers and not os.path.isfile(f"{include}/Python.h"):
        lacks.append(f"python{minor}-dev")
    if not lacks:
        return Way(f"python{minor}", checked=f"python{minor} is here ({version})")
    if system.manager != "apt" or len(_candidates(lacks, run)) < len(lacks):
        return None
    command = system.install(" ".join(lacks))
    return Way(f"python{minor}", (command,), f"python{minor} is here ({version}); apt-cache policy has {_and(lacks)}")


def _folders(program: str, minor: str, run: Run) -> tuple[str, str]:
    """Where a Python has its library and its headers; what is on the PATH may be a script, as pyenv's are."""
    told = run([program, "-ISc", _WHERE])
    library, _, include = told.strip().partition("\n")
    if os.path.isdir(library):
        return library, include
    prefix = os.path.dirname(os.path.dirname(os.path.realpath(program)))
    return f"{prefix}/lib/python{minor}", f"{prefix}/include/python{minor}"


def _packaged(minor: str, system: System, headers: bool, run: Run) -> Way | None:
    if system.manager == "apt":
        packages = [f"python{minor}", f"python{minor}-venv", *([f"python{minor}-dev"] if headers else [])]
        versions = _candidates(packages, run)
        if len(versions) < len(packages):
            return None
        checked = f"apt-cache policy: python{minor} {versions[packages[0]]}"
        return Way(f"python{minor}", (f"{system.sudo}apt-get update", system.install(" ".join(packages))), checked)
    if system.manager == "dnf":
        packages = [f"python{minor}", *([f"python{minor}-devel"] if headers else [])]
        if not all(package in run(["dnf", "-q", "list", package]) for package in packages):
            return None
        return Way(f"python{minor}", (system.install(" ".join(packages)),), f"dnf list: python{minor}")
    if system.manager == "brew":
        if not run(["brew", "info", f"python@{minor}"]):
            return None
        return Way(f"python{minor}", (system.install(f"python@{minor}"),), f"brew info: python@{minor}")
    if system.manager in ("pacman", "apk"):
        return _only_python(minor, system, headers, run)
    return None


def _only_python(minor: str, system: System, headers: bool, run: Run) -> Way | None:
    """Arch and Alpine have one Python at a time."""
    if system.manager == "pacman":
        package, printed = "python", run(["pacman", "-Si", "python"])
    else:
        package, printed = "python3", run(["apk", "search", "-e", "python3"])
    version = _version(printed.partition("Version")[2] or printed.partition("python3-")[2] or printed)
    if not version.startswith(f"{minor}."):
        return None
    packages = f"{package} python3-dev" if headers and system.manager == "apk" else package
    return Way(f"python{minor}", (system.install(packages),), f"{system.manager}: {package} {version}")


def _pyenv(minor: str, system: System, _: bool, run: Run) -> Way | None:
    program = system.programs.get("pyenv")
    if not program:
        return None
    root = f"$(pyenv root)/versions/{{}}/bin/python{minor}"
    if had := _newest(minor, run([program, "versions", "--bare"])):
        return Way(root.format(had), (), f"pyenv versions: {had}")
    if offered := _newest(minor, run([program, "install", "--list"])):
        return Way(root.format(offered), (f"pyenv install {offered}",), f"pyenv install --list: {offered}")
    return None


def _uv(minor: str, system: System, _: bool, run: Run) -> Way | None:
    program = system.programs.get("uv")
    printed = run([program, "python", "list", minor, "--color", "never"]) if program else ""
    match = re.search(rf"cpython-({re.escape(minor)}\.\d+)-", printed)
    return Way(minor, (), f"uv python list: {match[1]}", uv=True) if match else None


def packages_for(need: str, minor: str, manager: str) -> str:
    """The packages of a system that bring what a build needs; empty where that is not known."""
    return supplies.package(manager, need.partition(" >= ")[0], python=minor)


def offers(packages: str, system: System, run: Run | None = None) -> bool:
    """Whether the system's package manager has all of them."""
    run = run or ask
    names = packages.split()
    if system.manager == "apt":
        return bool(names) and len(_candidates(names, run)) == len(names)
    questions = {"dnf": ["-q", "list"], "pacman": ["-Si"], "apk": ["search", "-e"], "brew": ["info"]}
    question = questions.get(system.manager)
    return bool(question and names) and all(run([system.manager, *(question or ()), name]).strip() for name in names)


def offered_version(package: str, system: System, run: Run | None = None) -> str:
    """The version of a package that apt has; empty for other managers."""
    return _candidates([package], run or ask).get(package, "") if system.manager == "apt" else ""


def _candidates(packages: list[str], run: Run) -> dict[str, str]:
    """Those of some packages that apt would install, with their versions; asked at once, for apt reads long lists."""
    printed = run(["apt-cache", "policy", *packages])
    found = re.findall(r"^(\S+):\n(?:\s+.*\n)??\s+Candidate: (\S+)", printed, re.MULTILINE)
    return {package: version for package, version in found if package in packages and version != "(none)"}


def _newest(minor: str, printed: str) -> str:
    """The newest final release of a minor version among lines that name one each."""
    found = []
    for line in printed.splitlines():
        try:
            version = Version(line.strip())
        except InvalidVersion:
            continue
        if not version.is_prerelease and f"{version.major}.{version.minor}" == minor and len(version.release) == 3:
            found.append(version)
    return str(max(found)) if found else ""


def _version(printed: str) -> str:
    match = re.search(r"\d+\.\d+\.\d+", printed)
    return match[0] if match else ""


def _and(names: list[str]) -> str:
    return " and ".join(names)


def _name(path: str) -> str:
    try:
        with open(path, encoding="utf-8") as file:
            match = re.search(r'^PRETTY_NAME="?([^"\n]*)', file.read(64 * 1024), re.MULTILINE)
    except (OSError, UnicodeError):
        return ""
    return match[1] if match else ""
