from __future__ import annotations

import time

import pytest

from bicorn.doctor.builds import outline
from bicorn.doctor.knowledge import api


def lines(text: str) -> list[str]:
    return outline.outline(text).split("\n")


def test_only_what_matters_is_kept() -> None:
    text = '#include "longintrepr.h" // why\nint x;\nPyObject *one = _PyLong_One;\nf->f_code;\n#error no\n'
    assert lines(text) == ['1:#include "longintrepr.h"', "3:PyObject *one = _PyLong_One;", "4:f->f_code;"]


def test_comments_and_strings_are_no_use() -> None:
    text = '/* _PyLong_One\n   _PyLong_One */ "_PyLong_One \\" _PyLong_One" // _PyLong_One\n\'"\' _PyLong_One;'
    assert [line.partition(":")[0] for line in lines(text)] == ["3"]


def test_a_line_that_goes_on_is_one() -> None:
    assert lines("#if A \\\n  && B\n   _PyLong_One\n") == ["1:#if A    && B", "3: _PyLong_One"]


def test_a_call_over_several_lines_is_one() -> None:
    [found] = lines("x = _PyLong_AsByteArray(a,\n  b, c,\n  d, e);\nint y;")
    assert found == "1:x = _PyLong_AsByteArray(a,   b, c,   d, e);"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("Py_TYPE(x) = &T;", ["Py_TYPE"]),
        ("Py_SIZE(a->f(x)) = 3;", ["Py_SIZE"]),
        ("Py_REFCNT((PyObject *)x) = 3;", ["Py_REFCNT"]),
        ("if (Py_TYPE(x) == &T)", []),
        ("Py_NONE(x) = 1;", []),
    ],
)
def test_assignments(line: str, expected: list[str]) -> None:
    assert list(outline.assigned(line)) == expected


def test_what_is_read_is_what_was_kept() -> None:
    kept = outline.outline("#  ifdef A /* b */\n_PyLong_One;\n#endif")
    assert list(outline.read(kept)) == [(1, "ifdef", "A"), (2, "", "_PyLong_One;"), (3, "endif", "")]
    assert list(outline.read("")) == []


@pytest.mark.parametrize(("rest", "name"), [('"a/b.h"', "a/b.h"), ("<longintrepr.h>", "longintrepr.h"), ("CONFIG", "")])
def test_what_is_included(rest: str, name: str) -> None:
    assert outline.included(rest) == name


def test_a_file_that_is_too_long_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outline, "MOST_LINES", 2)
    assert lines("#if 1\n#endif\n#if 2\n#endif\n")[-1] == outline.CUT
    monkeypatch.setattr(outline, "LONGEST", 4)
    assert lines("#if 1\n")[-1] == outline.CUT
    assert list(outline.read(outline.CUT)) == [(0, "", "")]


def test_an_open_comment_takes_no_long_time() -> None:
    assert lines("/*" * 200_000 + "_PyLong_One") == [""]


@pytest.mark.parametrize("text", ['R"(\n' * 50_000, "_PyLong_AsByteArray" + "#if\\\n" * 150_000, "#\n" * 500_000])
def test_what_never_ends_takes_no_long_time(text: str) -> None:
    started = time.process_time()
    outline.outline(text)
    assert time.process_time() - started < 5


def test_raw_strings() -> None:
    text = 'a = R"(_PyLong_One\n)x" )" _PyLong_One;\nb = R"x(" _PyLong_One; )y" )x";\nR"y( _PyLong_One;\n" _PyLong_One;'
    assert [line.partition(":")[0] for line in lines(text)] == ["2", "4", "5"]


def test_the_edition_is_that_of_the_table() -> None:
    assert outline.edition() == outline.edition()
    assert len(outline.edition()) == 12


@pytest.mark.parametrize(
    "text",
    [
        "int x; \\\n  _PyLong_One\n",
        "  \\\r\n # \\\n define A \\\n  # b\nint y;",
        "a\\\n#define A\n#define B",
        "\\\n\n#if A\n_PyLong_AsByte(\n1)",
        "x\r\r\n#if A\\\r\r\n  B\r\n",
        "Py_TYPE\\\n (x) = y;\n#endif \\",
        "#",
        "",
    ],
)
def test_what_is_searched_for_is_found_as_by_reading_every_line(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    searched = outline.outline(text)
    monkeypatch.setattr(outline, "_lines", outline._all_lines)
    assert searched == outline.outline(text)


def test_every_name_has_a_shape_that_is_searched_for() -> None:
    names = [name.lstrip("_") for kind in ("name", "member", "called", "assigned") for name in api(kind)]
    assert [name for name in names if not any(shape.fullmatch(name) for shape in outline.SHAPES)] == []
