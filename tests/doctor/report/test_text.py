"""What stands in a terminal."""

from __future__ import annotations

import re

import pytest
from packaging.version import Version

from bicorn.doctor.facts import Cure, Examination, Finding, Verdict, Wanted
from bicorn.doctor.report import render

from .sample import NEW, OLD, SICK, WHY, examination

PAGE = """\
Python 3.13: everything installs (2 packages, all wheels)
Python 3.14: 1 of 2 will fail: pydantic-core 2.23.4

pydantic-core 2.23.4 on 3.14: will fail (wanted by pydantic)
    There is no wheel for cp314 (wheels for cp38-cp313), and its source cannot be built: PyO3 0.22.2
    supports 3.13.
    source: https://pyo3.rs

dependency            3.13         3.14
pydantic-core 2.23.4  wheel        FAILS
and 1 more that installs without a compiler (--all-rows shows them)

What to do, the best first:
1. Use Python 3.13
      python3.13 -m venv .venv-3.13
      (checked: python3.13 is here)
2. For Python 3.14 move pydantic 2.9.2 → 2.12.0
   the first with a wheel
      pip install pydantic==2.12.0

note: pydantic 2.9.2: it is yanked"""


def test_a_page() -> None:
    assert render(examination(), "text") == PAGE


def test_all_rows() -> None:
    assert "pydantic 2.9.2        wheel        wheel" in render(examination(), "text", all_rows=True)


def test_one_cause_on_two_pythons_is_told_once() -> None:
    later = NEW.replace(label="3.15")
    fails = Finding("a", Version("1"), NEW, Verdict.FAILS, WHY)
    both = (fails, fails.replace(target=later, why=WHY.replace("cp314", "cp315")))
    page = render(examination(targets=(NEW, later), findings=both, cures=()), "text")
    assert "a 1 on 3.14, 3.15: will fail" in page
    assert "There is no wheel for cp314 or cp315 (wheels for" in page
    assert page.count("PyO3") == 1


def test_it_fits_a_hundred_columns() -> None:
    targets = tuple(OLD.replace(label=f"3.{minor} on musllinux_1_2_x86_64") for minor in range(8, 16))
    findings = tuple(
        Finding(f"a-very-long-name-of-a-package-{number}-and-more", Version("1.2.3"), target, Verdict.FAILS, WHY * 3)
        for number in range(20)
        for target in targets
    )
    page = render(examination(targets=targets, findings=findings, resolutions=()), "text")
    assert max(map(len, page.splitlines())) <= 100
    assert "and 8 more, with --format json" in page


def test_an_ailment_says_what_to_type() -> None:
    page = render(Examination(None, ailments=(SICK.replace(evidence=("ImportError: libpq.so.5",)),)), "text")
    assert page.splitlines() == [
        "warning: psycopg2 needs libpq.so.5.",
        "    in: psycopg2/_x.so",
        "    > ImportError: libpq.so.5",
        "    Install it.",
        "      apt install libpq5",
    ]


def test_colours_only_where_they_are_asked_for() -> None:
    assert "\x1b[" not in render(examination(), "text")
    assert "\x1b[31;1m" in render(examination(), "text", colour=True)


@pytest.mark.parametrize("form", ["text", "markdown", "github", "json"])
@pytest.mark.parametrize("colour", [True, False])
def test_what_a_terminal_obeys_is_not_passed_on(form: str, colour: bool) -> None:
    nasty = "no\x1b[2J\x1b]0;title\x07\x9b8m\r\u202emore"
    wanted = Wanted((), source=nasty)
    findings = (Finding("p", Version("1"), NEW, Verdict.FAILS, nasty, notes=(nasty,)),)
    cures = (Cure(nasty, (nasty,), (("p", nasty, nasty, nasty),), nasty),)
    ailments = (SICK.replace(what=nasty, where=nasty, evidence=(nasty,)),)
    told = {"wanted": wanted, "findings": findings, "cures": cures, "ailments": ailments, "notes": (nasty,)}
    page = render(examination(**told), form, colour=colour)
    plain = re.sub(r"\x1b\[[\d;]*m", "", page) if colour and form == "text" else page
    assert not [one for one in plain if not one.isprintable() and one != "\n"]
    assert "more" in plain
