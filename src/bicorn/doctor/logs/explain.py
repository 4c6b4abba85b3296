"""From a log to what it means. What no family knows is not guessed at: the last error line is quoted, as what it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from string import Formatter

from .. import supplies
from ..facts import Ailment
from . import journal
from .families import FAMILIES
from .family import Family
from .journal import Journal

MAX_FOUND = 4
MAX_EVIDENCE = 200
"""Characters of a quoted line."""

_NOISE = re.compile(
    r"subprocess-exited-with-error|This error originates from a subprocess|metadata-generation-failed"
    r"|failed-wheel-build|See above for|Failed to build installable wheels|end of output|^\s*ERROR: Exception:"
    r"|Could not build wheels for|Failed building wheel for|Failed to build\b|Encountered error while"
    r"|dependency resolver does not currently|originates from the build backend|finished with status 'error'"
)
_OWNER = re.compile(r"(?:site|dist)-packages/([A-Za-z]\w*)")
_ERROR = re.compile(
    r"^\s*(?:[\w./ -]+:\d+(?::\d+)?: )?(?:fatal )?(?:error|ERROR|Error|FATAL)\b(?:\[\w+\])?:"
    r"|^\s*[\w.]*(?:Error|Exception|Unavailable)(?::|$)|: error:|Command .* returned non-zero"
)


def explain(text: str, *, manager: str = "", python: str = "") -> tuple[Ailment, ...]:
    """What a log says is wrong, the cause first; never empty: an ``unknown`` one says what is known.

    Args:
        text: the log of pip, uv, Poetry, PDM, docker build or a compiler, or a traceback.
        manager: the system's package manager (``"apt"``), for commands.
        python: the version that it was about, where the log does not say.
    """
    log = journal.read(text)
    if python and not log.python:
        log = log.replace(python=python)
    found: list[Ailment] = []
    settled: set[str] = set()
    for family in FAMILIES:
        if family.kind not in settled and (ailment := examine(family, log, manager)):
            found.append(ailment)
            settled |= {family.kind, *family.hides}
    return tuple(found[:MAX_FOUND]) or (_unknown(log),)


def examine(family: Family, log: Journal, manager: str = "") -> Ailment | None:
    """What one family has to say of a log, if anything."""
    for pattern in family.patterns:
        search = re.compile(pattern).search
        for number, line in enumerate(log.lines):
            if not (match := search(line)):
                continue
            groups = {name: value for name, value in match.groupdict().items() if value}
            more = family.more(match, log) if family.more else {}
            if more is not None:
                return _ailment(family, _words(log) | groups | more, log, number, manager)
    return None


def _words(log: Journal) -> dict[str, str]:
    name = log.package
    exact = f"{name}=={log.version}" if log.version else name
    known = {"package": log.shown, "name": name or "it", "requirement": exact, "python": log.python}
    return {key: value for key, value in known.items() if value} | {"phase": log.phase}


def _ailment(family: Family, words: dict[str, str], log: Journal, number: int, manager: str) -> Ailment:
    if log.package:
        words = {"distribution": log.package} | words
    if owner := _OWNER.search(words.get("file", "")) or _OWNER.search(log.lines[number]):
        words = {"distribution": owner[1]} | words
    if "file" in words:
        words["file"] = words["file"].rpartition("/")[2]
    wanted = tuple(_fill(name, words) for name in family.supplies)
    typed = supplies.commands(manager, wanted, python=words.get("python", ""), project=log.package)
    named = [_fill(command, words) for command in family.commands if _names(command) <= words.keys()]
    return Ailment(
        kind=family.kind,
        what=_tidy(_fill(family.what, words)),
        where=log.shown if log.package else "",
        cure=_tidy(_fill(family.cure, words)),
        commands=(*typed, *named),
        evidence=_evidence(log, number),
    )


def _names(template: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(template) if name}


def _fill(template: str, words: dict[str, str]) -> str:
    return template.format_map({name: words.get(name, "") for name in _names(template)})


def _tidy(sentence: str) -> str:
    """Without what unfilled braces leave behind."""
    return re.sub(
        r"Python (?=[.,;)]|$)", "Python", re.sub(r"\s+([.,;:)])", r"\1", re.sub(r" {2,}", " ", sentence))
    ).strip()


def _evidence(log: Journal, number: int) -> tuple[str, ...]:
    line = log.lines[number].strip()
    return (line if len(line) <= MAX_EVIDENCE else line[:MAX_EVIDENCE] + "...",)


def _errors(log: Journal) -> Iterator[str]:
    for line in log.lines:
        if _ERROR.search(line) and not _NOISE.search(line):
            yield line.strip()


def _unknown(log: Journal) -> Ailment:
    errors = list(_errors(log))
    last = errors[-1][:MAX_EVIDENCE] if errors else ""
    first = errors[0][:MAX_EVIDENCE] if errors else ""
    if not errors:
        what = "No error is named in this log."
    else:
        subject = log.shown if log.package else "Something"
        what = f"{subject} failed{' while ' + log.phase if log.phase else ''}, for a reason that is not known here."
    return Ailment(
        kind="unknown",
        what=what,
        where=log.shown if log.package else "",
        cure="These are the first and the last errors it names; search the package's issues for them."
        if errors
        else "Run the installation again with -v and give the whole output.",
        commands=(f"bicorn doctor '{_words(log)['requirement']}'",) if log.package else (),
        severity="error" if errors else "note",
        evidence=tuple(dict.fromkeys(line for line in (first, last) if line)),
    )
