"""A file that claims to be the compiled twin of a module, and is not: importing it fails, which shows that it was."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "bicorn"


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A tiny Bicorn with one module that has a (broken) compiled twin."""
    (tmp_path / "bicorn" / "wire").mkdir(parents=True)
    for name in ("_reading.py", "wire/__init__.py"):
        shutil.copy(SOURCE / name, tmp_path / "bicorn" / name)
    (tmp_path / "bicorn" / "__init__.py").write_text(
        "from bicorn import _reading\n__compiled__ = _reading.choose()\n", encoding="utf-8"
    )
    (tmp_path / "bicorn" / "wire" / "hot.py").write_text("warm = True\n", encoding="utf-8")
    return tmp_path


def twin(package: Path) -> Path:
    return package / "bicorn" / "wire" / f"hot{EXTENSION_SUFFIXES[0]}"


def python(package: Path, code: str, pure: str | None) -> subprocess.CompletedProcess[str]:
    environ = {name: value for name, value in os.environ.items() if name != "BICORN_PURE"}
    environ |= {"PYTHONPATH": str(package)} | ({} if pure is None else {"BICORN_PURE": pure})
    return subprocess.run(
        [sys.executable, "-S", "-c", code], env=environ, capture_output=True, text=True, timeout=30, check=False
    )


@pytest.mark.parametrize("pure", ["1", "true"])
def test_bicorn_pure_imports_the_source_beside_a_compiled_twin(package: Path, pure: str) -> None:
    twin(package).write_bytes(b"not a shared library")
    result = python(package, "import bicorn, bicorn.wire.hot as hot; print(bicorn.__compiled__, hot.warm)", pure)
    assert (result.stdout, result.stderr) == ("False True\n", "")


@pytest.mark.parametrize("pure", [None, "", "0"])
def test_the_compiled_twin_is_imported_otherwise(package: Path, pure: str | None) -> None:
    twin(package).write_bytes(b"not a shared library")
    result = python(package, "import bicorn; print(bicorn.__compiled__); import bicorn.wire.hot", pure)
    assert result.stdout == "True\n"
    assert "ImportError" in result.stderr


def test_without_twins_the_reading_is_interpreted(package: Path) -> None:
    result = python(package, "import bicorn, bicorn.wire.hot as hot; print(bicorn.__compiled__, hot.warm)", None)
    assert (result.stdout, result.stderr) == ("False True\n", "")


def test_a_twin_for_another_python_does_not_count(package: Path) -> None:
    (package / "bicorn" / "wire" / "hot.cpython-310-x86_64-linux-gnu.so").write_bytes(b"")
    assert python(package, "import bicorn; print(bicorn.__compiled__)", None).stdout == "False\n"


def test_other_packages_keep_their_compiled_modules(package: Path) -> None:
    other = package / "other"
    other.mkdir()
    (other / "__init__.py").touch()
    (other / f"fast{EXTENSION_SUFFIXES[0]}").write_bytes(b"not a shared library")
    result = python(package, "import bicorn, other.fast", "1")
    assert "ImportError" in result.stderr
    assert "ModuleNotFoundError" not in result.stderr


def test_the_tests_run_against_the_reading_that_was_asked_for() -> None:
    import bicorn

    asked = os.environ.get("BICORN_READING", "compiled" if bicorn.__compiled__ else "interpreted")
    assert asked == ("compiled" if bicorn.__compiled__ else "interpreted")
