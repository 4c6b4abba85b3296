"""For an issue or a pull request: Markdown, with the table as a table. What comes from an index is escaped."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..facts import Examination, Verdict
from . import words

_CELLS = words.CELLS | {Verdict.FAILS: "**fails**"}


def render(examination: Examination, *, all_rows: bool = False) -> str:
    """All of it."""
    return "\n".join(_lines(examination, all_rows)).rstrip()


def escape(said: str) -> str:
    """Text that Markdown takes as text, on one line."""
    return re.sub(r"([\\`*_{}\[\]<>|])", r"\\\1", " ".join(said.split()))


def _lines(examination: Examination, all_rows: bool) -> Iterator[str]:
    for target in examination.targets:
        mark = "❌" if words.fails(examination, target) else "✅"
        yield f"- {mark} {escape(words.verdict(examination, target))}"
    yield ""
    yield from _table(examination, all_rows)
    for ailment in examination.ailments:
        yield f"- **{escape(ailment.what)}** {escape(ailment.cure)}".rstrip()
        yield from (f"  > {escape(line)}" for line in ailment.evidence)
        yield from _code(ailment.commands, "  ")
    for number, cure in enumerate(examination.cures, 1):
        yield f"{number}. {escape(cure.title)}"
        yield from (f"   - {escape(f'{name} {old} → {new} {why}')}" for name, old, new, why in cure.changes)
        yield from _code(cure.commands, "   ")


def _table(examination: Examination, all_rows: bool) -> Iterator[str]:
    rows = words.rows(examination)
    shown = [row for row in rows if all_rows or row.worst is not Verdict.WHEEL]
    if not shown:
        return
    labels = [escape(target.label) for target in examination.targets]
    yield f"| dependency | {' | '.join(labels)} | why |"
    yield f"|---|{'---|' * len(labels)}---|"
    for row in shown:
        cells = [_CELLS[cell.verdict] if cell else "" for cell in row.cells]
        worst = next(cell for cell in row.cells if cell and cell.verdict is row.worst)
        name = escape(f"{row.name} {'/'.join(map(str, row.versions))}")
        yield f"| {name} | {' | '.join(cells)} | {escape(words.why(worst))} |"
    if len(rows) > len(shown):
        yield ""
        yield f"And {len(rows) - len(shown)} more that install from wheels."
    yield ""


def _code(commands: tuple[str, ...], indent: str) -> Iterator[str]:
    if commands:
        yield f"{indent}```console"
        yield from (f"{indent}$ {' '.join(command.split())}" for command in commands)
        yield f"{indent}```"
