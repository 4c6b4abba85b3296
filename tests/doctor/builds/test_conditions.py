from __future__ import annotations

import pytest

from bicorn.doctor.builds.conditions import predefined, truth, value
from bicorn.doctor.targets import parse

KNOWN: dict[str, tuple[bool | None, int | None]] = {
    "YES": (True, 1),
    "NO": (False, None),
    "THREE": (True, 3),
    "EMPTY": (True, None),
}


def holds(expression: str) -> bool | None:
    return truth(expression, lambda name: KNOWN.get(name, (None, None)))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("1", True),
        ("0x0", False),
        ("010 == 8", True),
        ("5L > 3UL", True),
        ("defined(YES) && !defined NO", True),
        ("defined(NO) || defined(UNKNOWN)", None),
        ("defined(YES) || defined(UNKNOWN)", True),
        ("0 && UNKNOWN", False),
        ("UNKNOWN && 0", False),
        ("UNKNOWN", None),
        ("NO", False),
        ("EMPTY", None),
        ("THREE * 2 - 1 == 5 && 7 % 4 == THREE", True),
        ("1 ? 0 : UNKNOWN", False),
        ("UNKNOWN ? 1 : 1", None),
        ("(1 << 4 | 1) == 17 && ~0 == -1", True),
        ("1 == 1 == 1", True),
        ("__has_include(<x.h>) || 0", None),
        ("__GNUC_PREREQ(4, (3))", None),
        ("__GNUC_PREREQ(4, 3) && 0", False),
    ],
)
def test_expressions(expression: str, expected: bool | None) -> None:
    assert holds(expression) is expected


@pytest.mark.parametrize(
    "expression", ["", "(", "1 +", "1 2", "'a' == 97", "1 / 0", "1 << 1000", "(" * 5000, "!" * 5000, "1" * 3000, "F("]
)
def test_what_is_no_expression_is_not_known(expression: str) -> None:
    assert holds(expression) is None


@pytest.mark.parametrize(
    ("label", "expression", "expected"),
    [
        ("3.12", "PY_VERSION_HEX >= 0x030C0000", True),
        ("3.12", "PY_VERSION_HEX >= 0x030D0000", False),
        ("3.12", "PY_MAJOR_VERSION == 3 && PY_MINOR_VERSION < 13", True),
        ("3.13", "defined(PYPY_VERSION)", False),
        ("3.13t", "defined(Py_GIL_DISABLED)", True),
        ("3.13", "defined(Py_GIL_DISABLED)", False),
        ("3.13", "defined(_PyLong_AsInt)", False),
        ("3.13", "defined(Py_SET_REFCNT)", True),
        ("3.13", "defined(HAVE_X)", None),
    ],
)
def test_what_is_known_of_a_python(label: str, expression: str, expected: bool | None) -> None:
    known = predefined(parse(label), cplusplus=False)
    assert truth(expression, lambda name: known.get(name, (None, None))) is expected


def test_the_system_and_the_language() -> None:
    target = parse("3.13", "manylinux_2_28_x86_64")
    known = predefined(target, cplusplus=True)
    assert (known["_WIN32"][0], known["__linux__"][0], known["__cplusplus"][0]) == (False, True, True)


def test_a_value() -> None:
    assert value("(3 + 4)", lambda _: (None, None)) == 7


def test_what_an_expression_depends_on_is_asked_each_time() -> None:
    def known(number: int | None) -> int | None:
        return value("A + (B > 1)", lambda name: (True, number if name == "A" else 2))

    assert [known(1), known(5), known(None), known(1)] == [2, 6, None, 2]
