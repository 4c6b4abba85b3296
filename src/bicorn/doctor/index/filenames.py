"""What a file's name says: project, version, tags (PEP 427, PEP 625). Nobody's file name is trusted."""

from __future__ import annotations

import re
from functools import lru_cache

from packaging.tags import Tag, parse_tag
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

ARCHIVES = (".tar.gz", ".zip", ".tgz", ".tar.bz2", ".tar.xz")
"""What pip takes for a source archive."""

_SOUND = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.!+-]{0,254}")  # no separators, no blanks, nothing to escape
_canonical = lru_cache(1024)(canonicalize_name)  # the files of a project spell it in one way or two
_MAX_TAGS = 1000  # a compressed tag set multiplies: "py2.py3-none-a.b.c"


def is_sound(filename: str) -> bool:
    """Whether it is made of nothing but what names and versions are made of, and fits a file system."""
    return _SOUND.fullmatch(filename) is not None and ".." not in filename


def is_name(name: str) -> bool:
    """Whether it is a project's normalized name (PEP 503)."""
    return len(name) <= 200 and re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", name) is not None


def version_of(filename: str, project: str) -> str | None:
    """The version as it is written; None if it is no file of the project (normalized) that an installer would take."""
    if filename.endswith(".whl"):
        parts = filename[:-4].split("-")
        if len(parts) in (5, 6) and _canonical(parts[0]) == project:
            return parts[1]
        return None
    for ending in ARCHIVES:
        if filename.endswith(ending):
            return _after_name(filename.removesuffix(ending), project)
    return None


def _after_name(stem: str, project: str) -> str | None:
    """Either may have dashes in it, so the name says where it ends, as for pip."""
    for place, letter in enumerate(stem):
        if letter == "-" and _canonical(stem[:place]) == project:
            return stem[place + 1 :]
    return None


def split(filename: str) -> tuple[str, Version] | None:
    """Name (normalized) and version of a file that stands alone: the version begins after the last dash that a digit
    follows. None if it is no package's."""
    if filename.endswith(".whl"):
        stem = "-".join(filename.split("-")[:2])
    else:
        stem = next((filename.removesuffix(ending) for ending in ARCHIVES if filename.endswith(ending)), "")
    match = re.fullmatch(r"(.+?)-(v?[0-9].*)", stem)
    version = parse_version(match[2]) if match else None
    return (canonicalize_name(match[1]), version) if match and version else None


def parse_version(text: str) -> Version | None:
    """None where it is none (PEP 440)."""
    try:
        return Version(text.replace("_", "-"))
    except InvalidVersion:
        return None


def tags_of(filename: str) -> frozenset[Tag]:
    """A wheel's tags; empty for anything else, and for a wheel that claims absurdly many."""
    if not filename.endswith(".whl"):
        return frozenset()
    return _tags("-".join(filename[:-4].split("-")[-3:]))


@lru_cache(4096)  # the same ones on every page
def _tags(text: str) -> frozenset[Tag]:
    parts = text.split("-")
    count = 1
    for part in parts:
        count *= part.count(".") + 1
    if count > _MAX_TAGS or len(parts) != 3:
        return frozenset()
    try:
        return parse_tag(text)
    except ValueError:  # packaging's InvalidTag: "py36+-none-any"
        return frozenset()


def build_of(filename: str) -> tuple[int, str]:
    """A wheel's build number, by which equal wheels are ordered; ``(0, "")`` where it has none."""
    parts = filename.split("-")
    match = re.match(r"(\d{1,9})(.*)", parts[2]) if len(parts) == 6 else None
    return (int(match[1]), match[2]) if match else (0, "")
