from __future__ import annotations

import importlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.util import cache_from_source
from pathlib import Path

import pytest

from bicorn.apps import fresh

LOOK = """
import sys
sys.path.insert(0, {folder!r})
{install}
import racy
print(racy.X)
"""


def run(folder: Path, install: bool) -> str:
    """What a process that imports the module sees; it writes bytecode as it likes."""
    line = f"from bicorn.apps import fresh; fresh.install([{str(folder)!r}])" if install else ""
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    code = LOOK.format(folder=str(folder), install=line)
    done = subprocess.run([sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path.resolve()


def write(file: Path, text: str, when: float) -> None:
    file.write_text(text)
    os.utime(file, (when, when))


@pytest.mark.slow
def test_a_second_save_within_a_second_is_what_runs(folder: Path) -> None:
    now = int(time.time()) + 0.1
    write(folder / "racy.py", "X = 1\n", now)
    assert run(folder, install=False) == "1"  # leaves bytecode
    write(folder / "racy.py", "X = 2\n", now + 0.5)
    assert run(folder, install=False) == "1", "Python has mended it: this module can go"
    assert run(folder, install=True) == "2"


@pytest.mark.slow
def test_bytecode_is_written_and_used_once_it_can_be_trusted(folder: Path) -> None:
    write(folder / "racy.py", "X = 1\n", time.time())
    bytecode = Path(cache_from_source(str(folder / "racy.py")))
    assert run(folder, install=True) == "1"
    assert not bytecode.exists()
    write(folder / "racy.py", "X = 1\n", time.time() - 60)
    assert run(folder, install=True) == "1"
    written = bytecode.stat().st_mtime_ns
    # The same size and time: only bytecode can know nothing of this.
    write(folder / "racy.py", "X = 2\n", (folder / "racy.py").stat().st_mtime)
    assert run(folder, install=True) == "1"
    assert bytecode.stat().st_mtime_ns == written


@pytest.fixture
def restored() -> Iterator[None]:
    hooks, path, modules = list(sys.path_hooks), list(sys.path), set(sys.modules)
    yield
    sys.path_hooks[:], sys.path[:] = hooks, path
    sys.path_importer_cache.clear()
    for name in set(sys.modules) - modules:
        del sys.modules[name]


@pytest.mark.usefixtures("restored")
def test_only_watched_directories_are_concerned(folder: Path) -> None:
    for place in ("site/pkg", "elsewhere", "site/env/site-packages"):
        (folder / place).mkdir(parents=True)
    (folder / "site" / "pkg" / "__init__.py").write_text("from . import inner\n")
    (folder / "site" / "pkg" / "inner.py").write_text("")
    (folder / "elsewhere" / "fresh_other.py").write_text("")
    (folder / "site" / "env" / "site-packages" / "fresh_installed.py").write_text("")
    for place in ("elsewhere", "site/env/site-packages", "site"):
        sys.path.insert(0, str(folder / place))
    fresh.install([str(folder / "site")])
    package = importlib.import_module("pkg")
    assert isinstance(package.__spec__.loader, fresh.FreshLoader)
    assert isinstance(package.inner.__spec__.loader, fresh.FreshLoader)
    for name in ("fresh_other", "fresh_installed"):
        assert not isinstance(importlib.import_module(name).__spec__.loader, fresh.FreshLoader)  # type: ignore[union-attr]


def test_other_data_is_read_as_it_is(folder: Path) -> None:
    (folder / "m.py").write_text("")
    (folder / "data.txt").write_text("old and fine")
    os.utime(folder / "data.txt", (1, 1))
    assert fresh.FreshLoader("m", str(folder / "m.py")).get_data(str(folder / "data.txt")) == b"old and fine"


def test_a_source_that_has_gone_leaves_no_bytecode(folder: Path) -> None:
    fresh.FreshLoader("m", str(folder / "m.py")).set_data(str(folder / "m.pyc"), b"")
    assert not (folder / "m.pyc").exists()
