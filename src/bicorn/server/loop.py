"""Which event loop serves: uvloop where it is installed, else asyncio's own."""

from __future__ import annotations

import asyncio

from ..errors import ConfigError

LOOPS = ("auto", "uvloop", "asyncio")


def new_event_loop(name: str = "auto") -> asyncio.AbstractEventLoop:
    """A new event loop, not yet running and not set as the current one.

    Args:
        name: ``"auto"``, ``"uvloop"`` or ``"asyncio"``.

    Raises:
        ConfigError: ``"uvloop"`` is asked for and cannot be imported, or the name is none of the three.
    """
    if name == "asyncio":
        return asyncio.new_event_loop()
    if name not in LOOPS:
        raise ConfigError(f"loop must be one of {', '.join(LOOPS)} (got {name!r})", setting="loop", value=name)
    try:
        import uvloop  # optional: there are no wheels for every platform
    except ImportError as error:
        if name == "auto":
            return asyncio.new_event_loop()
        raise ConfigError(
            f"loop is uvloop, which cannot be imported ({error}): pip install uvloop, or use --loop auto",
            setting="loop",
            value=name,
        ) from error
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop


def loop_name(name: str = "auto") -> str:
    """The loop that :func:`new_event_loop` would choose, for the start-up line: ``"uvloop"`` or ``"asyncio"``."""
    if name != "auto":
        return name
    try:
        import uvloop  # noqa: F401  # only asked whether it is there; workers share the import copy-on-write
    except ImportError:
        return "asyncio"
    return "uvloop"
