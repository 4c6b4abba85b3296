"""Unix sockets in a temporary folder, one process."""

from __future__ import annotations

import grp
import os
import pwd
import socket
import stat
from pathlib import Path

import pytest

from bicorn.config.settings import Config
from bicorn.errors import BindError
from bicorn.process import unix_socket
from bicorn.process.sockets import bind_all, close_all
from bicorn.process.unix_socket import bind_unix
from bicorn.server.listener import Listener, UnixFile


def opened(path: Path, **settings: object) -> Listener:
    [listener] = bind_all(Config(bind=(f"unix:{path}",), **settings))  # type: ignore[arg-type]
    return listener


def failure(path: Path | str, **settings: object) -> str:
    with pytest.raises(BindError) as caught:
        bind_unix(str(path), Config(**settings))  # type: ignore[arg-type]
    return str(caught.value)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_it_listens_and_its_file_goes_with_it(tmp_path: Path) -> None:
    path = tmp_path / "s"
    listener = opened(path)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
    assert listener.url == f"unix:{path}"
    close_all([listener])
    assert not path.exists()


def test_a_relative_path_is_remembered_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    listener = opened(Path("s"))
    monkeypatch.chdir("/")
    close_all([listener])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("mask", "expected"), [(0o022, 0o644), (0o000, 0o666), (0o077, 0o600)])
def test_by_default_the_mode_is_666_less_the_umask(tmp_path: Path, mask: int, expected: int) -> None:
    before = os.umask(mask)
    try:
        listener = opened(tmp_path / "s")
    finally:
        os.umask(before)
    assert mode(tmp_path / "s") == expected
    close_all([listener])


def test_a_umask_that_is_given_decides_instead(tmp_path: Path) -> None:
    listener = opened(tmp_path / "s", umask=0o007)
    assert mode(tmp_path / "s") == 0o660
    close_all([listener])


@pytest.mark.skipif(os.getuid() != 0, reason="only root may give files away")
def test_it_belongs_to_whoever_the_workers_run_as(tmp_path: Path) -> None:
    listener = opened(tmp_path / "s", user="12345", group="54321", unix_group="54322")
    assert ((tmp_path / "s").stat().st_uid, (tmp_path / "s").stat().st_gid) == (12345, 54322)
    close_all([listener])


def test_mode_user_and_group_are_in_place_before_the_first_client(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "s"
    seen = []

    def listen(self: socket.socket, backlog: int) -> None:
        seen.append((mode(path), backlog))

    monkeypatch.setattr(socket.socket, "listen", listen, raising=False)
    user, group = pwd.getpwuid(os.getuid()).pw_name, grp.getgrgid(os.getgid()).gr_name
    listener = opened(path, unix_mode=0o660, unix_user=user, unix_group=str(os.getgid()), backlog=7)
    assert seen == [(0o660, 7)]
    assert (path.stat().st_uid, path.stat().st_gid) == (os.getuid(), os.getgid())
    close_all([listener])
    close_all([opened(path, unix_user=str(os.getuid()), unix_group=group)])


@pytest.mark.skipif(os.getuid() != 0, reason="only root may give files away")
def test_root_may_give_it_to_somebody_else(tmp_path: Path) -> None:
    listener = opened(tmp_path / "s", unix_user="12345", unix_group="54321")
    assert ((tmp_path / "s").stat().st_uid, (tmp_path / "s").stat().st_gid) == (12345, 54321)
    close_all([listener])


def test_unknown_users_and_groups_are_refused_before_anything_is_made(tmp_path: Path) -> None:
    assert failure(tmp_path / "s", unix_user="nobody-here") == "unix_user 'nobody-here' is not a user of this machine"
    assert "unix_group 'no-group'" in failure(tmp_path / "s", unix_group="no-group")
    assert list(tmp_path.iterdir()) == []


def test_permissions_that_cannot_be_set_leave_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "chown", refuse)
    assert "cannot be set (Operation not permitted)" in failure(tmp_path / "s", unix_user="0")
    assert list(tmp_path.iterdir()) == []


def test_the_socket_of_a_server_that_has_gone_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
        dead.listen()
    assert path.is_socket()
    listener = opened(path)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
    close_all([listener])


def test_the_socket_of_a_live_server_is_refused_even_when_its_queue_is_full(tmp_path: Path) -> None:
    path = tmp_path / "s"
    live = opened(path, backlog=1)
    clients = []
    words = f"address unix:{path} is already in use; stop the other server or choose another path"
    for _ in range(4):
        assert failure(path) == words
        client = socket.socket(socket.AF_UNIX)
        client.setblocking(False)
        client.connect_ex(str(path))
        clients.append(client)
    for client in clients:
        client.close()
    close_all([live])


def test_files_folders_and_links_are_never_removed(tmp_path: Path) -> None:
    file, folder, link = tmp_path / "file", tmp_path / "folder", tmp_path / "link"
    file.write_text("precious")
    folder.mkdir()
    link.symlink_to(file)
    for path in (file, folder, link):
        assert "a file that is not a socket is there" in failure(path)
    assert file.read_text() == "precious"
    assert link.is_symlink()


def test_a_socket_one_may_not_connect_to_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "s"
    live = opened(path)
    monkeypatch.setattr(socket.socket, "connect_ex", lambda *_: 13, raising=False)
    assert "whether it is in use cannot be found out (Permission denied)" in failure(path)
    monkeypatch.setattr(socket.socket, "connect_ex", lambda *_: 2, raising=False)  # gone in the meantime
    assert "another server has just taken it" in failure(path)
    assert path.exists()
    close_all([live])


def test_a_stale_socket_that_cannot_be_removed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))

    def refuse(_: str) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "unlink", refuse)
    assert "was left by another server and cannot be removed (Permission denied)" in failure(path)

    def gone(_: str) -> None:
        path.rename(tmp_path / "t")
        raise FileNotFoundError

    monkeypatch.setattr(os, "unlink", gone)
    sock, file = bind_unix(str(path), Config())
    sock.close()
    assert file.path == str(path)


def test_a_path_that_is_too_long_is_explained(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 200)
    message = failure(path)
    assert f"the path has {len(str(path))} bytes" in message
    assert "choose a shorter one" in message


def test_a_folder_that_is_missing_or_none_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert f"the folder {tmp_path}/no does not exist; create it" in failure(tmp_path / "no" / "s")
    assert f"{tmp_path}/file is not a folder" in failure(tmp_path / "file" / "s")


@pytest.mark.parametrize(
    ("number", "words"), [(13, "is not writable for this user (Permission denied)"), (28, "No space left on device")]
)
def test_other_refusals_are_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, words: str) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(socket.socket, "bind", refuse, raising=False)
    assert words in failure(tmp_path / "s")


# -- Whose file it is


def test_a_file_somebody_else_has_put_there_stays(tmp_path: Path) -> None:
    path = tmp_path / "s"
    ours = opened(path)
    path.unlink()
    theirs = opened(path)
    close_all([ours])
    assert path.is_socket()
    close_all([theirs])
    assert not path.exists()
    close_all([theirs])  # twice is no error


def test_only_the_process_that_made_it_removes_it(tmp_path: Path) -> None:
    path = tmp_path / "s"
    listener = opened(path)
    file = listener.unix_file
    assert file is not None
    unix_socket.remove_unix_file(UnixFile(file.path, file.device, file.inode, owner=os.getppid()))
    assert path.exists()
    close_all([listener])
