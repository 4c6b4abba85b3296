from __future__ import annotations

from datetime import date
from itertools import pairwise

import pytest
from packaging.version import Version

from bicorn.doctor.knowledge import gone, library, limit, pythons, rust_of
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
        assert all(Version(one.newest) <= Version(two.newest) for one, two in pairwise(rows))
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
