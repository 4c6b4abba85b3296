"""Installed packages that the supervisor imports, so that a reload need not: where files are watched, and there only.

Most of the time from a save to new code goes into imports of frameworks, which have not changed. The supervisor imports
those of :data:`PACKAGES` that the application has imported, and forked workers have them. It is a list because it takes
knowledge: these start no threads, open nothing, and read nothing from the environment, so that it makes no difference
whether they are imported before the application or by it. Not NumPy (thread pools, set up by variables), nothing that
gevent patches, no Django (its modules want settings).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

from . import sharing

PACKAGES = frozenset(
    {
        *("fastapi", "starlette", "pydantic", "pydantic_core", "pydantic_settings", "anyio", "sniffio", "idna"),
        *("typing_extensions", "typing_inspection", "annotated_types", "annotated_doc", "python_multipart"),
        *("flask", "werkzeug", "jinja2", "markupsafe", "click", "itsdangerous", "blinker", "quart"),
        *("litestar", "msgspec", "falcon", "bottle", "sqlalchemy", "attr", "attrs", "marshmallow", "orjson", "yaml"),
    }
)


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
