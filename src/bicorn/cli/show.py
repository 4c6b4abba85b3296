"""The effective settings as a table: what each is, and where it comes from."""

from __future__ import annotations

from typing import Any

from ..config.settings import OPTIONS, Config


def settings(config: Config, file: str) -> str:
    """Every setting of a configuration, one a line, in the form of ``bicorn.toml``."""
    rows = [(name, _shown(config, name)) for name in OPTIONS]
    names = max(len(name) for name, _ in rows)
    values = min(48, max(len(value) for _, value in rows))
    lines = [f"{name:<{names}} = {value:<{values}}  # {config.origin(name)}".rstrip() for name, value in rows]
    return "\n".join([f"# file: {file or 'none'}", *lines])


def toml(value: Any) -> str:
    """A value as TOML has it; TOML has no None, which is shown as a comment would be."""
    if value is None:
        return "(not set)"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "[" + ", ".join(toml(": ".join(item) if isinstance(item, tuple) else item) for item in value) + "]"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"' if '"' not in value else f"'{value}'"
    return str(value)


def _shown(config: Config, name: str) -> str:
    """The value, without what should not end up in a terminal's history or a bug report."""
    value = getattr(config, name)
    if name == "raw_env":
        return toml(tuple(pair.partition("=")[0] + "=***" for pair in value))
    if name in ("unix_mode", "umask") and value is not None:
        return f"0o{value:o}"
    if name == "workers" and not value:
        return toml("auto")
    if callable(value):
        return f"{value.__name__}()" if hasattr(value, "__name__") else repr(value)
    return "***" if OPTIONS[name].secret and value is not None else toml(value)
