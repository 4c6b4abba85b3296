from __future__ import annotations

import pytest
from packaging.version import Version

from bicorn.doctor.archive import Insides
from bicorn.doctor.builds import rust

LOCK = (
    'version = 3\n[[package]]\nname = "pyo3"\nversion = "0.22.2"\n[[package]]\nname = "pyo3-ffi"\nversion = "0.22.2"\n'
)


def read(project: dict[str, object] | None = None, **texts: str) -> rust.Crate:
    texts = {name.replace("_", "."): text for name, text in texts.items()}
    return rust.read(Insides(tuple(texts), texts), project or {})


def test_the_lock_settles_it() -> None:
    crate = read(Cargo_toml='[dependencies]\npyo3 = "0.22"', Cargo_lock=LOCK)
    assert (crate.pyo3, crate.shown, crate.file) == (Version("0.22.2"), "0.22.2", "Cargo.lock")


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ('pyo3 = "0.22.2"', "0.22"),
        ('pyo3 = "0.22"', "0.22"),
        ('pyo3 = { version = "^0.20", features = ["extension-module"] }', "0.20"),
        ('pyo3-ffi = { version = "=0.21.2" }', "0.21.2"),
        ('pyo3 = ">=0.20"', ""),
        ('pyo3 = { git = "https://example.org" }', ""),
        ('serde = "1"', ""),
    ],
)
def test_without_a_lock_it_is_what_the_manifest_admits(line: str, shown: str) -> None:
    crate = read(Cargo_toml=f"[dependencies]\n{line}")
    assert crate.shown == shown
    assert (crate.file == "Cargo.toml") is bool(shown)


def test_the_newest_patch_is_taken() -> None:
    crate = read(Cargo_toml='[dependencies]\npyo3 = "0.20"')
    assert crate.pyo3
    assert crate.pyo3 > Version("0.20.3")


@pytest.mark.parametrize(
    ("manifest", "project"),
    [
        ('[dependencies]\npyo3 = { version = "0.22", features = ["abi3-py38"] }', {}),
        ('[workspace.dependencies]\npyo3 = { version = "0.22", features = ["abi3-py38", "abi3"] }', {}),
        ('[dependencies]\npyo3 = "0.22"\n[features]\ndefault = ["stable"]\nstable = ["pyo3/abi3-py38"]', {}),
        ('[dependencies]\npyo3 = "0.22"', {"tool": {"maturin": {"features": ["pyo3/abi3-py38"]}}}),
    ],
)
def test_the_stable_abi(manifest: str, project: dict[str, object]) -> None:
    assert read(project, Cargo_toml=manifest).abi3 == "3.8"


def test_a_feature_that_is_not_switched_on() -> None:
    assert read(Cargo_toml='[dependencies]\npyo3 = "0.22"\n[features]\nstable = ["pyo3/abi3-py38"]').abi3 == ""


def test_the_oldest_rust() -> None:
    assert read(Cargo_toml='[package]\nedition = "2021"\nrust-version = "1.75"').rust == Version("1.75")
    assert read(Cargo_toml='[package]\nedition = "2021"', Cargo_lock="version = 4").rust == Version("1.78")
    assert read(Cargo_toml="[package]").rust is None


@pytest.mark.parametrize(
    "text", ["]", "pyo3 = ", "[dependencies]\npyo3 = 3", "dependencies = 1", "[[package]]\nname=1"]
)
def test_what_makes_no_sense_says_nothing(text: str) -> None:
    assert read(Cargo_toml=text, Cargo_lock=text).pyo3 is None
