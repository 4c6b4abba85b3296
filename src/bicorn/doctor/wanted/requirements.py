"""``requirements.txt``, as pip reads it (https://pip.pypa.io/en/stable/reference/requirements-file-format/)."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from urllib.parse import parse_qs, unquote, urlsplit

from ..index import filenames
from . import text
from .gathered import Gathered

MAX_FILES = 200
MAX_LINES = 100_000

SHORT = {"-r": "requirement", "-c": "constraint", "-e": "editable", "-i": "index-url", "-f": "find-links"}
INDEX_OPTIONS = frozenset({"index-url", "extra-index-url", "find-links", "no-index", "trusted-host", "pre"})
FLAGS = frozenset({"no-index", "pre", "prefer-binary", "require-hashes"})
UNFOLLOWED = frozenset({"only-binary", "no-binary"})
OTHERS = frozenset({"prefer-binary", "require-hashes", "use-feature"})  # of no consequence here
OPTIONS = INDEX_OPTIONS | UNFOLLOWED | OTHERS | frozenset(SHORT.values())

_COMMENT = re.compile(r"(^|\s+)#.*$")
_OPTIONS = re.compile(r"\s--?[a-z]")
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")

Folder = Callable[[str, tuple[str, ...], Gathered], None]
"""Reads a project's folder, for its extras, into what is gathered."""


class Reader:
    """Reads requirements files, and those that they name, each once."""

    def __init__(self, gathered: Gathered, environ: Mapping[str, str], folder: Folder, directory: str = "") -> None:
        self._into, self._environ, self._folder = gathered, environ, folder
        self._directory = directory
        self._seen: set[tuple[str, bool]] = set()

    def file(self, path: str, *, constraints: bool = False) -> None:
        """Reads one.

        Raises:
            DoctorError: it, or one that it names, cannot be read.
        """
        key = (os.path.realpath(path), constraints)
        if key in self._seen:
            return
        if len(self._seen) >= MAX_FILES:
            self._into.note(f"{path}: more than {MAX_FILES} files include each other: left out")
            return
        self._seen.add(key)
        for number, line in lines(text.text(path)):
            where = f"{os.path.basename(path)}, line {number}"
            line = _VARIABLE.sub(lambda match: self._environ.get(match[1]) or match[0], line)
            if line.startswith("-"):
                self._option(line, os.path.dirname(path), where, constraints)
            else:
                self._requirement(line, os.path.dirname(path), where, constraints)
                self._state(line, path)

    def _state(self, line: str, path: str) -> None:
        if found := text.requirement(_OPTIONS.split(line, maxsplit=1)[0].strip()):
            self._into.state(found, os.path.relpath(path, self._directory or "."), "--hash" in line)

    def _option(self, line: str, folder: str, where: str, constraints: bool) -> None:
        name, value = _split(line)
        if name not in OPTIONS or (not value and name not in FLAGS):
            self._into.note(f"{where}: {line[:60]!r} is not understood: left out")
        elif name in ("requirement", "constraint"):
            if "://" in value and not value.startswith("file:"):
                self._into.note(f"{where}: {_shown(value)} is not fetched: left out")
            else:
                path = unquote(urlsplit(value).path) if value.startswith("file:") else value
                self.file(os.path.join(folder, path), constraints=constraints or name == "constraint")
        elif name == "editable":
            self._requirement(value, folder, where, constraints)
        elif name in INDEX_OPTIONS:
            if name == "find-links" and "://" not in value and os.path.exists(os.path.join(folder, value)):
                value = os.path.abspath(os.path.join(folder, value))
            self._into.options.append((name, value or "true"))
        elif name in UNFOLLOWED:
            self._into.note(f"{where}: {line[:60]} is not followed")

    def _requirement(self, line: str, folder: str, where: str, constraints: bool) -> None:
        line = _OPTIONS.split(line, maxsplit=1)[0].strip()  # --hash and others of one requirement
        found = text.requirement(line)
        if constraints:
            if found and not found.url:
                self._into.constraints.append(found)
            else:
                self._into.note(f"{where}: {_shown(line)} is no constraint that is followed: left out")
        elif found:
            self._into.add(line, where)
        else:
            self._other(line, folder, where)

    def _other(self, line: str, folder: str, where: str) -> None:
        """A URL or a path, with or without ``#egg=name`` and ``[extras]``."""
        bare, _, marker = line.partition(" ;")
        match = re.fullmatch(r"(.+?)(?:\[([\w\s,.-]*)\])?", bare.partition("#")[0].strip())
        place = match[1] if match else bare
        extras = tuple(item.strip() for item in (match[2] or "").split(",") if item.strip()) if match else ()
        egg = parse_qs(bare.partition("#")[2]).get("egg", [""])[0]
        if "://" in place and not place.startswith("file:"):
            named = filenames.split(place.rpartition("/")[2])
            name = egg or (named[0] if named else "")
            if not name or "+" in place.partition("://")[0]:
                self._into.note(f"{where}: {_shown(place)} comes from elsewhere: it is not looked at")
            else:
                self._into.add(f"{name} @ {place}" + (f" ; {marker}" if marker else ""), where)
            return
        path = os.path.abspath(
            os.path.join(folder, unquote(urlsplit(place).path) if place.startswith("file:") else place)
        )
        named = filenames.split(os.path.basename(path))
        if os.path.isdir(path):
            self._folder(path, extras, self._into)
        elif named and os.path.isfile(path):
            self._into.add(f"{named[0]} @ file://{path}" + (f" ; {marker}" if marker else ""), where)
        else:
            self._into.note(f"{where}: {_shown(line)} is no requirement, and there is no such file: left out")


def lines(content: str) -> Iterator[tuple[int, str]]:
    """Its logical lines with their numbers: continued ones joined, comments and empty ones left out."""
    joined, start = "", 0
    for number, line in enumerate(content.splitlines()[:MAX_LINES], 1):
        start = start or number
        comment = _COMMENT.match(line)
        if line.endswith("\\") and not comment:
            joined += line[:-1]
            continue
        whole = _COMMENT.sub("", joined + line).strip()
        if whole:
            yield start, whole
        joined, start = "", 0
    if joined.strip():
        yield start, _COMMENT.sub("", joined).strip()


def _split(line: str) -> tuple[str, str]:
    """An option's name and value: ``-r base.txt``, ``-rbase.txt``, ``--requirement=base.txt``."""
    if line.startswith("--"):
        match = re.match(r"--([a-z-]+)[=\s]*(.*)", line)
        name, value = (match[1], match[2]) if match else ("", "")
    else:
        name, value = SHORT.get(line[:2], ""), line[2:].lstrip("= \t")
    try:
        words = shlex.split(value)
    except ValueError:
        words = [value]
    return name, " ".join(words)


def _shown(place: str) -> str:
    """Without a password."""
    return re.sub(r"//[^/@\s]*@", "//", place)[:120]
