"""Imports that never run stale bytecode, for reload.

Python takes a ``.pyc`` for current when it has the source's size and its time of modification in whole seconds (PEP
552, "Existing Loading Behavior"). A file that is saved twice within a second, at the same size, would run as it was
saved first. Here a ``.pyc`` of the user's own code counts only where it was written well after the source was, and is
written only then: what has just been saved is compiled anew, which takes a millisecond.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable
from importlib import invalidate_caches
from importlib.machinery import (
    BYTECODE_SUFFIXES,
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    SourceFileLoader,
    SourcelessFileLoader,
)
from typing import Any

MARGIN = 2.0
"""Seconds: one for what the format rounds off, one for a compilation that takes as long."""


class FreshLoader(SourceFileLoader):
    """Python's own, but for bytecode that may be of an earlier version."""

    def get_data(self, path: str) -> bytes:
        """The file's contents.

        Raises:
            OSError: it cannot be read, or is bytecode that is not to be trusted.
        """
        if path.endswith(".pyc") and os.stat(path).st_mtime - os.stat(self.path).st_mtime < MARGIN:
            raise OSError(f"{path} was written when the source had just been")
        return super().get_data(path)

    def set_data(self, path: str, data: Any, **options: Any) -> None:
        """Write bytecode, where it will be trusted."""
        try:
            is_settled = time.time() - os.stat(self.path).st_mtime >= MARGIN
        except OSError:
            return  # gone since it was read
        if is_settled:
            super().set_data(path, data, **options)


_LOADERS: Any = (
    (ExtensionFileLoader, EXTENSION_SUFFIXES),
    (FreshLoader, SOURCE_SUFFIXES),
    (SourcelessFileLoader, BYTECODE_SUFFIXES),
)


def install(roots: Iterable[str]) -> None:
    """Import what lies in ``roots`` (absolute, without symbolic links) that way, from now on."""
    folders = tuple(os.path.join(root, "") for root in roots)

    def find(path: str) -> FileFinder:
        real = os.path.join(os.path.realpath(path), "")
        # Installed packages are not what is being edited: a virtual environment often lies inside a root.
        if not real.startswith(folders) or "site-packages" in real or not os.path.isdir(real):
            raise ImportError("not watched")
        return FileFinder(path or os.getcwd(), *_LOADERS)

    sys.path_hooks.insert(0, find)
    sys.path_importer_cache.clear()
    invalidate_caches()
