"""What workers share: memory that was written before they were forked, and is not written to by the collector after.

The supervisor imports the server, and never the application. But an application brings half the standard library along,
and that is no code of its own: the first worker says which of it was imported, and the supervisor imports the same
before it forks the others.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Iterable
from contextlib import suppress
from importlib import import_module

_LIBRARY = os.path.dirname(os.__file__)
_FOLDERS = (_LIBRARY, os.path.join(_LIBRARY, "lib-dynload"))


def share_server() -> None:
    """Import what every worker needs."""
    from . import worker  # noqa: F401

    _settle()
    gc.enable()  # ``cli.main`` has put it off until here


def share_library(names: Iterable[str]) -> None:
    """Import modules of the standard library, and nothing else, whatever ``sys.path`` has under their names."""
    path = list(sys.path)
    sys.path[:] = _FOLDERS
    try:
        for name in names:
            if name.partition(".")[0] in sys.stdlib_module_names:
                with suppress(Exception):  # one that cannot be imported here is not shared
                    import_module(name)
    finally:
        sys.path[:] = path
    _settle()


def imported_library(known: Iterable[str]) -> list[str]:
    """The modules of the standard library that are imported by now and not among ``known``.

    An application may have modules of its own under such names: those are not meant.
    """
    files = {name: getattr(sys.modules[name], "__file__", None) or "" for name in sys.modules.keys() - set(known)}
    return sorted(
        name
        for name, file in files.items()
        if name.partition(".")[0] in sys.stdlib_module_names
        and file.startswith(_LIBRARY + os.sep)
        and not file.startswith(os.path.join(_LIBRARY, "site-packages"))
    )


def _settle() -> None:
    """Frozen, the garbage collector of a worker does not write into those pages, which would copy them."""
    gc.freeze()
