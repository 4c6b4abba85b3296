"""Failed imports: whether a compiled part is to blame."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bicorn.doctor import blame

OWNERS = {"core": "the-core"}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package on the path whose module has to be a compiled one."""
    folder = tmp_path / "core"
    folder.mkdir()
    (folder / "__init__.py").write_text("from ._core import x")
    monkeypatch.syspath_prepend(str(tmp_path))
    return folder


def failure(name: str = "core") -> BaseException:
    with pytest.raises(ImportError) as caught:
        __import__(name)
    sys.modules.pop(name, None)
    return caught.value


def test_a_module_for_another_python(package: Path) -> None:
    (package / "_core.cpython-39-x86_64-linux-gnu.so").write_bytes(b"")
    found = blame.explain(failure(), owners=OWNERS)
    assert found is not None
    assert found.kind == "other-python"
    assert found.what.startswith("core has its compiled part _core for Python 3.9, and this is Python 3.")
    assert found.commands == (f"{sys.executable} -m pip install --force-reinstall --no-cache-dir the-core",)
    assert "No module named 'core._core'" in found.evidence[0]


def test_a_name_that_is_a_compiled_module_for_another_python(package: Path) -> None:
    (package / "__init__.py").write_text("from core import etree")
    (package / "etree.cpython-39-x86_64-linux-gnu.so").write_bytes(b"")
    found = blame.explain(failure(), owners=OWNERS)
    assert found is not None
    assert "compiled part etree for Python 3.9" in found.what


def test_ones_own_missing_module_is_not_blamed_on_python(package: Path) -> None:
    assert blame.explain(failure(), owners=OWNERS) is None
    assert blame.message(failure("core")) == ""


def test_a_module_that_is_damaged_is_not_said_to_be_of_another_python(package: Path) -> None:
    from importlib.machinery import EXTENSION_SUFFIXES

    (package / f"_core{EXTENSION_SUFFIXES[0]}").write_bytes(b"rubbish")
    assert blame.explain(failure(), owners=OWNERS) is None


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (
            ImportError("/v/lib/python3.13/site-packages/core/_c.so: undefined symbol: PyUnicode_GET_SIZE"),
            "other-python",
            "",
        ),
        (ImportError("/v/site-packages/core/_c.so: undefined symbol: XML_Foo"), "undefined-symbol", "XML_Foo"),
        (ImportError("libpq.so.5: cannot open shared object file: No such file"), "missing-library", "libpq.so.5"),
        (ImportError("/lib/libc.so.6: version `GLIBC_2.38' not found (required by /v/x.so)"), "libc-too-old", "2.38"),
        (ValueError("numpy.dtype size changed, may indicate binary incompatibility."), "numpy-abi", "NumPy 2"),
        (
            ImportError("dlopen(x.so): incompatible architecture (have 'x86_64', need 'arm64')"),
            "wrong-architecture",
            "",
        ),
    ],
)
def test_what_the_linker_says(error: Exception, kind: str, words: str) -> None:
    found = blame.explain(error, owners=OWNERS)
    assert found is not None
    assert found.kind == kind
    assert words in found.what


def test_a_command_names_the_distribution() -> None:
    error = ImportError("/v/lib/python3.13/site-packages/core/_c.so: undefined symbol: PyX")
    found = blame.explain(error, owners=OWNERS)
    assert found is not None
    assert found.commands == ("python -m pip install --force-reinstall --no-cache-dir the-core",)


@pytest.mark.parametrize("error", [ModuleNotFoundError("No module named 'nosuch'"), KeyError("x"), ValueError("no")])
def test_other_failures_are_left_alone(error: Exception) -> None:
    assert blame.explain(error, owners=OWNERS) is None


def test_what_was_raised_from_it_is_explained_too(package: Path) -> None:
    (package / "_core.cpython-39-x86_64-linux-gnu.so").write_bytes(b"")
    error = RuntimeError("core cannot be used")
    error.__cause__ = failure()
    assert blame.explain(error, owners=OWNERS) is not None


def test_a_message(package: Path) -> None:
    (package / "_core.cpython-39-x86_64-linux-gnu.so").write_bytes(b"")
    lines = blame.message(failure()).splitlines()
    assert lines[0].startswith("core has its compiled part")
    assert lines[2].startswith("    Install it anew")
    assert lines[3].startswith("      ")
    assert lines[-1] == "    (there is _core.cpython-39-x86_64-linux-gnu.so)"


def test_text_is_explained_by_its_words() -> None:
    found = blame.explain("ImportError: libGL.so.1: cannot open shared object file: No such file or directory")
    assert found is not None
    assert "libGL.so.1" in found.what
