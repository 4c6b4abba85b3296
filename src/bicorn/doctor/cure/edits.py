"""The commands that change pins in the files they are stated in, hashes and all.

A file with ``--hash`` is all hashes or nothing to pip ("Hash-checking Mode" of its "Secure installs"): a pin that moves
needs those of its new version, and what comes in anew a line of its own. They are those of every file of that version,
as pip-compile writes them, for such a file is used on other systems, too.
"""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Sequence

from packaging.utils import canonicalize_name

from ..facts import Pick, Wanted
from .pins import Change

_SHA256 = re.compile(r"[0-9a-f]{64}")  # what an index says becomes part of a command
_ONE = "[=<>~!]=?=? *[^]\"';#, ]+"
_SPECIFIERS = f"{_ONE}( *, *{_ONE})*"
_EXTRAS = r"(\[[^]]*\])?"
_QUOTE = "[\"']"
_HASHES = "s/[[:space:]\\]*--hash[= ][^[:space:]]*//g"


def of_files(wanted: Wanted, files: Sequence[str], changes: Sequence[Change], picks: Sequence[Pick]) -> tuple[str, ...]:
    """Of requirements files, and of those that they name.

    Args:
        files: those that are given to pip; what is stated nowhere is added to the last.
        picks: what will then be installed.
    """
    hashing = any(row.hashed for row in wanted.stated)
    known = {row.name for row in wanted.stated}
    new = {pick.name: pick for pick in picks}
    commands = []
    for change in changes:
        hashes = hashes_of(new[change.name]) if hashing and change.name in new else ()
        if not wanted.stated or change.name in known:
            places = {row.file: row.hashed for row in wanted.stated if row.name == change.name}
            named = places or dict.fromkeys(files, False)
            commands += [_edit(change, file, hashes if hashed else None) for file, hashed in named.items()]
        else:
            commands.append(_add(f"{change.name}=={change.new}", hashes, files[-1]))
    moved = {change.name for change in changes}
    added = [pick for pick in picks if pick.name not in known | moved] if hashing else []
    return (*commands, *(_add(f"{pick.name}=={pick.version}", hashes_of(pick), files[-1]) for pick in added))


def without_hashes(wanted: Wanted, picks: Sequence[Pick]) -> tuple[str, ...]:
    """What needs hashes, and of which the index tells none."""
    if not any(row.hashed for row in wanted.stated):
        return ()
    kept = {(canonicalize_name(one.name), str(one.specifier)) for one in wanted.requirements}
    new = [pick for pick in picks if (pick.name, f"=={pick.version}") not in kept]
    return tuple(f"{pick.name} {pick.version}" for pick in new if not hashes_of(pick))


def of_project(file: str, changes: Sequence[Change]) -> tuple[str, ...]:
    """Of ``pyproject.toml``: requirements as strings (PEP 621, PEP 735), and Poetry's table."""
    commands = []
    for change in changes:
        poetry = f"s/^({_name(change)} *= *(\\{{.*version *= *)?{_QUOTE})[^\"']*/\\1{change.new}/I"
        steps = (_expression(change, _QUOTE, "gI"), poetry)
        said = " ".join(f"-e {shlex.quote(step)}" for step in steps)
        commands.append(f"sed -E {_in_place()} {said} {shlex.quote(file)}")
    return tuple(commands)


def hashes_of(pick: Pick) -> tuple[str, ...]:
    """The SHA-256 of every file of the version, as far as the index tells them."""
    found = {file.hashes.get("sha256", "").lower() for file in pick.files}
    return tuple(sorted(digest for digest in found if _SHA256.fullmatch(digest)))


def _expression(change: Change, before: str, flags: str) -> str:
    return f"s/({before}{_name(change)}{_EXTRAS}) *{_SPECIFIERS}/\\1=={change.new}/{flags}"


def _edit(change: Change, file: str, hashes: Sequence[str] | None) -> str:
    """A line of a requirements file, whatever its name's case and separators; with hashes all lines it goes on for."""
    steps = [_expression(change, "^", "I")]
    if hashes is not None:
        lines = [rf"/^{_name(change)}{_EXTRAS} *[=<>~!]/I{{", ":a", r"/\\$/{", "N", "ba", "}", _HASHES, *steps]
        steps = [*lines, f"s/( *#.*)?$/{_tail(hashes, True)}\\1/", "}"] if hashes else [*lines, "}"]
    if len(steps) == 1:
        return f"sed -E {_in_place()} {shlex.quote(steps[0])} {shlex.quote(file)}"
    said = " ".join(f"-e {shlex.quote(step)}" for step in steps)
    return f"sed -E {_in_place()} {said} {shlex.quote(file)}"


def _add(pin: str, hashes: Sequence[str], file: str) -> str:
    """A line of its own, also where the last one has no end."""
    return rf"printf '\n%s\n' {shlex.quote(pin + _tail(hashes, False))} >> {shlex.quote(file)}"


def _tail(hashes: Sequence[str], in_sed: bool) -> str:
    """One to a line where sed can write that; BSD's cannot."""
    between = r" \\\n    " if in_sed and sys.platform != "darwin" else " "
    return "".join(f"{between}--hash=sha256:{digest}" for digest in hashes)


def _name(change: Change) -> str:
    return "[-_.]".join(re.split("-", change.name))


def _in_place() -> str:
    return "-i ''" if sys.platform == "darwin" else "-i"
