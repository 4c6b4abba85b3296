"""Settings from a ``gunicorn.conf.py``: Python that is run, whose global names are Gunicorn's settings."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from types import ModuleType
from typing import Any

from ..errors import ConfigError
from .dialects import GUNICORN_BY_NAME
from .given import Given

MODULE_NAME = "__config__"  # Gunicorn's, which some files look for
_ONLY_ON_THE_COMMAND_LINE = frozenset({"config", "check_config", "print_config", "default_proc_name"})


def read(path: str, shown: str, directory: str) -> tuple[list[Given], list[str]]:
    """Runs one file.

    Args:
        path: the file.
        shown: what to call it.
        directory: the application's, which the file may import from.

    Returns:
        What it gives, and notices about names that look like misspelt settings.

    Raises:
        ConfigError: the file cannot be read, or fails; the message ends with the lines of the file that failed.
    """
    module = ModuleType(MODULE_NAME)
    module.__file__ = path
    try:
        with open(path, "rb") as file:
            source = file.read()
    except OSError as error:
        raise ConfigError(f"{shown} cannot be read: {error.strerror}", setting="config", value=shown) from None
    _importable(directory)
    sys.modules[MODULE_NAME] = module
    try:
        exec(compile(source, path, "exec"), vars(module))  # noqa: S102 - the file is the operator's own program
    except (Exception, SystemExit) as error:
        raise ConfigError(f"{shown} failed:\n{_trace(error)}", setting="config", value=shown) from error
    return _settings(vars(module), shown), _misspelt(vars(module), shown)


def read_module(name: str, directory: str) -> tuple[list[Given], list[str]]:
    """The same for ``-c python:MODULE``."""
    from importlib import import_module

    shown = f"python:{name}"
    _importable(directory)
    try:
        found = vars(import_module(name))
    except Exception as error:
        raise ConfigError(f"{shown} failed:\n{_trace(error)}", setting="config", value=shown) from error
    return _settings(found, shown), _misspelt(found, shown)


def _settings(found: Mapping[str, Any], shown: str) -> list[Given]:
    return [
        Given(name, value, shown, f"{shown}: {name}")
        for name, value in found.items()
        if name in GUNICORN_BY_NAME and name not in _ONLY_ON_THE_COMMAND_LINE and not isinstance(value, ModuleType)
    ]


def _misspelt(found: Mapping[str, Any], shown: str) -> list[str]:
    """Gunicorn says nothing about ``worker = 4``. A file may have names of its own, so this is no error here either."""
    from difflib import get_close_matches

    notices = []
    for name, value in found.items():
        if name.startswith("_") or name in GUNICORN_BY_NAME or not isinstance(value, (str, int, float, list, tuple)):
            continue
        nearest = get_close_matches(name, GUNICORN_BY_NAME, n=1, cutoff=0.85)
        if nearest and nearest[0] not in found:
            notices.append(f"{shown}: {name} is not a setting; did you mean {nearest[0]}?")
    return notices


def _importable(directory: str) -> None:
    if directory not in sys.path:
        sys.path.insert(0, directory)


def _trace(error: BaseException) -> str:
    """The traceback from the first line of the file on: what is above it is ours."""
    import traceback

    frames = error.__traceback__.tb_next if error.__traceback__ else None
    return "".join(traceback.format_exception(type(error), error, frames)).rstrip()
