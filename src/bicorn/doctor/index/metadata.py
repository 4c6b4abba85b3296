"""What a file says of itself: its name, what it needs (core metadata, PEP 566, PEP 643)."""

from __future__ import annotations

import json

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from ...record import Record

MAX_BYTES = 4 << 20
"""Of one metadata file; the longest read-me files are a tenth of it."""

_MAX_FIELDS = 20_000


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


def fields(text: str) -> dict[str, list[str]]:
    """Its header fields by lower-case name; the description, which follows, is not looked at."""
    found: dict[str, list[str]] = {}
    last: list[str] = []
    for number, line in enumerate(text.replace("\r\n", "\n").split("\n")):  # licences have form feeds in them
        if not line or number >= _MAX_FIELDS:
            break
        if line[0] in " \t":  # folded: part of the field before it
            if last:
                last[-1] += " " + line.strip()
            continue
        name, colon, value = line.partition(":")
        if not colon:
            break
        last = found.setdefault(name.strip().lower(), [])
        last.append(value.strip())
    return found


def parse(text: str) -> Metadata:
    """Reads a METADATA or PKG-INFO file."""
    given = fields(text)
    return Metadata(
        name=canonicalize_name(given.get("name", [""])[0][:300]),
        version=given.get("version", [""])[0][:300],
        requires_python=given.get("requires-python", [""])[0][:300],
        requires=requirements(given.get("requires-dist", [])),
        extras=tuple(canonicalize_name(extra[:300]) for extra in given.get("provides-extra", [])),
        classifiers=tuple(given.get("classifier", [])),
    )


def settled(given: dict[str, list[str]]) -> bool:
    """Whether a source archive's PKG-INFO says for sure what a wheel built from it will need (PEP 643)."""
    try:
        major, minor = (int(part) for part in given.get("metadata-version", ["1.0"])[0].split(".")[:2])
    except ValueError:
        return False
    dynamic = {name.strip().lower() for name in given.get("dynamic", [])}
    return (major, minor) >= (2, 2) and not dynamic & {"requires-dist", "provides-extra", "requires-python"}


def requirements(texts: list[str]) -> tuple[Requirement, ...]:
    """Those that can be parsed."""
    found = []
    for text in texts:
        try:
            found.append(Requirement(text[:5000]))
        except InvalidRequirement:
            continue
    return tuple(found)


def to_json(metadata: Metadata | None) -> str:
    """For the cache; also that there is none."""
    if metadata is None:
        return "null"
    values = [getattr(metadata, name) for name in ("name", "version", "requires_python", "extras", "classifiers")]
    return json.dumps([*values, [str(requirement) for requirement in metadata.requires]])


def from_json(text: str) -> Metadata | None:
    """The reverse.

    Raises:
        ValueError: it is not what :func:`to_json` wrote.
    """
    given = json.loads(text)
    if given is None:
        return None
    name, version, requires_python, extras, classifiers, requires = given
    return Metadata(name, version, requires_python, requirements(requires), tuple(extras), tuple(classifiers))
