"""Old names: looks up what Gunicorn's and Uvicorn's settings became, and translates their values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from ..errors import ConfigError
from .given import Given
from .settings import OPTIONS
from .shorthands import SHORTHANDS

if TYPE_CHECKING:
    from .old_name import OldName

Dialect = Mapping[str, "OldName"]


class Translation:
    """What one source says, in our names."""

    def __init__(self) -> None:
        self.settings: dict[str, Given] = {}
        self.notices: list[str] = []


def translate(given: Iterable[Given], dialect: Dialect | None = None) -> Translation:
    """Turns what a source gives into settings here.

    Args:
        given: all a source gives; every name must be known.
        dialect: whose names they are. Ours when not given, and then both old servers' where they are not ours.

    Raises:
        ConfigError: a refused setting, or two names of one source that disagree.
    """
    result = Translation()
    for item in given:
        if dialect is None and (item.name in OPTIONS or item.name in SHORTHANDS):
            _add(result, item.name, item)
        elif row := _old(item.name, dialect):
            _translate_old(result, row, item)
        else:
            _add(result, item.name, item)
    return result


def _old(name: str, dialect: Dialect | None) -> OldName | None:
    from .dialects import OLD_NAMES  # here, for most sources have none

    return (OLD_NAMES if dialect is None else dialect).get(name)


def _translate_old(result: Translation, row: OldName, item: Given) -> None:
    from .old_name import Fate

    if row.fate is Fate.BECOMES:
        for name, value in _turn(row, item).items():
            _add(result, name, Given(name, value, item.origin, item.label))
    elif not row.asks_nothing(item.value):
        if row.fate is Fate.REFUSED:
            raise ConfigError(
                f"{item.called} cannot be used: {row.why}",
                setting=item.name,
                value=item.value,
                origin=item.origin,
            )
        if row.fate is Fate.IGNORED:
            result.notices.append(f"{item.called} is ignored: {row.why}")


def _turn(row: OldName, item: Given) -> Mapping[str, object]:
    # None is how a gunicorn.conf.py and uvicorn.run() say "as if I had not said it".
    if item.value is None:
        return {}
    return row.turn(item.value) if row.turn else {row.to: item.value}


def _add(result: Translation, name: str, item: Given) -> None:
    earlier = result.settings.get(name)
    if earlier and earlier.value != item.value:
        raise ConfigError(
            f"{earlier.called} and {item.called} are the same setting, give one of them",
            setting=name,
            value=item.value,
            origin=item.origin,
        )
    result.settings[name] = item
