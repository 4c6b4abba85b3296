"""What of a C or C++ source may matter: its preprocessor's lines, and those that use API which a Python has removed.

Read once for all Pythons, and kept in a cache in place of the source, which may be large. Comments and strings are no
use of anything; they go first, as a compiler has it (C17, 5.1.1.2, translation phases 2 to 4).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from functools import cache

from ..knowledge import api

SOURCES = (".c", ".cc", ".cpp", ".cxx")
HEADERS = (".h", ".hh", ".hpp", ".hxx", ".inc")
LONGEST = 4 * 1024 * 1024
MOST_LINES = 20_000
WIDEST = 400
CUT = "0:"
"""In place of the lines that were left out."""

_NOISE = re.compile(
    r"""//(?:[^\\\n]|\\.)*|/\*.*?(?:\*/|\Z)|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<!\w)'(?:\\.|[^'\\\n])+'""",
    re.DOTALL,
)
_DIRECTIVE = re.compile(r"\s*#\s*(if|ifdef|ifndef|elif|else|endif|define|undef|include)\b\s*(.*)")
_ASSIGNED = re.compile(r"\b(Py_\w+)\s*\((?:[^()=;]|\([^()=;]*\))*\)\s*=(?!=)")
_INDENT = re.compile(r"^\s+")  # what starts a line may be a definition
_INCLUDED = re.compile(r"[<\"]\s*([^>\"\n]+)")


def outline(text: str) -> str:
    """The lines that matter, each as ``number:line``; for :func:`read`."""
    kept = []
    for number, line in _lines(text[:LONGEST]):
        if _DIRECTIVE.match(line) or _used(line):
            kept.append(f"{number}:" + _INDENT.sub(" ", line.rstrip())[:WIDEST])
            if len(kept) >= MOST_LINES:
                return "\n".join([*kept, CUT])
    return "\n".join([*kept, CUT] if len(text) > LONGEST else kept)


def read(outlined: str) -> Iterator[tuple[int, str, str]]:
    """The lines with their numbers: (number, directive or ``""``, the rest of it or the line)."""
    for line in outlined.split("\n") if outlined else ():
        number, _, rest = line.partition(":")
        directive = _DIRECTIVE.match(rest)
        yield (int(number), directive[1], directive[2].strip()) if directive else (int(number), "", rest)


def included(rest: str) -> str:
    """The file that an ``#include`` names."""
    found = _INCLUDED.match(rest)
    return found[1].strip() if found else ""


def names(line: str) -> Iterator[tuple[str, int, int]]:
    """The names in a line that may be of removed API, and where they are."""
    for found in _words().finditer(line):
        if found[0] in api("name") or found[0] in api("member") or found[0] in api("called"):
            yield found[0], found.start(), found.end()


def assigned(line: str) -> Iterator[str]:
    """What a line assigns to in the way of ``Py_TYPE(x) = ...``."""
    yield from (found[1] for found in _ASSIGNED.finditer(line) if found[1] in api("assigned"))


def edition() -> str:
    """Changes with the table, on which an outline depends."""
    known = sorted(name for kind in ("name", "member", "called", "assigned", "header") for name in api(kind))
    return hashlib.sha256(" ".join(known).encode()).hexdigest()[:12]


@cache
def _words() -> re.Pattern[str]:
    members = "|".join(sorted(api("member"), key=len, reverse=True))
    return re.compile(rf"\b(?:_?P[yY]\w+|{members})\b")


def _used(line: str) -> bool:
    return next(names(line), None) is not None or next(assigned(line), None) is not None


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines without comments and strings, continued ones as one; a call that goes on over several as one, too."""
    waiting, start, wanted = "", 0, False
    for number, line in enumerate(_NOISE.sub(_blank, text).split("\n"), 1):
        line = line.rstrip("\r")
        start = start or number
        waiting += line
        if waiting.endswith("\\"):
            waiting = waiting[:-1] + " "
            continue
        wanted = wanted or any(name in waiting for name in api("called"))
        if wanted and waiting.count("(") > waiting.count(")") and number - start < 8:
            waiting += " "
            continue
        yield start, waiting
        waiting, start, wanted = "", 0, False
    if waiting:
        yield start, waiting


def _blank(found: re.Match[str]) -> str:
    """Of an included file's name all is kept, of a string its quotes, of a comment its lines."""
    noise = found[0]
    if noise.startswith('"'):
        before = found.string[max(0, found.start() - 80) : found.start()].rpartition("\n")[2]
        return noise if re.search(r"#\s*include\s*$", before) else '""'
    return " " + "\n" * noise.count("\n")
