from __future__ import annotations

import builtins
import logging
import os
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from bicorn.config.settings import Config
from bicorn.process import sharing, warm
from bicorn.process.warm import Imports, Warmth


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A place for packages, beside an application's own folder; both on the path."""
    place = tmp_path / "lib" / "site-packages"
    place.mkdir(parents=True)
    monkeypatch.setattr(warm, "PACKAGES", frozenset({"warm_known", "warm_own"}))
    monkeypatch.setattr(sys, "path", [str(tmp_path), str(place), *sys.path])
    monkeypatch.setattr(sharing, "_settle", lambda: None)
    for name in ("warm_known", "warm_other"):
        (place / f"{name}.py").write_text("")
    (tmp_path / "warm_own.py").write_text("")
    (tmp_path / "warm_known.py").write_text("raise SystemExit('the application shadows the package')")
    yield place
    for name in ("warm_known", "warm_other", "warm_own"):
        sys.modules.pop(name, None)


@pytest.mark.usefixtures("installed")
def test_only_what_is_known_and_installed_is_imported() -> None:
    path = list(sys.path)
    Warmth().share(["warm_known", "warm_other", "warm_own", "warm_missing"])
    assert "warm_known" in sys.modules
    assert sys.modules.keys().isdisjoint({"warm_other", "warm_own"})
    assert sys.path == path


def test_a_worker_tells_of_installed_packages_only(installed: Path) -> None:
    since = sharing.last_imported()
    sys.path.remove(str(installed.parent.parent))
    import_all = ["warm_known", "warm_other"]
    for name in import_all:
        __import__(name)
    sys.path.insert(0, str(installed.parent.parent))
    __import__("warm_own")
    assert sharing.imported_modules(since, warm.PACKAGES) == ["warm_known"]
    assert sharing.imported_modules(since) == []


def test_what_is_installed_anew_is_told_once(installed: Path) -> None:
    warmth = Warmth()
    warmth.share(["warm_known"])
    assert warmth.changed() == []
    os.utime(installed / "warm_known.py", (1, 1))
    assert warmth.changed() == ["warm_known"]
    assert warmth.changed() == []
    (installed / "warm_known.py").unlink()
    assert warmth.changed() == ["warm_known"]


# -- What makes a difference


@pytest.fixture
def imports(installed: Path) -> Imports:
    sys.path.remove(str(installed.parent.parent))
    return Imports(Config(workers=3))


def has_imported(imports: Imports) -> list[str]:
    import_module("warm_known")
    return [name for name in imports.modules() if name.startswith("warm_")]


def test_packages_are_named_where_nothing_has_changed(imports: Imports) -> None:
    assert has_imported(imports) == ["warm_known"]


@pytest.mark.parametrize(
    "settings",
    [{"workers": 2}, {"workers": 3, "share_imports": False}, {"workers": 3, "preload": True}],
)
def test_none_is_named_where_nobody_would_import_it(installed: Path, settings: dict[str, Any]) -> None:
    sys.path.remove(str(installed.parent.parent))
    assert has_imported(Imports(Config(**settings))) == []


@pytest.mark.parametrize(
    "change",
    [
        lambda patch: patch.setattr(sys, "meta_path", [*sys.meta_path, SimpleNamespace()]),
        lambda patch: patch.setattr(sys, "path_hooks", [*sys.path_hooks, str]),
        lambda patch: patch.setattr(sys, "path", ["/elsewhere/site-packages", *sys.path]),
        lambda patch: patch.setattr("time.sleep", print),
        lambda patch: patch.setattr("socket.socket", SimpleNamespace),
        lambda patch: patch.setattr("builtins.__import__", lambda *args, _all=builtins.__import__: _all(*args)),
        lambda patch: patch.setenv("WARM_DEBUG", "1"),
        lambda patch: logging.setLoggerClass(type("Own", (logging.Logger,), {})),
    ],
)
def test_none_is_named_where_the_application_has_changed_what_an_import_does(
    installed: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[pytest.MonkeyPatch], None]
) -> None:
    sys.path.remove(str(installed.parent.parent))
    before = logging.getLoggerClass()
    monkeypatch.setattr(warm, "PACKAGES", frozenset({"warm_known", "warm"}))
    imports = Imports(Config(workers=3))
    try:
        change(monkeypatch)
        assert has_imported(imports) == []
    finally:
        logging.setLoggerClass(before)


def test_a_finder_of_six_is_no_import_hook(imports: Imports, monkeypatch: pytest.MonkeyPatch) -> None:
    finder = type("_SixMetaPathImporter", (), {"__module__": "six", "find_spec": lambda *_: None})()
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, finder])
    assert has_imported(imports) == ["warm_known"]
