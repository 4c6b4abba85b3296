from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from bicorn.process.poller import Poller
from bicorn.process.watched import Rules


@pytest.fixture
def site(tmp_path: Path) -> Path:
    tmp_path = tmp_path.resolve()
    (tmp_path / "pkg").mkdir()
    for name in ("main.py", "pkg/a.py", "pkg/b.py"):
        (tmp_path / name).write_text("x = 1\n")
    return tmp_path


@pytest.fixture
def poller(site: Path) -> Poller:
    return Poller(Rules([str(site)]))


def test_nothing_has_changed_at_first(poller: Poller) -> None:
    assert poller.look_at_all() == []
    assert poller.look() == []


def replace(path: Path) -> None:
    """As editors do."""
    other = path.with_suffix(".tmp")
    other.write_text(path.read_text())
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.rename(path)


CHANGES: dict[str, Callable[[Path], object]] = {
    "another size": lambda path: path.write_text("x = 22\n"),
    "another time": lambda path: os.utime(path, ns=(1, 1)),
    "another file of the same size and time": replace,
    "removed": lambda path: path.unlink(),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("look", ["look", "look_at_all"])
def test_changes_are_seen_once(poller: Poller, site: Path, change: str, look: str) -> None:
    CHANGES[change](site / "pkg" / "a.py")
    seen = getattr(poller, look)() or poller.look()  # the first look begins in the middle of a round
    assert seen == [str(site / "pkg" / "a.py")]
    assert poller.look_at_all() == []


def test_new_files_and_new_directories_are_seen(poller: Poller, site: Path) -> None:
    (site / "new").mkdir()
    (site / "new" / "c.py").write_text("")
    (site / "pkg" / "d.py").write_text("")
    (site / "pkg" / "d.txt").write_text("")
    assert sorted(poller.look_at_all()) == [str(site / "new" / "c.py"), str(site / "pkg" / "d.py")]
    (site / "new" / "c.py").write_text("x")
    assert poller.look_at_all() == [str(site / "new" / "c.py")]


def test_a_file_that_comes_back_is_new(poller: Poller, site: Path) -> None:
    (site / "main.py").unlink()
    assert poller.look_at_all() == [str(site / "main.py")]
    (site / "main.py").write_text("x = 1\n")
    assert poller.look_at_all() == [str(site / "main.py")]


def test_a_directory_that_goes_takes_its_files_along(poller: Poller, site: Path) -> None:
    (site / "pkg").rename(site / "__pycache__")
    assert sorted(poller.look_at_all()) == [str(site / "pkg" / "a.py"), str(site / "pkg" / "b.py")]
    assert poller.look_at_all() == []


def test_what_is_not_watched_is_not_entered(poller: Poller, site: Path) -> None:
    (site / "node_modules").mkdir()
    (site / "node_modules" / "x.py").write_text("")
    (site / "link").symlink_to(site)  # round and round
    assert poller.look_at_all() == []


def test_extra_files_and_patterns(site: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside").resolve()
    (outside / "one.yaml").write_text("a")
    poller = Poller(Rules([str(site)], extra=[f"{outside}/*.yaml", f"{outside}/later.ini"]))
    assert poller.look_at_all() == []
    (outside / "one.yaml").write_text("bb")
    (outside / "two.yaml").write_text("b")
    (outside / "later.ini").write_text("b")
    assert sorted(poller.look_at_all()) == [str(outside / name) for name in ("later.ini", "one.yaml", "two.yaml")]


def test_files_take_turns_and_what_was_changed_lately_has_none_to_wait(site: Path) -> None:
    for index in range(200):
        (site / f"m{index:03}.py").write_text("")
    poller = Poller(Rules([str(site)]), budget=0.0)
    looks = 1
    (site / "m150.py").write_text("x")
    while (seen := poller.look()) == []:
        looks += 1
    assert seen == [str(site / "m150.py")]
    assert 5 < looks < 20
    (site / "m150.py").write_text("xx")
    assert poller.look() == [str(site / "m150.py")]
    (site / "brand_new.py").write_text("")  # where something was changed lately
    assert poller.look() == [str(site / "brand_new.py")]
