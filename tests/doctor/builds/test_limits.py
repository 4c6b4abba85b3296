from __future__ import annotations

from collections.abc import Callable

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from bicorn.doctor.builds.build import Build
from bicorn.doctor.builds.limits import objections
from bicorn.doctor.builds.rust import Crate
from bicorn.doctor.builds.script import Script
from bicorn.doctor.knowledge import gone
from bicorn.doctor.targets import parse


def newest(**versions: str) -> Callable[[Requirement], Version | None]:
    return lambda wanted: Version(versions[wanted.name]) if wanted.name in versions else None


def rust(pyo3: str, abi3: str = "") -> Build:
    return Build("maturin", languages=("rust",), crate=Crate(Version(pyo3), pyo3, "Cargo.lock", abi3))


@pytest.mark.parametrize(
    ("pyo3", "abi3", "label", "expected"),
    [
        ("0.22.2", "", "3.13", []),
        ("0.22.2", "", "3.14", ["PyO3 0.22.2 (Cargo.lock) supports CPython up to 3.13"]),
        ("0.22.2", "3.8", "3.14", []),
        ("0.22.2", "3.8", "3.14t", ["PyO3 0.22.2 (Cargo.lock) does not support free-threaded CPython"]),
        ("0.23.5", "", "3.13t", []),
        ("0.23.5", "", "3.14t", ["PyO3 0.23.5 (Cargo.lock) supports free-threaded CPython 3.13t only"]),
        ("0.29.0", "", "3.13t", ["PyO3 0.29.0 (Cargo.lock) supports free-threaded CPython 3.14t to 3.15t only"]),
        ("0.27.2", "", "3.15", ["PyO3 0.27.2 (Cargo.lock) supports CPython up to 3.14"]),
        ("0.22.2", "", "pp3.11", []),
    ],
)
def test_pyo3(pyo3: str, abi3: str, label: str, expected: list[str]) -> None:
    found = objections(rust(pyo3, abi3), parse(label), newest())
    assert [objection.why for objection in found] == expected
    assert all(objection.sure and objection.source.startswith("https://") for objection in found)


@pytest.mark.parametrize("pyo3", ["0.28.0", "0.19.2"])
def test_what_may_work_is_not_sure(pyo3: str) -> None:
    [found] = objections(rust(pyo3), parse("3.15"), newest())
    assert not found.sure


def test_the_cython_that_wrote_the_c_files() -> None:
    build = Build("setuptools", languages=("c",), cython=Version("0.29.30"))
    [found] = objections(build, parse("3.13"), newest())
    assert found.sure
    assert "Cython 0.29.30, which wrote its C files, supports CPython up to 3.10" in found.why


def test_the_cython_that_a_build_asks_for() -> None:
    build = Build("setuptools", (Requirement("cython<3"),), ("c", "cython"))
    assert objections(build, parse("3.12"), newest(cython="0.29.37")) == ()
    assert objections(build, parse("3.13"), newest(cython="0.29.37"))[0].sure
    assert objections(build, parse("3.13"), newest()) == ()


def test_requirements_for_another_python_do_not_count() -> None:
    wanted = Requirement("cython<3; python_version < '3.13'")
    assert objections(Build("setuptools", (wanted,), ("c", "cython")), parse("3.13"), newest(cython="0.29.37")) == ()


def test_setuptools_that_is_too_old() -> None:
    build = Build("setuptools", (Requirement("setuptools<60"),))
    assert objections(build, parse("3.11"), newest(setuptools="59.8.0")) == ()
    assert "pkgutil.ImpImporter" in objections(build, parse("3.12"), newest(setuptools="59.8.0"))[0].why


@pytest.mark.parametrize(
    ("name", "label", "setuptools", "fails"),
    [
        ("imp", "3.11", "83", False),
        ("imp", "3.12", "83", True),
        ("ast.Str", "3.13", "83", False),
        ("ast.Str", "3.14", "83", True),
        ("pkg_resources", "3.13", "81.0", False),
        ("pkg_resources", "3.11", "82.0", True),
    ],
)
def test_what_its_script_leans_on(name: str, label: str, setuptools: str, fails: bool) -> None:
    row = next(row for row in gone() if name in (row.module, row.text))
    build = Build("setuptools", (Requirement("setuptools"),), scripts=Script(gone=((row, "setup.py"),)))
    assert bool(objections(build, parse(label), newest(setuptools=setuptools))) is fails
