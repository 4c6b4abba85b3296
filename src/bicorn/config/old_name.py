"""One setting of Gunicorn or Uvicorn and what became of it: the rows of ``gunicorn_names`` and ``uvicorn_names``."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from typing import Any

from ..record import Record

FALSE_WORDS = frozenset({"false", "0", "off", "no", "none"})

Turn = Callable[[Any], Mapping[str, Any]]
"""Converts an old value into settings here, where units or meanings differ."""


class Fate(Enum):
    """What became of an old name."""

    BECOMES = "becomes"
    """A setting here."""
    MOOT = "moot"
    """It asks for what is so anyway: accepted without a word."""
    IGNORED = "ignored"
    """It has no effect, and the server says so once when it starts."""
    REFUSED = "refused"
    """The server does not start: going on without it would be unsafe, or would serve something else than was asked."""


class Takes(Enum):
    """What an option of the command line takes."""

    ONE = "one value"
    MANY = "one value, repeatable"
    FLAG = "nothing; --no-... says no"
    BARE = "nothing"
    MAYBE = "one value or nothing"


class OldName(Record):
    """One old setting.

    Args:
        name: as in ``gunicorn.conf.py`` or ``uvicorn.run()``.
        flags: on the command line, the short form first.
        fate: what became of it.
        takes: what the option of the command line takes.
        to: the setting here.
        why: what happens in its place, or the reason; part of a sentence.
        nothing: values that ask for nothing, so that there is nothing to say or to refuse. The false words when not
            given; an empty value always is one.
        turn: where the value has to be converted.
    """

    name: str
    flags: tuple[str, ...]
    fate: Fate
    takes: Takes = Takes.ONE
    to: str = ""
    why: str = ""
    nothing: frozenset[str] | Callable[[Any], bool] = FALSE_WORDS
    turn: Turn | None = None

    def asks_nothing(self, value: Any) -> bool:
        """Whether this value is the old server's way to say "no", or "as it is anyway"."""
        if value is None or value in ("", [], (), {}):
            return True
        if callable(self.nothing):
            return self.nothing(value)
        word = str(int(value) if isinstance(value, int) and not isinstance(value, bool) else value)
        return word.strip().lower() in self.nothing


def becomes(names: str, to: str = "", why: str = "", *, takes: Takes = Takes.ONE, turn: Turn | None = None) -> OldName:
    """A setting here; ``names`` is the old name and its options: ``"workers -w --workers"``."""
    name, *flags = names.split()
    return OldName(name, tuple(flags), Fate.BECOMES, takes, to or name, why, turn=turn)


def moot(names: str, why: str, *, takes: Takes = Takes.ONE) -> OldName:
    """Accepted without a word."""
    name, *flags = names.split()
    return OldName(name, tuple(flags), Fate.MOOT, takes, why=why)


def ignored(
    names: str, why: str, *, takes: Takes = Takes.ONE, nothing: str | Callable[[Any], bool] | None = None
) -> OldName:
    """Accepted with one notice; ``nothing`` lists the values that need none."""
    name, *flags = names.split()
    return OldName(name, tuple(flags), Fate.IGNORED, takes, why=why, nothing=_nothing(nothing))


def refused(
    names: str, why: str, *, takes: Takes = Takes.ONE, nothing: str | Callable[[Any], bool] | None = None
) -> OldName:
    """Stops the start; ``nothing`` lists the values that are fine."""
    name, *flags = names.split()
    return OldName(name, tuple(flags), Fate.REFUSED, takes, why=why, nothing=_nothing(nothing))


def _nothing(words: str | Callable[[Any], bool] | None) -> frozenset[str] | Callable[[Any], bool]:
    if words is None:
        return FALSE_WORDS
    return frozenset(words.split()) if isinstance(words, str) else words
