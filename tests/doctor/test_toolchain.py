from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bicorn.doctor.targets import parse
from bicorn.doctor.toolchain import Toolchain, look


def program(folder: Path, name: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_text("")
    path.chmod(0o755)
    return path


def test_compilers_are_found_with_their_versions(tmp_path: Path) -> None:
    gcc = program(tmp_path, "gcc")
    found = look({"PATH": str(tmp_path)}, run=lambda command: "gcc (Debian) 12.2.0" if command[0] == str(gcc) else "")
    assert found.programs == {"cc": "12.2.0"}


def test_the_environment_names_another_compiler(tmp_path: Path) -> None:
    program(tmp_path, "gcc")
    found = look({"PATH": str(tmp_path), "CC": "/nowhere/clang"}, run=lambda _: "1.0")
    assert "cc" not in found.programs


def test_a_rustup_without_a_toolchain_is_no_rust(tmp_path: Path) -> None:
    program(tmp_path, "rustc")
    assert look({"PATH": str(tmp_path)}, run=lambda _: "").programs == {}


def test_a_rustup_that_was_never_set_up_is_not_asked(tmp_path: Path) -> None:
    (tmp_path / "rustc").symlink_to(program(tmp_path, "rustup"))
    environ = {"PATH": str(tmp_path), "HOME": str(tmp_path)}
    assert look(environ, run=lambda _: "rustc 1.90.0").programs == {}
    (tmp_path / ".rustup").mkdir()
    assert look(environ, run=lambda _: "rustc 1.90.0").programs == {"rustc": "1.90.0"}


def test_only_the_version_is_asked_for(tmp_path: Path) -> None:
    for name in ("gcc", "rustc", "cmake", "python3.14", "setup.py"):
        program(tmp_path, name)
    asked: list[list[str]] = []
    look({"PATH": str(tmp_path)}, run=lambda command: str(asked.append(command) or "1.0"))
    assert {command[1] for command in asked} == {"--version"}
    assert not any("python" in command[0] for command in asked)


def test_a_python_and_its_headers(tmp_path: Path) -> None:
    program(tmp_path / "bin", "python3.99")
    assert look({"PATH": str(tmp_path / "bin")}, run=lambda _: "").pythons["3.99"] is False
    include = tmp_path / "include" / "python3.99"
    include.mkdir(parents=True)
    (include / "Python.h").write_text("")
    assert look({"PATH": str(tmp_path / "bin")}, run=lambda _: "").pythons["3.99"] is True
    assert f"3.{sys.version_info[1]}" in look({}, run=lambda _: "").pythons


@pytest.mark.parametrize(
    ("need", "missing"),
    [
        ("cc", False),
        ("c++", True),
        ("rustc >= 1.70", False),
        ("rustc >= 1.80", True),
        ("Python.h", True),
        ("libpq-fe.h", True),
        ("here.h", False),
    ],
)
def test_what_is_missing(tmp_path: Path, need: str, missing: bool) -> None:
    (tmp_path / "here.h").write_text("")
    chain = Toolchain({"cc": "12.2", "rustc": "1.75.0"}, (str(tmp_path),), {"3.14": False})
    assert bool(chain.missing([need], parse("3.14"))) is missing


def test_of_another_platform_nothing_is_missing() -> None:
    assert Toolchain().missing(["cc"], parse("3.14", "windows")) == ()


def test_headers_of_a_python_that_is_not_here_come_with_it() -> None:
    assert Toolchain().missing(["Python.h"], parse("3.14")) == ()
