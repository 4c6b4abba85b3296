"""Settings from ``GUNICORN_CMD_ARGS``: Gunicorn's options in an environment variable."""

from __future__ import annotations

from collections.abc import Iterator

from ..errors import ConfigError
from .given import Given
from .gunicorn_names import GUNICORN
from .old_name import OldName, Takes

ORIGIN = "GUNICORN_CMD_ARGS"


def parse(text: str) -> list[Given]:
    """Reads the options as a shell would split them. Arguments that are no options are skipped, as Gunicorn does.

    Raises:
        ConfigError: an option that Gunicorn does not have, or one without its value.
    """
    import shlex

    try:
        words = iter(shlex.split(text))
    except ValueError as error:
        raise _error(f"cannot be split into words: {error}", text) from None
    found: dict[str, Given] = {}
    for word in words:
        if not word.startswith("-") or word == "-":
            continue
        row, flag, value = _option(word)
        if row.takes in (Takes.FLAG, Takes.BARE):
            value = not flag.startswith("--no-") or flag in row.flags
        elif row.takes is Takes.MAYBE:
            value = "auto" if value is None else value
        elif value is None:
            value = _next(words, flag)
        if row.takes is Takes.MANY and row.name in found:
            value = [*found[row.name].value, value]
        elif row.takes is Takes.MANY:
            value = [value]
        found[row.name] = Given(row.name, value, ORIGIN, f"{ORIGIN}: {flag}")
    return list(found.values())


def _option(word: str) -> tuple[OldName, str, object]:
    """The option, its name as written, and the value when it is in the same word."""
    if word.startswith("--"):
        flag, equals, text = word.partition("=")
        value = text if equals else None
    else:
        flag, value = word[:2], word[2:].removeprefix("=") or None
    for row in GUNICORN:
        negative = row.takes is Takes.FLAG and any(flag == "--no-" + name.removeprefix("--") for name in row.flags)
        if flag in row.flags or negative:
            return row, flag, value
    from difflib import get_close_matches

    nearest = get_close_matches(flag, [name for row in GUNICORN for name in row.flags], n=1)
    raise _error(f"Gunicorn has no option {flag}" + (f"; did you mean {nearest[0]}?" if nearest else ""), word)


def _next(words: Iterator[str], flag: str) -> str:
    try:
        return next(words)
    except StopIteration:
        raise _error(f"{flag} needs a value", flag) from None


def _error(problem: str, value: str) -> ConfigError:
    return ConfigError(f"{ORIGIN}: {problem}", value=value, origin=ORIGIN)
