"""The ways out of what was found, the best first.

What is only missing on this system comes first. Then the newest Python on which everything installs, and the least
change of pins with which the wanted one works; where the wanted one is too old for something, the nearest newer Python
before those. Each is tried before it is proposed: resolved and judged for its
target, and its commands compared with what this system says that it has.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence

from packaging.version import Version

from ..ask import Run
from ..facts import Cure, Finding, Resolution, Target, Verdict, Wanted
from ..index.client import Index
from ..judge import admits, judge
from ..knowledge import library
from ..resolve import resolve
from ..targets import everything
from ..toolchain import Toolchain
from . import system as systems
from .edits import without_hashes
from .install import environment
from .pins import Changed, Examine, least, too_old
from .system import System, Way

Examined = tuple[Resolution, tuple[Finding, ...]]


def cures(
    wanted: Wanted,
    examined: Sequence[Examined],
    index: Index,
    toolchain: Toolchain,
    environ: Mapping[str, str],
    *,
    examine: Examine | None = None,
    run: Run | None = None,
) -> tuple[Cure, ...]:
    """The ways out, the best first; none where everything installs.

    Args:
        examined: what was found, for each target.
        examine: resolves and judges; the doctor's own way when None.
        run: asks this system's programs; for tests.
    """
    failing = [(resolution, findings) for resolution, findings in examined if not _installs(resolution, findings)]
    if not failing:
        return ()
    finder = _Finder(wanted, index, toolchain, systems.look(environ), examine, run)
    found: list[Cure] = []
    for resolution, findings in failing:
        if cure := finder.tools(resolution, findings):
            found.append(cure)
    needs_more = [one for one in failing if not _only_tools(*one)]
    if needs_more:
        found += finder.newer(list(examined), needs_more)
        found += finder.newest(list(examined), needs_more)
        for resolution, findings in needs_more:
            found += finder.pins(resolution, findings)
    return tuple({cure.title: cure for cure in found}.values())


def _installs(resolution: Resolution, findings: Sequence[Finding]) -> bool:
    """An UNKNOWN is no reason to move: nothing is known against it."""
    bad = (Verdict.FAILS, Verdict.NO_TOOLCHAIN)
    return not resolution.conflict and not any(finding.verdict in bad for finding in findings)


def _only_tools(resolution: Resolution, findings: Sequence[Finding]) -> bool:
    return not resolution.conflict and all(finding.verdict is not Verdict.FAILS for finding in findings)


class _Finder:
    """What all ways have in common."""

    def __init__(
        self,
        wanted: Wanted,
        index: Index,
        toolchain: Toolchain,
        system: System,
        examine: Examine | None,
        run: Run | None,
    ) -> None:
        self._wanted, self._index, self._toolchain = wanted, index, toolchain
        self._system, self._run = system, run
        self._examine = examine or self._look

    def _look(self, wanted: Wanted, target: Target) -> Examined:
        resolution = resolve(wanted, target, self._index)
        findings = self._index.each(lambda pick: judge(pick, target, self._index, self._toolchain), resolution.picks)
        return resolution, tuple(findings)

    def tools(self, resolution: Resolution, findings: Sequence[Finding]) -> Cure | None:
        """What a build needs and this system lacks."""
        lacking = [finding for finding in findings if finding.verdict is Verdict.NO_TOOLCHAIN]
        if not lacking or not self._system.manager:
            return None
        minor = _minor(resolution.target)
        wanted = [systems.packages_for(need, minor, self._system.manager) for f in lacking for need in f.missing]
        libraries = (library(finding.name) for finding in lacking)
        wanted += [known.packages.get(self._system.manager, "") for known in libraries if known]
        packages = " ".join(dict.fromkeys(" ".join(wanted).split()))
        if not packages or not systems.offers(packages, self._system, self._run):
            return None
        names = ", ".join(finding.name for finding in lacking)
        title = f"Install what building {names} needs, for Python {resolution.target.label}"
        if unmet := self._too_old(lacking):
            title += f" ({unmet})"
        return Cure(title, (self._system.install(packages),), checked=f"{self._system.name} has them")

    def _too_old(self, lacking: Sequence[Finding]) -> str:
        """Of a Rust that is asked for by version: whether the system's is new enough."""
        asked = [need for finding in lacking for need in finding.missing if need.startswith("rustc >= ")]
        offered = systems.offered_version("rustc", self._system, self._run).partition("+")[0].partition("-")[0]
        for need in asked:
            if offered and Version(offered) < Version(need.partition(" >= ")[2]):
                return f"the system's Rust is {offered}, {need} is asked for: take it from rustup"
        return ""

    def newest(self, examined: list[Examined], failing: Sequence[Examined]) -> list[Cure]:
        """The newest Python on which everything installs, below those on which it does not: for 3.14t also 3.14."""
        least_bad = min((one.target.python, one.target.free_threaded) for one, _ in failing)
        below = (
            target
            for target in reversed(_everything_like(failing[0][0].target))
            if (target.python, target.free_threaded) < least_bad
        )
        return self._first(below, examined, "the newest on which everything installs")

    def newer(self, examined: list[Examined], failing: Sequence[Examined]) -> list[Cure]:
        """The nearest newer Python on which everything installs, where something needs a newer one than the target."""
        behind = [one for one, _ in failing if self._is_behind(one)]
        if not behind:
            return []
        newest = max(resolution.target.python for resolution in behind)
        above = (target for target in _everything_like(behind[0].target) if target.python > newest)
        return self._first(above, examined, "the nearest newer one on which everything installs")

    def _is_behind(self, one: Resolution) -> bool:
        """Whether the target is too old for something, or for the project itself."""
        if any(too_old(pick, one.target) for pick in one.picks):
            return True
        above = (target for target in _everything_like(one.target) if target.python > one.target.python)
        return not self._admitted(one.target) and any(map(self._admitted, above))

    def _first(self, targets: Iterable[Target], examined: Sequence[Examined], which: str) -> list[Cure]:
        """The first of them on which everything installs."""
        known = {resolution.target.label: (resolution, findings) for resolution, findings in examined}
        for target in targets:
            if not self._admitted(target):
                continue
            resolution, findings = known.get(target.label) or self._examine(self._wanted, target)
            if _installs(resolution, findings) and all(finding.verdict.installs for finding in findings):
                return [self._stay(target, findings, which)]
        return []

    def _stay(self, target: Target, findings: Sequence[Finding], which: str) -> Cure:
        minor = _minor(target)
        running = f"{sys.version_info[0]}.{sys.version_info[1]}"
        verb = "Stay on" if target.here and running == minor else "Use"
        compiles = any(finding.verdict is Verdict.BUILDS for finding in findings)
        title = f"{verb} Python {target.label}, {which}"
        way = systems.way(minor, self._system, headers=compiles, run=self._run) if target.here else None
        if not way:
            said = f"Nothing here offers Python {minor}" if target.here else ""
            return Cure(title, checked=said)
        return Cure(title, (*way.commands, *environment(self._wanted, minor, way)), checked=way.checked)

    def pins(self, resolution: Resolution, findings: Sequence[Finding]) -> list[Cure]:
        """The least change of pins."""
        target = resolution.target
        changed = least(self._wanted, resolution, findings, self._index, self._examine)
        return [self._move(target, changed)] if changed else []

    def _move(self, target: Target, changed: Changed) -> Cure:
        minor = _minor(target)
        changes = tuple((change.name, str(change.old), str(change.new), change.why) for change in changed.changes)
        shown = ", ".join(f"{name} {old} → {new}" for name, old, new, _ in changes)
        title = f"For Python {target.label} move {shown}"
        count = len(changed.findings)
        checked = f"resolved again for {target.label}: {'all ' if count > 1 else ''}{count} would install"
        compiles = any(finding.verdict is Verdict.BUILDS for finding in changed.findings)
        plain = target.here and target.implementation == "cpython" and not target.free_threaded
        way = systems.way(minor, self._system, headers=compiles, run=self._run) if plain else None
        if not way:
            nowhere = f"nothing here offers Python {minor}" if plain else ""
            way = Way(f"python{target.label.partition(' ')[0]}", checked=nowhere)
        picks = changed.resolution.picks
        commands = (*way.commands, *environment(self._wanted, minor, way, changed.changes, picks))
        told = (checked, way.checked, _hashes(without_hashes(self._wanted, picks)))
        return Cure(title, commands, changes, "; ".join(filter(None, told)))

    def _admitted(self, target: Target) -> bool:
        return not self._wanted.requires_python or admits(self._wanted.requires_python, target)


def _hashes(lacking: Sequence[str]) -> str:
    """Where the index tells no hashes; pip names the ones that it then misses."""
    if not lacking:
        return ""
    return (
        f"the index tells no hash of {', '.join(lacking)}: pip will ask for it and say which, to be checked and added"
    )


def _everything_like(target: Target) -> Sequence[Target]:
    """Every supported CPython, on the target's platform."""
    return everything(target.label.partition(" on ")[2] or None)


def _minor(target: Target) -> str:
    return f"{target.python.major}.{target.python.minor}"
