from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bicorn.process import sharing, warm
from bicorn.process.warm import Warmth


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
