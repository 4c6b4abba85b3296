"""What is imported before the fork, and what the first worker says it could have been."""

from __future__ import annotations

import gc
import importlib
import os
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from bicorn.process import sharing


@pytest.fixture
def collector() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()
    gc.unfreeze()


@pytest.mark.usefixtures("collector")
def test_what_the_workers_share_the_collector_leaves_alone_and_it_is_on_from_there() -> None:
    sharing.share_server()
    assert "bicorn.process.worker" in sys.modules
    assert gc.get_freeze_count() > 1000
    assert gc.isenabled()


@pytest.mark.usefixtures("collector")
def test_modules_of_the_library_are_imported_and_no_others_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "colorsys.py").write_text("raise SystemError('an application has one too')\n", encoding="utf-8")
    (tmp_path / "mine.py").write_text("raise SystemError('not of the library')\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("colorsys", "chunk"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    path = list(sys.path)
    frozen = gc.get_freeze_count()
    sharing.share_modules(["colorsys", "mine", "no.such", "xml.no_such"])
    assert os.path.dirname(sys.modules["colorsys"].__file__ or "") == os.path.dirname(os.__file__)
    assert "mine" not in sys.modules
    assert sys.path == path
    assert gc.get_freeze_count() > frozen


def module(name: str, file: str | None) -> types.ModuleType:
    made = types.ModuleType(name)
    made.__file__ = file
    return made


def test_what_an_application_imported_of_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sharing_test_marker", module("sharing_test_marker", None))
    since = sharing.last_imported()
    library = os.path.dirname(os.__file__)
    for made in (
        module("colorsys", f"{library}/colorsys.py"),
        module("wave", "/srv/site/wave.py"),  # the application's own
        module("chunk", None),
        module("flask", f"{library}/site-packages/flask/__init__.py"),
        module("sched", f"{library}/site-packages/sched.py"),  # somebody's own
        module("xml.dom", f"{library}/xml/dom/__init__.py"),
        module("bicorn.apps.other", f"{os.path.dirname(sharing._OURS)}/apps/other.py"),
    ):
        monkeypatch.delitem(sys.modules, made.__name__, raising=False)
        monkeypatch.setitem(sys.modules, made.__name__, made)
    assert sharing.imported_modules(since) == ["colorsys", "xml.dom", "bicorn.apps.other"]
    assert sharing.imported_modules("bicorn.apps.other") == []
    assert {"os", "colorsys"} <= set(sharing.imported_modules("unloaded since"))


def test_the_users_modules_are_forgotten_and_no_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "colors_of_a_site.py").write_text("RED = 1\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "modules", dict(sys.modules))
    importlib.import_module("colors_of_a_site")
    sharing.forget_users_modules()
    assert "colors_of_a_site" not in sys.modules
    assert {"os", "pytest", "bicorn.process.sharing", "__main__"} <= set(sys.modules)


@pytest.mark.slow
def test_the_server_brings_little_along() -> None:
    """Each of these takes a millisecond or more, and is needed by few requests or by none."""
    code = """
import sys
from bicorn.process.sharing import share_server
share_server()
print(*sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    loaded = set(done.stdout.split())
    assert "bicorn.server.connection" in loaded, done.stderr
    rare = "dataclasses difflib email ipaddress json pathlib pkgutil platform shutil sysconfig tempfile urllib.parse"
    ours = (
        "bicorn.server.certificate bicorn.server.tls_context bicorn.config.dialects bicorn.apps.asgi bicorn.apps.wsgi"
        " bicorn.process.hooks bicorn.process.facades bicorn.process.request_hooks bicorn.process.control"
        " bicorn.process.report"
    )
    assert loaded & {*rare.split(), *ours.split()} == set()


@pytest.mark.slow
def test_a_fresh_interpreter_says_what_an_import_brought() -> None:
    code = """
import sys
from bicorn.process.sharing import imported_modules, last_imported
since = last_imported()
import wave
print(*imported_modules(since))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert "wave" in done.stdout.split(), done.stderr
