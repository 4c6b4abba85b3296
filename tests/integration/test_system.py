"""The system around the server, as real processes: pid files, the background, users."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.running import PATIENCE, Running, exchange, is_alive, poll

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="the tests read Linux's /proc"),
]

Serve = Callable[..., Running]
NOBODY = 65534


def over_unix(path: Path) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(PATIENCE)
    sock.connect(str(path))
    return sock


# -- Pid files


def test_a_pid_file_lives_as_long_as_the_server(serve: Serve, folder: Path) -> None:
    server = serve("--pid", "site.pid", "--workers", "2").ready()
    assert (folder / "site.pid").read_text() == f"{server.pid}\n"
    second = serve("--pid", "site.pid")
    assert second.wait() == 1
    assert f"bicorn: pidfile {folder}/site.pid is in use: process {server.pid}" in second.log()
    assert "Traceback" not in second.log()
    assert (folder / "site.pid").read_text() == f"{server.pid}\n"
    assert server.stop() == 0
    assert not (folder / "site.pid").exists()


def test_what_a_killed_server_left_is_replaced(serve: Serve, folder: Path) -> None:
    server = serve("--pid", "site.pid").ready()
    os.kill(server.pid, signal.SIGKILL)
    server.wait()
    assert (folder / "site.pid").exists()
    server = serve("--pid", "site.pid").ready()
    assert (folder / "site.pid").read_text() == f"{server.pid}\n"


def test_a_start_that_fails_leaves_no_pid_file(serve: Serve, folder: Path) -> None:
    (folder / "lifespan-fails").touch()
    assert serve("--pid", "site.pid").wait() == 3
    assert not (folder / "site.pid").exists()


# -- The background


def bicorn(folder: Path, *arguments: str, app: str = "site_app:app") -> subprocess.CompletedProcess[str]:
    """Run the command to its end, with its output in a pipe, as an ssh would."""
    return subprocess.run(
        [sys.executable, "-m", "bicorn", app, *arguments], cwd=folder, capture_output=True, text=True, timeout=30
    )


def test_a_daemon_serves_when_the_command_returns(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    done = bicorn(
        folder,
        *("--daemon", "--pid", "site.pid", "--error-logfile", "site.log", "--workers", "2"),
        *("--bind", f"127.0.0.1:{port}"),
    )
    assert done.returncode == 0, done.stderr
    pid = int((folder / "site.pid").read_text())
    try:
        assert exchange(socket.create_connection(("127.0.0.1", port))).startswith(b"HTTP/1.1 200 ")
        assert os.getsid(pid) != os.getsid(0)
        assert {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in (0, 1, 2)} == {os.devnull}
        again = bicorn(folder, "--daemon", "--pid", "site.pid", "--bind", "127.0.0.1:0")
        assert (again.returncode, again.stderr.count("is in use")) == (1, 1)
    finally:
        os.kill(pid, signal.SIGTERM)
    poll(lambda: not is_alive(pid), "its end")
    assert not (folder / "site.pid").exists()
    assert "Stopping" in (folder / "site.log").read_text()


@pytest.mark.parametrize(
    ("arguments", "app", "code", "words"),
    [
        ((), "broken:app", 3, "RuntimeError: no database"),
        ((), "broken:nothing", 3, "RuntimeError: no database"),
        ((), "site_app:nothing", 4, "has no attribute 'nothing'"),
        (("--bind", "192.0.2.1:80"), "site_app:app", 1, "is not one of this machine's"),
        (("--certfile", "missing.pem"), "site_app:app", 2, "missing.pem"),
        (("--pid", "no/folder/site.pid"), "site_app:app", 2, "does not exist; create it"),
    ],
)
def test_what_keeps_a_daemon_from_starting_is_told_by_the_command(
    folder: Path, arguments: tuple[str, ...], app: str, code: int, words: str
) -> None:
    (folder / "broken.py").write_text("raise RuntimeError('no database')\n")
    if "--bind" not in arguments:
        arguments = (*arguments, "--bind", "127.0.0.1:0")
    done = bicorn(folder, "--daemon", *arguments, app=app)
    assert done.returncode == code, done.stderr
    assert words in done.stderr


# -- Users


def readable_by_nobody() -> bool:
    """Whether another user can run this Python with this Bicorn at all."""
    probe = [sys.executable, "-c", "import bicorn, click"]
    try:
        return subprocess.run(probe, user=NOBODY, group=NOBODY, capture_output=True, timeout=30).returncode == 0
    except OSError:
        return False


@pytest.fixture
def public(folder: Path) -> Iterator[Path]:
    """The application in a folder that every user may look into."""
    if os.geteuid() != 0:
        pytest.skip("only root may run workers as somebody else")
    if not readable_by_nobody():
        pytest.skip("this Python is in a folder of root's own")
    where = Path(tempfile.mkdtemp())
    where.chmod(0o755)
    shutil.copy(folder / "site_app.py", where)
    yield where
    shutil.rmtree(where)


IDENTITY = """
import json, os
imported = [os.getuid(), os.getgid(), os.getgroups()]
def app(environ, start_response):
    start_response('200 OK', [])
    old = os.umask(0)
    os.umask(old)
    return [json.dumps([*imported, *os.getresuid(), *os.getresgid(), old]).encode()]
"""


@pytest.mark.parametrize("more", [(), ("--preload",)])
def test_workers_are_somebody_else_before_any_code_of_the_application(public: Path, more: tuple[str, ...]) -> None:
    (public / "site_app.py").write_text(IDENTITY)
    server = Running(
        public,
        "site_app:app",
        *("--user", str(NOBODY), "--group", "4002", "--umask", "027", "--bind", "127.0.0.1:0", "--bind", "unix:s"),
        *("--error-logfile", str(public / "site.log"), "--pid", "site.pid", *more),
    )
    try:
        log = public / "site.log"
        poll(lambda: log.exists() and " is WSGI" in log.read_text(), lambda: server.log() + log.read_text())
        port = re.search(r"http://127\.0\.0\.1:(\d+)", log.read_text())
        assert port is not None
        answer = exchange(socket.create_connection(("127.0.0.1", int(port[1]))))
        identity = [NOBODY, 4002, [4002], *[NOBODY] * 3, *[4002] * 3, 0o027]
        assert json.loads(answer.rpartition(b"\r\n\r\n")[2]) == identity
        made = (public / "s").stat()
        assert (made.st_uid, made.st_gid, made.st_mode & 0o777) == (NOBODY, 4002, 0o640)
        assert (log.stat().st_uid, log.stat().st_gid) == (NOBODY, 4002)
        # Rotated: every process opens the file anew, and the workers may.
        os.replace(log, public / "site.log.1")
        server.send(signal.SIGUSR1)
        poll(log.exists, "the new log file")
        os.kill(server.workers()[0], signal.SIGKILL)
        poll(lambda: "SIGKILL" in log.read_text(), "a line in it")
        assert log.stat().st_uid == NOBODY
        poll(lambda: server.workers() and exchange(over_unix(public / "s")).startswith(b"HTTP/1.1 200"), "an answer")
        assert "cannot open" not in log.read_text()
        assert server.stop() == 0
        assert not (public / "site.pid").exists()
        assert not (public / "s").exists()
    finally:
        server.clean_up()


def test_an_unknown_user_is_exit_code_2(serve: Serve, folder: Path) -> None:
    server = serve("--user", "nobody-has-this-name", "--bind", "unix:s")
    assert server.wait() == 2
    assert server.log() == "bicorn: user 'nobody-has-this-name' is not a user of this machine (from --user)\n"
    assert not (folder / "s").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may")
def test_somebody_else_is_refused_to_everybody_but_root(serve: Serve) -> None:
    server = serve("--user", "0")
    assert server.wait() == 2
    assert "only root may run workers as another user" in server.log()
