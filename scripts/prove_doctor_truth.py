"""What pip does with the tables of ``prove_doctor.py``: the truth, and everything that pip fetched for it.

For each (package, version, Python): whether a wheel fits is what ``pip download --only-binary=:all:
--python-version`` says; where none does, whether the source installs is what ``pip wheel`` with that very Python
does; and for some, what is installed with all dependencies is what ``pip install --dry-run`` says. Each Python has a
pip in an environment of its own, with a cache of its own that is kept (see ``replay.py``), so that a wheel built for
one is never taken for another.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import replay
from packaging.utils import canonicalize_name
from prove_doctor_cases import ALL, Cases

LOCAL = ("PIP_FIND_LINKS", "PIP_CONSTRAINT", "PIP_EXTRA_INDEX_URL", "PIP_NO_INDEX")
"""What a machine may have beside the index."""


@dataclass(frozen=True)
class Python:
    """An interpreter to try with."""

    minor: str
    command: tuple[str, ...]
    root: str = ""


def pythons(given: list[str], chroots: list[str]) -> dict[str, Python]:
    """By their minor versions."""
    found: dict[str, Python] = {}
    places = [*given, *map(str, Path.home().glob(".pyenv/versions/3.*/bin/python3.*"))]
    places += filter(None, (shutil.which(f"python{minor}") for minor in ALL))
    for place in places:
        if match := re.fullmatch(r"python(3\.1\d)", Path(place).name):
            if match[1] in ALL:
                found.setdefault(match[1], Python(match[1], (place,)))
    for chroot in chroots:
        for program in sorted(Path(chroot, "usr/bin").glob("python3.1?")):
            minor = program.name.removeprefix("python")
            found.setdefault(minor, Python(minor, ("chroot", chroot, f"/usr/bin/{program.name}"), chroot))
    return found


def run(command: list[str], seconds: float = 600, **more: str) -> subprocess.CompletedProcess[str]:
    """Runs a command with pip set up for the index alone; what it prints is kept."""
    plain = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "PIP_CONFIG_FILE": os.devnull}
    environ = {name: value for name, value in os.environ.items() if name not in LOCAL} | plain | more
    try:
        return subprocess.run(command, capture_output=True, text=True, env=environ, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 124, "", "timed out")


class Pips:
    """A pip of each Python, in an environment of its own, and what it fetched.

    Args:
        kept: the folder of the caches, one for each Python; they are copied there by :meth:`close`.
    """

    def __init__(self, known: dict[str, Python], kept: Path) -> None:
        self.known = known
        self._kept = kept
        self._made: dict[str, list[str]] = {}
        self._folders: dict[str, Path] = {}

    def of(self, minor: str) -> list[str] | None:
        """How to call it; None where that Python is not here."""
        python = self.known.get(minor)
        if python and minor not in self._made:
            folder = tempfile.mkdtemp(prefix="doctor-", dir=f"{python.root}/tmp")
            self._folders[minor] = Path(folder)
            inside = folder.removeprefix(python.root)
            done = run([*python.command, "-m", "venv", inside])
            if done.returncode:
                raise SystemExit(f"no environment with Python {minor}: {done.stderr}")
            own = [*python.command[:-1], f"{inside}/bin/python"]
            run([*own, "-m", "pip", "install", "-q", "-U", "pip"])
            replay.keep(own, python.root)
            given = ["/usr/bin/env", f"PIP_CACHE_DIR={inside}/cache"]  # so that also the pip of a build keeps things
            self._made[minor] = [*own[:-1], *given, own[-1], "-m", "pip"]
        return self._made.get(minor)

    def close(self) -> None:
        """Keeps the caches and removes the environments."""
        for minor, folder in self._folders.items():
            for store in replay.STORES:
                if (folder / "cache" / store).is_dir():
                    shutil.copytree(folder / "cache" / store, self._kept / minor / store, dirs_exist_ok=True)
            shutil.rmtree(folder, ignore_errors=True)


def has_wheel(pip: list[str], what: str, label: str) -> bool:
    """Whether pip finds a wheel for that Python, on this machine's platform."""
    minor = label.rstrip("t")
    abis = ["--abi", f"cp{minor.replace('.', '')}t", "--abi", "none"] if label.endswith("t") else []
    with tempfile.TemporaryDirectory() as folder:
        command = [*pip, "download", "-q", "--no-deps", "--only-binary=:all:", "--python-version", minor]
        command += ["--implementation", "cp", *abis, "-d", folder, what]
        return run(command).returncode == 0


def builds(pip: list[str], what: str) -> tuple[bool, str]:
    """Whether the source becomes a wheel; what was said last where it does not."""
    done = run([*pip, "wheel", "-q", "--no-deps", "-w", "/tmp/doctor-wheels", what], 900)
    said = [line.strip() for line in done.stderr.splitlines() if re.search(r"(?i)error|no such file", line)]
    lines = [line for line in said if "subprocess-exited" not in line and "Werror" not in line] or said
    return done.returncode == 0, lines[0][:160] if lines else ""


def whole(pip: list[str], what: str) -> tuple[list[str], str]:
    """What pip would install, as ``name==version``, and the whole version of its Python."""
    done = run([*pip, "install", "-q", "--dry-run", "--ignore-installed", "--report", "-", what])
    exact = run([*pip[: pip.index("-m")], "-c", "import platform; print(platform.python_version())"]).stdout.strip()
    try:
        report = json.loads(done.stdout)
    except json.JSONDecodeError:
        return [f"pip: {done.stderr[-200:]}"], exact
    entries = (entry["metadata"] for entry in report["install"])
    return sorted(f"{canonicalize_name(entry['name'])}=={entry['version']}" for entry in entries), exact


def find(
    table: Cases, wholes: tuple[str, ...], known: dict[str, Python], folder: Path, jobs: int
) -> dict[str, dict[str, Any]]:
    """The truth, by ``"requirement Python"``; what an earlier run has found is not tried again."""
    file = folder / "truth.json"
    found: dict[str, dict[str, Any]] = json.loads(file.read_text()) if file.is_file() else {}
    asked = [(what, label) for _, what, labels in table for label in labels]
    ahead = [case for case in asked if " ".join(case) not in found]
    more = [(what, minor) for what in wholes for minor in sorted(known) if minor in ALL]
    more = [case for case in more if f"whole {' '.join(case)}" not in found]
    if not ahead and not more:
        return found
    folder.mkdir(parents=True, exist_ok=True)
    pips = Pips(known, folder)
    host = next(minor for minor, python in known.items() if not python.root)
    for minor in known:
        pips.of(minor)

    def one(case: tuple[str, str]) -> None:
        what, label = case
        truth: dict[str, Any] = {"wheel": has_wheel(pips.of(host) or [], what, label), "installs": None, "said": ""}
        if not truth["wheel"] and (pip := pips.of(label)):
            truth["installs"], truth["said"] = builds(pip, what)
        found[" ".join(case)] = truth
        file.write_text(json.dumps(dict(found), indent=1, sort_keys=True))

    def with_all(case: tuple[str, str]) -> None:
        packages, exact = whole(pips.of(case[1]) or [], case[0])
        found[f"whole {' '.join(case)}"] = {"packages": packages, "python": exact}

    try:
        with ThreadPoolExecutor(jobs) as pool:
            list(pool.map(one, ahead))
            list(pool.map(with_all, more))
    finally:
        pips.close()
        file.write_text(json.dumps(found, indent=1, sort_keys=True))
    return found
