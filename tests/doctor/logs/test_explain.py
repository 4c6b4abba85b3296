"""Real logs, scrubbed and shortened, and what is said of each."""

from __future__ import annotations

from pathlib import Path

import pytest

from bicorn.doctor.logs import explain
from bicorn.doctor.logs.families import FAMILIES

LOGS = Path(__file__).parent.parent / "data" / "logs"

EXPECTED = {
    "certificate": ("certificate", "signed by nobody this Python trusts", "pip config set global.cert"),
    "cargo_offline": ("network", "index.crates.io cannot be reached", "pip config list"),
    "cffi": ("missing-header", "ffi.h was not found", "sudo apt install libffi-dev"),
    "conflict": ("conflict", "fastapi==0.100.0 and starlette==0.40.0", ""),
    "cython_too_new": ("cython-too-new", "gevent 22.10.2 was written for Cython before 3", "PIP_CONSTRAINT="),
    "cython_too_old": (
        "removed-c-api",
        "httptools 0.6.1 is older than Python 3.15",
        "'httptools==0.6.1' --python 3.15",
    ),
    "disk_full": ("no-disk", "The disk is full", "df -h"),
    "distutils": ("distutils-gone", "numpy 1.23.5 is built with distutils", "'numpy==1.23.5' --python 3.12"),
    "dns": ("network", "cannot be reached from here", "pip config list"),
    "externally_managed": ("externally-managed", "belongs to the system", "python3 -m venv .venv"),
    "glibc": ("libc-too-old", "d3x.abi3.so: it was built where there is GLIBC_2.38", ""),
    "hash": ("hash-mismatch", "markupsafe 2.1.5", "pip download"),
    "lxml": ("missing-header", "libxml2 was not found", "sudo apt install libxml2-dev libxslt1-dev"),
    "mysqlclient": ("missing-header", "mysqlclient 2.2.4", "default-libmysqlclient-dev"),
    "no_cmake": ("tool-missing", "with cmake, which is not here", "sudo apt install cmake"),
    "no_compiler": ("no-compiler", "no C or C++ compiler (gcc)", "sudo apt install build-essential"),
    "no_cxx": ("no-compiler", "(x86_64-linux-gnu-g++)", "sudo apt install build-essential"),
    "no_make": ("tool-missing", "with make, which is not here", "sudo apt install make"),
    "no_memory": ("no-memory", "not enough to build httptools 0.6.1", "MAKEFLAGS=-j1"),
    "no_meson": ("build-tool-missing", "pandas 2.1.0 is built with mesonpy", "pip install meson-python"),
    "no_python_h": ("no-python-h", "headers of Python 3.12", "sudo apt install python3.12-dev"),
    "no_version": ("no-version", "2.20.0rc0 to 2.22.0rc0, and tensorflow==2.12.0 is not", "'tensorflow==2.12.0' --all"),
    "numpy_abi": ("numpy-abi", "NumPy 1 does not run with NumPy 2", "'numpy<2'"),
    "other_python": ("other-python", "pydantic_core._pydantic_core is not there", "--force-reinstall"),
    "pillow": ("missing-header", "jpeg was not found", "sudo apt install libjpeg-dev zlib1g-dev"),
    "pkg_resources": ("setuptools-changed", "No module named 'pkg_resources'", "setuptools<58"),
    "proxy": ("proxy", "does not answer, or refuses", "grep -i proxy"),
    "psycopg2": ("missing-header", "pg_config was not found", "sudo apt install libpq-dev"),
    "pycurl": ("missing-header", "curl-config was not found", "libcurl4-openssl-dev"),
    "pyo3": ("pyo3-too-old", "PyO3 0.22.2, which knows Python up to 3.13. This is Python 3.14", "--python 3.14"),
    "pyo3_forward": ("pyo3-too-old", "PYO3_USE_ABI3_FORWARD_COMPATIBILITY=1 does not help", "--python 3.14"),
    "python_2": ("python-2", "configobj 4.7.2 is written in Python 2", "bicorn doctor 'configobj'"),
    "python_ldap": ("missing-header", "lber.h was not found", "sudo apt install libldap2-dev libsasl2-dev"),
    "removed_c_api": ("removed-c-api", "uses cframe, which has changed or gone", "'greenlet==2.0.2' --python 3.13"),
    "requires_python": ("no-version", "numpy==2.5.0 wants Python >=3.12", "'numpy==2.5.0' --all"),
    "rust_missing": ("rust-missing", "pydantic-core 2.23.4 has no wheel that fits", "sudo apt install rustc cargo"),
    "rust_too_old": ("rust-too-old", "(1.63.0) is too old for orjson 3.10.7, which needs 1.70", "rustup update stable"),
    "wrong_wheel": ("wheel-does-not-fit", "aarch64", "bicorn doctor 'MarkupSafe==2.1.5'"),
}


@pytest.mark.parametrize(("name", "expected"), EXPECTED.items())
def test_a_real_log(name: str, expected: tuple[str, str, str]) -> None:
    kind, words, command = expected
    first = explain((LOGS / f"{name}.log").read_text(), manager="apt")[0]
    assert first.kind == kind
    assert words in first.what
    assert command in "\n".join(first.commands)
    assert first.evidence
    assert first.cure


def test_every_log_is_looked_at() -> None:
    assert {path.stem for path in LOGS.glob("*.log")} == {*EXPECTED, "unknown"}


def test_of_an_unknown_log_what_is_known_is_told() -> None:
    (only,) = explain((LOGS / "unknown.log").read_text())
    assert only.kind == "unknown"
    assert only.evidence == ("ERROR: none.whl is not a valid wheel filename.",)
    assert "not known here" in only.what


def test_an_unknown_failure_names_package_phase_and_both_errors() -> None:
    log = """\
Collecting odd==1.0
  Downloading odd-1.0.tar.gz (3 kB)
  Building wheel for odd (setup.py): finished with status 'error'
      error: the moon is not full
      RuntimeError: no werewolf
  ERROR: Failed building wheel for odd
"""
    (only,) = explain(log)
    assert only.what == "odd 1.0 failed while building it, for a reason that is not known here."
    assert only.evidence == ("error: the moon is not full", "RuntimeError: no werewolf")
    assert only.commands == ("bicorn doctor 'odd==1.0'",)


def test_a_log_without_an_error_is_no_failure() -> None:
    (only,) = explain("Successfully installed click-8.3.1\n")
    assert (only.kind, only.severity) == ("unknown", "note")


def test_what_follows_from_the_cause_is_not_told() -> None:
    """Without Rust, maturin tries to fetch one: that there is no network then is not the matter."""
    found = explain((LOGS / "rust_missing.log").read_text())
    assert [ailment.kind for ailment in found] == ["rust-missing"]


def test_without_a_known_package_manager_no_command_is_made_up() -> None:
    first = explain((LOGS / "psycopg2.log").read_text())[0]
    assert first.commands == ()


def test_other_managers_have_other_names() -> None:
    text = (LOGS / "no_python_h.log").read_text()
    assert explain(text, manager="dnf")[0].commands == ("sudo dnf install python3.12-devel",)
    assert explain(text, manager="apk")[0].commands == ("sudo apk add python3-dev",)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.kind)
def test_no_family_is_found_in_nothing(family: object) -> None:
    assert [ailment.kind for ailment in explain("all is well\n" * 50)] == ["unknown"]


def test_rubbish_is_read_quickly() -> None:
    explain("\x00\x1b[31m" + "(" * 100_000 + "\n" + "error: " * 50_000)
