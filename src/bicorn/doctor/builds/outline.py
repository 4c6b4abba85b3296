"""What of a C or C++ source may matter: its preprocessor's lines, and those that use API which a Python has removed.

Read once for all Pythons, and kept in a cache in place of the source, which may be large. Comments and strings are no
use of anything; they go first, as a compiler has it (C17, 5.1.1.2, translation phases 2 to 4).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from ..knowledge import api, tables

SOURCES = (".c", ".cc", ".cpp", ".cxx")
HEADERS = (".h", ".hh", ".hpp", ".hxx", ".inc")
LONGEST = 4 * 1024 * 1024
MOST_LINES = 20_000
WIDEST = 400
CUT = "0:"
"""In place of the lines that were left out."""

_NOISE = re.compile(  # each begins with a letter of its own: what is searched for then is one of four, quickly
    r"""/(?:/(?:[^\\\n]|\\.)*|\*.*?(?:\*/|\Z))|"(?:\\.|[^"\\\n])*"|'(?<!\w')(?:\\.|[^'\\\n])+'|R"(\w{0,16})\(""",
    re.DOTALL,
)
MOST_OPEN = 1000
"""Of raw strings that do not end."""
_DIRECTIVE = re.compile(r"\s*#\s*(if|ifdef|ifndef|elif|else|endif|define|undef|include)\b\s*(.*)")
_ASSIGNED = re.compile(r"\b(Py_\w+)\s*\((?:[^()=;]|\([^()=;]*\))*\)\s*=(?!=)")
_RAW = re.compile(r'R"\w{0,16}\(')
_INDENT = re.compile(r"^\s+")  # what starts a line may be a definition
_INCLUDED = re.compile(r"[<\"]\s*([^>\"\n]+)")
_HASH = re.compile(r"\n[^\S\n]*#[^\S\n]*[idue\\]")
SHAPES = (re.compile(r"P[yY]\w+"), re.compile(r"[a-z]+_[a-z]\w+"))
"""All removed API looks like one of these, apart from an underscore before it: cheaper than to look for each."""


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
        if found[0] in _removed():
            yield found[0], found.start(), found.end()


def assigned(line: str) -> Iterator[str]:
    """What a line assigns to in the way of ``Py_TYPE(x) = ...``."""
    yield from (found[1] for found in _ASSIGNED.finditer(line) if found[1] in api("assigned"))


@cache
def edition() -> str:
    """Changes with the table, on which an outline depends."""
    return tables.edition("capi")


@cache
def _removed() -> frozenset[str]:
    return frozenset(name for kind in ("name", "member", "called") for name in api(kind))


@cache
def _words() -> re.Pattern[str]:
    members = "|".join(sorted(api("member"), key=len, reverse=True))
    return re.compile(rf"\b(?:_?P[yY]\w+|{members})\b")


def _used(line: str) -> bool:
    return next(names(line), None) is not None or next(assigned(line), None) is not None


def _lines(text: str) -> Iterator[tuple[int, str]]:
    """The lines that may matter, without comments and strings; continued ones as one."""
    plain = _without_noise(text)
    if any(name in plain for name in api("called")):
        return _all_lines(plain)
    return _lines_at(plain, sorted(_places(plain)))


def _places(plain: str) -> Iterator[int]:
    """Where there may be a directive or a use: most sources have hardly any, and are not gone through line by line."""
    for found in _HASH.finditer(f"\n{plain}"):
        yield found.start()
    if any(not _bare().isdisjoint(shape.findall(plain)) for shape in SHAPES):
        yield from (start for _, start, _ in names(plain))
    for name in api("assigned"):
        at = plain.find(name)
        while at >= 0:
            yield at
            at = plain.find(name, at + len(name))


@cache
def _bare() -> frozenset[str]:
    """The names that are looked for, without the underscore before them."""
    return frozenset(name.lstrip("_") for kind in ("name", "member") for name in api(kind))


def _lines_at(plain: str, places: list[int]) -> Iterator[tuple[int, str]]:
    """The lines that are at those places."""
    end, counted, number = 0, 0, 1  # end: where the line begins that is after the last
    for place in places:
        if place < end:
            continue
        start = plain.rfind("\n", end, place) + 1 or end
        while start > end and _goes_on(plain, start - 1):
            start = plain.rfind("\n", end, start - 1) + 1 or end
        number += plain.count("\n", counted, start)
        counted = start
        stop = _end(plain, place)
        while stop < len(plain) and _goes_on(plain, stop):
            stop = _end(plain, stop + 1)
        yield number, _joined(plain[start:stop].split("\n"))
        end = stop + 1


def _end(plain: str, place: int) -> int:
    found = plain.find("\n", place)
    return len(plain) if found < 0 else found


def _goes_on(plain: str, end: int) -> bool:
    """Whether the line that ends there goes on."""
    while end and plain[end - 1] == "\r":
        end -= 1
    return end > 0 and plain[end - 1] == "\\"


def _joined(parts: list[str]) -> str:
    """The lines of one that goes on, as one."""
    bare = [part.rstrip("\r") for part in parts]
    return "".join([part[:-1] + " " if part.endswith("\\") else part for part in bare])


def _all_lines(plain: str) -> Iterator[tuple[int, str]]:
    """Every line, continued ones as one; a call that goes on over several as one, too."""
    parts: list[str] = []
    waiting, start, wanted = "", 0, False
    for number, part in enumerate(plain.split("\n"), 1):
        start = start or number
        parts.append(part)
        if part.rstrip("\r").endswith("\\"):
            continue
        waiting += _joined(parts)
        parts = []
        wanted = wanted or any(name in waiting for name in api("called"))
        if wanted and waiting.count("(") > waiting.count(")") and number - start < 8:
            waiting += " "
            continue
        yield start, waiting
        waiting, start, wanted = "", 0, False
    if waiting or parts:
        yield start, waiting + _joined(parts)


def _without_noise(text: str) -> str:
    """Without comments and strings. Of raw strings the end is searched for here: a pattern would do so again and again
    where there is none."""
    found: list[str] = []
    at = 0
    absent: set[str] = set()
    if not _RAW.search(text):
        return _NOISE.sub(_blank, text)
    while noise := _NOISE.search(text, at):
        end = noise.end()
        if (word := noise[1]) is not None:
            close = -1 if word in absent or len(absent) >= MOST_OPEN else text.find(f'){word}"', end)
            if close < 0:
                absent.add(word)
                found.append(text[at : noise.start() + 1])
                at = noise.start() + 1
                continue
            end = close + len(word) + 2
        found += (
            text[at : noise.start()],
            _blank(noise) if word is None else " " + "\n" * text.count("\n", noise.start(), end),
        )
        at = end
    return "".join([*found, text[at:]])


def _blank(found: re.Match[str]) -> str:
    """Of an included file's name all is kept, of a string its quotes, of a comment its lines."""
    noise = found[0]
    if noise.startswith('"'):
        before = found.string[max(0, found.start() - 80) : found.start()].rpartition("\n")[2]
        return noise if re.search(r"#\s*include\s*$", before) else '""'
    return " " + "\n" * noise.count("\n")
