"""Rows of proofs, printed as they come and written as one Markdown page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Row:
    """One server under one condition.

    Attributes:
        case: the condition.
        facts: what was measured, by column; every row of a proof has the same columns.
        problems: why it did not pass; empty when it did.
    """

    proof: str
    server: str
    case: str
    facts: dict[str, str]
    problems: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        return not self.problems

    @property
    def verdict(self) -> str:
        return "pass" if self.passed else "**fail**: " + "; ".join(self.problems)

    def line(self) -> str:
        facts = "  ".join(f"{name} {value}" for name, value in self.facts.items())
        return f"{'pass' if self.passed else 'FAIL'}  {self.proof:9} {self.server:17} {self.case:34} {facts}" + (
            "" if self.passed else f"  <- {'; '.join(self.problems)}"
        )


def page(head: str, titles: dict[str, str], rows: Sequence[Row]) -> str:
    """The whole report: a table for each proof, in the order of ``titles``."""
    parts = ["# Proofs of the process manager", head]
    for proof, title in titles.items():
        if own := [row for row in rows if row.proof == proof]:
            parts.append(f"## {title} (`{proof}`)\n\n{table(own)}")
    return "\n\n".join(parts) + "\n"


def table(rows: Sequence[Row]) -> str:
    names = list(dict.fromkeys(name for row in rows for name in row.facts))
    lines = ["| case | server | " + " | ".join(names) + " | |", "|---|---|" + "--:|" * len(names) + "---|"]
    for row in rows:
        cells = [row.case, row.server, *(row.facts.get(name, "-") for name in names), row.verdict]
        lines.append("| " + " | ".join(cell.replace("|", "/").replace("\n", " ") for cell in cells) + " |")
    return "\n".join(lines)
