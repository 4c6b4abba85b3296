"""Which versions an installer would take.

With resolvelib, whose rules pip gives it too: the newest first, a wheel before a source archive of the same version,
prereleases only where they are asked for or there is nothing else (PEP 440), what was yanked only where it is pinned
(PEP 592), nothing that Requires-Python does not admit.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from resolvelib import AbstractProvider, BaseReporter, ResolutionImpossible, ResolutionTooDeep, Resolver
from resolvelib.resolvers import RequirementInformation

from .candidates import Candidate, Finder, named, pins
from .facts import Pick, Resolution, Target, Wanted
from .index.client import Index
from .judge import admits
from .prefetch import ahead, prefetch

MAX_ROUNDS = 10_000
MAX_SECONDS = 30.0

_PASSES = 3
_PYTHON = "python "  # with a blank: nobody's name


class Need:
    """A requirement, and who has it.

    Attributes:
        name: normalized.
        by: a name, or the requirements' source.
        key: what it is resolved under: with its extras, which are a project of their own for the resolver.
        pinned, limited: whether it admits one version only, or not every one.
        suits: of candidates, whether they are what is required; the resolver asks that over and over.
    """

    __slots__ = ("by", "direct", "extras", "key", "limited", "name", "pinned", "requirement", "suits")

    def __init__(
        self, name: str, extras: frozenset[str], requirement: Requirement, by: str, direct: bool = False
    ) -> None:
        self.name, self.extras, self.requirement, self.by, self.direct = name, extras, requirement, by, direct
        self.key = f"{name}[{','.join(sorted(extras))}]" if extras else name
        self.pinned = bool(requirement.url) or pins(requirement) is not None
        self.limited = bool(requirement.specifier)
        self.suits: dict[Candidate, bool] = {}


def resolve(wanted: Wanted, target: Target, index: Index) -> Resolution:
    """What pip would install for that target: the newest versions that agree with each other.

    Where there is no solution, the picks are what comes nearest, so that more can be said than that.

    Raises:
        DoctorError: the index does not answer.
    """
    found = _resolve(wanted, target, index)
    if wanted.requires_python and not admits(wanted.requires_python, target):
        return found.replace(conflict=f"{wanted.source} itself says that it needs Python {wanted.requires_python}")
    return found


def _resolve(wanted: Wanted, target: Target, index: Index) -> Resolution:
    finder = Finder(wanted, target, index)
    if wanted.pins:
        prefetch(wanted.pins, finder, deep=False)
        return _pinned(wanted, finder)
    prefetch(wanted.requirements, finder)
    needs = [
        _need(requirement, wanted.source, direct=True)
        for requirement in wanted.requirements
        if finder.applies(requirement)
    ]
    try:
        return _solve(needs, finder)
    except (ResolutionImpossible, ResolutionTooDeep, TimeoutError) as error:
        return _nearest(needs, finder).replace(conflict=_conflict(error, finder))


def _solve(needs: list[Need], finder: Finder) -> Resolution:
    resolver: Resolver[Need, Candidate, str] = Resolver(_Provider(finder), BaseReporter())
    result = resolver.resolve(needs, max_rounds=MAX_ROUNDS)
    by: dict[str, set[str]] = {}
    for key, criterion in result.criteria.items():
        name = key.partition("[")[0]
        by.setdefault(name, set()).update(need.by for need in criterion.iter_requirement() if need.by != name)
    return _resolution(list(result.mapping.values()), by, finder)


def _nearest(needs: list[Need], finder: Finder) -> Resolution:
    """Without a solution: the newest of each that suits most. Every pass knows what the one before has met."""
    known: dict[str, list[Need]] = {}
    for _ in range(_PASSES):
        met: dict[str, list[Need]] = {}
        found: dict[str, Candidate] = {}
        waiting = list(reversed(needs))
        while waiting:
            need = waiting.pop()
            met.setdefault(need.name, []).append(need)
            if need.key not in found:
                those = [
                    need,
                    *(other for other in known.get(need.name, ()) if other.requirement is not need.requirement),
                ]
                candidate = finder.first(need.name, need.extras, those) or finder.first(need.name, need.extras, [need])
                if candidate:
                    found[need.key] = candidate
                    waiting += [_need(item, candidate.name) for item in finder.dependencies(candidate)[1]]
        known = met
    return _resolution(list(found.values()), {name: {need.by for need in those} for name, those in met.items()}, finder)


def _resolution(candidates: list[Candidate], by: dict[str, set[str]], finder: Finder) -> Resolution:
    """Those with extras and those without are one pick."""
    extras: dict[str, set[str]] = {}
    found: dict[str, Candidate] = {}
    for candidate in candidates:
        found[candidate.name] = candidate
        extras.setdefault(candidate.name, set()).update(candidate.extras)
    picks = [
        finder.pick(candidate, frozenset(extras[name]), tuple(sorted(by.get(name, ()))))
        for name, candidate in sorted(found.items())
    ]
    return Resolution(finder.target, tuple(picks))


def _pinned(wanted: Wanted, finder: Finder) -> Resolution:
    """A lock file has settled it."""
    picks = [pick for pin in wanted.pins if finder.applies(pin) and (pick := finder.pin(pin, ()))]
    by: dict[str, set[str]] = {}
    for pick in picks:
        for requirement in pick.requires:
            by.setdefault(canonicalize_name(requirement.name), set()).add(pick.name)
    for requirement in wanted.requirements:
        by.setdefault(canonicalize_name(requirement.name), set()).add(wanted.source)
    absent = [pin.name for pin in wanted.pins if finder.applies(pin) and not finder.project(pin).versions]
    conflict = f"{', '.join(absent)}: not on the index" if absent else ""
    picks = [pick.replace(wanted_by=tuple(sorted(by.get(pick.name, ())))) for pick in picks]
    return Resolution(finder.target, tuple(sorted(picks, key=_name)), conflict)


def _name(pick: Pick) -> str:
    return pick.name


def _need(requirement: Requirement, by: str, *, direct: bool = False) -> Need:
    return Need(*named(requirement), requirement, by, direct)


def _conflict(error: Exception, finder: Finder) -> str:
    """Why there is no solution."""
    if not isinstance(error, ResolutionImpossible):
        return "no versions that agree with each other were found in the time there is: pin some of them"
    needs: dict[str, list[Need]] = {}
    for cause in error.causes:
        needs.setdefault(cause.requirement.name, []).append(cause.requirement)
    found = []
    for name, those in needs.items():
        said = "; ".join(dict.fromkeys(_said(need) for need in those[:6]))
        if name == _PYTHON:
            found.append(f"for Python {finder.target.python}: {said}")
        elif missing := finder.project(those[0].requirement).missing:
            found.append(f"{missing}: {said}")
        elif len(those) == 1:
            found.append(f"no version of {name} that agrees has a file for {finder.target.label}: {said}")
        else:
            found.append(f"no version of {name} suits all of them: {said}")
    return ". ".join(found)


def _said(need: Need) -> str:
    return f"{need.by} needs {str(need.requirement).partition(';')[0].strip()[:200]}"


class _Provider(AbstractProvider[Need, Candidate, str]):
    """What resolvelib asks."""

    def __init__(self, finder: Finder) -> None:
        self._finder = finder
        self._deadline = time.monotonic() + MAX_SECONDS
        self._needs: dict[Candidate, list[Need]] = finder.kept("needs", {})
        self._asked: set[Candidate] = set()  # ahead

    def identify(self, requirement_or_candidate: Need | Candidate) -> str:
        return requirement_or_candidate.key

    def narrow_requirement_selection(
        self,
        identifiers: Iterable[str],
        resolutions: Mapping[str, Candidate],
        candidates: Mapping[str, Iterator[Candidate]],
        information: Mapping[str, Iterator[RequirementInformation[Need, Candidate]]],
        backtrack_causes: Sequence[RequirementInformation[Need, Candidate]],
    ) -> Iterable[str]:
        """What can be settled soon goes first: always one, so that no preference is asked for."""
        failed = {cause.requirement.key for cause in backtrack_causes}
        return [min(identifiers, key=lambda each: _preference(each, information[each], each in failed))]

    def find_matches(
        self,
        identifier: str,
        requirements: Mapping[str, Iterator[Need]],
        incompatibilities: Mapping[str, Iterator[Candidate]],
    ) -> Iterable[Candidate]:
        if time.monotonic() > self._deadline:
            raise TimeoutError
        if identifier == _PYTHON:
            return ()
        needs = list(requirements[identifier])
        bare = identifier.partition("[")[0]
        if bare != identifier:
            needs += requirements.get(bare, ())
        not_these = {candidate.version for candidate in incompatibilities[identifier]}
        extras = needs[0].extras

        def search() -> Iterator[Candidate]:
            found = self._finder.matching(bare, extras, needs, not_these)
            return ahead(found, self._finder, self._asked, tried=len(not_these))

        return search  # type: ignore[return-value]

    def is_satisfied_by(self, requirement: Need, candidate: Candidate) -> bool:
        known = requirement.suits.get(candidate)
        if known is None:
            known = requirement.suits[candidate] = self._finder.satisfies(requirement.requirement, candidate)
        return known

    def get_dependencies(self, candidate: Candidate) -> Iterable[Need]:
        if candidate not in self._needs:
            self._needs[candidate] = list(self._dependencies(candidate))
        return self._needs[candidate]

    def _dependencies(self, candidate: Candidate) -> Iterator[Need]:
        if candidate.extras:  # the project itself, in the same version
            yield Need(candidate.name, frozenset(), candidate.itself, candidate.name)
        refused, requires = self._finder.dependencies(candidate)
        if refused:  # an index need not say so on its pages
            yield Need(_PYTHON, frozenset(), Requirement(f"python{refused}"), f"{candidate.name} {candidate.version}")
        for requirement in requires:
            yield _need(requirement, candidate.name)


def _preference(
    identifier: str, information: Iterable[RequirementInformation[Need, Candidate]], has_failed: bool
) -> tuple[bool, bool, bool, bool, bool, str]:
    """The least goes first: what has just failed, pins, what the user has asked for."""
    direct = pinned = limited = False
    for item in information:
        need = item.requirement
        direct, pinned, limited = direct or need.direct, pinned or need.pinned, limited or need.limited
    return identifier != _PYTHON, not has_failed, not pinned, not direct, not limited, identifier
