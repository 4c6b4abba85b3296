"""Compiled modules that do not fit."""

from __future__ import annotations

from pathlib import Path

from bicorn.doctor.health import extensions
from bicorn.doctor.health.extensions import Libraries

from .environment import place
from .test_elf import shared_object


def module(folder: Path, name: str, content: bytes) -> None:
    path = folder / "lib" / "python3.13" / "site-packages" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def kinds(folder: Path, **more: object) -> list[tuple[str, str]]:
    return [(found.kind, found.what) for found in extensions.check(place(folder, **more), {})]


def test_one_for_another_python(tmp_path: Path) -> None:
    module(tmp_path, "core/_core.cpython-312-x86_64-linux-gnu.so", shared_object("libc.so.6"))
    assert kinds(tmp_path) == [("other-python", "core has compiled modules for Python 3.12; this is Python 3.13.")]


def test_one_for_the_free_threaded_build(tmp_path: Path) -> None:
    module(tmp_path, "core/_core.cpython-313t-x86_64-linux-gnu.so", shared_object("libc.so.6"))
    assert [kind for kind, _ in kinds(tmp_path)] == ["other-python"]
    assert kinds(tmp_path, free_threaded=True) == []


def test_beside_the_right_one_another_does_no_harm(tmp_path: Path) -> None:
    for name in ("_core.cpython-312-x86_64-linux-gnu.so", "_core.cpython-313-x86_64-linux-gnu.so"):
        module(tmp_path, f"core/{name}", shared_object("libc.so.6"))
    assert kinds(tmp_path) == []


def test_the_stable_abi_fits(tmp_path: Path) -> None:
    module(tmp_path, "core/_core.abi3.so", shared_object("libc.so.6"))
    assert kinds(tmp_path) == []


def test_another_machine_and_another_libc(tmp_path: Path) -> None:
    module(tmp_path, "arm/_a.abi3.so", shared_object("libc.so.6", machine=183))
    module(tmp_path, "alpine/_b.abi3.so", shared_object("libc.musl-x86_64.so.1"))
    assert sorted(kinds(tmp_path)) == [
        ("other-libc", "alpine is built for musl; this system's C library is another."),
        ("wrong-architecture", "arm is built for aarch64; this is a x86_64."),
    ]


def test_a_newer_glibc(tmp_path: Path) -> None:
    module(tmp_path, "new/_n.abi3.so", shared_object("libc.so.6", versions=("GLIBC_2.99",)))
    assert [kind for kind, _ in kinds(tmp_path)] == ["libc-too-old"]


def test_a_missing_library(tmp_path: Path) -> None:
    module(tmp_path, "pg/_pg.abi3.so", shared_object("libc.so.6", "libno-such.so.5"))
    (found,) = extensions.check(place(tmp_path), {})
    assert found.kind == "missing-library"
    assert found.what == "pg needs libno-such.so.5, which this system does not have."
    assert found.severity == "warning"
    assert found.where == "pg/_pg.abi3.so"


def test_a_library_that_a_wheel_brings_is_there(tmp_path: Path) -> None:
    module(tmp_path, "pg/_pg.abi3.so", shared_object("libno-such-1a2b.so.5", runpath="$ORIGIN/../pg.libs"))
    module(tmp_path, "pg.libs/libno-such-1a2b.so.5", b"")
    assert kinds(tmp_path) == []


def test_where_the_linker_looks(tmp_path: Path) -> None:
    (tmp_path / "libx.so.1").write_bytes(b"")
    libraries = Libraries(place(tmp_path), {"LD_LIBRARY_PATH": str(tmp_path)}, lambda: b"\0libcached.so.2\0")
    assert libraries.have("libx.so.1", (), "/a/b.so")
    assert libraries.have("libcached.so.2", (), "/a/b.so")
    assert not libraries.have("libcached.so", (), "/a/b.so")
    assert libraries.have("libx.so.1", ("$ORIGIN",), str(tmp_path / "b.so"))


def test_what_is_no_module_is_left_alone(tmp_path: Path) -> None:
    module(tmp_path, "text/notes.so", b"not a library")
    assert kinds(tmp_path) == []
