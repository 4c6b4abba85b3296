"""The metadata inside an archive: read in memory, in bounds, and nothing of it is run."""

from __future__ import annotations

import gzip
import re
import tomllib
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any

from packaging.utils import canonicalize_name

from .. import tar
from . import metadata
from .metadata import Metadata
from .reader import Reader, Unreadable

MAX_ENTRIES = 50_000
MAX_UNPACKED = 256 << 20  # that is run through, not kept

_PLAIN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # others' decompressors ask for as much memory as a file tells them
_BROKEN = (
    OSError,
    EOFError,
    ValueError,
    KeyError,
    NotImplementedError,
    zipfile.BadZipFile,
    zlib.error,
)
_ENOUGH = 3  # folders deep: src/name.egg-info/requires.txt


def of_wheel(file: Reader, name: str) -> Metadata:
    """The METADATA of a wheel (PEP 427: in the one ``.dist-info`` folder at the top).

    Args:
        name: the project's, normalized.

    Raises:
        Unreadable: it is no wheel, or not a sound one.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            for info in archive.infolist():
                folder, slash, rest = info.filename.partition("/")
                if slash and rest == "METADATA" and _is_dist_info(folder, name):
                    return metadata.parse(_unzipped(archive, info).decode("utf-8", "replace"))
    except _BROKEN as error:
        raise Unreadable(f"{file.url} is a broken wheel: {str(error)[:150]}")
    raise Unreadable(f"{file.url} is no wheel of {name}: it has no METADATA.")


def of_source(file: Reader, name: str) -> Metadata | None:
    """What a source archive says for sure, or what its maker's tools found; None where only building it would tell.

    In this order: PKG-INFO, where it settles what is needed (PEP 643); ``[project]`` in pyproject.toml, where its
    dependencies are not dynamic (PEP 621); PKG-INFO with dependencies in it; setuptools' ``requires.txt``.

    Raises:
        Unreadable: it is no archive, or not a sound one.
    """
    found: dict[str, str] = {}
    try:
        for path, text in _texts(file):
            found[path] = text
            if path == "PKG-INFO" and metadata.settled(metadata.fields(text)):
                return metadata.parse(text)
    except Unreadable:
        if not found:
            raise
    except _BROKEN as error:
        raise Unreadable(f"{file.url} is a broken archive: {str(error)[:150]}")
    return _judged(found, name)


def _judged(found: dict[str, str], name: str) -> Metadata | None:
    own = metadata.parse(found.get("PKG-INFO", ""))
    project = _project(found.get("pyproject.toml", ""))
    if project is not None:
        return own.replace(name=name, requires=metadata.requirements(project))
    if own.requires:
        return own
    folders = [path.rpartition("/")[0] for path in found if path.endswith(".egg-info/PKG-INFO")]
    if folders:
        return own.replace(
            name=name, requires=metadata.requirements(egg_info(found.get(f"{folders[0]}/requires.txt", "")))
        )
    return None


def egg_info(text: str) -> list[str]:
    """``requires.txt`` of setuptools: plain requirements, then sections ``[extra:marker]``; as of PEP 508."""
    extra = marker = ""
    found = []
    for line in text.splitlines()[:20_000]:
        line = line.strip()
        if line.startswith("[") and line.endswith("]"):
            extra, _, marker = line[1:-1].partition(":")
        elif line:
            conditions = [f"({marker})"] if marker else []
            conditions += [f'extra == "{extra}"'] if re.fullmatch(r"[\w.-]+", extra) else []
            space = " " if "@" in line else ""
            found.append(f"{line}{space}; {' and '.join(conditions)}" if conditions else line)
    return found


def _project(text: str) -> list[str] | None:
    """The dependencies in pyproject.toml, extras with their markers; None where they are not all there."""
    try:
        table = tomllib.loads(text).get("project")
    except (tomllib.TOMLDecodeError, RecursionError):
        return None
    if not isinstance(table, dict) or not isinstance(table.get("name"), str):
        return None
    dynamic = table.get("dynamic", [])
    if not isinstance(dynamic, list) or {"dependencies", "optional-dependencies"} & {str(item) for item in dynamic}:
        return None
    return project_requirements(table)


def project_requirements(table: dict[str, Any]) -> list[str]:
    """``dependencies`` and ``optional-dependencies`` (PEP 621) as a wheel's METADATA would have them."""
    plain, optional = table.get("dependencies", []), table.get("optional-dependencies", {})
    found = [item for item in plain if isinstance(item, str)] if isinstance(plain, list) else []
    for extra, items in optional.items() if isinstance(optional, dict) else ():
        for item in items if isinstance(items, list) else ():
            if isinstance(item, str):
                before, semicolon, marker = item.partition(";")
                condition = f'extra == "{canonicalize_name(str(extra))}"'
                found.append(f"{before} ; {f'({marker}) and ' if semicolon else ''}{condition}")
    return found


def _texts(file: Reader) -> Iterator[tuple[str, str]]:
    """The files that matter, by path without the archive's own top folder."""
    start = file.read(4)
    file.seek(0)
    if start[:2] == b"PK":
        with zipfile.ZipFile(file) as archive:
            for info in archive.infolist():
                path = _interesting(info.filename)
                if path:
                    yield path, _unzipped(archive, info).decode("utf-8", "replace")
    elif start[:2] == b"\x1f\x8b":
        yield from _tar_texts(_Stream(gzip.GzipFile(fileobj=file), file.url))
    else:  # bz2 and xz are as good as gone, and theirs ask for memory as a file tells them
        raise Unreadable(f"{file.url} is neither a zip nor a gzip archive: it is not looked into.")


def _tar_texts(stream: _Stream) -> Iterator[tuple[str, str]]:
    number = 0
    try:
        for number, member in enumerate(tar.members(stream), 1):
            if number > MAX_ENTRIES:
                raise Unreadable(f"{stream.shown} has more than {MAX_ENTRIES} entries: it is not looked at further.")
            path = _interesting(member.name) if member.plain else ""
            if path:
                yield path, member.read(metadata.MAX_BYTES).decode("utf-8", "replace")
    except tar.BadHeader:
        if not number:
            raise  # what follows an archive is no part of it


class _Stream:
    """What comes out of a decompressor, with an end to what it may be made to do."""

    def __init__(self, inner: gzip.GzipFile, shown: str) -> None:
        self._inner, self.shown = inner, shown
        self._place = 0

    def read(self, size: int, /) -> bytes:
        self._move(size)
        return self._inner.read(size)

    def skip(self, size: int, /) -> None:
        self._move(size)
        if size and self._inner.seek(self._place) < self._place:
            raise EOFError("unexpected end of data")

    def _move(self, size: int) -> None:
        self._place += size
        if self._place > MAX_UNPACKED:
            raise Unreadable(f"{self.shown} unpacks to more than {MAX_UNPACKED >> 20} MB: it is not looked at further.")


def _interesting(path: str) -> str:
    """Without the top folder; empty if it says nothing about what is needed."""
    parts = path[:1000].removeprefix("./").split("/")[1:]
    if parts in (["PKG-INFO"], ["pyproject.toml"]):
        return parts[0]
    inside = 2 <= len(parts) <= _ENOUGH and parts[-2].endswith(".egg-info")
    return "/".join(parts) if inside and parts[-1] in ("requires.txt", "PKG-INFO") else ""


def _is_dist_info(folder: str, name: str) -> bool:
    return folder.endswith(".dist-info") and canonicalize_name(folder.partition("-")[0]) == name


def _unzipped(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> bytes:
    if info.compress_type not in _PLAIN or info.file_size > metadata.MAX_BYTES:
        raise Unreadable(f"{info.filename[:80]!r} in the archive is packed unusually, or too large: it is not read.")
    with archive.open(info) as file:
        return file.read(metadata.MAX_BYTES)
