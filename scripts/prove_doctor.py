"""Prove what ``bicorn doctor`` foretells: its verdicts beside what pip does.

    python scripts/prove_doctor.py --keep DIR [--table known|fresh|third] [--chroot DIR]... [--python PATH]...

For each (package, version, Python) of three tables (``prove_doctor_cases.py``) the truth is what pip does
(``prove_doctor_truth.py``); it is found once, and kept in ``DIR`` with all that pip fetched. Of that the doctor is then
asked, over an index replayed from it (``replay.py``): it sees what pip has seen, and the real index is asked for
nothing more. Pythons are those given, those on the PATH and pyenv's, and with ``--chroot`` those of another system's
root folder (needs root).

It prints what was foretold and what was true, precision and recall, of each table on its own.
``prove_doctor_cures.py`` carries out the cures.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import prove_doctor_cases as cases
import replay
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from prove_doctor_truth import Python, find, pythons

from bicorn.doctor import toolchain
from bicorn.doctor.facts import Finding, Target, Verdict, Wanted
from bicorn.doctor.index.client import Index, connect
from bicorn.doctor.judge import judge
from bicorn.doctor.resolve import resolve
from bicorn.doctor.targets import parse

TABLES: dict[str, tuple[cases.Cases, tuple[str, ...]]] = {
    "known": (cases.KNOWN, cases.KNOWN_WHOLE),
    "fresh": (cases.FRESH, cases.FRESH_WHOLE),
    "third": (cases.THIRD, cases.THIRD_WHOLE),
}

Truth = dict[str, dict[str, Any]]
Compared = tuple[str, str, set[str], set[str]]


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


def tools(python: Python | None) -> toolchain.Toolchain:
    """The compilers that a Python's builds find: this system's, or the chroot's."""
    if not python or not python.root:
        return toolchain.look(os.environ)
    here = toolchain.look({"PATH": f"{python.root}/usr/bin"}, run=lambda command: "0.0")
    folders = tuple(f"{python.root}{folder}" for folder in here.headers[:2])
    more = tuple(map(str, Path(python.root, "usr/include").glob("*-linux-*")))
    command = ["chroot", python.root, "cc", "--version"]
    said = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    compiler = re.search(r"\d+\.\d+\.\d+", said)
    programs = dict.fromkeys(here.programs, "") | ({"cc": compiler[0]} if compiler else {})
    return here.replace(programs=programs, headers=(*folders, *more))


def one(index: Index, case: tuple[str, str, str], truth: Truth, known: dict[str, toolchain.Toolchain]) -> Outcome:
    """One case."""
    kind, what, label = case
    name = canonicalize_name(Requirement(what).name)
    finding = foretell(index, what, parse(label), known[label.rstrip("t")], name)
    return Outcome(kind, what, label, finding, **truth[f"{what} {label}"])


def foretell(index: Index, what: str, target: Target, tools: toolchain.Toolchain, name: str) -> Finding:
    """The verdict on one package without its dependencies."""
    wanted = Wanted((Requirement(what),), pins=(Requirement(what),), source="the table")
    resolution = resolve(wanted, target, index)
    pick = next((pick for pick in resolution.picks if pick.name == name), None)
    if pick is None:  # there is no such version
        return Finding(name, Version("0"), target, Verdict.FAILS, resolution.conflict)
    return judge(pick, target, index, tools)


def whole(index: Index, truth: Truth, what: str, minor: str) -> Compared:
    """What pip would install with all dependencies, and what the doctor says, as ``name==version``."""
    found = truth[f"whole {what} {minor}"]
    target = parse(found["python"] or minor)
    resolution = resolve(Wanted((Requirement(what),), source="the table"), target, index)
    return what, minor, set(found["packages"]), {f"{pick.name}=={pick.version}" for pick in resolution.picks}


def verdicts(given: argparse.Namespace, table: str) -> int:
    """One table; the number of misses."""
    rows = tuple(row for row in TABLES[table][0] if not given.only or any(name in row[1] for name in given.only))
    rows = tuple(row for row in rows if not any(row[1].startswith(f"{name}==") for name in given.skip))
    wholes = () if given.only else TABLES[table][1]
    known = pythons(given.python, given.chroot)
    print("Pythons:", ", ".join(f"{minor} ({python.command[-1]})" for minor, python in sorted(known.items())))
    truth = find(rows, wholes, known, Path(given.keep, table), given.jobs)
    asked = [(kind, what, label) for kind, what, labels in rows for label in labels]
    has = {minor: tools(known.get(minor)) for minor in cases.ALL}
    caches = [Path(given.keep, table, minor) for minor in known]
    with replay.serving(caches) as (url, kept), tempfile.TemporaryDirectory() as folder:
        environ = {"PIP_CONFIG_FILE": os.devnull}
        with connect(environ=environ, index_url=url, cache=folder) as index, ThreadPoolExecutor(given.jobs) as pool:
            outcomes = list(pool.map(lambda case: one(index, case, truth, has), asked))
            both = [(what, minor) for what in wholes for minor in sorted(known) if f"whole {what} {minor}" in truth]
            compared = list(pool.map(lambda case: whole(index, truth, *case), both))
    missed = ", ".join(sorted(path.rpartition("/")[2] or path for path in kept.missed)) or "nothing"
    print(f"\n{table}: {kept.asked} requests; of what was asked for pip had not fetched {missed}")
    return _report(outcomes, compared)


def _report(outcomes: list[Outcome], compared: list[Compared]) -> int:
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
    parser.add_argument("--keep", required=True, metavar="DIR")
    parser.add_argument("--table", choices=TABLES, action="append")
    parser.add_argument("--python", action="append", default=[], metavar="PATH")
    parser.add_argument("--chroot", action="append", default=[], metavar="DIR")
    parser.add_argument("--only", action="append", default=[], metavar="NAME")
    parser.add_argument("--skip", action="append", default=[], metavar="NAME", help="these not")
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    return min(sum(verdicts(given, table) for table in given.table or TABLES), 1)


if __name__ == "__main__":
    sys.exit(main())
