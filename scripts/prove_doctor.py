"""Prove what ``bicorn doctor`` foretells: its verdicts beside what pip does.

    python scripts/prove_doctor.py [--python PATH]... [--chroot DIR]... [--only NAME]...

For each (package, version, Python) of the table below, whether a wheel fits is what ``pip download
--only-binary=:all: --python-version`` says; where none does, whether the source installs is what ``pip wheel`` with
that very Python does; and for some, what is installed with all dependencies is what ``pip install --dry-run`` says.
Pythons are those given, those on the PATH and pyenv's, and with ``--chroot`` those of another system's root folder
(needs root).

It prints what was foretold and what was true, precision and recall. ``prove_doctor_cures.py`` carries out the cures.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from bicorn.doctor import toolchain
from bicorn.doctor.facts import Finding, Target, Verdict, Wanted
from bicorn.doctor.index.client import Index, connect
from bicorn.doctor.judge import judge
from bicorn.doctor.resolve import resolve
from bicorn.doctor.targets import parse

ROOT = Path(__file__).resolve().parent.parent
ALL = ("3.11", "3.12", "3.13", "3.14", "3.15")
NEW = ("3.13", "3.14", "3.15")

CASES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    # Pure wheels, and wheels that are not for every Python.
    ("pure", "requests==2.32.3", ALL),
    ("pure", "flask==3.0.3", ("3.11", "3.15")),
    ("wheel", "pydantic-core==2.23.4", ALL),
    ("wheel", "pydantic-core==2.41.1", ("3.13", "3.14")),
    ("wheel", "orjson==3.10.7", NEW),
    ("wheel", "rpds-py==0.20.0", ("3.13", "3.14")),
    ("wheel", "tokenizers==0.13.3", ("3.11", "3.12", "3.14")),
    ("wheel", "uvloop==0.20.0", ("3.12", "3.13", "3.14")),
    ("wheel", "httptools==0.6.1", ("3.12", "3.13", "3.14")),
    ("wheel", "asyncpg==0.29.0", ("3.12", "3.13")),
    ("wheel", "frozenlist==1.4.1", ("3.12", "3.13", "3.14")),
    ("wheel", "multidict==6.0.5", ("3.13", "3.14")),
    ("wheel", "msgpack==1.0.8", NEW),
    ("wheel", "setproctitle==1.3.3", NEW),
    ("wheel", "cffi==1.16.0", ("3.12", "3.13")),
    ("wheel", "hiredis==2.3.2", ("3.12", "3.13")),
    ("wheel", "ruamel.yaml.clib==0.2.8", ("3.12", "3.13", "3.14")),
    ("wheel", "greenlet==3.0.3", ("3.12", "3.13")),
    ("wheel", "psycopg2-binary==2.9.9", ("3.12", "3.13", "3.14")),
    # The stable ABI.
    ("abi3", "cryptography==43.0.1", ALL),
    ("abi3", "psutil==6.0.0", ("3.11", "3.14", "3.15")),
    ("abi3", "tornado==6.4.1", ("3.12", "3.15")),
    ("abi3", "bcrypt==4.2.0", ("3.13", "3.15")),
    # Only a source archive, or extensions that may be left out.
    ("source", "docopt==0.6.2", ("3.11", "3.14", "3.15")),
    ("source", "future==0.18.2", ("3.11", "3.12", "3.14")),
    ("source", "sgmllib3k==1.0.0", ("3.11", "3.13")),
    ("source", "peewee==3.17.6", ("3.12", "3.14")),
    ("source", "psycopg2==2.9.9", ("3.12", "3.14")),
    ("source", "mysqlclient==2.2.4", ("3.12", "3.14")),
    ("source", "uwsgi==2.0.28", ("3.12", "3.15")),
    ("source", "pycurl==7.45.2", ("3.12", "3.14")),
    ("source", "typed-ast==1.5.5", ("3.11", "3.12", "3.13")),
    ("source", "backports.zoneinfo==0.2.1", ("3.11", "3.13")),
    ("source", "python-ldap==3.4.4", ("3.12",)),
    ("optional", "markupsafe==2.1.5", NEW),
    ("optional", "wrapt==1.16.0", ("3.12", "3.13", "3.14")),
    ("optional", "simplejson==3.19.2", ("3.12", "3.13", "3.15")),
    ("optional", "sqlalchemy==2.0.30", ("3.12", "3.13")),
    ("optional", "pyyaml==6.0.1", ("3.12", "3.13", "3.14")),
    # Requires-Python, withdrawn files, what is not there.
    ("admits", "numpy==1.21.6", ("3.11", "3.13")),
    ("admits", "dataclasses==0.8", ("3.11", "3.14")),
    ("admits", "contextvars==2.4", ("3.11",)),
    ("yanked", "requests==2.32.0", ("3.11", "3.14")),
    ("yanked", "attrs==21.1.0", ("3.12", "3.15")),
    ("yanked", "jsonschema==4.0.0", ("3.13",)),
    # Free-threaded.
    ("free-threaded", "markupsafe==3.0.2", ("3.13t", "3.14t")),
    ("free-threaded", "cffi==2.0.0", ("3.13t", "3.14t")),
    ("free-threaded", "pyyaml==6.0.3", ("3.13t", "3.14t")),
    ("free-threaded", "pydantic-core==2.41.1", ("3.13t", "3.14t")),
    ("free-threaded", "cryptography==43.0.1", ("3.14t",)),
    ("free-threaded", "click==8.1.7", ("3.14t",)),
)
WHOLE = (
    "redis==5.0.8",
    "pytest==8.3.2",
    "uvicorn[standard]==0.30.6",
    "fastapi==0.115.0",
    "django==5.1.1",
    "celery==5.4.0",
)
"""With all their dependencies: markers, extras."""


@dataclass(frozen=True)
class Python:
    """An interpreter to try with."""

    minor: str
    command: tuple[str, ...]
    root: str = ""


@dataclass
class Outcome:
    """One case."""

    kind: str
    what: str
    label: str
    finding: Finding
    wheel: bool
    installs: bool | None = None
    said: str = ""

    @property
    def right(self) -> bool | None:
        """Whether it was as foretold; None where nothing was foretold, or nothing can be tried."""
        if self.wheel or self.finding.verdict is Verdict.WHEEL:
            return self.wheel == (self.finding.verdict is Verdict.WHEEL)
        if self.installs is None or self.finding.verdict is Verdict.UNKNOWN:
            return None
        return self.installs == self.finding.verdict.installs


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
    """Runs a command; what it prints is kept."""
    environ = os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"} | more
    try:
        return subprocess.run(command, capture_output=True, text=True, env=environ, timeout=seconds, check=False)
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 124, "", "timed out")


class Pips:
    """A pip of each Python, in an environment of its own."""

    def __init__(self, known: dict[str, Python]) -> None:
        self.known = known
        self._made: dict[str, list[str]] = {}
        self._folders: list[str] = []

    def of(self, minor: str) -> list[str] | None:
        """How to call it; None where that Python is not here."""
        python = self.known.get(minor)
        if python and minor not in self._made:
            folder = tempfile.mkdtemp(prefix="doctor-", dir=f"{python.root}/tmp")
            self._folders.append(folder)
            inside = folder.removeprefix(python.root)
            done = run([*python.command, "-m", "venv", inside])
            if done.returncode:
                raise SystemExit(f"no environment with Python {minor}: {done.stderr}")
            pip = [*python.command[:-1], f"{inside}/bin/python", "-m", "pip"]
            run([*pip, "install", "-q", "-U", "pip"])
            self._made[minor] = pip
        return self._made.get(minor)

    def close(self) -> None:
        """Removes the environments."""
        for folder in self._folders:
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
    done = run([*pip, "wheel", "-q", "--no-deps", "--no-cache-dir", "-w", "/tmp/doctor-wheels", what], 900)
    lines = [line.strip() for line in done.stderr.splitlines() if re.search(r"(?i)error", line)]
    return done.returncode == 0, lines[0][:110] if lines else ""


def tools(python: Python | None) -> toolchain.Toolchain:
    """The compilers that a Python's builds find: this system's, or the chroot's."""
    if not python or not python.root:
        return toolchain.look(os.environ)
    here = toolchain.look({"PATH": f"{python.root}/usr/bin"}, run=lambda command: "0.0" if python.root else "")
    folders = tuple(f"{python.root}{folder}" for folder in here.headers[:2])
    more = tuple(map(str, Path(python.root, "usr/include").glob("*-linux-*")))
    return here.replace(programs=dict.fromkeys(here.programs, ""), headers=(*folders, *more))


def one(index: Index, case: tuple[str, str, str], pips: Pips, known: dict[str, toolchain.Toolchain]) -> Outcome:
    """One case: foretold, then tried."""
    kind, what, label = case
    target = parse(label)
    name = canonicalize_name(Requirement(what).name)
    finding = foretell(index, what, target, known[label.rstrip("t")], name)
    host = pips.of(next(minor for minor, python in pips.known.items() if not python.root))
    assert host
    outcome = Outcome(kind, what, label, finding, has_wheel(host, what, label))
    pip = pips.of(label)
    if not outcome.wheel and pip:
        outcome.installs, outcome.said = builds(pip, what)
    return outcome


def foretell(index: Index, what: str, target: Target, tools: toolchain.Toolchain, name: str) -> Finding:
    """The verdict on one package without its dependencies."""
    wanted = Wanted((Requirement(what),), pins=(Requirement(what),), source="the table")
    resolution = resolve(wanted, target, index)
    return judge(next(pick for pick in resolution.picks if pick.name == name), target, index, tools)


def whole(index: Index, what: str, minor: str, pip: list[str]) -> tuple[set[str], set[str]]:
    """What pip would install and what the doctor says, as ``name==version``."""
    done = run([*pip, "install", "-q", "--dry-run", "--ignore-installed", "--report", "-", what])
    try:
        report = json.loads(done.stdout)
    except json.JSONDecodeError:
        return set(), {f"pip: {done.stderr[-200:]}"}
    entries = (entry["metadata"] for entry in report["install"])
    truth = {f"{canonicalize_name(entry['name'])}=={entry['version']}" for entry in entries}
    exact = run([*pip[:-2], "-c", "import platform; print(platform.python_version())"]).stdout.strip()
    resolution = resolve(Wanted((Requirement(what),), source="the table"), parse(exact or minor), index)
    return truth, {f"{pick.name}=={pick.version}" for pick in resolution.picks}


def verdicts(given: argparse.Namespace) -> int:
    """The table; the number of misses."""
    known = pythons(given.python, given.chroot)
    print("Pythons:", ", ".join(f"{minor} ({python.command[-1]})" for minor, python in sorted(known.items())))
    pips = Pips(known)
    cases = [(kind, what, label) for kind, what, labels in CASES for label in labels]
    cases = [case for case in cases if not given.only or any(name in case[1] for name in given.only)]
    with connect(environ=os.environ) as index, ThreadPoolExecutor(given.jobs) as pool:
        for minor in known:
            pips.of(minor)
        has = {minor: tools(known.get(minor)) for minor in ALL}
        try:
            outcomes = list(pool.map(lambda case: one(index, case, pips, has), cases))
            compared = list(_wholes(index, known, pips, pool)) if not given.only else []
        finally:
            pips.close()
    return _report(outcomes, compared)


def _wholes(
    index: Index, known: dict[str, Python], pips: Pips, pool: ThreadPoolExecutor
) -> Iterator[tuple[str, str, set[str], set[str]]]:
    asked = [(what, minor) for what in WHOLE for minor in sorted(known) if minor in ALL]

    def compare(case: tuple[str, str]) -> tuple[str, str, set[str], set[str]]:
        pip = pips.of(case[1])
        assert pip
        return (*case, *whole(index, *case, pip))

    yield from pool.map(compare, asked)


def _report(outcomes: list[Outcome], compared: list[tuple[str, str, set[str], set[str]]]) -> int:
    print(f"\n{'kind':14}{'package':27}{'Python':8}{'foretold':14}{'pip: wheel':12}{'source':9}{'':4}")
    for outcome in outcomes:
        built = {None: "-", True: "builds", False: "fails"}[outcome.installs]
        mark = {None: "?", True: "ok", False: "MISS"}[outcome.right]
        foretold = outcome.finding.verdict.name.lower().replace("_", " ")
        wheel = "yes" if outcome.wheel else "no"
        print(f"{outcome.kind:14}{outcome.what:27}{outcome.label:8}{foretold:14}{wheel:12}{built:9}{mark:4}")
        if mark != "ok":
            print(f"    foretold: {outcome.finding.why}\n    pip: {outcome.said or '-'}")
    for what, minor, truth, ours in compared:
        same = "ok" if truth == ours else f"MISS: pip {sorted(truth - ours)}, doctor {sorted(ours - truth)}"
        print(f"{'whole':14}{what:27}{minor:8}{len(ours)} packages  {same}")
    misses = sum(truth != ours for _, _, truth, ours in compared)
    return _figures(outcomes, len(compared), misses)


def _figures(outcomes: list[Outcome], compared: int, different: int) -> int:
    marks = Counter(outcome.right for outcome in outcomes)
    tried = [o for o in outcomes if o.wheel or o.installs is not None or not _may_install(o)]
    fails = [o for o in tried if not o.wheel and o.installs is False]
    foretold = [o for o in tried if o.finding.verdict in (Verdict.FAILS, Verdict.NO_TOOLCHAIN)]
    hits = [o for o in foretold if not o.wheel and o.installs is False]
    print(
        f"\n{len(outcomes)} cases: {marks[True]} as foretold, {marks[False]} not, {marks[None]} left open or not tried"
    )
    print(f"of {len(fails)} failures {len(hits)} were foretold: recall {_share(len(hits), len(fails))}")
    print(f"of {len(foretold)} foretold failures {len(hits)} were real: precision {_share(len(hits), len(foretold))}")
    wheels = [o for o in outcomes if o.wheel or o.finding.verdict is Verdict.WHEEL]
    both = sum(o.wheel and o.finding.verdict is Verdict.WHEEL for o in wheels)
    print(f"wheels: {both} of {len(wheels)} agree")
    if compared:
        print(f"whole installations: {compared - different} of {compared} the same as pip's, to the version")
    return marks[False] + different


def _may_install(outcome: Outcome) -> bool:
    return outcome.installs is None and outcome.finding.verdict is not Verdict.WHEEL


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else "-"


def main() -> int:
    """Exit code 0 where all was as foretold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", action="append", default=[], metavar="PATH")
    parser.add_argument("--chroot", action="append", default=[], metavar="DIR")
    parser.add_argument("--only", action="append", default=[], metavar="NAME")
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    return min(verdicts(given), 1)


if __name__ == "__main__":
    sys.exit(main())
