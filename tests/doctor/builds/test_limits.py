from __future__ import annotations

from collections.abc import Callable

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from bicorn.doctor.archive import Insides
from bicorn.doctor.builds.build import Build
from bicorn.doctor.builds.limits import objections, of_sources
from bicorn.doctor.builds.outline import outline
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


@pytest.mark.parametrize(
    ("version", "label", "sure"),
    [("2.0.0", "3.13t", [True]), ("2.1.0", "3.13t", [True]), ("2.0.0", "3.14t", []), ("2.0.0", "3.13", [])],
)
def test_cffi_itself(version: str, label: str, sure: list[bool]) -> None:
    found = objections(Build("setuptools"), parse(label), newest(), Requirement(f"cffi=={version}"))
    assert [objection.sure for objection in found] == sure


def test_cffi_that_a_build_asks_for() -> None:
    build = Build("setuptools", (Requirement("cffi"),), ("c",))
    [found] = objections(build, parse("3.13t"), newest(cffi="2.0.0"))
    assert found.sure
    [found] = objections(build, parse("3.15t"), newest(cffi="2.0.0"))
    assert not found.sure


C = Build("setuptools", languages=("c",))
NEEDED = "https://docs.python.org/3/whatsnew/3.13.html#removed-c-apis"


def look(source: str, compiler: str, build: Build = C) -> list[tuple[bool, str, str]]:
    insides = Insides(("a.c",), {"setup.py": "['a.c']"}, outlines={"a.c": outline(source)})
    found = of_sources(insides, build, parse("3.13"), compiler)
    return [(objection.sure, objection.why, objection.source) for objection in found]


def test_c_that_uses_what_is_gone() -> None:
    why = "a.c:1 uses _PyLong_AsInt, which is gone since Python 3.13"
    assert look("  _PyLong_AsInt(x);", "14.2.0") == [(True, why, NEEDED)]


@pytest.mark.parametrize("compiler", ["12.2.0", "", "unknown"])
def test_an_older_compiler_lets_a_function_pass(compiler: str) -> None:
    [(sure, why, _)] = look("  _PyLong_AsInt(x);", compiler)
    assert not sure
    assert why.endswith("a compiler older than GCC 14 lets that pass, and what it makes cannot be imported")
    assert look("  x = _PyLong_AsInt;", compiler)[0][0]


def test_of_each_name_the_first_use_and_no_more_than_three() -> None:
    source = "".join(
        f"  {name} x;\n" for name in ("_PyTime_t", "_PyTime_t", "_PyCFrame", "_PyBytesWriter", "_Py_OPCODE")
    )
    assert [why.partition(" uses ")[0] for _, why, _ in look(source, "")] == ["a.c:1", "a.c:3", "a.c:4"]


def test_c_that_may_be_left_out_is_not_looked_at() -> None:
    assert look("  _PyLong_AsInt(x);", "14.2.0", C.replace(optional=True)) == []
    assert look("  _PyLong_AsInt(x);", "14.2.0", C.replace(languages=("rust",))) == []


def test_a_script_for_python_2() -> None:
    build = Build("setuptools", (Requirement("setuptools"),), scripts=Script(python2="ez_setup.py"))
    [found] = objections(build, parse("3.11"), newest(setuptools="80"))
    assert (found.sure, found.why) == (True, "its ez_setup.py can only be read by Python 2")


@pytest.mark.parametrize(("setuptools", "fails"), [("60.0", False), ("61.0", True)])
def test_a_project_without_a_version(setuptools: str, fails: bool) -> None:
    build = Build("setuptools", (Requirement("setuptools"),), versionless=True)
    assert bool(objections(build, parse("3.11"), newest(setuptools=setuptools))) is fails


@pytest.mark.parametrize(("takes", "told"), [("3.3.0", True), ("0.29.37", False)])
def test_a_cython_that_is_much_newer_than_its_makers(takes: str, told: bool) -> None:
    wanted = (Requirement("cython"),)
    build = Build("setuptools", wanted, languages=("c", "cython"), regenerated=Version("0.29.30"))
    found = [one for one in objections(build, parse("3.11"), newest(cython=takes)) if "its maker's C files" in one.why]
    assert bool(found) is told
    assert not any(one.sure for one in found)


@pytest.mark.parametrize(("label", "told"), [("3.10", False), ("3.11", True)])
def test_a_script_that_opens_a_file_as_none_can(label: str, told: bool) -> None:
    build = Build("setuptools", scripts=Script(True, universal="setup.py"))
    found = objections(build, parse(label), newest())
    assert [(one.sure, "the mode U" in one.why) for one in found] == [(True, True)] * told


@pytest.mark.parametrize(
    ("name", "languages", "optional", "told"),
    [
        ("p", ("c",), False, True),
        ("mysqlclient", ("c",), False, False),
        ("p", (), False, False),
        ("p", ("c",), True, False),
    ],
)
def test_a_library_that_only_pkg_config_knows(
    name: str, languages: tuple[str, ...], optional: bool, told: bool
) -> None:
    build = Build("setuptools", languages=languages, optional=optional, scripts=Script(True, pkg_config=True))
    found = objections(build, parse("3.13"), newest(), Requirement(f"{name}==1"))
    assert [(one.sure, "pkg-config" in one.why) for one in found] == [(False, True)] * told
