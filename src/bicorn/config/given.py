"""A value as a source gave it, before it is known what it means."""

from __future__ import annotations

from typing import Any

from ..record import Record


class Given(Record):
    """One name and value of a source.

    Args:
        name: a setting here, or a name of Gunicorn's or Uvicorn's.
        value: text, or what a file or a keyword holds.
        origin: for :meth:`Config.origin`: ``"--workers"``, ``"BICORN_WORKERS"``, ``"bicorn.toml"``, ...
        label: what to call it in a message; the origin, and the name where the origin has many.
    """

    name: str
    value: Any
    origin: str
    label: str = ""

    @property
    def called(self) -> str:
        """What to call it in a message."""
        return self.label or self.origin
