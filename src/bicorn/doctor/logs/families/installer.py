"""What pip itself says: no such version, versions that exclude each other, an environment that is not to be changed."""

from __future__ import annotations

import re
from re import Match
from textwrap import shorten

from ..family import Family, Words
from ..journal import Journal


def _versions(match: Match[str], journal: Journal) -> Words:
    """Why there is none: not for this Python, not this one, or none at all."""
    requirement, offered = match["requirement"], match["offered"]
    name = re.split(r"[\s<>=!~;\[(]", requirement, maxsplit=1)[0]
    pinned = re.search(r"==\s*([\w.!+]+)", requirement)
    words = {"requirement": requirement, "name": name}
    for line in journal.lines:
        admits = pinned and re.search(rf"(?<![\w.]){re.escape(pinned[1])} Requires-Python ([^;]+)", line)
        if admits:
            return words | {"reason": f"{requirement} wants Python {admits[1].strip()}, and this one is another."}
    if offered in ("", "none"):
        return words | {"reason": f"the index has nothing named {name} that fits this Python and this system."}
    last = offered.split(",")[-1].strip()
    first = offered.split(",")[0].strip()
    return words | {"reason": f"what fits this Python and this system is {first} to {last}, and {requirement} is not."}


def _reasons(journal: Journal) -> str:
    """What pip says of the conflict: who wants what."""
    said = re.compile(r"\s+(?:\S+ [\w.]+ depends on |The user requested )").match
    return shorten("; ".join(line.strip() for line in journal.lines if said(line)), 250, placeholder=" ...")


FAMILIES = (
    Family(
        kind="hash-mismatch",
        patterns=(
            r"DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE",
            r"HashMismatch|Hash mismatch for `(?P<f>\S+)`",
        ),
        what="A file of {package} is not the one that the requirements were written for: its hash differs.",
        cure="Find out why before anything else: the file was replaced or tampered with, a proxy altered it, or the"
        " requirements were not written anew after an update.",
        commands=("python -m pip download --no-deps --no-cache-dir '{requirement}'",),
    ),
    Family(
        kind="externally-managed",
        patterns=(r"externally-managed-environment", r"This environment is externally managed"),
        what="This Python belongs to the system, which does not let pip change it (PEP 668).",
        cure="Use a virtual environment.",
        commands=("python3 -m venv .venv", ".venv/bin/python -m pip install ..."),
    ),
    Family(
        kind="no-venv",
        patterns=(r"virtual environment was not created successfully because ensurepip is not\s*available",),
        what="This Python cannot make virtual environments: its system has that in a package of its own.",
        cure="Install it.",
        commands=("sudo apt install python{python}-venv",),
    ),
    Family(
        kind="no-pip",
        patterns=(r"No module named '?pip'?$",),
        what="This Python has no pip.",
        cure="Make a virtual environment, which has one; or add it.",
        commands=("python3 -m venv .venv", "python3 -m ensurepip --upgrade"),
    ),
    Family(
        kind="conflict",
        patterns=(
            r"Cannot install (?P<those>.*) because these package versions have (?:conflicting|incompatible)",
            r"ResolutionImpossible(?P<those>)",
            r"No solution found when resolving dependencies(?P<those>)",
        ),
        what="Some of what is wanted excludes each other{those_words}.",
        cure="Loosen one of them: {reasons}",
        more=lambda match, journal: {
            "those_words": f": {shorten(match['those'], 120, placeholder=' ...')}" if match["those"] else "",
            "reasons": _reasons(journal) or "the log says which.",
        },
        hides=("no-version",),
    ),
    Family(
        kind="requires-python",
        patterns=(
            r"Package '(?P<name>[\w.-]+)' requires a different Python: (?P<python>[\d.]+) not in '(?P<range>[^']+)'",
            r"(?P<name>[\w.-]+) requires Python '(?P<range>[^']+)' but the running Python is (?P<python>[\d.]+)",
        ),
        what="{name} wants Python {range}, and this is {python}.",
        cure="Use such a Python, or another version of {name}.",
        commands=("bicorn doctor {name} --all",),
    ),
    Family(
        kind="no-version",
        patterns=(
            r"Could not find a version that satisfies the requirement (?P<requirement>\S[^(]*?)"
            r" ?(?:\(from \S+\) )?\(from versions: (?P<offered>[^)]*)\)?",
            r"No matching distribution found for (?P<requirement>[^\s(]+)(?P<offered>)",
        ),
        what="pip finds no version: {reason}",
        cure="Take a version that is there, or the Python it was made for; check the name's spelling.",
        commands=("bicorn doctor '{requirement}' --all",),
        more=_versions,
    ),
    Family(
        kind="missing-module",
        patterns=(r"ModuleNotFoundError: No module named '(?P<module>\w+)[\w.]*'",),
        what="The module {module} is not installed in this Python.",
        cure="Install the package that has it, into the environment that runs this: it may have another name.",
        commands=("python -m pip install {module}",),
        hides=("build-failed",),
    ),
    Family(
        kind="no-permission",
        patterns=(r"\[Errno 13\] Permission denied:? ?'?(?P<file>[^']*)", r"EnvironmentError: \[Errno 13\](?P<file>)"),
        what="pip may not write where it wants to install{file_words}.",
        cure="Use a virtual environment that belongs to you, not sudo.",
        commands=("python3 -m venv .venv", ".venv/bin/python -m pip install ..."),
        more=lambda match, _: {"file_words": f" ({match['file']})" if match["file"] else ""},
    ),
)
