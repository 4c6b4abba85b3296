"""What was found, for people and for programs: ``render(examination, "text")``."""

from __future__ import annotations

from ..facts import Examination

FORMATS = ("text", "json", "markdown", "github")


def render(
    examination: Examination, form: str, *, colour: bool = False, all_rows: bool = False, width: int = 100
) -> str:
    """An examination in one of the FORMATS, without a newline at its end.

    Args:
        colour: whether text may have terminal colours.
        all_rows: whether what installs from a wheel everywhere has its row, too.
        width: of text, in columns.
    """
    from . import data, markdown, text, words, workflow

    if form == "json":
        return data.render(examination)
    if form == "markdown":
        return words.printable(markdown.render(examination, all_rows=all_rows))
    if form == "github":
        return words.printable(workflow.render(examination))
    return text.render(examination, colour=colour, all_rows=all_rows, width=width)
