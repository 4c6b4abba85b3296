"""Markdown."""

from __future__ import annotations

from bicorn.doctor.facts import Examination
from bicorn.doctor.report import render
from bicorn.doctor.report.markdown import escape

from .sample import SICK, examination


def test_verdicts_table_and_cures() -> None:
    page = render(examination(), "markdown")
    assert "- ❌ Python 3.14: 1 of 2 will fail" in page
    assert "| dependency | 3.13 | 3.14 | why |\n|---|---|---|---|" in page
    assert "| pydantic-core 2.23.4 | wheel | **fails** | there is no wheel" in page
    assert "   ```console\n   $ pip install pydantic==2.12.0\n   ```" in page


def test_what_comes_from_an_index_is_only_text() -> None:
    assert escape("a|b\n<img> `x` [y](z)") == r"a\|b \<img\> \`x\` \[y\](z)"


def test_ailments() -> None:
    page = render(Examination(None, ailments=(SICK,)), "markdown")
    assert "- **psycopg2 needs libpq.so.5.** Install it.\n  ```console\n  $ apt install libpq5" in page
