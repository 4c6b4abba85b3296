"""Installations that are broken: files missing, one distribution twice, leftovers of an interrupted pip, needs unmet.

By the database of installed distributions: ``*.dist-info`` with METADATA and RECORD
(https://packaging.python.org/en/latest/specifications/recording-installed-packages/).
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Iterator
from email.parser import HeaderParser

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from ...record import Record
from ..facts import Ailment
from .place import Place

MAX_METADATA = 2 * 1024 * 1024
MAX_RECORDED = 100_000
MAX_SHOWN = 3


class Installed(Record):
    """A distribution in a folder.

    Args:
        info: its ``.dist-info`` or ``.egg-info`` folder.
    """

    name: str
    version: str
    folder: str
    info: str
    requires: tuple[str, ...] = ()


def check(place: Place) -> Iterator[Ailment]:
    """What is broken."""
    found = list(installed(place))
    yield from _twice(found, place)
    yield from _leftovers(place)
    yield from _incomplete(found, place)
    yield from _unmet(found, place)


def installed(place: Place) -> Iterator[Installed]:
    """The distributions of an environment."""
    for folder in place.folders:
        for name in sorted(_list(folder)):
            if not name.endswith((".dist-info", ".egg-info")) or name.startswith("~"):
                continue
            info = os.path.join(folder, name)
            for file in ("METADATA", "PKG-INFO"):
                if text := _text(os.path.join(info, file)):
                    headers = HeaderParser().parsestr(text)
                    requires = tuple(str(each) for each in headers.get_all("Requires-Dist") or ())
                    yield Installed(headers["Name"] or "", headers["Version"] or "", folder, info, requires)
                    break


def _twice(found: list[Installed], place: Place) -> Iterator[Ailment]:
    by_name: dict[str, list[Installed]] = {}
    for each in found:
        by_name.setdefault(f"{canonicalize_name(each.name)} {each.folder}", []).append(each)
    for several in by_name.values():
        if len(several) > 1:
            name = several[0].name
            yield Ailment(
                "installed-twice",
                f"{name} is installed {len(several)} times: {', '.join(each.version for each in several)}.",
                where=several[0].folder,
                cure="Remove it until pip finds none, then install it again.",
                commands=(f"{_python(place)} -m pip uninstall -y {name}", f"{_python(place)} -m pip install {name}"),
            )


def _leftovers(place: Place) -> Iterator[Ailment]:
    """pip renames what it replaces so that it begins with a tilde, and puts it back or removes it in the end."""
    for folder in place.folders:
        left = [name for name in _list(folder) if name.startswith("~")]
        if left:
            yield Ailment(
                "interrupted-install",
                f"An installation was interrupted: {', '.join(sorted(left)[:MAX_SHOWN])} was left behind.",
                where=folder,
                cure="Remove them, then install the package again.",
                commands=tuple(f"rm -r '{os.path.join(folder, name)}'" for name in sorted(left)[:MAX_SHOWN]),
                severity="warning",
            )


def _incomplete(found: list[Installed], place: Place) -> Iterator[Ailment]:
    for each in found:
        missing = [path for path in _recorded(each) if not os.path.exists(os.path.join(each.folder, path))]
        if missing:
            shown = ", ".join(missing[:MAX_SHOWN]) + (" ..." if len(missing) > MAX_SHOWN else "")
            count = f"{len(missing)} of its files are" if len(missing) > 1 else "one of its files is"
            yield Ailment(
                "files-missing",
                f"{each.name} {each.version} is not complete: {count} gone.",
                where=shown,
                cure="Install it again.",
                commands=(
                    f"{_python(place)} -m pip install --force-reinstall --no-deps '{each.name}=={each.version}'",
                ),
            )


def _recorded(each: Installed) -> Iterator[str]:
    """Modules and compiled modules; what else is gone hurts nobody at run time."""
    text = _text(os.path.join(each.info, "RECORD"), 16 * MAX_METADATA)
    for number, row in enumerate(csv.reader(text.splitlines())):
        if number >= MAX_RECORDED:
            return
        path = row[0] if row else ""
        if path.endswith((".py", ".so", ".pyd")) and not path.startswith(("..", "/")):
            yield path


def _unmet(found: list[Installed], place: Place) -> Iterator[Ailment]:
    versions = {canonicalize_name(each.name): each.version for each in found}
    environment = {"extra": ""}
    if place.minor:
        environment |= {"python_version": place.minor}
    for each in found:
        for text in each.requires:
            try:
                wanted = Requirement(text)
                if wanted.marker and not wanted.marker.evaluate(environment):
                    continue
                have = versions.get(canonicalize_name(wanted.name))
                fits = have is not None and wanted.specifier.contains(Version(have), prereleases=True)
            except (InvalidRequirement, InvalidVersion):
                continue
            if not fits:
                plain = re.sub(r"\s*;.*", "", text)
                yield Ailment(
                    "need-unmet",
                    f"{each.name} {each.version} wants {plain}; {have or 'it'} is {'' if have else 'not '}installed.",
                    cure="Install what it wants, or a version of it that wants what is here.",
                    commands=(f"{_python(place)} -m pip install '{plain}'",),
                    severity="warning",
                )


def _python(place: Place) -> str:
    return "python" if place.running else os.path.join(place.prefix, "bin", "python")


def _list(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []


def _text(path: str, most: int = MAX_METADATA) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(most)
    except OSError:
        return ""
