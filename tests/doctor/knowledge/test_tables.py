from __future__ import annotations

from datetime import date
from itertools import pairwise

import pytest
from packaging.version import Version

from bicorn.doctor.knowledge import api, api_macros, gone, library, limit, pythons, rust_of
from bicorn.doctor.knowledge.tables import _limits


@pytest.mark.parametrize(
    ("tool", "version", "newest"),
    [
        ("pyo3", "0.22.2", "3.13"),
        ("pyo3", "0.24.2", "3.13"),
        ("pyo3", "0.25.0", "3.14"),
        ("pyo3", "0.29.3", "3.15"),
        ("cython", "0.29.37", "3.12"),
        ("cython", "0.29.33", "3.11"),
        ("cython", "3.0.0a9", "3.10"),
        ("cython", "3.0.0", "3.12"),
        ("cython", "3.0.11", "3.13"),
        ("setuptools", "65.5.0", "3.11"),
        ("setuptools", "82.0.0", "3.15"),
    ],
)
def test_how_far_a_release_goes(tool: str, version: str, newest: str) -> None:
    row = limit(tool, Version(version))
    assert row
    assert row.newest == newest


def test_of_what_is_older_than_the_table_nothing_is_known() -> None:
    assert limit("pyo3", Version("0.1.0")) is None
    assert limit("fortran", Version("77")) is None


def test_every_limit_has_a_source_and_none_goes_back() -> None:
    for rows in _limits().values():
        assert all(row.source.startswith("https://") for row in rows)
        final = [row for row in rows if not Version(row.since).is_prerelease]
        assert all(Version(one.newest) <= Version(two.newest) for one, two in pairwise(final))
        assert len({row.since for row in rows}) == len(rows)


def test_every_fact_has_a_source() -> None:
    assert all(row.source.startswith("https://") for row in (*pythons(), *gone()))
    assert all(bool(row.module) != bool(row.text) and bool(row.python) != bool(row.setuptools) for row in gone())


def test_pythons_follow_each_other() -> None:
    rows = pythons()
    assert all(one.first < two.first and one.end < two.end for one, two in pairwise(rows))
    assert all(Version(row.newest).release[:2] == Version(row.version).release for row in rows)
    assert next(row for row in rows if row.version == "3.11").end == date(2027, 10, 31)


def test_a_library() -> None:
    found = library("mysqlclient")
    assert found
    assert (found.header, found.packages["apt"]) == ("mysql.h", "default-libmysqlclient-dev pkg-config")
    assert library("requests") is None


def test_the_rust_that_an_edition_needs() -> None:
    assert rust_of("edition", "2024") == Version("1.85")
    assert rust_of("edition", "2018") is None


def test_the_c_api_that_is_gone() -> None:
    names = api("name")
    assert (names["PyUnicode_AsUnicode"].python, names["_PyLong_AsInt"].python) == ("3.12", "3.13")
    assert (names["_PyUnicode_Ready"].internal, names["_PyCFrame"].internal) == (False, False)
    assert names["_PyLong_DivmodNear"].internal
    assert api("header")["longintrepr.h"].python == "3.11"
    assert api("member")["ob_digit"].python == "3.12"
    assert api("called")["_PyLong_AsByteArray"].arguments == 5
    assert set(api("assigned")) == {"Py_REFCNT", "Py_SIZE", "Py_TYPE"}


def test_of_the_c_api_everything_has_a_source_and_nothing_is_there_as_well() -> None:
    kinds = ("name", "member", "header", "assigned", "called")
    assert all(row.source.startswith("https://") and row.kind == kind for kind in kinds for row in api(kind).values())
    assert not api("name").keys() & api_macros()
    assert not {"PyObject_CallObject", "PyLong_AsLong", "PyUnicode_AsUTF8"} & api("name").keys()


def test_cffi_refuses_a_free_threaded_python() -> None:
    rows = {version: limit("cffi", Version(version)) for version in ("1.17.0", "2.0.0", "2.1.0")}
    assert [row and row.refuses_free_threaded for row in rows.values()] == [False, True, True]
