from __future__ import annotations

import pytest

from bicorn.doctor.archive import Insides
from bicorn.doctor.builds.imports import broken, scan
from bicorn.doctor.targets import parse


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import os, cgi", ("cgi",)),
        ("import cgi as c; import imp", ("cgi", "imp")),
        ("from distutils.version import LooseVersion", ("distutils",)),
        ("import cgitb_more, os", ()),
        ("from .cgi import x", ()),
        ("from a import cgi", ()),
        ("try:\n    import cgi\nexcept ImportError:\n    cgi = None", ()),
        ("def f():\n    import cgi", ()),
        ("'''\nimport cgi\n'''", ()),
        ("import cgi\nprint 1", ()),
        ("import cgi\0", ()),
    ],
)
def test_what_is_imported_whatever_happens(text: str, expected: tuple[str, ...]) -> None:
    assert scan(text) == expected


def said(label: str, path: str = "p/a.py", *needs: str, names: tuple[str, ...] = (), module: str = "cgi") -> list[str]:
    insides = Insides(("p/__init__.py", "p/tests/__init__.py", path, *names), imports={path: (module,)})
    return [words for words, _ in broken(insides, parse(label), needs)]


def test_a_package_that_imports_what_is_gone() -> None:
    assert said("3.12") == []
    assert said("3.13") == ["its p/a.py cannot be imported: it imports cgi, which is gone since Python 3.13"]
    assert said("3.14", module="sre_parse") == []
    assert said("3.15", module="sre_parse") != []


def test_it_may_be_brought_back() -> None:
    assert said("3.13", "p/a.py", "legacy-cgi") == []
    assert said("3.13", "p/a.py", "standard-cgi") == []
    assert said("3.13", names=("src/cgi/__init__.py",)) == []
    assert said("3.12", "p/a.py", "setuptools", module="distutils") == []


@pytest.mark.parametrize("path", ["setup.py", "p/tests/a.py", "q/a.py", "python2/p/__init__.py"])
def test_what_is_not_installed(path: str) -> None:
    assert said("3.13", path) == []


def test_many_files_are_counted() -> None:
    insides = Insides(("p/__init__.py",), imports={"p/x.py": ("cgi",), "p/__init__.py": ("cgi",)})
    (found,) = broken(insides, parse("3.13"), ())
    assert found[0].startswith("its p/__init__.py (and 1 more) cannot be imported: it imports cgi")
    assert found[1].startswith("https://docs.python.org/3/whatsnew/3.13")
