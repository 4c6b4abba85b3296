"""Installed packages that are imported before the application, because it has imported them before.

Most of the time that a worker takes to start goes into imports of frameworks, and most of its memory. One worker says
which of :data:`PACKAGES` its application has imported, somebody imports the same, and who is forked from there has
them: the supervisor, where files are watched and each save is a new generation, else a process of the generation's
own, see ``templates.py``.

It is a list because it takes knowledge: these start no threads, open nothing, and read next to nothing from the
environment, so that it makes no difference whether they are imported before the application or by it. Not NumPy (thread
pools, set up by variables), no Django (its modules want settings). Where an application does something before its
imports that may make one, such as gevent's patches or an import hook, :class:`Imports` names none.
"""

from __future__ import annotations

import builtins
import logging
import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ..config import sources
from . import sharing

if TYPE_CHECKING:
    from ..config.settings import Config

PACKAGES = frozenset(
    {
        *("fastapi", "starlette", "pydantic", "pydantic_core", "pydantic_settings", "anyio", "sniffio", "idna"),
        *("typing_extensions", "typing_inspection", "annotated_types", "annotated_doc", "python_multipart"),
        *("flask", "werkzeug", "jinja2", "markupsafe", "click", "itsdangerous", "blinker", "quart"),
        *("litestar", "msgspec", "falcon", "bottle", "sqlalchemy", "attr", "attrs", "marshmallow", "orjson", "yaml"),
    }
)

_PATCHED = (("time", "sleep"), ("socket", "socket"), ("threading", "Thread"))
"""What is replaced by who wants the standard library to be another, before anything else is imported."""

FEW = 2
"""Workers for which a process that imports for them would take more memory than it saves."""


def names_any(modules: Iterable[str]) -> bool:
    """Whether one of these modules belongs to one of the packages."""
    return any(name.partition(".")[0] in PACKAGES for name in modules)


class Imports:
    """What a worker imports, from here on."""

    def __init__(self, config: Config) -> None:
        self._since = sharing.last_imported()
        is_of_use = config.reload or (config.share_imports and config.workers > FEW)
        self._before = _conditions() if is_of_use and not config.preload else None

    def modules(self) -> list[str]:
        """Those that others can import before the application does: of ours, of the standard library, of the packages.

        None of the packages where the application has changed what an import does.
        """
        is_same = self._before is not None and self._before == _conditions()
        return sharing.imported_modules(self._since, PACKAGES if is_same else frozenset())


def _conditions() -> tuple[Sequence[object], ...]:
    """What the import of a package may depend on."""
    patched = [getattr(sys.modules.get(module), name, None) for module, name in _PATCHED]
    places = [path for path in sys.path if os.path.basename(path) in sharing.INSTALLED]
    variables = sources.variables(PACKAGES)
    # Six finds modules of its own alone, and is brought along by many.
    finders = [finder for finder in sys.meta_path if not type(finder).__module__.endswith("six")]
    return [builtins.__import__, logging.getLoggerClass(), *patched], places, variables, finders, list(sys.path_hooks)


class Warmth:
    """What has been imported that way, and what its files were like."""

    def __init__(self) -> None:
        self._stamps: dict[str, int] = {}

    def share(self, names: Iterable[str]) -> None:
        """Import these modules, as far as they are installed packages, of ours, or of the standard library."""
        wanted = [name for name in names if name not in sys.modules]
        if not wanted:
            return
        places = [path for path in sys.path if os.path.basename(path) in sharing.INSTALLED]
        sharing.share_modules(wanted, PACKAGES, places)
        for name in PACKAGES & sys.modules.keys():
            self._stamps.setdefault(name, _stamp(name))

    def changed(self) -> list[str]:
        """The packages that were installed anew since they were imported: each is told once."""
        found = sorted(name for name, stamp in self._stamps.items() if stamp != _stamp(name))
        for name in found:
            self._stamps[name] = _stamp(name)
        return found


def _stamp(name: str) -> int:
    try:
        return os.stat(getattr(sys.modules[name], "__file__", None) or "").st_mtime_ns
    except OSError:
        return 0
