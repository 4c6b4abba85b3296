"""What a file says of itself: its name, what it needs (core metadata, PEP 566, PEP 643)."""

from __future__ import annotations

from packaging.requirements import Requirement

from ...record import Record


class Metadata(Record):
    """What matters of a METADATA or PKG-INFO file.

    Args:
        requires: what it depends on, with markers; what cannot be parsed is left out.
        extras: the extras it has, normalized.
        classifiers: ``Programming Language :: Python :: Free Threading`` and the like.
    """

    name: str
    version: str
    requires_python: str = ""
    requires: tuple[Requirement, ...] = ()
    extras: tuple[str, ...] = ()
    classifiers: tuple[str, ...] = ()
