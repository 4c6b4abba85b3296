"""The sentences that every report has: the verdict on top, a cell of the table, which rows are worth one."""

from __future__ import annotations

from collections.abc import Sequence

from packaging.version import Version

from ...record import Record
from ..facts import Examination, Finding, Resolution, Target, Verdict

CELLS = {
    Verdict.WHEEL: "wheel",
    Verdict.PURE_SOURCE: "source",
    Verdict.BUILDS: "builds",
    Verdict.UNKNOWN: "may build",
    Verdict.NO_TOOLCHAIN: "needs tools",
    Verdict.FAILS: "FAILS",
}
"""What stands in the table."""

ORDER = tuple(Verdict)


class Row(Record):
    """A dependency, and what becomes of it on each target.

    Args:
        versions: what would be installed, one or several.
        cells: for each target in order; None where it is not wanted there.
    """

    name: str
    versions: tuple[Version, ...]
    cells: tuple[Finding | None, ...]

    @property
    def worst(self) -> Verdict:
        """The verdict that decides."""
        return max((cell.verdict for cell in self.cells if cell), key=ORDER.index, default=Verdict.WHEEL)


def rows(examination: Examination) -> tuple[Row, ...]:
    """The table: the worst first, then by name."""
    found: dict[str, dict[str, Finding]] = {}
    for finding in examination.findings:
        found.setdefault(finding.name, {})[finding.target.label] = finding
    made = []
    for name, cells in found.items():
        versions = sorted({finding.version for finding in cells.values() if finding.version})
        made.append(Row(name, tuple(versions), tuple(cells.get(target.label) for target in examination.targets)))
    return tuple(sorted(made, key=lambda row: (-ORDER.index(row.worst), row.name)))


def shown(target: Target) -> str:
    """A target in a sentence: ``"Python 3.14t"``, ``"PyPy 3.11 on aarch64"``."""
    pypy = target.label.removeprefix("pp")
    return f"PyPy {pypy}" if pypy != target.label else f"Python {target.label}"


def of(examination: Examination, target: Target) -> tuple[Finding, ...]:
    """The findings for one target."""
    return tuple(finding for finding in examination.findings if finding.target.label == target.label)


def resolution(examination: Examination, target: Target) -> Resolution | None:
    """The resolution for one target."""
    return next((each for each in examination.resolutions if each.target.label == target.label), None)


def fails(examination: Examination, target: Target) -> bool:
    """Whether an installation for that target is foretold to fail."""
    solved = resolution(examination, target)
    bad = (Verdict.FAILS, Verdict.NO_TOOLCHAIN)
    return bool(solved and solved.conflict) or any(each.verdict in bad for each in of(examination, target))


def is_fine(examination: Examination) -> bool:
    """Whether nothing will fail: the exit status is 0."""
    ill = any(ailment.severity == "error" for ailment in examination.ailments)
    return not ill and not any(fails(examination, target) for target in examination.targets)


def verdict(examination: Examination, target: Target) -> str:
    """One sentence for a target: ``"Python 3.14: 1 of 5 will fail: pydantic-core 2.23.4"``."""
    findings = of(examination, target)
    solved = resolution(examination, target)
    start = f"{shown(target)}: "
    if solved and solved.conflict:
        said = _one_line(solved.conflict).removeprefix(f"for Python {target.python}: ")
        return f"{start}no installation: {said}"
    if not findings:
        return start + "nothing to install"
    bad = [finding for finding in findings if finding.verdict is Verdict.FAILS]
    tools = [finding for finding in findings if finding.verdict is Verdict.NO_TOOLCHAIN]
    maybe = [finding for finding in findings if finding.verdict is Verdict.UNKNOWN]
    parts = []
    if bad:
        parts.append(f"{len(bad)} of {len(findings)} will fail: {named(bad)}")
    if tools:
        parts.append(f"{len(tools)} cannot be built here: {named(tools)}")
    if maybe:
        parts.append(f"{len(maybe)} may have to be built: {named(maybe)}")
    if parts:
        return start + "; ".join(parts)
    built = [finding for finding in findings if finding.verdict is not Verdict.WHEEL]
    how = f"{len(findings)} packages" if len(findings) != 1 else "1 package"
    return f"{start}everything installs ({how}{f', {len(built)} of them from source' if built else ', all wheels'})"


def named(findings: Sequence[Finding], most: int = 3) -> str:
    """Some of them by name and version."""
    names = [f"{finding.name} {finding.version or ''}".strip() for finding in findings]
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def why(finding: Finding) -> str:
    """Why, and what is missing."""
    missing = f"not here: {', '.join(finding.missing)}" if finding.missing and "not here" not in finding.why else ""
    said = finding.why
    if finding.first_good:
        missing = "; ".join(part for part in (missing, f"{finding.first_good} installs") if part)
    return "; ".join(part for part in (said, missing) if part)


def through(examination: Examination, finding: Finding) -> str:
    """Who wants it, where that is not the user: ``"wanted by pydantic"``."""
    solved = resolution(examination, finding.target)
    pick = next((pick for pick in solved.picks if pick.name == finding.name), None) if solved else None
    names = {pick.name for pick in solved.picks} if solved else set()
    by = [name for name in pick.wanted_by if name in names] if pick else []
    return f"wanted by {', '.join(by[:3])}" if by else ""


def _one_line(said: str) -> str:
    return "; ".join(line.strip() for line in said.splitlines() if line.strip())


def printable(text: str) -> str:
    """Without what a terminal or a browser obeys, but for the ends of lines: an index may say anything."""
    return "".join(one if one.isprintable() or one == "\n" else " " for one in text)
