from __future__ import annotations

import logging
import os
import select
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bicorn.config.settings import Config
from bicorn.process import watch
from bicorn.process.watch import Watcher, describe, roots_of, rules_of

PATIENCE = 15.0


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (["main.py"], "main.py changed"),
        (["a.py", "b.py"], "a.py and b.py changed"),
        (["a.py", "b.py", "c.py"], "a.py, b.py and c.py changed"),
        (["a.py", "b.py", "c.py", "d.py", "e.py"], "a.py, b.py, c.py and 2 more changed"),
    ],
)
def test_who_asks(changes: list[str], text: str) -> None:
    assert describe(changes) == text


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    tmp_path = tmp_path.resolve()
    monkeypatch.chdir(tmp_path)
    (tmp_path / "main.py").write_text("x = 1\n")
    return tmp_path


def test_the_working_directory_is_watched_unless_others_are_named(site: Path) -> None:
    (site / "src").mkdir()
    (site / "templates").mkdir()
    assert set(roots_of(Config())) == {str(site)}
    assert rules_of(Config(app_dir="src")).roots == (str(site),)
    assert set(roots_of(Config(reload_dirs=["src"]))) == {f"{site}/src"}
    included = Config(reload_dirs=["src"], reload_includes=["templates", "*.html"])
    assert rules_of(included).roots == (f"{site}/src", f"{site}/templates")
    assert rules_of(included).wants(f"{site}/templates/page.html")


def test_the_settings_become_rules(site: Path) -> None:
    (site / "env").mkdir()
    (site / "env" / "pyvenv.cfg").write_text("")
    rules = rules_of(
        Config(reload_includes=["*.html"], reload_excludes=["./tests"], reload_extra_files=["../other/*.yaml"])
    )
    assert rules.wants(f"{site}/main.py")
    assert rules.wants(f"{site}/a/page.html")
    assert rules.wants(f"{site.parent}/other/x.yaml")
    assert not rules.wants(f"{site}/tests/test_main.py")
    assert rules.wants(f"{site}/a/tests/test_main.py")
    assert not rules.wants(f"{site}/env/lib/x.py")


@pytest.fixture(params=["watchfiles", "poll"])
def engine(request: pytest.FixtureRequest) -> str:
    if request.param == "watchfiles":
        pytest.importorskip("watchfiles")
    return str(request.param)


@pytest.fixture
def watching(
    site: Path, caplog: pytest.LogCaptureFixture, engine: str
) -> Iterator[Callable[..., tuple[Watcher, Callable[[], list[str]]]]]:
    caplog.set_level(logging.INFO, "bicorn.error")
    watchers: list[Watcher] = []

    def start(**settings: object) -> tuple[Watcher, Callable[[], list[str]]]:
        watcher = Watcher(Config(reload=True, reload_engine=engine, **settings))  # type: ignore[arg-type]
        watchers.append(watcher)
        end = time.monotonic() + PATIENCE
        while "for changes" not in caplog.text:
            assert select.select([watcher], [], [], end - time.monotonic())[0], "it does not say that it watches"
            assert watcher.changes() == []

        def changes() -> list[str]:
            end = time.monotonic() + PATIENCE
            while True:
                assert select.select([watcher], [], [], max(end - time.monotonic(), 0))[0], "no change is told"
                if changed := watcher.changes():
                    return changed

        return watcher, changes

    yield start
    for watcher in watchers:
        watcher.close()


@pytest.mark.slow
def test_a_save_is_told_and_nothing_else(
    watching: Callable[..., tuple[Watcher, Callable[[], list[str]]]], site: Path
) -> None:
    _, changes = watching()
    (site / "notes.txt").write_text("no")
    (site / "main.py").write_text("x = 22\n")
    assert changes() == ["main.py"]
    (site / "new.tmp").write_text("x = 3\n")
    (site / "new.tmp").rename(site / "main.py")
    assert changes() == ["main.py"]


@pytest.mark.slow
def test_extra_files_outside(
    watching: Callable[..., tuple[Watcher, Callable[[], list[str]]]],
    site: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    outside = tmp_path_factory.mktemp("outside").resolve() / "site.yaml"
    outside.write_text("a")
    _, changes = watching(reload_extra_files=[str(outside)])
    outside.write_text("bb")
    assert changes() == [str(outside)]


@pytest.mark.slow
def test_changes_of_one_moment_come_together(
    watching: Callable[..., tuple[Watcher, Callable[[], list[str]]]], site: Path
) -> None:
    _, changes = watching()
    names = [f"m{index}.py" for index in range(20)]
    for name in names:
        (site / name).write_text("x = 1\n")
    assert sorted(changes()) == sorted(names)


@pytest.mark.slow
def test_it_ends_with_the_supervisor(
    watching: Callable[..., tuple[Watcher, Callable[[], list[str]]]],
) -> None:
    watcher, _ = watching()
    os.kill(watcher._pid, signal.SIGTERM)  # meant for the supervisor, and for the group
    os.kill(watcher._pid, signal.SIGINT)
    os.close(watcher._lifeline_writer)
    watcher._lifeline_writer = os.open(os.devnull, os.O_RDONLY)
    assert select.select([watcher], [], [], PATIENCE)[0]
    assert watcher.changes() == []
    assert watcher.has_ended


@pytest.mark.slow
def test_it_holds_nothing_of_the_supervisors(
    watching: Callable[..., tuple[Watcher, Callable[[], list[str]]]],
) -> None:
    reader, writer = os.pipe()
    watching()
    os.close(writer)
    assert select.select([reader], [], [], PATIENCE)[0]  # nobody else has the other end
    os.close(reader)


@pytest.mark.slow
def test_without_watchfiles_it_polls(
    monkeypatch: pytest.MonkeyPatch, site: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def missing(*_: object) -> None:
        raise ImportError

    monkeypatch.setattr(watch, "_watch", missing)
    caplog.set_level(logging.INFO, "bicorn.error")
    watcher = Watcher(Config(reload=True, reload_engine="watchfiles"))
    try:
        end = time.monotonic() + PATIENCE
        while "by polling" not in caplog.text and time.monotonic() < end:
            select.select([watcher], [], [], 1.0)
            watcher.changes()
        assert "not installed" in caplog.text
    finally:
        watcher.close()


def test_a_file_that_is_being_saved_is_waited_for(site: Path) -> None:
    empty = site / "empty.py"
    empty.write_text("")
    began = time.monotonic()
    assert watch._settled([str(empty), str(site / "main.py")], lambda: ["later.py"]) == [
        str(empty),
        str(site / "main.py"),
        "later.py",
    ]
    assert time.monotonic() - began >= watch.MOMENT
    began = time.monotonic()
    watch._settled([str(site / "main.py")], list)
    assert time.monotonic() - began < watch.MOMENT
