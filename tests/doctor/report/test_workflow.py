"""Annotations of GitHub's workflows."""

from __future__ import annotations

from bicorn.doctor.facts import Examination, Resolution
from bicorn.doctor.report import render
from bicorn.doctor.report.workflow import command

from .sample import NEW, SICK, examination


def test_what_fails_is_an_error_beside_its_file() -> None:
    first, *_ = render(examination(), "github").splitlines()
    title = "file=requirements.txt,title=pydantic-core 2.23.4 on Python 3.14"
    assert first.startswith(f"::error {title}::will fail: there is no wheel for cp314")


def test_no_solution_is_an_error() -> None:
    page = render(examination(resolutions=(Resolution(NEW, (), "a\nb"),)), "github")
    assert "::error file=requirements.txt,title=Python 3.14::a%0Ab" in page


def test_ailments_have_their_level() -> None:
    page = render(Examination(None, ailments=(SICK,)), "github")
    assert page == "::warning title=missing-library::psycopg2 needs libpq.so.5. Install it."


def test_nothing_from_an_index_is_a_command() -> None:
    hostile = "x\n::add-mask::y%"
    assert command("error", "a,b: c\n", hostile) == "::error title=a%2Cb%3A c%0A::x%0A::add-mask::y%25"
