"""For a terminal: the verdict, what is wrong and why, the table, the ways out. Fits 100 columns."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator

from ..facts import Ailment, Cure, Examination, Finding, Verdict
from . import words

COLOURS = {
    Verdict.WHEEL: "32",
    Verdict.PURE_SOURCE: "32",
    Verdict.BUILDS: "33",
    Verdict.UNKNOWN: "33",
    Verdict.NO_TOOLCHAIN: "31",
    Verdict.FAILS: "31;1",
}
MAX_NAME = 36
MAX_REASONS = 12
MAX_CURES = 4
_WHEEL = re.compile(r"no wheel for ((?:cp|pp)\d+t?)(?=[ ,;]|$)")
SOURCE = "source: "
"""How a note begins that says where a limit is stated."""


def render(examination: Examination, *, colour: bool = False, all_rows: bool = False, width: int = 100) -> str:
    """All of it."""
    page = _Page(examination, colour, all_rows, min(width, 100))
    return page.clean("\n".join(page.lines()).rstrip())


class _Page:
    def __init__(self, examination: Examination, colour: bool, all_rows: bool, width: int) -> None:
        self.examination, self.colour, self.all_rows, self.width = examination, colour, all_rows, width
        self._painted = {"0"}

    def clean(self, text: str) -> str:
        """Without what a terminal obeys, but for this page's own colours: an index may say anything."""
        codes = "|".join(self._painted) if self.colour else "(?!)"
        pieces = re.split(rf"(\x1b\[(?:{codes})m|\n)", text)
        return "".join(piece if at % 2 else words.printable(piece) for at, piece in enumerate(pieces))

    def lines(self) -> Iterator[str]:
        parts = (self.verdicts(), self.reasons(), self.table(), self.ailments(), self.cures(), self.notes())
        told = [part for part in map(list, parts) if part]
        for number, part in enumerate(told):
            yield from ([""] if number else [])
            yield from part

    def paint(self, code: str, text: str) -> str:
        self._painted.add(code)
        return f"\x1b[{code}m{text}\x1b[0m" if self.colour and text.strip() else text

    def wrap(self, text: str, start: str = "", later: str | None = None) -> list[str]:
        rest = " " * len(start) if later is None else later
        return textwrap.wrap(
            text,
            self.width,
            initial_indent=start,
            subsequent_indent=rest,
            break_long_words=False,
            break_on_hyphens=False,
        )

    def verdicts(self) -> Iterator[str]:
        for target in self.examination.targets:
            maybe = any(each.verdict is Verdict.UNKNOWN for each in words.of(self.examination, target))
            code = "31;1" if words.fails(self.examination, target) else "33" if maybe else "32"
            lines = self.wrap(words.verdict(self.examination, target), later="    ")
            yield from (self.paint(code, line) for line in lines)
        if not self.examination.targets and not self.examination.ailments:
            yield self.paint("32", "Nothing is wrong with this environment.")

    def reasons(self) -> Iterator[str]:
        """Each cause once, whichever targets it is for."""
        told: dict[tuple[str, str], list[Finding]] = {}
        for finding in self.examination.findings:
            if finding.verdict in (Verdict.FAILS, Verdict.NO_TOOLCHAIN, Verdict.UNKNOWN):
                told.setdefault((finding.name, _WHEEL.sub("no wheel", words.why(finding))), []).append(finding)
        ordered = sorted(told.items(), key=lambda each: -words.ORDER.index(each[1][0].verdict))
        several = len(self.examination.targets) > 1
        for _, findings in ordered[:MAX_REASONS]:
            yield from self._reason(findings, several)
        if len(ordered) > MAX_REASONS:
            yield f"... and {len(ordered) - MAX_REASONS} more, with --format json"

    def _reason(self, findings: list[Finding], several: bool) -> Iterator[str]:
        first, why = findings[0], words.why(findings[0])
        lacking = [found[1] for finding in findings if (found := _WHEEL.search(words.why(finding)))]
        if len(lacking) > 1:
            why = _WHEEL.sub(f"no wheel for {', '.join(lacking[:-1])} or {lacking[-1]}", why)
        by = words.through(self.examination, first)
        head = f"{first.name} {first.version or ''}".rstrip()
        where = f" on {', '.join(finding.target.label for finding in findings)}" if several else ""
        said = f"{head}{where}: {first.verdict.value}" + (f" ({by})" if by else "")
        lines = self.wrap(said, later="  ")
        yield self.paint("1", head) + lines[0][len(head) :] if lines[0].startswith(head) else lines[0]
        yield from lines[1:]
        yield from self.wrap(f"{why[:1].upper()}{why[1:]}." if why and why[-1] not in ".!?" else why, "    ")
        yield from (f"    {source}" for source in _sources(first, why))

    def table(self) -> Iterator[str]:
        examination = self.examination
        rows = words.rows(examination)
        shown = [row for row in rows if self.all_rows or not row.worst.installs or row.worst is Verdict.BUILDS]
        rest = len(rows) - len(shown)
        if not shown or (len(examination.targets) < 2 and not self.all_rows):
            return
        names = [f"{row.name} {'/'.join(map(str, row.versions[-2:]))}".strip() for row in shown]
        first = min(max(map(len, [*names, "dependency"])), MAX_NAME)
        across = max(1, (self.width - first) // (self._cell() + 2))
        for start in range(0, len(examination.targets), across):
            yield from self._block(names, shown, first, start, start + across)
        if rest:
            yield f"and {rest} more that install{'s' if rest == 1 else ''} without a compiler (--all-rows shows them)"

    def _cell(self) -> int:
        return max(
            [len(target.label) for target in self.examination.targets] + [len(each) for each in words.CELLS.values()]
        )

    def _block(self, names: list[str], rows: list[words.Row], first: int, start: int, stop: int) -> Iterator[str]:
        wide = self._cell()
        labels = [target.label.ljust(wide) for target in self.examination.targets[start:stop]]
        yield self.paint("1", "  ".join(["dependency".ljust(first), *labels]).rstrip())
        for name, row in zip(names, rows, strict=True):
            cells = [
                self.paint(COLOURS[cell.verdict], words.CELLS[cell.verdict].ljust(wide)) if cell else "-".ljust(wide)
                for cell in row.cells[start:stop]
            ]
            shown = name if len(name) <= first else name[: first - 3] + "..."
            yield "  ".join([shown.ljust(first), *cells]).rstrip()

    def ailments(self) -> Iterator[str]:
        for number, ailment in enumerate(self.examination.ailments):
            yield from ([""] if number else [])
            yield from self.ailment(ailment)

    def ailment(self, ailment: Ailment) -> Iterator[str]:
        marks = {"error": ("31;1", "error: "), "warning": ("33", "warning: "), "note": ("36", "note: ")}
        code, mark = marks.get(ailment.severity, ("0", ""))
        lines = self.wrap(ailment.what, mark, "    ")
        yield self.paint(code, mark) + lines[0][len(mark) :] if lines else mark
        yield from lines[1:]
        if ailment.where and ailment.where not in ailment.what:
            yield from self.wrap(ailment.where, "    in: ")
        for line in ailment.evidence:
            yield from self._quoted(line)
        if ailment.cure:
            yield from self.wrap(ailment.cure, "    ")
        yield from self._typed(ailment.commands)

    def _quoted(self, line: str) -> Iterator[str]:
        for part in self.wrap(line, "    > ") or []:
            yield part if len(part) <= self.width else part[: self.width - 3] + "..."

    def _typed(self, commands: Iterable[str]) -> Iterator[str]:
        yield from (self.paint("36", f"      {command}") for command in commands)

    def cures(self) -> Iterator[str]:
        cures = self.examination.cures[:MAX_CURES]
        if cures:
            yield self.paint("1", "What to do" + (", the best first" if len(cures) > 1 else "") + ":")
        for number, cure in enumerate(cures, 1):
            yield from self._cure(number, cure)

    def _cure(self, number: int, cure: Cure) -> Iterator[str]:
        yield from self.wrap(cure.title, f"{number}. ")
        for name, old, new, why in cure.changes:
            change = f"{name} {old} → {new}" if old else f"{name} {new}"
            shown = len(cure.changes) == 1 and change in cure.title
            said = why if shown else f"{change}{': ' if why else ''}{why}"
            yield from self.wrap(said, "   ", "     ")
        yield from self._typed(cure.commands)
        if cure.checked:
            yield from self.wrap(f"(checked: {cure.checked})", "      ")

    def notes(self) -> Iterator[str]:
        wanted = self.examination.wanted
        told = list(wanted.notes) if wanted else []
        for finding in self.examination.findings:
            head = f"{finding.name} {finding.version or ''}".rstrip()
            told += [note if note.startswith(finding.name) else f"{head}: {note}" for note in _others(finding)]
        unique = list(dict.fromkeys([*told, *self.examination.notes]))
        for note in unique[:MAX_REASONS]:
            yield from self.wrap(note, "note: ")
        if len(unique) > MAX_REASONS:
            yield f"note: ... and {len(unique) - MAX_REASONS} more, with --format json"


def _sources(finding: Finding, why: str) -> list[str]:
    """Where it is stated: what of the notes belongs to the reason."""
    found = [note for note in finding.notes if note.startswith(SOURCE)]
    for note in finding.notes:
        said, mark, url = note.partition(f" ({SOURCE}")
        if mark and said in why:
            found.append(SOURCE + url.rstrip(")"))
    return found


def _others(finding: Finding) -> list[str]:
    """The notes that do not belong to its reason."""
    why = words.why(finding)
    notes = [note for note in finding.notes if not note.startswith(SOURCE)]
    return [note for note in notes if f"({SOURCE}" not in note or note.partition(f" ({SOURCE}")[0] not in why]
