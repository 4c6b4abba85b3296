"""What an installer chooses from: versions of a project that a target can take, and what each needs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Protocol, TypeVar

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from .facts import File, Pick, Target, Wanted
from .index import filenames
from .index.client import Index
from .index.metadata import Metadata
from .index.project import Project
from .judge import contains

T = TypeVar("T")


class Need(Protocol):
    """A requirement, as far as it matters here."""

    @property
    def requirement(self) -> Requirement:
        """What is required."""

    @property
    def direct(self) -> bool:
        """Whether the user has it, not a package."""


class Candidate:
    """One version of a project, with extras or without; there is one object for each."""

    __slots__ = ("chosen", "extras", "itself", "key", "name", "url", "version", "why_none")

    def __init__(
        self, name: str, version: Version, extras: frozenset[str], chosen: File | None, url: str, why: str
    ) -> None:
        self.name, self.version, self.extras = name, version, extras
        self.chosen, self.url, self.why_none = chosen, url, why
        self.key = f"{name}[{','.join(sorted(extras))}]" if extras else name
        self.itself = Requirement(f"{name} @ {url}" if url else f"{name}=={version}")


class _Known:
    """What every resolution for a target finds again: it follows from the index alone, not from what is wanted."""

    def __init__(self) -> None:
        self.candidates: dict[tuple[str, Version, frozenset[str], bool, str], Candidate] = {}
        self.chosen: dict[tuple[str, Version, bool], tuple[File | None, str]] = {}
        self.applies: dict[tuple[int, frozenset[str]], bool] = {}  # of requirements that the index keeps


class Finder:
    """Finds candidates for one target.

    Attributes:
        target, index: what it was made with.
    """

    def __init__(self, wanted: Wanted, target: Target, index: Index) -> None:
        self.target = target
        self.index = index
        self._python = Version(target.python.base_version)  # as pip has it: 3.15.0 also for an alpha of it
        self._limits: dict[str, list[Requirement]] = {}
        for constraint in wanted.constraints:
            if self.applies(constraint):
                self._limits.setdefault(canonicalize_name(constraint.name), []).append(constraint)
        known = self.kept("candidates", _Known())
        self._candidates, self._chosen, self._applies = known.candidates, known.chosen, known.applies

    def kept(self, what: str, new: T) -> T:
        """What an earlier resolution for that target has left, else something new."""
        found: T = self.index.kept.setdefault(f"{what} {self.target.label} {self.target.python}", new)
        return found

    def project(self, requirement: Requirement) -> Project:
        """The index's."""
        return self.index.project(requirement.name)

    def applies(self, requirement: Requirement, extras: frozenset[str] = frozenset()) -> bool:
        """Whether its marker holds for the target, with one of the extras."""
        marker = requirement.marker
        if marker is None:
            return True
        return any(marker.evaluate({**self.target.markers, "extra": extra}) for extra in sorted(extras) or [""])

    def matching(
        self, name: str, extras: frozenset[str], needs: Sequence[Need], without: Collection[Version] = ()
    ) -> Iterator[Candidate]:
        """What satisfies all of them, the best first.

        Where the user pins a version that nothing can be installed of, that is given: there is more to say of it.

        Args:
            without: versions that have been found not to work.
        """
        urls = {need.requirement.url for need in needs if need.requirement.url}
        if urls:
            yield from self._at_urls(name, extras, urls, without)
            return
        limits = self._limits_of(name, needs)
        pinned = any(pins(limit) for limit in limits)
        asked_for = self.index.settings.pre or any(limit.specifier.prereleases for limit in limits)
        final = False
        for version in self._agreeing(name, limits):
            if asked_for or not version.is_prerelease:
                candidate = self._candidate(name, version, extras, pinned)
                final = final or candidate.chosen is not None
                if version not in without and (candidate.chosen or any(_insists(need) for need in needs)):
                    yield candidate
        for version in self._agreeing(name, limits) if not final and not asked_for else ():
            candidate = self._candidate(name, version, extras, pinned)
            if candidate.chosen and version not in without:
                yield candidate

    def first(self, name: str, extras: frozenset[str], needs: Sequence[Need]) -> Candidate | None:
        """The best; else the newest version that satisfies them, though nothing can be installed of it."""
        found = next(self.matching(name, extras, needs), None)
        if found or any(need.requirement.url for need in needs):
            return found
        limits = self._limits_of(name, needs)
        agreeing = sorted(self._agreeing(name, limits), key=lambda version: version.is_prerelease)
        return self._candidate(name, agreeing[0], extras, any(map(pins, limits))) if agreeing else None

    def _limits_of(self, name: str, needs: Sequence[Need]) -> list[Requirement]:
        return [*(need.requirement for need in needs), *self._limits.get(name, ())]

    def satisfies(self, requirement: Requirement, candidate: Candidate) -> bool:
        """Whether a candidate is what is required."""
        if requirement.url:
            return candidate.url == requirement.url
        return requirement.specifier.contains(candidate.version, prereleases=True)

    def dependencies(self, candidate: Candidate, *, ahead: bool = False) -> tuple[str, list[Requirement]]:
        """The Requires-Python that does not admit the target, empty where it does; and what it needs there.

        Args:
            ahead: as of :meth:`.Index.metadata`.
        """
        found = self.metadata(candidate, ahead=ahead)
        if found is None:
            return "", []
        python = "" if self._admits(found.requires_python) else found.requires_python
        return python, [
            requirement for requirement in found.requires if self._applies_once(requirement, candidate.extras)
        ]

    def metadata(self, candidate: Candidate, *, ahead: bool = False) -> Metadata | None:
        """Its metadata; of a version that comes as source those of any of its wheels, which are easier to have."""
        files: Iterable[File] = self.index.project(candidate.name).of(candidate.version) if not candidate.url else ()
        chosen = candidate.chosen
        wheels = sorted((file for file in files if file.is_wheel), key=lambda file: (not file.metadata, file.size))
        for file in [chosen] if chosen and chosen.is_wheel else [*wheels[:1], *([chosen] if chosen else [])]:
            if found := self.index.metadata(file, ahead=ahead):
                return found
        return None

    def pick(self, candidate: Candidate, extras: frozenset[str], by: tuple[str, ...]) -> Pick:
        """As the other parts take it."""
        metadata = self.metadata(candidate)
        requires = [item for item in metadata.requires if self._applies_once(item, extras)] if metadata else []
        files = (
            (candidate.chosen,)
            if candidate.url and candidate.chosen
            else self.index.project(candidate.name).of(candidate.version)
        )
        return Pick(
            name=candidate.name,
            version=candidate.version,
            files=files,
            chosen=candidate.chosen,
            requires=tuple(requires),
            wanted_by=by,
            known=metadata is not None,
            why_none=candidate.why_none,
        )

    def pin(self, requirement: Requirement, by: tuple[str, ...]) -> Pick | None:
        """What a lock file has settled, whether it can be installed or not; None where there is no such version."""
        name, extras = named(requirement)
        if requirement.url:
            candidate = next(self._at_urls(name, extras, {requirement.url}, ()), None)
        else:
            version = next(self._agreeing(name, [requirement]), None)
            candidate = self._candidate(name, version, extras, pinned=True) if version else None
        return self.pick(candidate, extras, by) if candidate else None

    def _agreeing(self, name: str, limits: Sequence[Requirement]) -> Iterator[Version]:
        project = self.index.project(name)
        specifier = SpecifierSet()
        for limit in limits:
            specifier &= limit.specifier
        exact = next((version for limit in limits if (version := pins(limit))), None)
        if exact is None:
            return project.within(specifier)
        return (version for version in project.like(exact) if specifier.contains(version, prereleases=True))

    def _candidate(self, name: str, version: Version, extras: frozenset[str], pinned: bool) -> Candidate:
        key = (name, version, extras, pinned, "")
        if key not in self._candidates:
            chosen, why = self._choose(name, version, pinned)
            self._candidates[key] = Candidate(name, version, extras, chosen, "", why)
        return self._candidates[key]

    def _at_urls(
        self, name: str, extras: frozenset[str], urls: Collection[str], without: Collection[Version]
    ) -> Iterator[Candidate]:
        """A requirement's own URL (PEP 440, direct references); two different ones contradict each other."""
        if len(urls) > 1:
            return
        url = next(iter(urls))
        filename = url.partition("#")[0].partition("?")[0].rpartition("/")[2]
        named = filenames.split(filename) if filenames.is_sound(filename) else None
        version = named[1] if named and named[0] == name else Version("0")
        file = File(name, filename, version, url.partition("#")[0], tags=filenames.tags_of(filename))
        fits = not file.is_wheel or self._rank(file) is not None
        why = "" if fits else f"{filename} does not fit"
        key = (name, version, extras, True, url)
        if key not in self._candidates:
            self._candidates[key] = Candidate(name, version, extras, file if fits else None, url, why)
        if version not in without:
            yield self._candidates[key]

    def _choose(self, name: str, version: Version, pinned: bool) -> tuple[File | None, str]:
        """The file that is installed of a version; else why there is none."""
        key = (name, version, pinned)
        if key not in self._chosen:
            self._chosen[key] = self._best(self.index.project(name).of(version), pinned)
        return self._chosen[key]

    def _best(self, files: tuple[File, ...], pinned: bool) -> tuple[File | None, str]:
        admitted = [file for file in files if self._admits(file.requires_python)]
        if not admitted:
            return None, f"Requires-Python {files[0].requires_python}" if files else "it has no files"
        current = [file for file in admitted if file.yanked is None]
        if not current and not pinned:
            return None, f"yanked: {admitted[0].yanked or 'no reason is given'}"
        for usable in (current, admitted if pinned else []):
            ranked = [(rank, file) for file in usable if (rank := self._rank(file)) is not None]
            if ranked:
                best = min(rank for rank, _ in ranked)
                wheels = [file for rank, file in ranked if rank == best]
                return max(wheels, key=lambda file: filenames.build_of(file.filename)), ""
            archives = [file for file in usable if _is_archive(file)]
            if archives:
                return archives[-1], ""  # of equals pip takes what the page has last
        return None, "no wheel fits, and there is no source archive"

    def _rank(self, file: File) -> int | None:
        ranks = self.target.ranks
        return min((ranks[tag] for tag in file.tags if tag in ranks), default=None)

    def _admits(self, requires_python: str) -> bool:
        return not requires_python or contains(requires_python, self._python)

    def _applies_once(self, requirement: Requirement, extras: frozenset[str]) -> bool:
        key = (id(requirement), extras)
        if key not in self._applies:
            self._applies[key] = self.applies(requirement, extras)
        return self._applies[key]


def named(requirement: Requirement) -> tuple[str, frozenset[str]]:
    """The project and the extras that are required, normalized."""
    return canonicalize_name(requirement.name), frozenset(canonicalize_name(extra) for extra in requirement.extras)


def pins(requirement: Requirement) -> Version | None:
    """The one version that it admits, if it is so."""
    for specifier in requirement.specifier:
        if specifier.operator in ("==", "===") and not specifier.version.endswith(".*"):
            return filenames.parse_version(specifier.version)
    return None


def _insists(need: Need) -> bool:
    return need.direct and pins(need.requirement) is not None


def _is_archive(file: File) -> bool:
    return file.filename.endswith(filenames.ARCHIVES)
