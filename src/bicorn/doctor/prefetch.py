"""Asks an index for what a resolution will want, before it does and many at once.

The resolver asks for one thing after the other, and each takes a round trip. A walk along the newest versions finds
nearly all of it first; and where the newest do not agree with the rest and it tries older ones, those are asked for
some at a time. What is asked for in vain costs a request, never a wrong answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from itertools import islice
from queue import SimpleQueue

from packaging.requirements import Requirement

from ..errors import DoctorError
from ..record import Record
from .candidates import Candidate, Finder, named, pins

MAX_PROJECTS = 2000
MOST_AHEAD = 16
"""Versions of a project."""
DEEPEST_AHEAD = 4
"""Of versions that pin each other."""


class _Asked(Record):
    requirement: Requirement
    direct: bool = False


def prefetch(requirements: Iterable[Requirement], finder: Finder, *, deep: bool = True) -> None:
    """Fills the memory of the finder's index; what was walked along before for that target is not again.

    Args:
        deep: what they need is fetched as well, and so on.
    """
    index = finder.index
    seen: set[tuple[str, frozenset[str]]] = set()
    walked = index.walked.setdefault(f"{finder.target.label} {finder.target.python} {deep}", set())
    done: SimpleQueue[Future[list[Requirement]]] = SimpleQueue()
    running = 0

    def ask(requirement: Requirement, direct: bool = False) -> None:
        nonlocal running
        key = named(requirement)
        if key not in seen and len(seen) < MAX_PROJECTS:
            seen.add(key)
            step = (*key, str(requirement.specifier))
            if step in walked:
                return
            walked.add(step)
            running += 1
            index.submit(lambda: _look(_Asked(requirement, direct), finder)).add_done_callback(done.put)

    for requirement in requirements:
        if finder.applies(requirement):
            ask(requirement, direct=True)
    while running:
        found = done.get().result()
        running -= 1
        for requirement in found if deep else ():
            ask(requirement)


def _look(asked: _Asked, finder: Finder) -> list[Requirement]:
    """What the newest version that agrees needs. Errors are found again by whoever really needs it."""
    try:
        candidate = _newest(asked, finder)
        return finder.dependencies(candidate, ahead=True)[1] if candidate else []
    except DoctorError:
        return []


def _newest(asked: _Asked, finder: Finder) -> Candidate | None:
    """The newest version that agrees."""
    return next(finder.matching(*named(asked.requirement), [asked]), None)


def ahead(found: Iterator[Candidate], finder: Finder, asked: set[Candidate], *, tried: int) -> Iterator[Candidate]:
    """The same, and what the next ones need is asked for: the more of them, the more have been tried in vain.

    Args:
        asked: about whom that was done; they are added.
        tried: how many versions have been; where none has, the first of these is likely to be the one, and goes alone.
    """
    count = min(4 * tried, MOST_AHEAD) or 1
    while some := list(islice(found, count)):
        if count > 1:
            for candidate in some:
                if candidate not in asked:
                    asked.add(candidate)
                    finder.index.submit(partial(_expect, candidate, finder))
        yield from some
        count = min(4 * count, MOST_AHEAD)


def _expect(candidate: Candidate, finder: Finder, depth: int = 0) -> None:
    """What a version needs, and the versions that it pins: releases of one maker often come together."""
    with suppress(DoctorError):
        for requirement in finder.dependencies(candidate, ahead=True)[1]:
            if depth < DEEPEST_AHEAD and pins(requirement):
                if pinned := _newest(_Asked(requirement), finder):
                    _expect(pinned, finder, depth + 1)
