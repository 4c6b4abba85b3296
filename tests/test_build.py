"""The build hook: what it compiles, and that nothing which goes wrong in it is a failed install."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("hatchling")

import hatch_build

ROOT = Path(__file__).parent.parent
SUFFIX = EXTENSION_SUFFIXES[0]


class Hook(hatch_build.CompileHook):
    """The hook without hatchling around it."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    @property
    def app(self) -> Any:
        return SimpleNamespace(display_warning=self.warnings.append)


def run(hook: Hook, version: str = "standard") -> dict[str, Any]:
    """What the hook asks hatchling for."""
    build_data: dict[str, Any] = {"force_include": {}}
    hook.initialize(version, build_data)
    hook.finalize(version, build_data, "artifact")
    return build_data


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small package to build, and no BICORN_BUILD."""
    package = tmp_path / "src" / "bicorn"
    (package / "wire").mkdir(parents=True)
    for name in ("__init__.py", "wire/__init__.py", "wire/head.py", "wire/head.pxd", "wire/slow.py", "wire/lonely.pxd"):
        (package / name).touch()
    monkeypatch.setattr(hatch_build, "SOURCE", tmp_path / "src")
    monkeypatch.delenv("BICORN_BUILD", raising=False)
    return package


def compiling(error: BaseException | None = None) -> Callable[[Path, Path], list[Path]]:
    """Stands in for ``compile_package``."""

    def compile_package(build_lib: Path, build_temp: Path) -> list[Path]:
        output = build_lib / "bicorn" / "wire" / f"head{SUFFIX}"
        output.write_bytes(b"")
        if error:
            raise error
        return [output]

    return compile_package


def test_the_modules_with_a_pxd_beside_them_are_compiled(source: Path) -> None:
    assert hatch_build.compiled_modules(source.parent) == ["bicorn.wire.head"]


def test_compiled_modules_go_into_a_wheel_with_a_platform_tag(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hatch_build, "compile_package", compiling())
    hook = Hook()
    data = run(hook)
    assert list(data["force_include"].values()) == [f"bicorn/wire/head{SUFFIX}"]
    assert (data["pure_python"], data["infer_tag"]) == (False, True)
    assert hook.warnings == []


@pytest.mark.parametrize(
    ("error", "why"),
    [
        (hatch_build.NoCompiler(), "no C compiler works here, or Python's headers are missing"),
        (RuntimeError("a\nlong\nstory"), "compiling failed: a long story"),
        (SystemExit("error: command 'cc' failed"), "compiling failed: error: command 'cc' failed"),
        (OSError(), "compiling failed: OSError"),
        (ValueError("x" * 500), f"compiling failed: {'x' * 120} ..."),
    ],
)
def test_a_failure_leaves_a_pure_wheel_and_one_line(
    source: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException, why: str
) -> None:
    monkeypatch.setattr(hatch_build, "compile_package", compiling(error))
    hook = Hook()
    assert run(hook) == {"force_include": {}}
    assert hook.warnings == [f"bicorn: no compiled modules, it will run interpreted ({why})"]


def test_require_makes_a_failure_a_failure(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BICORN_BUILD", "require")
    monkeypatch.setattr(hatch_build, "compile_package", compiling(RuntimeError("broken")))
    with pytest.raises(RuntimeError, match="broken"):
        run(Hook())


@pytest.mark.parametrize(("mode", "version"), [("pure", "standard"), ("auto", "editable"), ("require", "editable")])
def test_pure_and_editable_builds_compile_nothing(
    source: Path, monkeypatch: pytest.MonkeyPatch, mode: str, version: str
) -> None:
    monkeypatch.setenv("BICORN_BUILD", mode)
    monkeypatch.setattr(hatch_build, "compile_package", compiling(AssertionError("it tried")))
    hook = Hook()
    assert run(hook, version) == {"force_include": {}}
    assert hook.warnings == []


def test_an_unknown_mode_is_refused(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BICORN_BUILD", "fast")
    with pytest.raises(ValueError, match="BICORN_BUILD=fast: must be auto, require or pure"):
        run(Hook())


def test_nothing_is_left_behind(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hatch_build.tempfile, "mkdtemp", lambda prefix: str(tmp_path / "work"))
    for error in (None, RuntimeError("broken")):
        monkeypatch.setattr(hatch_build, "compile_package", compiling(error))
        run(Hook())
        assert not (tmp_path / "work").exists()
    assert not list(source.rglob("*.so"))


def test_the_copy_follows_the_source(source: Path, tmp_path: Path) -> None:
    target = tmp_path / "lib"
    hatch_build.copy_package(target)
    copy = target / "bicorn" / "wire"
    compiled = copy / f"head{SUFFIX}"
    compiled.touch()
    before = (copy / "slow.py").stat()
    (source / "wire" / "head.py").write_text("changed = True\n")
    (source / f"stray{SUFFIX}").touch()
    hatch_build.copy_package(target)
    assert (copy / "head.py").read_text() == "changed = True\n"
    assert (copy / "slow.py").stat().st_ctime_ns == before.st_ctime_ns, "copied though nothing changed"
    assert compiled.exists()
    assert not list(target.rglob("stray*"))
    (source / "wire" / "head.pxd").unlink()
    (source / "wire" / "slow.py").unlink()
    hatch_build.copy_package(target)
    assert not compiled.exists(), "a module that is no longer compiled keeps its old twin"
    assert not (copy / "slow.py").exists()


def test_never_into_the_source(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["hatch_build.py", "--build-lib", str(hatch_build.SOURCE)])
    with pytest.raises(SystemExit) as caught:
        hatch_build.main()
    assert caught.value.code == 2


@pytest.mark.parametrize(("error", "expected"), [(hatch_build.NoCompiler(), SystemExit), (OSError("no"), OSError)])
def test_the_command_tells_a_missing_compiler_from_broken_code(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, expected: type[BaseException]
) -> None:
    monkeypatch.setattr(hatch_build, "compile_package", compiling(error))
    monkeypatch.setattr(sys, "argv", ["hatch_build.py", "--build-lib", str(tmp_path / "lib")])
    with pytest.raises(expected) as caught:
        hatch_build.main()
    assert getattr(caught.value, "code", None) == (hatch_build.NO_COMPILER if expected is SystemExit else None)


def test_a_compiler_that_does_not_work_is_recognised(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CC", "/no/such/compiler")
    with pytest.raises(hatch_build.NoCompiler):
        hatch_build.check_compiler(tmp_path / "probe")


def build_wheel(directory: Path, **environ: str) -> tuple[Path, str]:
    """Build the real package with hatchling; the wheel and what was said."""
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(directory)],
        cwd=ROOT, env=os.environ | environ, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    (wheel,) = directory.glob("*.whl")
    return wheel, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_a_compiler_that_fails_gives_a_wheel_for_every_python(tmp_path: Path) -> None:
    wheel, said = build_wheel(tmp_path, CC=shutil.which("false") or "/no/such/compiler", BICORN_BUILD="auto")
    assert wheel.name.endswith("-py3-none-any.whl")
    assert "no compiled modules, it will run interpreted" in said
    names = zipfile.ZipFile(wheel).namelist()
    assert {"bicorn/__init__.py", "bicorn/py.typed"} <= set(names)
    assert [name for name in names if name.endswith((".so", ".pxd", ".c"))] == []


def test_the_source_archive_holds_sources(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, capture_output=True, timeout=60, check=True)
    (archive,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        names = {name.partition("/")[2] for name in opened.getnames()}
    pxds = {path.relative_to(ROOT).as_posix() for path in (ROOT / "src").rglob("*.pxd")}
    assert {"pyproject.toml", "hatch_build.py", "LICENSE", "src/bicorn/__init__.py"} | pxds <= names
    assert [name for name in names if name.endswith((".so", ".c", ".pyc"))] == []


@pytest.fixture
def compiler(tmp_path: Path) -> None:
    """Skips where there is none."""
    try:
        hatch_build.check_compiler(tmp_path / "probe")
    except hatch_build.NoCompiler as error:
        pytest.skip(str(error))


def add_class(source: Path, name: str) -> None:
    """A module that is worth compiling."""
    code = f"class {name.title()}:\n    def __init__(self, n):\n        self.n = n\n"
    (source / "wire" / f"{name}.py").write_text(code)
    (source / "wire" / f"{name}.pxd").write_text(f"cdef class {name.title()}:\n    cdef public Py_ssize_t n\n")


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.usefixtures("compiler")
def test_a_small_package_compiles_and_runs(source: Path, tmp_path: Path) -> None:
    add_class(source, "head")
    target = tmp_path / "lib"
    hatch_build.copy_package(target)
    outputs = hatch_build.compile_package(target, tmp_path / "temp")
    assert outputs == [target / "bicorn" / "wire" / f"head{SUFFIX}"]
    code = "from bicorn.wire import head; print(head.__file__, head.Head(7).n); head.Head('seven')"
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": str(target)}, capture_output=True, text=True,
        timeout=30, check=False,
    )  # fmt: skip
    assert done.stdout == f"{outputs[0]} 7\n"
    assert "TypeError" in done.stderr


@pytest.mark.slow
@pytest.mark.timeout(180)
@pytest.mark.usefixtures("compiler")
def test_a_compiler_that_fails_half_way_leaves_none_of_it(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_class(source, "body")
    add_class(source, "head")
    script = tmp_path / "cc"
    script.write_text(f'#!/bin/sh\ncase "$*" in *head.c*) exit 1;; esac\nexec {shutil.which("cc") or "gcc"} "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("CC", str(script))
    hook = Hook()
    assert run(hook) == {"force_include": {}}
    assert "compiling failed" in hook.warnings[0]
