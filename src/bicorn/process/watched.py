"""Which files count when code is reloaded as it is saved. Pure: patterns and paths in, yes or no out.

Rules:

1. A file counts where it lies in a watched directory, an include pattern matches it, and no exclude pattern matches it
   or a directory on the way to it.
2. As with Uvicorn, ``*.py`` is always included, and ``.*``, ``.py[cod]``, ``.sw.*`` and ``~*`` are always excluded:
   what is given is added to these, and a default that is given on the other side is dropped.
3. Bytecode, packages of Node and virtual environments are never entered; what editors write beside a file while they
   save it never counts.
4. An extra file, or a file that an extra pattern matches, counts wherever it is.

A pattern without a slash matches the name, ``templates/*.html`` the end of the path, ``**`` any number of directories.
What begins with ``/``, ``./`` or ``../`` matches the whole path.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase

INCLUDES = ("*.py",)
EXCLUDES = (".*", ".py[cod]", ".sw.*", "~*")
NEVER_ENTERED = frozenset({"__pycache__", "node_modules", "site-packages"})
EDITORS = ("*~", "#*#", ".#*", "*.sw[opx]", "4913", "*___jb_???___", "*.tmp", "*.py[cod]")
"""Backup, lock and swap files; 4913 is Vim's, to see whether it may write into a directory."""

Parts = Sequence[str]


class Rules:
    """Which files count.

    Args:
        roots: the watched directories, absolute and without symbolic links, as paths are that are asked about.
        includes, excludes: patterns, beside the defaults.
        extra: absolute patterns.
        is_environment: whether a directory is a virtual environment.
    """

    def __init__(
        self,
        roots: Iterable[str],
        includes: Iterable[str] = (),
        excludes: Iterable[str] = (),
        extra: Iterable[str] = (),
        is_environment: Callable[[str], bool] = lambda _: False,
    ) -> None:
        includes, excludes = tuple(includes), tuple(excludes)
        self.roots = _outermost(roots)
        self.extra = tuple(extra)
        self._includes = _patterns([*(each for each in INCLUDES if each not in excludes), *includes])
        self._excludes = _patterns([*(each for each in EXCLUDES if each not in includes), *excludes])
        self._extra = _patterns(self.extra)
        self._is_environment = is_environment
        self._entered: dict[str, bool] = {}

    def wants(self, path: str) -> bool:
        """Whether a change of the file at ``path`` counts."""
        parts = path.split(os.sep)
        if any(matches(parts, pattern) for pattern in self._extra):
            return True
        if any(fnmatchcase(parts[-1], pattern) for pattern in EDITORS):
            return False
        if not any(matches(parts, pattern) for pattern in self._includes):
            return False
        return not self._is_excluded(parts) and self.enters(os.path.dirname(path))

    def enters(self, directory: str) -> bool:
        """Whether files in ``directory`` can count."""
        known = self._entered.get(directory)
        if known is None:
            if len(self._entered) > 100_000:  # a build that makes new directories for ever
                self._entered.clear()
            known = self._entered[directory] = self._is_entered(directory)
        return known

    def _is_entered(self, directory: str) -> bool:
        if directory in self.roots:
            return True
        above = os.path.dirname(directory)
        if above == directory or not self.enters(above):
            return False
        parts = directory.split(os.sep)
        return parts[-1] not in NEVER_ENTERED and not self._is_excluded(parts) and not self._is_environment(directory)

    def _is_excluded(self, parts: Parts) -> bool:
        return any(matches(parts, pattern) for pattern in self._excludes)


def absolute(pattern: str, directory: str) -> str:
    """``pattern`` as one that matches the whole path, seen from ``directory``."""
    return os.path.realpath(os.path.join(directory, os.path.expanduser(pattern)))


def anchored(pattern: str, directory: str) -> str:
    """``pattern``, made absolute where it says that it is meant to be: with ``/``, ``./``, ``../`` or ``~/``."""
    if pattern.startswith((os.sep, "." + os.sep, ".." + os.sep, "~" + os.sep)):
        return absolute(pattern, directory)
    return pattern.rstrip(os.sep)


def matches(parts: Parts, pattern: Parts) -> bool:
    """Whether the end of a path matches, or all of it where the pattern begins at the root (with ``""``)."""
    if not pattern:
        return True
    if pattern[-1] == "**":
        return any(matches(parts[:end], pattern[:-1]) for end in range(len(parts), -1, -1))
    return bool(parts) and fnmatchcase(parts[-1], pattern[-1]) and matches(parts[:-1], pattern[:-1])


def _patterns(texts: Iterable[str]) -> tuple[Parts, ...]:
    return tuple(text.split(os.sep) for text in dict.fromkeys(texts))


def _outermost(roots: Iterable[str]) -> tuple[str, ...]:
    """Without those that lie in another one: what is watched twice is reported twice."""
    kept: list[str] = []
    for root in sorted(set(roots), key=len):
        if not any(root.startswith(other.rstrip(os.sep) + os.sep) for other in kept):
            kept.append(root)
    return tuple(kept)
