"""Settings from ``bicorn.toml``, or from ``[tool.bicorn]`` in ``pyproject.toml``."""

from __future__ import annotations

import os

from ..errors import ConfigError
from .given import Given
from .option import unknown
from .settings import OPTIONS
from .shorthands import SHORTHANDS


def read(path: str, shown: str) -> list[Given]:
    """Reads one file.

    Args:
        path: the file; of one called ``pyproject.toml`` the table ``[tool.bicorn]``.
        shown: what to call it.

    Raises:
        ConfigError: the file cannot be read, is no TOML, or has a key that is no setting.
    """
    import tomllib  # only where there is a file to read

    try:
        with open(path, "rb") as file:
            content = tomllib.load(file)
    except OSError as error:
        raise ConfigError(f"{shown} cannot be read: {error.strerror}", setting="config", value=shown) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{shown} is not TOML: {error}", setting="config", value=shown) from None
    if os.path.basename(path) == "pyproject.toml":
        content = content.get("tool", {}).get("bicorn", {})
    return [_given(key, value, shown) for key, value in content.items()]


def _given(key: str, value: object, shown: str) -> Given:
    name = key.replace("-", "_")
    if name == "config" or not (name in OPTIONS or name in SHORTHANDS or _is_old(name)):
        raise unknown(key, [*OPTIONS, *(set(SHORTHANDS) - {"config"})], value=value, origin=shown)
    return Given(name, value, shown, f"{shown}: {key}")


def _is_old(name: str) -> bool:
    """Whether it is a setting of Gunicorn or Uvicorn that means something here."""
    from .dialects import OLD_NAMES
    from .old_name import Fate

    row = OLD_NAMES.get(name)
    return row is not None and row.fate is not Fate.MOOT
