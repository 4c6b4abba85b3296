"""What an archive's Cargo files say: which PyO3, with the stable ABI or not, which Rust.

``Cargo.lock`` settles the version of PyO3 (The Cargo Book, "Cargo.toml vs Cargo.lock"); without it, it is the newest
that ``Cargo.toml`` admits. With a feature ``abi3-py3N`` PyO3 builds for Python 3.N's stable ABI, and what is newer than
it knows is no obstacle (PyO3's guide, "Building and distribution", py_limited_api/abi3).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from typing import Any

from packaging.version import InvalidVersion, Version

from ...record import Record
from ..archive import Insides, entries
from ..knowledge import rust_of

STABLE = re.compile(r"abi3-py3(\d{1,2})")
BINDINGS = ("pyo3-ffi", "pyo3")
"""pyo3-ffi is what checks the interpreter; both have one version."""

ANY_PATCH = 999
"""Of a version without a lock: its newest patch."""


class Crate(Record):
    """A crate that becomes an extension module.

    Args:
        pyo3: its version; None where PyO3 is not used, or where any version will do.
        shown: the version as it is to be shown.
        file: where it is from: ``"Cargo.lock"``.
        abi3: the Python of the stable ABI it is built for, ``"3.8"``; empty where it is built for one version.
        rust: the oldest Rust that can build it.
    """

    pyo3: Version | None = None
    shown: str = ""
    file: str = ""
    abi3: str = ""
    rust: Version | None = None


def read(insides: Insides, project: dict[str, Any]) -> Crate:
    """Reads it from an archive's Cargo files and its ``pyproject.toml``."""
    manifests = [_toml(text) for _, text in entries(insides, "Cargo.toml")]
    locks = [_toml(text) for _, text in entries(insides, "Cargo.lock")]
    version, shown, file = _locked(locks)
    if not version:
        version, shown = _declared(manifests)
        file = "Cargo.toml" if version else ""
    texts = [insides.texts.get("setup.py", ""), insides.texts.get("setup.cfg", "")]
    return Crate(version, shown, file, _stable(manifests, project, texts), _oldest(manifests, locks))


def _locked(locks: list[dict[str, Any]]) -> tuple[Version | None, str, str]:
    for lock in locks:
        packages = [package for package in _list(lock.get("package")) if package.get("name") in BINDINGS]
        if found := [version for package in packages if (version := _version(package.get("version")))]:
            return min(found), str(min(found)), "Cargo.lock"
    return None, "", ""


def _declared(manifests: list[dict[str, Any]]) -> tuple[Version | None, str]:
    """Most are caret requirements: "0.22" and "0.22.2" admit 0.22.* (The Cargo Book, "Specifying Dependencies")."""
    for manifest in manifests:
        for wanted in _dependencies(manifest):
            asked = wanted.get("version") if isinstance(wanted, dict) else wanted
            match = (
                re.fullmatch(r"\s*(=|~|\^)?\s*(\d+)\.(\d+)(?:\.(\d+))?\s*", asked) if isinstance(asked, str) else None
            )
            if match and match[1] == "=" and match[4]:
                return Version(f"{match[2]}.{match[3]}.{match[4]}"), f"{match[2]}.{match[3]}.{match[4]}"
            if match:
                return Version(f"{match[2]}.{match[3]}.{ANY_PATCH}"), f"{match[2]}.{match[3]}"
    return None, ""


def _dependencies(manifest: dict[str, Any]) -> Iterator[Any]:
    tables = [manifest, _table(manifest.get("workspace")), *_table(manifest.get("target")).values()]
    for table in tables:
        for kind in ("dependencies", "build-dependencies"):
            listed = _table(_table(table).get(kind))
            yield from (listed[name] for name in BINDINGS if name in listed)


def _stable(manifests: list[dict[str, Any]], project: dict[str, Any], texts: list[str]) -> str:
    said: list[str] = []
    for manifest in manifests:
        for wanted in _dependencies(manifest):
            said += _strings(_table(wanted).get("features"))
        said += _defaults(_table(manifest.get("features")))
    maturin = _table(_table(project.get("tool")).get("maturin"))
    said += [*_strings(maturin.get("features")), *_strings(maturin.get("cargo-extra-args")), *texts]
    found = [int(minor) for text in said for minor in STABLE.findall(text)]
    return f"3.{min(found)}" if found else ""


def _defaults(features: dict[str, Any]) -> list[str]:
    """What the default features switch on, however many steps away."""
    seen: set[str] = set()
    ahead = ["default"]
    while ahead:
        name = ahead.pop()
        if name not in seen:
            seen.add(name)
            ahead += _strings(features.get(name))
    return list(seen)


def _oldest(manifests: list[dict[str, Any]], locks: list[dict[str, Any]]) -> Version | None:
    found: list[Version | None] = []
    for manifest in manifests:
        package = _table(manifest.get("package")) | _table(_table(manifest.get("workspace")).get("package"))
        found += [_version(package.get("rust-version")), rust_of("edition", str(package.get("edition")))]
    found += [rust_of("lock", str(lock.get("version"))) for lock in locks[:1]]
    return max((version for version in found if version), default=None)


def _version(text: object) -> Version | None:
    try:
        return Version(text) if isinstance(text, str) else None
    except InvalidVersion:
        return None


def _table(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def _strings(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [entry for entry in value if isinstance(entry, str)] if isinstance(value, list) else []


def _toml(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return {}
