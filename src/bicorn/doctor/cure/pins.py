"""The least change of pins that makes a Python work.

What fails is moved to its first later version that has a wheel. Where a parent pins it (pydantic pins pydantic-core)
the parent moves, to its first version that admits one; and where that one asks for more of what else is pinned, so do
those. What needs a newer Python than the wanted one is moved the other way, to its last earlier version that does not.
The result is resolved and judged again: what is proposed has been seen to install.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

from ...errors import DoctorError
from ...record import Record
from ..facts import Finding, Pick, Resolution, Target, Wanted
from ..index.client import Index
from ..judge import admits, best

Examine = Callable[[Wanted, Target], tuple[Resolution, tuple[Finding, ...]]]
"""Resolves and judges."""

MOST_ROUNDS = 12
MOST_VERSIONS = 80
"""Later versions of one project that are tried."""
AT_ONCE = 8
DEEPEST = 4

_AHEAD = 8  # minor versions of Python that a requirement may be ahead


class Change(Record):
    """One pin, moved.

    Args:
        why: ``"the first with a wheel for cp314"``.
    """

    name: str
    old: Version
    new: Version
    why: str


class Changed(Record):
    """Pins that work.

    Args:
        wanted: what is wanted, changed.
        resolution, findings: what then becomes of it.
    """

    changes: tuple[Change, ...]
    wanted: Wanted
    resolution: Resolution
    findings: tuple[Finding, ...]


def least(
    wanted: Wanted, resolution: Resolution, findings: Sequence[Finding], index: Index, examine: Examine
) -> Changed | None:
    """The least change after which everything installs; None where there is none, or none was found."""
    mover = _Mover(wanted, resolution, index)
    for _ in range(MOST_ROUNDS):
        failing = [finding for finding in findings if not finding.verdict.installs]
        if not failing and not resolution.conflict:
            return Changed(mover.changes(), mover.wanted, resolution, tuple(findings)) if mover.moved else None
        if not failing or not any(mover.move(finding) for finding in failing):
            return None
        resolution, findings = examine(mover.wanted, resolution.target)
        mover.resolution = resolution
    return None


class _Mover:
    """Moves pins, and remembers which."""

    def __init__(self, wanted: Wanted, resolution: Resolution, index: Index) -> None:
        self.wanted, self.resolution = wanted, resolution
        self.moved: dict[str, Change] = {}
        self._index, self._target = index, resolution.target
        self._down = False  # whether versions are looked for among the earlier ones

    def changes(self) -> tuple[Change, ...]:
        """What was stated and is to be stated otherwise, in the order of the names."""
        return tuple(self.moved[name] for name in sorted(self.moved))

    def move(self, finding: Finding) -> bool:
        """Changes pins so that one dependency that does not install does; False where that cannot be."""
        if finding.version is None:
            return False
        picked = next((pick for pick in self.resolution.picks if pick.name == finding.name), None)
        self._down = bool(picked and too_old(picked, self._target))
        found = self._change(finding.name, finding.version, lambda _: True, self._words(), 0)
        if found:
            self._apply(found)
        return bool(found)

    def _change(
        self, name: str, old: Version, good: Callable[[Version], bool], why: str, depth: int
    ) -> list[Change] | None:
        candidates = [version for version in self._others(name, old) if good(version)]
        parents = self._parents(name)
        admitted = [version for version in candidates if all(_admits(parent, name, version) for parent in parents)]
        if admitted:
            return [Change(name, old, admitted[0], why)]
        if not candidates or depth >= DEEPEST:
            return None
        changes: list[Change] = []
        for parent in parents:
            if any(_admits(parent, name, version) for version in candidates):
                continue
            found = self._change(parent.name, parent.version, self._asks(parent, name, candidates), "", depth + 1)
            if not found:
                return None
            changes += [change if change.why else self._because(change, name) for change in found]
        if changes and name in self._stated():
            changes += self._along(name, old, changes, candidates, why)
        return changes or None

    def _because(self, change: Change, name: str) -> Change:
        """In words, why a parent moves: what it then asks for, and that it has a wheel."""
        asked = self._requires(change.name, change.new).get(name)
        if self._down:
            return change.replace(why=f"the last with which {name} admits Python {self._target.label}")
        version = next((v for v in self._later(name, Version("0")) if asked is None or v in asked), None)
        child = f"{name} {version}" if version and asked is not None else f"no {name}"
        words = f"the first whose {child} has {self._wheels()}" if asked is not None else f"the first without {name}"
        return change.replace(why=words)

    def _along(
        self, name: str, old: Version, changes: list[Change], candidates: list[Version], why: str
    ) -> Iterator[Change]:
        """A child that is pinned itself, where its parent moves."""
        asked = [self._requires(change.name, change.new).get(name, SpecifierSet()) for change in changes]
        fitting = [version for version in candidates if all(version in specifier for specifier in asked)]
        if fitting:
            yield Change(name, old, fitting[0], why)

    def _apply(self, changes: list[Change]) -> None:
        ahead = list(changes)
        while ahead:
            change = ahead.pop(0)
            before = self.moved.get(change.name)
            if before and (before.new <= change.new if change.new < change.old else before.new >= change.new):
                continue
            self.moved[change.name] = change.replace(old=before.old) if before else change
            self.wanted = _pinned(self.wanted, change.name, change.new)
            ahead += self._drawn(change)

    def _drawn(self, change: Change) -> Iterator[Change]:
        """What else is pinned and no longer new enough for a version that was moved to."""
        stated = self._stated()
        for name, specifier in self._requires(change.name, change.new).items():
            old = stated.get(name)
            if old is not None and old not in specifier and name not in self.moved:
                others = (*self._later(name, old), *self._earlier(name, old))
                later = next((version for version in others if version in specifier), None)
                if later:
                    yield Change(name, old, later, f"{change.name} {change.new} asks for {name}{specifier}")

    def _stated(self) -> dict[str, Version]:
        """What is pinned to one version by the user or by a lock file."""
        found = {}
        for requirement in (*self.wanted.requirements, *self.wanted.constraints, *self.wanted.pins):
            exact = [item.version for item in requirement.specifier if item.operator in ("==", "===")]
            if exact and "*" not in exact[0]:
                found[str(canonicalize_name(requirement.name))] = Version(exact[0])
        return found

    def _parents(self, name: str) -> list[Pick]:
        return [pick for pick in self.resolution.picks if any(canonicalize_name(r.name) == name for r in pick.requires)]

    def _others(self, name: str, old: Version) -> list[Version]:
        return self._earlier(name, old) if self._down else self._later(name, old)

    def _later(self, name: str, old: Version) -> list[Version]:
        """The later versions that have a wheel for the target, the nearest first."""
        return self._with_wheels(name, lambda versions: [v for v in versions if v > old][::-1])

    def _earlier(self, name: str, old: Version) -> list[Version]:
        """The earlier ones, the nearest first."""
        return self._with_wheels(name, lambda versions: [v for v in versions if v < old])

    def _with_wheels(self, name: str, choose: Callable[[list[Version]], list[Version]]) -> list[Version]:
        try:
            project = self._index.project(name)
            versions = choose([version for version in project.versions if not version.is_prerelease])
            files = ((version, best(project.of(version), self._target)) for version in versions[:1000])
            return [version for version, file in files if file and file.is_wheel]
        except DoctorError:
            return []

    def _asks(self, parent: Pick, child: str, candidates: list[Version]) -> Callable[[Version], bool]:
        """Whether a version of the parent admits one of the child's versions; asked in parallel, a few ahead."""
        known: dict[Version, bool] = {}
        ahead = self._others(parent.name, parent.version)

        def one(version: Version) -> bool:
            specifier = self._requires(parent.name, version).get(child)
            return specifier is None or any(candidate in specifier for candidate in candidates)

        def good(version: Version) -> bool:
            if version not in known and not any(known.values()) and len(known) < MOST_VERSIONS:
                start = ahead.index(version) if version in ahead else 0
                batch = ahead[start : start + AT_ONCE]
                known.update(zip(batch, self._index.each(one, batch), strict=True))
            return known.get(version, False)

        return good

    def _requires(self, name: str, version: Version) -> dict[str, SpecifierSet]:
        """What a version asks for on the target, without extras."""
        try:
            file = best(self._index.project(name).of(version), self._target)
            metadata = self._index.metadata(file) if file else None
        except DoctorError:
            return {}
        environment = self._target.markers | {"extra": ""}
        found: dict[str, SpecifierSet] = {}
        for wanted in metadata.requires if metadata else ():
            if wanted.marker is None or wanted.marker.evaluate(environment):
                key = str(canonicalize_name(wanted.name))
                found[key] = found.get(key, SpecifierSet()) & wanted.specifier
        return found

    def _wheels(self) -> str:
        version = self._target.python
        free = "t" if self._target.free_threaded else ""
        kind = "pp" if self._target.implementation == "pypy" else "cp"
        return f"a wheel for {kind}{version.major}{version.minor}{free}"

    def _words(self) -> str:
        if self._down:
            return f"the last that admits Python {self._target.label} and has a wheel"
        return f"the first with {self._wheels()}"


def too_old(pick: Pick, target: Target) -> bool:
    """Whether what is picked needs a newer Python than the target: its Requires-Python admits none of its files."""
    newer = target.python.minor + 1
    return (
        pick.chosen is None
        and bool(pick.files)
        and not any(admits(file.requires_python, target) for file in pick.files)
        and any(
            admits(file.requires_python, target.replace(python=Version(f"3.{minor}")))
            for file in pick.files
            for minor in range(newer, newer + _AHEAD)
        )
    )


def _admits(parent: Pick, name: str, version: Version) -> bool:
    asked = [r.specifier for r in parent.requires if canonicalize_name(r.name) == name]
    return all(specifier.contains(version, prereleases=True) for specifier in asked)


def _pinned(wanted: Wanted, name: str, version: Version) -> Wanted:
    """With one project pinned to a version, wherever it is stated; added as a constraint where it is not."""
    stated = False

    def one(requirement: Requirement) -> Requirement:
        nonlocal stated
        if canonicalize_name(requirement.name) != name:
            return requirement
        stated = True
        changed = Requirement(str(requirement))
        changed.specifier = SpecifierSet(f"=={version}")
        return changed

    requirements, constraints, pins = (
        tuple(one(requirement) for requirement in group)
        for group in (wanted.requirements, wanted.constraints, wanted.pins)
    )
    if not stated:
        constraints = (*constraints, Requirement(f"{name}=={version}"))
    return wanted.replace(requirements=requirements, constraints=constraints, pins=pins)
