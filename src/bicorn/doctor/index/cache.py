"""What indexes have said, kept on disk. Nothing of the doctor writes anywhere else.

An entry's file name is a digest of its key, so that nothing an index says is part of a path; an entry is replaced in
one step, so that two doctors may share a cache; one that cannot be read is none.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

from ...record import Record

MAX_BYTES = 512 << 20
"""Of all entries; beyond that the oldest go."""

MAX_ENTRY = 64 << 20

_FORMAT = 2  # part of every key: an entry of another format is never found


class Entry(Record):
    """An entry.

    Args:
        about: small facts: when it was fetched, its entity tag.
        text: what is kept.
    """

    about: dict[str, Any]
    text: str


class Cache:
    """A folder of entries; with an empty name one that forgets.

    Attributes:
        problem: why nothing is kept, in words; empty where all is well.
    """

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder) if folder else None
        self._wrote = False
        self.problem = "" if folder else "there is no home folder to keep a cache in"
        if self._folder:
            self._prepare(self._folder)

    def get(self, key: str) -> Entry | None:
        """What is kept under a key."""
        if not self._folder:
            return None
        try:
            with self._path(self._folder, key).open("rb") as file:
                head = file.readline(1 << 16)
                text = file.read(MAX_ENTRY + 1)
            about = json.loads(head)
            if len(text) > MAX_ENTRY or not isinstance(about, dict) or about.get("key") != key:
                return None
            return Entry(about, text.decode())
        except (OSError, ValueError, RecursionError):
            return None

    def put(self, key: str, text: str, **about: Any) -> None:
        """Keeps something. That it cannot, a full disk for example, stops nobody."""
        if not self._folder or self.problem:
            return
        body = json.dumps(about | {"key": key}).encode() + b"\n" + text.encode("utf-8", "replace")
        if len(body) > MAX_ENTRY:
            return
        path = self._path(self._folder, key)
        try:
            path.parent.mkdir(mode=0o700, exist_ok=True)
            descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
            try:
                with os.fdopen(descriptor, "wb") as file:
                    file.write(body)
                os.replace(name, path)
            except BaseException:
                os.unlink(name)
                raise
            self._wrote = True
        except OSError as error:
            self.problem = f"the cache {self._folder} cannot be written to: {error.strerror}"

    def trim(self, limit: int = MAX_BYTES) -> None:
        """Removes the oldest entries where there is too much, if anything has been added."""
        if not self._folder or not self._wrote:
            return
        found = []
        try:
            for shelf in os.scandir(self._folder):
                if len(shelf.name) == 2 and shelf.is_dir(follow_symlinks=False):
                    for item in os.scandir(shelf.path):
                        facts = item.stat(follow_symlinks=False)
                        found.append((facts.st_mtime, facts.st_size, item.path))
            total = sum(size for _, size, _ in found)
            for _, size, path in sorted(found) if total > limit else ():
                if total <= limit * 0.8:
                    break
                os.unlink(path)
                total -= size
        except OSError:
            pass  # another doctor was quicker

    def _prepare(self, folder: Path) -> None:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if hasattr(os, "geteuid") and folder.stat().st_uid != os.geteuid():
                self._folder, self.problem = None, f"the cache {folder} belongs to another user"  # sudo with HOME kept
        except OSError as error:
            self._folder, self.problem = None, f"the cache {folder} cannot be used: {error.strerror}"

    @staticmethod
    def _path(folder: Path, key: str) -> Path:
        digest = sha256(f"{_FORMAT} {key}".encode("utf-8", "replace")).hexdigest()
        return folder / digest[:2] / digest


def folder(environ: Mapping[str, str]) -> str:
    """Where this user's cache is (XDG base directories; ``Library/Caches`` on macOS); empty if that is nowhere."""
    if environ.get("XDG_CACHE_HOME", "").startswith("/"):
        return os.path.join(environ["XDG_CACHE_HOME"], "bicorn", "doctor")
    home = environ.get("HOME", "")
    if not home.startswith("/"):
        return ""
    return os.path.join(home, "Library/Caches" if sys.platform == "darwin" else ".cache", "bicorn", "doctor")
