from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from bicorn.process.port_owner import owner_of_port

ROW = "   0: 0100007F:{port:04X} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000     0 0 {inode} 1 x\n"


def fake_proc(folder: Path, *, state: str = "0A") -> Path:
    (folder / "net").mkdir()
    (folder / "net" / "tcp").write_text("  sl  local_address\n" + ROW.format(port=8000, state=state, inode=4711))
    for pid, name, links in (("31", "nginx", ["socket:[4711]"]), ("7", "sshd", ["socket:[1]", "/dev/null"])):
        (folder / pid / "fd").mkdir(parents=True)
        (folder / pid / "comm").write_text(name + "\n")
        for number, link in enumerate(links):
            (folder / pid / "fd" / str(number)).symlink_to(link)
    (folder / "5").mkdir()  # a process whose descriptors may not be read
    (folder / "self").mkdir()
    return folder


def test_the_holder_is_found(tmp_path: Path) -> None:
    assert owner_of_port(8000, str(fake_proc(tmp_path))) == " by nginx (pid 31)"


def test_a_connection_is_not_a_listener_and_other_ports_are_not_this_one(tmp_path: Path) -> None:
    assert owner_of_port(8000, str(fake_proc(tmp_path, state="01"))) == ""
    assert owner_of_port(8001, str(tmp_path)) == ""


def test_where_it_cannot_be_told_nothing_is_said(tmp_path: Path) -> None:
    assert owner_of_port(8000, str(tmp_path)) == ""
    proc = fake_proc(tmp_path)
    (proc / "31" / "fd" / "0").unlink()
    assert owner_of_port(8000, str(proc)) == ""
    (proc / "net" / "tcp").write_text("head\nnonsense\n")
    assert owner_of_port(8000, str(proc)) == ""


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="no /proc here")
def test_the_real_proc_knows_this_process() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert f"(pid {os.getpid()})" in owner_of_port(server.getsockname()[1])
