"""Real files; the processes they name are this one, its parent, and ones that have ended."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from bicorn.errors import BicornError, ConfigError
from bicorn.process import pidfile
from bicorn.process.pidfile import PidFile, is_alive, read


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "site.pid"


def ended() -> int:
    """The id of a process that has gone."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_it_holds_the_process_id_and_others_may_read_it(path: Path) -> None:
    before = os.umask(0o077)
    try:
        PidFile(str(path)).create()
    finally:
        os.umask(before)
    assert path.read_text() == f"{os.getpid()}\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert os.listdir(path.parent) == [path.name]


def test_that_of_a_live_process_is_refused_in_one_message(path: Path) -> None:
    path.write_text(f"{os.getppid()}\n")
    with pytest.raises(BicornError) as caught:
        PidFile(str(path)).create()
    message = str(caught.value)
    assert message.startswith(f"pidfile {path} is in use: process {os.getppid()}")
    assert "\n" not in message
    assert caught.value.exit_code == 1
    assert path.read_text() == f"{os.getppid()}\n"
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize("text", ["", "no number\n", "0\n", "-5\n", "99999999999999999999\n"])
def test_what_names_no_process_is_replaced(path: Path, text: str) -> None:
    path.write_text(text)
    PidFile(str(path)).create()
    assert read(str(path)) == os.getpid()


def test_that_of_a_process_that_has_ended_is_replaced(path: Path) -> None:
    path.write_text(f"{ended()}\n")
    PidFile(str(path)).create()
    assert read(str(path)) == os.getpid()
    assert os.listdir(path.parent) == [path.name]


def test_our_own_number_was_another_run_of_a_container(path: Path) -> None:
    path.write_text(f"{os.getpid()}\n")
    PidFile(str(path)).create()
    assert read(str(path)) == os.getpid()


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="the state of a process is read from Linux's /proc")
def test_a_process_that_only_waits_to_be_reaped_is_not_alive() -> None:
    process = subprocess.Popen([sys.executable, "-c", ""])
    try:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert not is_alive(process.pid)
    finally:
        process.wait()
    assert is_alive(os.getpid())


def test_of_two_that_find_the_same_stale_file_one_takes_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other finds, behind the lock, that the name leads to another file now, and looks again."""
    path.write_text(f"{ended()}\n")
    flock, rounds = pidfile.fcntl.flock, []

    def overtaken(fd: int, operation: int) -> None:
        rounds.append(fd)
        if len(rounds) == 1:
            fresh = path.with_suffix(".new")
            fresh.write_text(f"{os.getppid()}\n")
            os.replace(fresh, path)
        flock(fd, operation)

    monkeypatch.setattr(pidfile.fcntl, "flock", overtaken)
    with pytest.raises(BicornError, match="is in use"):
        PidFile(str(path)).create()
    assert len(rounds) == 2
    assert read(str(path)) == os.getppid()


def test_nobody_ever_reads_half_a_file(path: Path) -> None:
    seen: set[str] = set()
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            try:
                seen.add(path.read_text())
            except FileNotFoundError:
                pass

    thread = threading.Thread(target=look)
    thread.start()
    for _ in range(50):
        PidFile(str(path)).create()
    over.set()
    thread.join()
    assert seen <= {f"{os.getpid()}\n"}


def test_a_file_system_without_links(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def link(*_: object) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", link)
    PidFile(str(path)).create()
    assert read(str(path)) == os.getpid()
    path.write_text(f"{os.getppid()}\n")
    with pytest.raises(BicornError, match="is in use"):
        PidFile(str(path)).create()


def test_a_folder_that_is_missing_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        PidFile(str(tmp_path / "run" / "site.pid")).create()
    path = tmp_path / "run"
    assert str(caught.value) == (
        f"pidfile {path}/site.pid cannot be written: the folder {path} does not exist; create it"
    )


@pytest.mark.parametrize(
    ("number", "words"), [(errno.EROFS, "is not writable for this user"), (errno.ENOSPC, "No space left on device")]
)
def test_what_cannot_be_written_is_said_so(
    path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str
) -> None:
    def write(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "write", write)
    with pytest.raises(ConfigError, match=words):
        PidFile(str(path)).create()
    assert os.listdir(path.parent) == []


def test_it_is_removed_at_the_end(path: Path) -> None:
    file = PidFile(str(path))
    file.create()
    file.remove()
    file.remove()
    assert not path.exists()


def test_one_that_names_another_process_is_not_ours_to_remove(path: Path) -> None:
    file = PidFile(str(path))
    file.create()
    path.write_text(f"{os.getppid()}\n")
    file.remove()
    assert read(str(path)) == os.getppid()


def test_a_forked_child_leaves_it_alone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = PidFile(str(path))
    file.create()
    monkeypatch.setattr(os, "getpid", lambda: -1)
    file.remove()
    assert path.exists()


def test_one_that_was_never_created_is_not_removed(path: Path) -> None:
    path.write_text(f"{os.getpid()}\n")
    PidFile(str(path)).remove()
    assert path.exists()


def test_a_successor_takes_the_name_over(path: Path) -> None:
    path.write_text(f"{ended()}\n")  # the predecessor was killed
    file = PidFile(f"{path}{pidfile.NEXT}")
    file.create()
    file.rename(str(path))
    assert read(str(path)) == os.getpid()
    assert os.listdir(path.parent) == [path.name]
    file.remove()
    assert not path.exists()


def test_a_name_that_is_taken_is_not_taken_over(path: Path) -> None:
    path.write_text(f"{os.getppid()}\n")
    file = PidFile(f"{path}.2")
    file.create()
    with pytest.raises(BicornError, match="is in use"):
        file.rename(str(path))
    assert file.path == f"{path}.2"
    assert read(file.path) == os.getpid()
    assert read(str(path)) == os.getppid()


def test_a_relative_path_is_of_where_we_were(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    file = PidFile(path.name)
    monkeypatch.chdir("/")
    file.create()
    assert path.exists()


def test_no_file_names_nobody(path: Path) -> None:
    assert read(str(path)) is None
