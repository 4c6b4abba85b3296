"""Bicorn: one server for Python web apps, WSGI and ASGI.

The public API is what this module exports: :func:`run`, :class:`Config`, :class:`Server`. Each is imported when it is
first used, so that ``import bicorn`` costs nothing.
"""

from __future__ import annotations

from bicorn import _reading

TYPE_CHECKING = False  # type checkers know the name; importing typing for it would cost more than all of this module
if TYPE_CHECKING:
    from bicorn.cli.embedded import run
    from bicorn.config.settings import Config
    from bicorn.server.server import Server

__all__ = ["Config", "Server", "__version__", "run"]
__version__ = "0.1.0"
__compiled__ = _reading.choose()  # before anything else of the package is imported

_EXPORTED = {
    "Config": "bicorn.config.settings",
    "Server": "bicorn.server.server",
    "run": "bicorn.cli.embedded",
}


def __getattr__(name: str) -> object:
    if name not in _EXPORTED:
        raise AttributeError(f"module 'bicorn' has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(_EXPORTED[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_EXPORTED})
