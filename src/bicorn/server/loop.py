"""Which event loop serves: uvloop where it is installed, else asyncio's own."""

from __future__ import annotations

import asyncio
from types import ModuleType

from ..errors import ConfigError

LOOPS = ("auto", "uvloop", "asyncio")


def new_event_loop(name: str = "auto") -> asyncio.AbstractEventLoop:
    """A new event loop, not yet running and not set as the current one.

    Args:
        name: ``"auto"``, ``"uvloop"`` or ``"asyncio"``.

    Raises:
        ConfigError: ``"uvloop"`` is asked for and cannot be imported, or the name is none of the three.
    """
    uvloop = _uvloop(name)
    if uvloop is None:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


def loop_name(name: str = "auto") -> str:
    """The loop that :func:`new_event_loop` will make: ``"uvloop"`` or ``"asyncio"``. It is imported, not made.

    Raises:
        ConfigError: as :func:`new_event_loop`.
    """
    return "asyncio" if _uvloop(name) is None else "uvloop"


def _uvloop(name: str) -> ModuleType | None:
    """The module, or None where asyncio's own loop is to serve."""
    if name not in LOOPS:
        raise ConfigError(f"loop must be one of {', '.join(LOOPS)} (got {name!r})", setting="loop", value=name)
    if name == "asyncio":
        return None
    try:
        import uvloop  # optional: there are no wheels for every platform
    except ImportError as error:
        if name == "auto":
            return None
        raise ConfigError(
            f"loop is uvloop, which cannot be imported ({error}): pip install uvloop, or use --loop auto",
            setting="loop",
            value=name,
        ) from error
    module: ModuleType = uvloop
    return module
