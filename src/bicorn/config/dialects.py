"""Gunicorn's and Uvicorn's settings by name. Imported where somebody uses one: most starts do not."""

from __future__ import annotations

from collections.abc import Mapping

from .gunicorn_names import GUNICORN
from .old_name import OldName
from .uvicorn_names import UVICORN

GUNICORN_BY_NAME: Mapping[str, OldName] = {row.name: row for row in GUNICORN}
UVICORN_BY_NAME: Mapping[str, OldName] = {row.name: row for row in UVICORN}
OLD_NAMES: Mapping[str, OldName] = {**UVICORN_BY_NAME, **GUNICORN_BY_NAME}
"""Both; where a name is in both tables they agree on what becomes of it."""
