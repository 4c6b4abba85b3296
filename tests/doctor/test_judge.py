from __future__ import annotations

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from bicorn.doctor.facts import File, Finding, Verdict
from bicorn.doctor.judge import admits, choose, judge
from bicorn.doctor.targets import parse
from bicorn.doctor.toolchain import Toolchain

from .shelf import Shelf, pick, sdist, source, wheel

LINUX = "manylinux_2_17_x86_64"
MATURIN = '[build-system]\nrequires = ["maturin>=1"]\nbuild-backend = "maturin"\n'
LOCK = 'version = 3\n[[package]]\nname = "pyo3-ffi"\nversion = "0.22.2"\n'
C = "from setuptools import setup, Extension\nsetup(ext_modules=[Extension('p', ['p.c'])])"
SETUPTOOLS = wheel("setuptools", "80.9.0")
FULL = Toolchain({"cc": "12.2", "rustc": "1.95.0", "cargo": "1.95.0"}, (), {"3.14": True})


def look(label: str, files: dict[str, str], *more: File, tools: Toolchain = FULL, name: str = "p") -> Finding:
    archive = source(name, "1.0")
    shelf = Shelf(archive, SETUPTOOLS, *more, archives={archive.filename: sdist(name, "1.0", files)})
    wheels = tuple(file for file in more if file.name == name)
    return judge(pick(name, "1.0", archive, archive, *wheels), parse(label), shelf, tools)  # type: ignore[arg-type]


def test_a_wheel() -> None:
    file = wheel("p", "1.0")
    found = judge(pick("p", "1.0", file), parse("3.14"), Shelf(), FULL)  # type: ignore[arg-type]
    assert (found.verdict, found.why) == (Verdict.WHEEL, "a wheel of pure Python")


def test_what_was_withdrawn_is_said() -> None:
    file = wheel("p", "1.0", yanked="broken metadata")
    found = judge(pick("p", "1.0", file), parse("3.14"), Shelf(), FULL)  # type: ignore[arg-type]
    assert found.notes == ("p 1.0 was withdrawn (yanked): broken metadata",)


def test_pyo3_is_too_old() -> None:
    wheels = [wheel("p", "1.0", f"cp3{minor}-cp3{minor}-{LINUX}") for minor in (12, 13)]
    files = {"pyproject.toml": MATURIN, "Cargo.toml": '[dependencies]\npyo3 = "0.22"', "Cargo.lock": LOCK}
    found = look("3.14", files, *wheels)
    assert found.verdict is Verdict.FAILS
    assert found.why == (
        "there is no wheel for cp314 (wheels for cp312-cp313), and its source cannot be built: "
        "PyO3 0.22.2 (Cargo.lock) supports CPython up to 3.13"
    )
    assert found.notes == ("source: https://github.com/PyO3/pyo3/releases/tag/v0.22.0",)


def test_a_pure_source() -> None:
    assert look("3.14", {"setup.py": "from setuptools import setup"}).verdict is Verdict.PURE_SOURCE


def test_a_source_that_can_be_built_here() -> None:
    found = look("3.14", {"setup.py": C, "p.c": ""})
    assert (found.verdict, found.needs) == (Verdict.BUILDS, ("cc", "Python.h"))


def test_no_compiler() -> None:
    found = look("3.14", {"setup.py": C, "p.c": ""}, tools=Toolchain())
    assert (found.verdict, found.missing) == (Verdict.NO_TOOLCHAIN, ("cc",))
    assert "cc is not here" in found.why


def test_of_another_platform_a_build_is_open() -> None:
    archive = source("p", "1.0")
    shelf = Shelf(archive, SETUPTOOLS, archives={archive.filename: sdist("p", "1.0", {"setup.py": C, "p.c": ""})})
    found = judge(pick("p", "1.0", archive), parse("3.14", "musllinux"), shelf, FULL)  # type: ignore[arg-type]
    assert found.verdict is Verdict.UNKNOWN


def test_extensions_that_may_be_left_out() -> None:
    optional = C.replace("['p.c'])", "['p.c'], optional=True)")
    assert look("3.14", {"setup.py": optional, "p.c": ""}, tools=Toolchain()).verdict is Verdict.PURE_SOURCE


def test_a_library_that_is_missing() -> None:
    found = look("3.14", {"setup.py": C, "p.c": ""}, name="psycopg2")
    assert (found.verdict, found.missing) == (Verdict.NO_TOOLCHAIN, ("libpq-fe.h",))


def test_a_script_that_leans_on_what_is_gone() -> None:
    assert look("3.11", {"setup.py": "import imp"}).verdict is Verdict.PURE_SOURCE
    found = look("3.12", {"setup.py": "import imp"})
    assert found.verdict is Verdict.FAILS
    assert "its setup.py imports imp, which is gone since Python 3.12" in found.why


def test_a_build_requirement_that_has_nothing_for_this_python() -> None:
    system = '[build-system]\nrequires = ["setuptools", "numpy==1.21.6"]\nbuild-backend = "setuptools.build_meta"\n'
    old = source("numpy", "1.21.6", requires_python=">=3.7,<3.11")
    found = look("3.14", {"pyproject.toml": system, "setup.py": C, "p.c": ""}, old)
    assert found.verdict is Verdict.FAILS
    assert "its build asks for numpy==1.21.6, and nothing there is for this Python" in found.why


def test_an_archive_that_cannot_be_had() -> None:
    archive = source("p", "1.0")
    found = judge(pick("p", "1.0", archive), parse("3.14"), Shelf(archive), FULL)  # type: ignore[arg-type]
    assert found.verdict is Verdict.UNKNOWN
    assert "the index does not answer" in found.why


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (
            (wheel("p", "1.0", f"cp313-cp313-{LINUX}"),),
            "there is no wheel for cp314 (wheels for cp313), and there is no",
        ),
        ((source("p", "1.0", requires_python="<3.10"),), "it says that it needs Python <3.10"),
        ((), "the index has no file of it"),
    ],
)
def test_nothing_to_take(files: tuple[File, ...], expected: str) -> None:
    found = judge(pick("p", "1.0", None, *files), parse("3.14"), Shelf(), FULL)  # type: ignore[arg-type]
    assert found.verdict is Verdict.FAILS
    assert found.why.startswith(expected)


def test_what_an_installer_would_choose() -> None:
    shelf = Shelf(
        wheel("p", "3.0", yanked=""),
        wheel("p", "3.0a1"),
        wheel("p", "2.0", requires_python=">=3.99"),
        wheel("p", "1.5", "cp313-cp313-win32"),
        source("p", "1.4"),
        wheel("p", "1.4"),
    )
    found = choose(Requirement("P>=1"), parse("3.14"), shelf)  # type: ignore[arg-type]
    assert found
    assert (found.version, found.chosen and found.chosen.is_wheel) == (Version("1.4"), True)
    assert choose(Requirement("p>9"), parse("3.14"), shelf) is None  # type: ignore[arg-type]


def test_a_requires_python_that_makes_no_sense_admits() -> None:
    assert admits("whatever", parse("3.14"))
    assert not admits("<3.14", parse("3.14"))


def test_c_that_is_older_than_the_python() -> None:
    said = "Metadata-Version: 2.1\nClassifier: Programming Language :: Python :: 3 :: Only\n"
    said += "Classifier: Programming Language :: Python :: 3.12\n\nProgramming Language :: Python :: 3.14\n"
    found = look("3.14", {"setup.py": C, "p.c": "", "PKG-INFO": said})
    assert found.notes == ("it says that it supports Python up to 3.12: its C code may use what is gone since",)


def test_c_that_uses_what_a_python_has_dropped() -> None:
    files = {"setup.py": C, "p.c": "#if PY_VERSION_HEX >= 0x030D0000\nstatic _PyTime_t t;\n#endif\n"}
    found = look("3.14", files)
    assert found.verdict is Verdict.FAILS
    assert found.why.endswith("cannot be built: p.c:2 uses _PyTime_t, which is gone since Python 3.13")
    assert found.notes[-1] == "source: https://docs.python.org/3/whatsnew/3.13.html#removed-c-apis"
    assert look("3.12", files, tools=FULL.replace(pythons={"3.12": True})).verdict is Verdict.BUILDS


def test_c_that_an_older_compiler_lets_pass() -> None:
    files = {"setup.py": C, "p.c": "  return _PyLong_AsInt(x);"}
    assert look("3.14", files).verdict is Verdict.UNKNOWN
    assert look("3.14", files, tools=FULL.replace(programs={"cc": "14.2.0"})).verdict is Verdict.FAILS


def test_of_equal_archives_the_last_is_taken_as_by_pip() -> None:
    first = source("p", "1.0")
    last = first.replace(filename="p-1.0.zip")
    found = choose(Requirement("p"), parse("3.14"), Shelf(first, last))  # type: ignore[arg-type]
    assert found
    assert found.chosen == last
