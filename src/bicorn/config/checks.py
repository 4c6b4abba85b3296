"""Rules that span settings. Each is a function that gives the problem, or None; :func:`check` raises the first one."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .settings import Config


def check(config: Config) -> None:
    """Raises ConfigError for the first rule that does not hold."""
