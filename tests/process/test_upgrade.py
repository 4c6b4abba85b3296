"""Both sides of an upgrade: what is said from one to the other, and the processes themselves."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bicorn.config.settings import Config
from bicorn.config.sources import Start
from bicorn.errors import BicornError
from bicorn.process import upgrade
from bicorn.process.policy.events import SuccessorEnded, SuccessorFailed, SuccessorStarted
from bicorn.process.sockets import bind_all, close_all
from bicorn.process.upgrade import Predecessor, Successor
from bicorn.server.listener import Listener

START = Start("/", {"HOME": "/srv/site"})


@pytest.fixture
def listeners(tmp_path: Path) -> Iterator[list[Listener]]:
    """One of every kind."""
    given = socket.create_server(("127.0.0.1", 0))
    addresses = ["127.0.0.1:0", f"unix:{tmp_path}/s", f"fd://{given.fileno()}", "[::1]:0"]
    if not socket.has_ipv6:
        addresses.pop()
    listeners = bind_all(Config(bind=addresses, reuse_port=True))
    yield listeners
    close_all(listeners)
    given.detach()


def handed(listeners: list[Listener], tell: int, start: Start = START) -> dict[str, str]:
    """What a successor finds, were it this process. The descriptors are copies, as in another process."""
    said = json.loads(upgrade.environment(listeners, start, tell)[upgrade.VARIABLE])
    for item in said["listeners"]:
        item["fd"] = os.dup(item["fd"])
    return {upgrade.VARIABLE: json.dumps(said)}


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    yield reader, writer
    for fd in (reader, writer):
        try:
            os.close(fd)
        except OSError:
            pass


# -- What is handed over


def test_every_kind_of_listener_arrives(listeners: list[Listener], pipe: tuple[int, int], tmp_path: Path) -> None:
    before = upgrade.predecessor(handed(listeners, os.dup(pipe[1])))
    assert before is not None
    assert [each.address for each in before.listeners] == [each.address for each in listeners]
    assert [each.url for each in before.listeners] == [each.url for each in listeners]
    for ours, theirs in zip(before.listeners, listeners, strict=True):
        assert ours.sock.getsockname() == theirs.sock.getsockname()
        assert not ours.sock.get_inheritable()
        assert not ours.sock.getblocking()
    file = before.listeners[1].unix_file
    assert file is not None
    assert (file.path, file.owner) == (f"{tmp_path}/s", os.getpid())
    before.close()
    close_all(before.listeners, keep_files=True)
    assert (tmp_path / "s").exists()


def test_the_same_settings_lead_to_the_same_sockets(listeners: list[Listener], pipe: tuple[int, int]) -> None:
    """Port 0, too: the kernel is not asked for another."""
    before = upgrade.predecessor(handed(listeners, os.dup(pipe[1])))
    assert before is not None
    bound = bind_all(Config(bind=[each.address for each in listeners], reuse_port=True), before.listeners)
    assert [each.sock for each in bound] == [each.sock for each in before.listeners]
    before.close()
    close_all(bound, keep_files=True)


def test_the_environment_is_the_first_starts() -> None:
    environ = {"A": "b", "LISTEN_FDS": "1", "LISTEN_PID": "5", "WATCHDOG_PID": "5"}
    environ |= {"NOTIFY_SOCKET": "/run/n", "WATCHDOG_USEC": "9", "BICORN_LISTENERS": "older"}
    made = upgrade.environment([], Start("/", environ), 7)
    said = json.loads(made.pop("BICORN_LISTENERS"))
    assert made == {"A": "b", "NOTIFY_SOCKET": "/run/n", "WATCHDOG_USEC": "9"}
    assert said == {"pid": os.getpid(), "from": os.getppid(), "tell": 7, "listeners": []}


def test_the_command_line_is_the_whole_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "orig_argv", ["python3", "-X", "dev", "-m", "bicorn", "main:app", "--workers", "4"])
    assert upgrade.command_line() == [sys.executable, "-X", "dev", "-m", "bicorn", "main:app", "--workers", "4"]


def test_whoever_succeeds_nobody_is_told_nothing(pipe: tuple[int, int]) -> None:
    assert upgrade.predecessor({}) is None
    said = {"pid": os.getpid() + 1, "from": 1, "tell": pipe[1], "listeners": []}
    assert upgrade.predecessor({upgrade.VARIABLE: json.dumps(said)}) is None


@pytest.mark.parametrize(
    "text", ["3,4", "[]", "{}", '{"pid": PID}', '{"pid": PID, "tell": 9999}', '{"pid": PID, "tell": "x"}']
)
def test_what_cannot_be_understood_is_refused(text: str) -> None:
    with pytest.raises(BicornError, match=r"^BICORN_LISTENERS is no list of sockets to take over: "):
        upgrade.predecessor({upgrade.VARIABLE: text.replace("PID", str(os.getpid()))})


def test_a_successor_says_that_it_serves(pipe: tuple[int, int]) -> None:
    before = Predecessor(os.getppid(), pipe[1], [])
    after = Successor(4321, pipe[0])
    assert after.fileno() == pipe[0]
    assert after.listen() == []
    assert not after.is_ready
    before.ready()
    before.ready()
    assert after.listen() == [SuccessorStarted(4321)]
    assert after.is_ready
    assert after.fileno() == -1
    assert after.listen() == []
    assert after.ended(0) == SuccessorEnded(4321, "left by itself with exit code 0")


def test_a_predecessor_that_has_gone_does_not_hurt(pipe: tuple[int, int]) -> None:
    os.close(pipe[0])
    before = Predecessor(os.getppid(), pipe[1], [])
    assert not before.is_gone()
    before.ready()
    assert Predecessor(os.getppid() + 1, -1, []).is_gone()


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (3 << 8, "left with exit code 3: its application could not be started"),
        (2 << 8, "left with exit code 2: its settings cannot be used"),
        (9 << 8, "left with exit code 9"),
        (signal.SIGSEGV, "crashed with SIGSEGV, in native code"),
    ],
)
def test_a_successor_that_does_not_start_is_explained(pipe: tuple[int, int], status: int, reason: str) -> None:
    after = Successor(4321, pipe[0])
    os.close(pipe[1])
    assert after.listen() == []
    assert after.fileno() == -1
    assert after.ended(status) == SuccessorFailed(f"the new server (pid 4321) {reason}")


def test_ready_and_gone_at_once_was_ready(pipe: tuple[int, int]) -> None:
    after = Successor(4321, pipe[0])
    os.write(pipe[1], b"ready\n")
    assert isinstance(after.ended(1 << 8), SuccessorFailed | SuccessorEnded)
    assert after.is_ready


# -- The processes

CHILD = """
import os, sys
from bicorn.config.sources import take_handed_over
from bicorn.process.upgrade import predecessor

before = predecessor(take_handed_over())
assert before and before.pid == os.getppid() and not before.is_gone()
assert "BICORN_LISTENERS" not in os.environ
[listener] = before.listeners
listener.sock.setblocking(True)
before.ready()
client, _ = listener.sock.accept()
client.sendall(f"{os.getcwd()} {os.environ['HOME']}".encode())
"""


@pytest.fixture
def child(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Say what program a successor is."""

    def child(code: str) -> None:
        monkeypatch.setattr(sys, "orig_argv", [sys.executable, "-c", code])

    return child


def start(listeners: list[Listener], directory: Path, before_exec: Callable[[], object] | None = None) -> Successor:
    environ = {name: text for name, text in os.environ.items() if name != "HOME"} | {"HOME": "/srv/site"}
    return upgrade.start_successor(listeners, Start(str(directory), environ), before_exec)


def wait(successor: Successor) -> int:
    return os.waitpid(successor.pid, 0)[1]


@pytest.mark.slow
def test_the_successor_accepts_what_was_queued_before_it_came(child: Callable[[str], None], tmp_path: Path) -> None:
    child(CHILD)
    [listener] = listeners = bind_all(Config(bind=("127.0.0.1:0",)))
    with socket.create_connection(listener.sock.getsockname(), timeout=15) as client:
        successor = start(listeners, tmp_path)
        close_all(listeners)
        assert client.recv(1000).decode() == f"{tmp_path} /srv/site"
        assert select.select([successor], [], [], 15)[0]
        assert successor.listen() == [SuccessorStarted(successor.pid)]
        assert wait(successor) == 0


@pytest.mark.slow
def test_the_hook_runs_in_the_new_process(child: Callable[[str], None], tmp_path: Path) -> None:
    child("")
    ours = os.getpid()
    successor = start([], tmp_path, lambda: (tmp_path / "hook").write_text(str(os.getpid() != ours)))
    assert wait(successor) == 0
    assert (tmp_path / "hook").read_text() == "True"


@pytest.mark.slow
def test_what_goes_wrong_before_it_is_another_program_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python-that-was-here"))
    successor = start([], tmp_path)
    status = wait(successor)
    assert successor.ended(status) == SuccessorFailed(
        f"the new server (pid {successor.pid}) left with exit code 127: No such file or directory"
    )
    monkeypatch.undo()
    successor = start([], tmp_path / "gone")
    assert "No such file or directory" in str(successor.ended(wait(successor)))
    successor = start([], tmp_path, lambda: 1 / 0)
    assert "ZeroDivisionError: division by zero" in str(successor.ended(wait(successor)))


@pytest.mark.slow
def test_the_successor_hears_signals_again(child: Callable[[str], None], tmp_path: Path) -> None:
    child("import signal, sys; sys.exit(len(signal.pthread_sigmask(signal.SIG_BLOCK, ())))")
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ())
    successor = start([], tmp_path)
    assert wait(successor) == 0
    assert signal.pthread_sigmask(signal.SIG_BLOCK, ()) == before
    successor.close()


def test_a_python_that_does_not_know_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "")
    with pytest.raises(BicornError, match="cannot be started again"):
        upgrade.start_successor([], START)


def test_no_process_to_have_leaves_nothing_open(monkeypatch: pytest.MonkeyPatch) -> None:
    def fork() -> int:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", fork)
    before = len(os.listdir("/dev/fd"))
    with pytest.raises(OSError, match="temporarily unavailable"):
        upgrade.start_successor([], START)
    assert len(os.listdir("/dev/fd")) == before


@pytest.mark.slow
def test_a_plain_start_imports_none_of_it() -> None:
    code = (
        "import sys; from bicorn.process import supervisor, sharing; sharing.share_server();"
        "print(*[m for m in sys.modules if m.rpartition('.')[2] in"
        " ('upgrade', 'systemd', 'daemon', 'privileges', 'pidfile', 'unix_socket', 'pwd', 'grp', 'json')"
        " and (m.startswith('bicorn') or '.' not in m)])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert done.stdout.split() == [], done.stderr
