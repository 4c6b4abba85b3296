"""A project of an index.

A project may have thousands of files, an installer looks at those of a version or two. So a page is kept as text, a
line for each version, and a line is read when somebody asks for it.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence

from packaging.specifiers import SpecifierSet
from packaging.version import Version

from ..facts import File
from .filenames import parse_version, tags_of
from .pages import Entry


class Project:
    """The versions of a project, and the files of each.

    Attributes:
        name: normalized.
        missing: why there is nothing, in words; empty where there is something.
    """

    def __init__(self, name: str, pages: Iterable[str] = (), missing: str = "") -> None:
        self.name = name
        self.missing = missing
        self._lines: dict[str, list[str]] = {}
        for page in pages:
            for line in page.splitlines():
                text, _, files = line.partition("\t")
                self._lines.setdefault(text, []).append(files)
        self._texts: dict[Version, list[str]] = {}  # 1.0 and 1.0.0 are one version
        for text in self._lines:
            version = parse_version(text)
            if version is not None:
                self._texts.setdefault(version, []).append(text)
        self._versions = sorted(self._texts, reverse=True)
        self._files: dict[Version, tuple[File, ...]] = {}
        self._within: dict[str, dict[int, bool]] = {}
        self._like: dict[Version, list[Version]] = {}

    @property
    def versions(self) -> Sequence[Version]:
        """Every version that has a file, the newest first."""
        return self._versions

    def within(self, specifier: SpecifierSet) -> Iterator[Version]:
        """The versions that it contains, prereleases too, the newest first. The same are asked for over and over."""
        known = self._within.setdefault(str(specifier), {})
        for place, version in enumerate(self._versions):
            if place not in known:
                known[place] = specifier.contains(version, prereleases=True)
            if known[place]:
                yield version

    def like(self, pinned: Version) -> Sequence[Version]:
        """What a pin admits: where it names no local version, any (PEP 440, local version identifiers)."""
        if pinned not in self._like:
            local = pinned.local is None
            self._like[pinned] = [
                version
                for version in self._versions
                if version == pinned or (local and version.local is not None and version.public == pinned.public)
            ]
        return self._like[pinned]

    def of(self, version: Version) -> tuple[File, ...]:
        """The files of one version."""
        if version not in self._files:
            entries = [
                Entry(*item)
                for text in self._texts.get(version, ())
                for files in self._lines[text]
                for item in json.loads(files)
            ]
            by_name = {entry.filename: entry for entry in reversed(entries)}  # the main index wins
            self._files[version] = tuple(self._file(entry, version) for entry in reversed(by_name.values()))
        return self._files[version]

    @property
    def files(self) -> tuple[File, ...]:
        """Every file: dear for a large project, :meth:`of` is cheaper."""
        return tuple(file for version in self._versions for file in self.of(version))

    def _file(self, entry: Entry, version: Version) -> File:
        return File(
            name=self.name,
            filename=entry.filename,
            version=version,
            url=entry.url,
            size=entry.size,
            hashes=entry.hashes,
            requires_python=entry.requires_python,
            yanked=entry.yanked,
            tags=tags_of(entry.filename),
            metadata=entry.metadata,
        )


def to_text(groups: dict[str, list[Entry]]) -> str:
    """As a :class:`Project` takes it: a version as it is written, a tab, its files."""
    return "\n".join(f"{version}\t{json.dumps(entries)}" for version, entries in groups.items())
