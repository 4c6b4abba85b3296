"""A family of failures: what its log lines look like, and what to say of them. Data; :mod:`.explain` reads it."""

from __future__ import annotations

from collections.abc import Callable
from re import Match

from ...record import Record
from .journal import Journal

Words = dict[str, str]


class Family(Record):
    """Failures with one cause and one cure.

    Args:
        kind: a short name, stable for programs.
        patterns: regular expressions; a line that one of them finds is the evidence. Their named groups fill the braces
            of what follows, and so do ``package`` (with its version), ``name`` (without), ``python`` and ``phase``.
        what: one sentence: what is wrong.
        cure: one sentence: what to do.
        commands: to be typed. One with an unfilled brace is left out.
        supplies: what the system's package manager must bring, as :mod:`..supplies` names it; braces are filled.
        more: more words for the braces, from the match and the log; None where the family is not it after all.
        hides: kinds that follow from this one, so that they are not told.
    """

    kind: str
    patterns: tuple[str, ...]
    what: str
    cure: str
    commands: tuple[str, ...] = ()
    supplies: tuple[str, ...] = ()
    more: Callable[[Match[str], Journal], Words | None] | None = None
    hides: tuple[str, ...] = ()
