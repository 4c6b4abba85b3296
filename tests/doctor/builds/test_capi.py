from __future__ import annotations

import pytest

from bicorn.doctor.archive import Insides
from bicorn.doctor.builds.capi import Use, uses
from bicorn.doctor.builds.outline import CUT, outline
from bicorn.doctor.targets import parse


def look(source: str, label: str = "3.13", path: str = "a.c", setup: str = "", **more: str) -> tuple[Use, ...]:
    """Uses in one file that is compiled, with headers beside it."""
    files = {path: source} | {name.replace("_h", ".h"): text for name, text in more.items()}
    outlines = {name: outline(text) for name, text in files.items()}
    return uses(Insides(tuple(files), {"setup.py": setup or f"['{path}']"}, outlines=outlines), parse(label))


def sure(source: str, label: str = "3.13", **more: str) -> list[str]:
    return [use.shown for use in look(source, label, **more) if use.sure]


def test_where_what_and_since_when() -> None:
    [use] = look("\nint f(void) {\n  return _PyLong_AsInt(x);\n}\n")
    assert use.shown == "a.c:3 uses _PyLong_AsInt, which is gone since Python 3.13"
    assert (use.sure, use.implicit) == (True, True)
    assert use.what.source.startswith("https://docs.python.org/3/whatsnew/3.13.html")


@pytest.mark.parametrize(
    ("source", "label", "words"),
    [
        ("#include <longintrepr.h>", "3.11", "a.c:1 includes longintrepr.h, which is gone since Python 3.11"),
        ("x = f->f_code;", "3.11", "a.c:1 uses the member f_code, which is gone since Python 3.11"),
        ("x = v->ob_digit[0];", "3.12", "a.c:1 uses the member ob_digit, which is gone since Python 3.12"),
        ("Py_TYPE(&T) = &U;", "3.11", "a.c:1 assigns to Py_TYPE(), which no longer works since Python 3.11"),
        (
            "  _PyLong_AsByteArray(v, b, n, 1,\n 0);",
            "3.13",
            "a.c:1 calls _PyLong_AsByteArray() with 5 arguments, which no longer works since Python 3.13",
        ),
        ("  x = (destructor)_PyUnicode_Ready;", "3.12", "a.c:1 uses _PyUnicode_Ready, which is gone since Python 3.12"),
    ],
)
def test_kinds(source: str, label: str, words: str) -> None:
    assert sure(source, label) == [words]
    assert not any(use.implicit for use in look(source, label))
    before = f"3.{int(label[2:]) - 1}"
    assert before == "3.10" or look(source, before) == ()


@pytest.mark.parametrize(
    "source",
    [
        "v->long_value.ob_digit[0]",
        "_PyLong_AsByteArray(v, b, n, 1, 0, 1)",
        "_PyLong_AsByteArray(v, f(b, c), n, (1, 2), 0, 1)",
        "self->_PyLong_AsInt(x)",
        "ns::_PyLong_AsInt(x)",
    ],
)
def test_what_is_no_use(source: str) -> None:
    assert look(f"  {source};", path="a.cpp") == ()


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("#if PY_VERSION_HEX < 0x030D0000", []),
        ("#if PY_VERSION_HEX >= 0x030D0000", [True]),
        ("#if PY_MAJOR_VERSION >= 3", [True]),
        ("#ifdef PYPY_VERSION", []),
        ("#ifndef PYPY_VERSION", [True]),
        ("#ifdef SOMETHING", [False]),
        ("#if 0", []),
        ("#if 0\n#elif 1", [True]),
        ("#if SOMETHING\n#else", [False]),
        ("#if 1\n#else", []),
        ("#if SOMETHING\n#elif 0\n#else", [False]),
        ("#if 1\n#elif 1", []),
        ("#define MINE\n#ifdef MINE", [True]),
        ("#define MINE 3\n#if MINE > 2", [True]),
        ("#define MINE\n#undef MINE\n#ifdef MINE", []),
        ("#ifndef GUARD_H\n#define GUARD_H", [True]),
        ("#if !defined(GUARD_H)\n#define GUARD_H", [True]),
        ("#if 0\n#define MINE\n#endif\n#ifdef MINE", []),
        ("#ifdef OTHER\n#define MINE\n#endif\n#ifdef MINE", [False]),
        ("#ifdef Py_LIMITED_API", []),
    ],
)
def test_conditions(condition: str, expected: list[bool]) -> None:
    assert [use.sure for use in look(f"{condition}\n  _PyLong_AsInt(x);\n#endif")] == expected


@pytest.mark.parametrize(
    "shim",
    [
        "#define _PyLong_AsInt PyLong_AsInt",
        "#ifndef _PyLong_AsInt\n#define _PyLong_AsInt(x) 3\n#endif",
        "static inline int _PyLong_AsInt(PyObject *x) { return 3; }",
        "static int\n_PyLong_AsInt(PyObject *x)\n{}",
        "PyAPI_FUNC(int) _PyLong_AsInt(PyObject *);",
        "extern int _PyLong_AsInt(PyObject *);",
    ],
)
def test_what_the_archive_brings_itself(shim: str) -> None:
    assert look(f"{shim}\nint y = _PyLong_AsInt(x);") == ()
    assert look('#include "compat.h"\n  y = _PyLong_AsInt(x);', compat_h=shim) == ()


def test_a_shim_for_another_python_is_none() -> None:
    shim = "#if PY_VERSION_HEX < 0x030B0000\n#define _PyLong_AsInt PyLong_AsInt\n#endif"
    assert len(sure(f"{shim}\n  y = _PyLong_AsInt(x);")) == 1


def test_a_member_of_the_archives_own() -> None:
    assert look("struct mine { int f_code; };\nx = m->f_code;") == ()


def test_headers_are_gone_through() -> None:
    assert sure('#include "b.h"', b_h="  _PyLong_AsInt(x);") == [
        "b.h:1 uses _PyLong_AsInt, which is gone since Python 3.13"
    ]
    assert sure("#if 0\n#include <b.h>\n#endif", b_h="  _PyLong_AsInt(x);") == []
    assert sure('#include "b.h"', b_h='#include "a.c"\n#include "b.h"') == []


def test_a_header_of_the_archives_own_is_not_gone() -> None:
    assert look('#include "longintrepr.h"', longintrepr_h="int x;") == ()


def test_what_is_not_sure() -> None:
    assert sure("  _PyLong_AsInt(x);", setup="if WINDOWS: ['a.c']") == []
    assert sure("  _PyLong_AsInt(x);", setup="setup()") == []
    assert sure("#include CONFIG\n  _PyLong_AsInt(x);") == []
    assert sure("#endif\n  _PyLong_AsInt(x);") == []
    assert sure('#include "internal/pycore_long.h"\n  _PyLong_DivmodNear(x);') == []


def test_what_was_not_read_to_the_end_is_not_sure() -> None:
    outlines = {"a.c": "1:  _PyLong_AsInt(x);", "b.h": CUT}
    found = uses(Insides(("a.c", "b.h"), {"setup.py": "['a.c']"}, outlines=outlines), parse("3.13"))
    assert [use.sure for use in found] == [False]


def test_too_much_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bicorn.doctor.builds.capi.MOST_STEPS", 3)
    assert sure("  _PyLong_AsInt(x);\n#if 1\n#endif\n#if 1\n#endif\n") == []


def test_another_implementation() -> None:
    assert look("  _PyLong_AsInt(x);", "pp3.11") == ()


def test_in_cplusplus_nothing_is_declared_implicitly() -> None:
    assert [use.implicit for use in look("  _PyLong_AsInt(x);", path="a.cpp")] == [False]


def test_a_header_that_one_file_includes_for_sure_is_sure() -> None:
    texts = {"a.c": '#ifdef X\n#include "b.h"\n#endif', "c.c": '#include "b.h"', "b.h": "  _PyLong_AsInt(x);"}
    outlines = {name: outline(text) for name, text in texts.items()}
    found = uses(Insides(tuple(texts), {"setup.py": "['a.c', 'c.c']"}, outlines=outlines), parse("3.13"))
    assert [use.sure for use in found] == [True]
