"""Which reading of the hot modules runs: the compiled one, or the plain ``.py`` it was compiled from.

``BICORN_PURE=1`` imports the ``.py`` even where a compiled twin sits beside it: to debug, to profile, to compare.
It has to be read before any module is imported, so it is no setting and is read here.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import EXTENSION_SUFFIXES, SOURCE_SUFFIXES, FileFinder, SourceFileLoader

_ROOT = os.path.dirname(os.path.abspath(__file__))  # pathlib would be most of the cost of ``import bicorn``


def choose() -> bool:
    """Settle the reading; return True when the compiled modules will be imported.

    Called once, by ``bicorn/__init__.py``, before it imports anything else of the package.
    """
    if os.environ.get("BICORN_PURE", "") not in ("", "0"):
        sys.path_hooks.insert(0, _interpreted_finder)
        # This module's own import has already cached a finder that knows compiled modules too.
        sys.path_importer_cache.pop(_ROOT, None)
        return False
    # The first suffix is the one of this very Python; the others would count modules built for another one.
    with os.scandir(_ROOT) as entries:
        folders = [entry.path for entry in entries if entry.is_dir()]
    return any(name.endswith(EXTENSION_SUFFIXES[0]) for folder in folders for name in os.listdir(folder))


def _interpreted_finder(path: str) -> FileFinder:
    """A path hook: Bicorn's folders, seen without their compiled modules."""
    if path != _ROOT and not path.startswith(_ROOT + os.sep):
        raise ImportError("not a folder of Bicorn")
    return FileFinder(path, (SourceFileLoader, SOURCE_SUFFIXES))
