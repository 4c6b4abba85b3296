"""Which flags of the command line belong together: derived from the tables of settings and old names."""

from __future__ import annotations

from collections.abc import Iterator

from ..config.gunicorn_names import GUNICORN
from ..config.old_name import Fate, OldName
from ..config.settings import OPTIONS
from ..config.shorthands import SHORTHANDS
from ..config.uvicorn_names import UVICORN
from .options import NOT_SETTINGS


def aliases() -> dict[str, list[str]]:
    """Old flags that mean exactly a setting, by that setting."""
    found: dict[str, list[str]] = {}
    for row in (*GUNICORN, *UVICORN):
        option = OPTIONS.get(row.to)
        if option and row.fate is Fate.BECOMES and row.turn is None:
            known = found.setdefault(row.to, [])
            known += [flag for flag in row.flags if flag not in option.flags and flag not in known]
    return found


def old_flags() -> Iterator[tuple[OldName, list[str]]]:
    """Options of Gunicorn and Uvicorn that are no other name of a setting, each flag once."""
    taken = {flag for option in (*SHORTHANDS.values(), *OPTIONS.values()) for flag in option.flags}
    taken.update(flag for flags in aliases().values() for flag in flags)
    for row in (*GUNICORN, *UVICORN):
        flags = [flag for flag in row.flags if flag not in taken]
        if flags and row.name not in NOT_SETTINGS:
            taken.update(flags)
            yield row, flags
