"""Verdicts and rows."""

from __future__ import annotations

from packaging.version import Version

from bicorn.doctor.facts import Examination, Finding, Resolution, Verdict
from bicorn.doctor.report import words

from .sample import NEW, OLD, SICK, examination


def test_the_verdict_names_what_fails() -> None:
    assert words.verdict(examination(), NEW) == "Python 3.14: 1 of 2 will fail: pydantic-core 2.23.4"
    assert words.verdict(examination(), OLD) == "Python 3.13: everything installs (2 packages, all wheels)"


def test_no_solution_is_a_verdict() -> None:
    solved = Resolution(NEW, (), "for Python 3.14.0: a wants b<1\nc wants b>1")
    made = examination(resolutions=(solved,), findings=())
    assert words.verdict(made, NEW) == "Python 3.14: no installation: a wants b<1; c wants b>1"
    assert words.fails(made, NEW)
    assert not words.is_fine(made)


def test_what_cannot_be_built_here_fails_and_what_may_does_not() -> None:
    def of(verdict: Verdict) -> Examination:
        return examination(findings=(Finding("a", Version("1"), NEW, verdict),))

    assert not words.is_fine(of(Verdict.NO_TOOLCHAIN))
    assert words.is_fine(of(Verdict.UNKNOWN))
    assert words.is_fine(of(Verdict.BUILDS))
    assert words.verdict(of(Verdict.UNKNOWN), NEW) == "Python 3.14: 1 may have to be built: a 1"
    assert words.verdict(of(Verdict.BUILDS), NEW) == (
        "Python 3.14: everything installs (1 package, 1 of them from source)"
    )


def test_an_error_of_the_environment_is_not_fine_and_a_warning_is() -> None:
    healthy = Examination(None)
    assert words.is_fine(healthy)
    assert words.is_fine(healthy.replace(ailments=(SICK,)))
    assert not words.is_fine(healthy.replace(ailments=(SICK.replace(severity="error"),)))


def test_rows_begin_with_the_worst() -> None:
    first, second = words.rows(examination())
    assert (first.name, first.worst) == ("pydantic-core", Verdict.FAILS)
    assert (second.name, second.worst) == ("pydantic", Verdict.WHEEL)
    assert [cell.verdict for cell in first.cells if cell] == [Verdict.WHEEL, Verdict.FAILS]


def test_a_row_has_a_hole_where_it_is_not_wanted() -> None:
    only = examination().findings[:1]
    (row,) = words.rows(examination(findings=only))
    assert row.cells[1] is None


def test_why_names_what_is_missing_and_what_installs() -> None:
    finding = Finding("a", Version("1"), NEW, Verdict.NO_TOOLCHAIN, "it is built", ("cc",), ("cc",))
    assert words.why(finding.replace(first_good=Version("2"))) == "it is built; not here: cc; 2 installs"


def test_who_wants_it() -> None:
    made = examination()
    assert words.through(made, made.findings[2]) == "wanted by pydantic"
    assert words.through(made, made.findings[3]) == ""


def test_how_a_python_is_called() -> None:
    assert words.shown(NEW) == "Python 3.14"
    assert words.shown(NEW.replace(label="pp3.11 on aarch64")) == "PyPy 3.11 on aarch64"


def test_only_what_can_be_printed() -> None:
    assert words.printable("a\x1b[2J\r\n\u202eb\u00e9→\x9b") == "a [2J \n bé→ "
