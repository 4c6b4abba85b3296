"""An index that is a shelf of files made by a test, and archives made in memory."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from packaging.requirements import Requirement
from packaging.tags import parse_tag
from packaging.version import Version

from bicorn.doctor.facts import File, Pick
from bicorn.doctor.index.metadata import Metadata
from bicorn.errors import DoctorError


def sdist(name: str, version: str, files: Mapping[str, str]) -> bytes:
    """A source archive."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        for path, text in files.items():
            info = tarfile.TarInfo(f"{name}-{version}/{path}")
            content = text.encode()
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return made.getvalue()


def wheel(name: str, version: str, tag: str = "py3-none-any", **more: Any) -> File:
    """A wheel's entry on a page."""
    filename = f"{name.replace('-', '_')}-{version}-{tag}.whl"
    return File(name, filename, Version(version), f"https://example.org/{filename}", tags=parse_tag(tag), **more)


def source(name: str, version: str, **more: Any) -> File:
    """A source archive's entry on a page."""
    filename = f"{name.replace('-', '_')}-{version}.tar.gz"
    return File(name, filename, Version(version), f"https://example.org/{filename}", **more)


class Page:
    """One project."""

    def __init__(self, name: str, files: Iterable[File]) -> None:
        self.name = name
        self.files = tuple(files)
        self.missing = "" if self.files else f"{name} is not on the index"
        self.versions = sorted({file.version for file in self.files}, reverse=True)

    def of(self, version: Version) -> tuple[File, ...]:
        return tuple(file for file in self.files if file.version == version)


class Shelf:
    """Stands in for ``index.client.Index``.

    Args:
        files: all of all projects.
        archives: by file name.
        requires: by ``"name version"``: what it depends on.
    """

    def __init__(
        self, *files: File, archives: Mapping[str, bytes] | None = None, requires: Mapping[str, list[str]] | None = None
    ) -> None:
        self.files, self.archives, self.requires = files, dict(archives or {}), dict(requires or {})
        self.notes: list[str] = []

    def project(self, name: str) -> Page:
        return Page(name, [file for file in self.files if file.name == name])

    def metadata(self, file: File, *, ahead: bool = False) -> Metadata:
        wanted = self.requires.get(f"{file.name} {file.version}", [])
        return Metadata(
            file.name,
            str(file.version),
            requires=tuple(Requirement(line) for line in wanted),
        )

    def remembered(self, kind: str, file: File, find: Callable[[], tuple[str, bool]]) -> str:
        return find()[0]

    def open(self, file: File) -> io.BytesIO:
        if file.filename not in self.archives:
            raise DoctorError("the index does not answer")
        return io.BytesIO(self.archives[file.filename])

    def each(self, function: Callable[[Any], Any], items: Iterable[Any]) -> list[Any]:
        return [function(item) for item in items]


def pick(
    name: str, version: str, chosen: File | None, *files: File, requires: Iterable[str] = (), by: str = ""
) -> Pick:
    """What an installer would take."""
    return Pick(
        name,
        Version(version),
        files or ((chosen,) if chosen else ()),
        chosen,
        tuple(Requirement(line) for line in requires),
        (by,),
    )
