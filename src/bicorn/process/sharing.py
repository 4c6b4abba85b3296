"""What workers share: memory that was written before they were forked, and is not written to by the collector after.

The supervisor imports the server, and never the application. But an application brings half the standard library along,
and one half of ours, for ASGI or for WSGI: the first worker says what was imported, and the supervisor imports the same
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
_PACKAGES = os.path.join(_LIBRARY, "site-packages", "")
INSTALLED = ("site-packages", "dist-packages")
_OURS = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep


def share_server() -> None:
    """Import what every worker needs."""
    from . import worker  # noqa: F401

    _settle()
    gc.enable()  # ``cli.main`` has put it off until here


def share_modules(names: Iterable[str], packages: frozenset[str] = frozenset(), places: Iterable[str] = ()) -> None:
    """Import modules of ours and of the standard library, and no others that ``sys.path`` has under such names.

    Args:
        packages, places: modules of these packages too, where they are installed: see ``warm.py``.
    """
    path = list(sys.path)
    sys.path[:] = (*_FOLDERS, *places)
    try:
        for name in names:
            if _is_meant(name, packages):
                with suppress(Exception):  # one that cannot be imported here is not shared
                    import_module(name)
    finally:
        sys.path[:] = path
    _settle()


def forget_users_modules() -> None:
    """Forget every module that is neither ours nor of a library: those a ``gunicorn.conf.py`` has imported.

    Workers are forked from here. With the module they would have the old code, whatever a reload is meant to bring.
    """
    from ..apps.failure import is_library

    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None) or ""
        # Extension modules stay: many cannot be loaded twice.
        if name != "__main__" and file.endswith(".py") and not file.startswith(_OURS) and not is_library(file):
            del sys.modules[name]


def last_imported() -> str:
    """The name of the module that was imported last."""
    return next(reversed(sys.modules))


def imported_modules(since: str, packages: frozenset[str] = frozenset()) -> list[str]:
    """The modules of ours and of the standard library that were imported after the module ``since``.

    An application may have modules of its own under such names: those are not meant.

    Args:
        packages: modules of these packages too.
    """
    found = []
    # From the end, and no further than need be: to look at a name is to write to its reference count, and each page
    # that is written to is shared no more.
    for name in reversed(sys.modules):
        if name == since:
            break
        if _is_meant(name, packages):
            file = getattr(sys.modules[name], "__file__", None) or ""
            if file.startswith(_OURS) or _is_standard(file) or (packages and _is_installed(file)):
                found.append(name)
    return found[::-1]


def _is_meant(name: str, packages: frozenset[str]) -> bool:
    top = name.partition(".")[0]
    return top == "bicorn" or top in sys.stdlib_module_names or top in packages


def _is_standard(file: str) -> bool:
    return file.startswith(_LIBRARY + os.sep) and not file.startswith(_PACKAGES)


def _is_installed(file: str) -> bool:
    return any(f"{os.sep}{name}{os.sep}" in file for name in INSTALLED)


def _settle() -> None:
    """Frozen, the garbage collector of a worker does not write into those pages, which would copy them."""
    gc.freeze()
