"""Old names: looks up what Gunicorn's and Uvicorn's settings became, and translates their values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..errors import ConfigError
from .given import Given
from .gunicorn_names import GUNICORN
from .old_name import Fate, OldName
from .settings import OPTIONS, SHORTHANDS
from .uvicorn_names import UVICORN

GUNICORN_BY_NAME: Mapping[str, OldName] = {row.name: row for row in GUNICORN}
UVICORN_BY_NAME: Mapping[str, OldName] = {row.name: row for row in UVICORN}
OLD_NAMES: Mapping[str, OldName] = {**UVICORN_BY_NAME, **GUNICORN_BY_NAME}
"""Both; where a name is in both tables they agree on what becomes of it."""

Dialect = Mapping[str, OldName]


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
    hooks: dict[str, list[str]] = {}
    for item in given:
        row = OLD_NAMES.get(item.name) if dialect is None else dialect.get(item.name)
        ours = item.name in OPTIONS or item.name in SHORTHANDS
        if row is None or (dialect is None and ours):
            _add(result, item.name, item)
        elif row.hook:
            if item.value is not None:
                hooks.setdefault(item.origin, []).append(item.name)
        elif row.fate is Fate.BECOMES:
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
    for origin, names in hooks.items():
        plural = "hooks are" if len(names) > 1 else "hook is"
        result.notices.append(f"{origin}: the {plural} not called yet: {', '.join(names)}")
    return result


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
