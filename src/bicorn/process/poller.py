"""See changes of files by looking at them again and again, for little: where nothing tells of changes by itself.

All files take turns, so many at each look as its share of a core pays for. What was changed lately is looked at every
time, for that is what will be changed next. A directory is listed only when its time of modification has changed.
"""

from __future__ import annotations

import glob
import os
import stat
import time
from collections import OrderedDict
from collections.abc import Iterator

from .watched import Rules

PAUSE = 0.15
"""Seconds between two looks."""

BUDGET = 0.0012
"""The share of a core that the turns may take: 2,000 files in 3 or 4 s. Each look itself costs some more."""

_LATELY = 16
_SEEDS = 8
_AT_ONCE = 16  # files, between two looks at the clock
_GRAIN = 10_000_000  # ns: two changes of a directory this close may leave the same time (a tick of the kernel)

Stamp = tuple[int, int, int]


class Poller:
    """What the files were like when they were last looked at.

    Args:
        rules: which files count.
        budget: the share of a core.
    """

    def __init__(self, rules: Rules, budget: float = BUDGET) -> None:
        self._rules = rules
        self._budget = budget
        self._files: dict[str, Stamp | None] = {}  # None: it has gone
        self._folders: dict[str, int] = {}
        self._lately: OrderedDict[str, None] = OrderedDict()
        self._looked = time.monotonic()
        for root in rules.roots:
            self._list(root)
        self._find_extra()
        newest = sorted(self._files, key=lambda path: self._files[path] or (0,))[-_SEEDS:]
        self._lately.update(dict.fromkeys(newest))
        self._turns = self._round()

    def look(self) -> list[str]:
        """What has changed, of those whose turn it is."""
        now = time.monotonic()
        time_left = min(now - self._looked, 1.0) * self._budget
        self._looked = now
        changed = [found for path in list(self._lately) for found in self._check(path)]
        end = time.thread_time() + time_left
        while True:
            for _ in range(_AT_ONCE):
                path = next(self._turns, None)
                if path is None:
                    break
                changed += self._check(path)
            if path is None:
                changed += self._find_extra()
                self._turns = self._round()
                break
            if time.thread_time() >= end:
                break
        return self._note(changed)

    def look_at_all(self) -> list[str]:
        """What has changed, of all."""
        changed = [found for path in self._round() for found in self._check(path)]
        return self._note(changed + self._find_extra())

    def _round(self) -> Iterator[str]:
        return iter([*self._folders, *self._files])

    def _note(self, changed: list[str]) -> list[str]:
        for path in changed:
            for each in (path, os.path.dirname(path)):
                self._lately[each] = None
                self._lately.move_to_end(each)
        while len(self._lately) > _LATELY:
            self._lately.popitem(last=False)
        return list(dict.fromkeys(changed))

    def _check(self, path: str) -> list[str]:
        if path in self._folders:
            return self._list(path)
        return [path] if self._has_changed(path) else []

    def _has_changed(self, path: str) -> bool:
        before, now = self._files.get(path), _stamp(path)
        self._files[path] = now
        if now is None and before is None:
            self._files.pop(path)
        return now != before

    def _list(self, folder: str) -> list[str]:
        """The files in ``folder``, and in those below it that are new, which were not there before."""
        try:
            found = os.stat(folder)
        except OSError:
            self._folders.pop(folder, None)
            return []
        if found.st_mtime_ns == self._folders.get(folder):
            return []
        # What changes within the same tick leaves the same time: look again next time.
        is_fresh = abs(time.time_ns() - found.st_mtime_ns) < _GRAIN
        self._folders[folder] = 0 if is_fresh else found.st_mtime_ns
        new: list[str] = []
        try:
            with os.scandir(folder) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        if entry.path not in self._folders and self._rules.enters(entry.path):
                            new += self._list(entry.path)
                    elif self._files.get(entry.path) is None and self._rules.wants(entry.path):
                        self._files[entry.path] = _stamp(entry.path)
                        new.append(entry.path)
        except OSError:
            pass  # it may not be read, or has gone in the meantime
        return new

    def _find_extra(self) -> list[str]:
        new = []
        for pattern in self._rules.extra:
            for path in glob.glob(pattern, recursive=True):
                if self._files.get(path) is None and (found := _stamp(path)) is not None:
                    self._files[path] = found
                    new.append(path)
        return new


def _stamp(path: str) -> Stamp | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return None if stat.S_ISDIR(found.st_mode) else (found.st_mtime_ns, found.st_size, found.st_ino)
