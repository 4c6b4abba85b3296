"""A log, made readable for a program: colours, pip's gutter, a container's and a CI's prefixes taken off.

pip, uv, Poetry and PDM word the same failure differently, but each names the package that it was building. Which
package, which Python and which step it was is found here, once, for every explanation.
"""

from __future__ import annotations

import re

from ...record import Record

MAX_CHARACTERS = 8 * 1024 * 1024
"""More of a log than this is not read: its first eighth and its end are, where the cause is."""
MAX_LINE = 1000
"""Of a longer line its two ends are read."""

_COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b\][^\x07]{0,200}\x07")
_PREFIX = re.compile(
    r"^(?:\d{4}-\d\d-\d\dT[\d:.]{8,18}Z ?)"  # GitHub Actions
    r"|^#\d{1,4} (?:\d+\.\d+ )?"  # docker build
    r"|^\s{0,8}[│|]\s"  # pip's gutter, and uv's
)

_FAILED = (
    r"ERROR: Failed building wheel for (?P<name>[\w.-]+)",
    r"ERROR: Failed to build '(?P<name>[\w.-]+)'",
    r"Building wheel for (?P<name>[\w.-]+) \([\w.]+\): finished with status 'error'",
    r"Failed to (?:download and )?build:? `(?P<name>[\w.-]+)(?:==(?P<version>[\w.+!]+))?`",
    r"not a problem with poetry but with (?P<name>[\w.-]+) \((?P<version>[\w.+!]+)\)",
    r"╰─> (?P<name>[A-Za-z][\w.-]*)$",
)
_COLLECTED = r"Collecting (?P<name>[A-Za-z][\w.-]*)(?:\[[\w,. -]*\])?(?:==(?P<version>[\w.+!]+))?"
_ARCHIVE = (
    r"(?:Downloading|Using cached|Processing) (?:\S*/)?"
    r"(?P<name>[A-Za-z]\w[\w.-]*?)-(?P<version>\d[\w.+!]*)\.(?:tar\.gz|zip)"
)

_PHASES = (
    ("Installing build dependencies", "installing what its build needs"),
    ("Getting requirements to build", "asking its build what it needs"),
    ("Preparing metadata", "reading its metadata"),
    ("Running setup.py", "running its setup.py"),
    ("Building wheel for", "building it"),
    ("Failed to build", "building it"),
)

_PYTHON = (
    r"Python interpreter version \((?P<minor>3\.\d{1,2})\)",
    r"cpython-3(?P<digits>\d{1,2})",
    r"\bcp3(?P<digits>\d{1,2})-",
    r"[/\\ ](?:lib/)?python(?P<minor>3\.\d{1,2})\b",
)


class Journal(Record):
    """A log.

    Args:
        lines: without what surrounds them.
        package: what failed, as the log names it; empty where it does not.
        version: of that package.
        python: the Python it was for, ``"3.14"``; empty where nothing tells.
        phase: what was being done, in words; empty where nothing tells.
    """

    lines: tuple[str, ...]
    package: str = ""
    version: str = ""
    python: str = ""
    phase: str = ""

    @property
    def shown(self) -> str:
        """The package, to be put into a sentence."""
        return f"{self.package} {self.version}".strip() or "the package"


def read(text: str) -> Journal:
    """A log, cleaned, with what it is about. It may be of any size and contain anything."""
    if len(text) > MAX_CHARACTERS:
        head = MAX_CHARACTERS // 8
        text = text[:head] + "\n" + text[-(MAX_CHARACTERS - head) :]
    lines = tuple(_clean(line) for line in text.splitlines())
    package, version = _package(lines)
    return Journal(lines, package, version, _python(lines), _phase(lines))


def _clean(line: str) -> str:
    if len(line) > MAX_LINE:  # pip lists every version on one line
        line = f"{line[: MAX_LINE // 2]} ... {line[-MAX_LINE // 2 :]}"
    line = _PREFIX.sub("", _COLOUR.sub("", line), count=1)
    return "".join(character for character in line.expandtabs(4) if character.isprintable()).rstrip()


def _package(lines: tuple[str, ...]) -> tuple[str, str]:
    """The first package that failed, and its version."""
    name = version = ""
    for pattern in _FAILED:
        if found := _first(pattern, lines):
            name, version = found["name"], found.groupdict().get("version") or ""
            break
    if not name:
        error = next((number for number, line in enumerate(lines) if re.match(r"\s*(error|ERROR)\b", line)), 0)
        of_all = "Cannot install" in lines[error] if lines else True  # what excludes each other is no one's
        started = None if of_all else _last(_COLLECTED, lines[:error])
        name = started["name"] if started else ""
    return name, version or (_version(name, lines) if name else "")


def _version(name: str, lines: tuple[str, ...]) -> str:
    wanted = _plain(name)
    for pattern in (_ARCHIVE, _COLLECTED):
        for line in lines:
            found = re.search(pattern, line)
            if found and found["version"] and _plain(found["name"]) == wanted:
                return found["version"]
    return ""


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _python(lines: tuple[str, ...]) -> str:
    for pattern in _PYTHON:
        if found := _first(pattern, lines):
            groups = found.groupdict()
            return groups.get("minor") or f"3.{groups['digits']}"
    return ""


def _phase(lines: tuple[str, ...]) -> str:
    for line in reversed(lines):
        for start, words in _PHASES:
            if start in line and ("error" in line or "did not run" in line or "Failed" in line):
                return words
    return ""


def _first(pattern: str, lines: tuple[str, ...]) -> re.Match[str] | None:
    search = re.compile(pattern).search
    return next((found for line in lines if (found := search(line))), None)


def _last(pattern: str, lines: tuple[str, ...]) -> re.Match[str] | None:
    return _first(pattern, lines[::-1])
