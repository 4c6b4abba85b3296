"""Real processes: each goes to the background as a server would."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.running import is_alive, poll

pytestmark = pytest.mark.slow

COMMAND = """
import os, pathlib, sys, time
from bicorn.errors import BicornError, ConfigError
from bicorn.process import daemon

HERE = pathlib.Path.cwd()

def life(detached):
    (HERE / "pid").write_text(str(os.getpid()))
    print("to be seen", file=sys.stderr, flush=True)
    {start}
    detached.settle()
    detached.settle()
    print("not to be seen", file=sys.stderr, flush=True)
    os.write(1, b"nor this")
    (HERE / "session").write_text(f"{{os.getsid(0) != os.getpid()}} {{os.getpid() == os.getpgid(0)}}")
    while not (HERE / "go").exists():
        time.sleep(0.005)
    (HERE / "over").touch()
    return 5

try:
    code = daemon.detach(life)
except BicornError as error:
    print(f"bicorn: {{error}}", file=sys.stderr)
    code = error.exit_code
sys.exit(code)
"""


def command(folder: Path, start: str = "") -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", COMMAND.format(start=start)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_the_command_returns_when_the_server_serves(tmp_path: Path) -> None:
    process = command(tmp_path)
    # To the end of the file: the server has let go of the pipe, or an ssh would wait for it.
    output, _ = process.communicate(timeout=15)
    assert (process.returncode, output) == (0, "to be seen\n")
    pid = int((tmp_path / "pid").read_text())
    try:
        assert is_alive(pid)
        assert pid != process.pid
        session = poll(lambda: (tmp_path / "session").exists() and (tmp_path / "session").read_text(), "its session")
        assert session == "True False"  # it is in a session, and leads neither that nor its process group
    finally:
        (tmp_path / "go").touch()
    poll((tmp_path / "over").exists, "its end")
    poll(lambda: not is_alive(pid), "its process to go")


@pytest.mark.parametrize(
    ("start", "code", "said"),
    [
        ("return 4", 4, ""),
        ("raise ConfigError('user nobody-here is not a user')", 2, "bicorn: user nobody-here is not a user\n"),
        ("raise BicornError('address in use')", 1, "bicorn: address in use\n"),
        ("os._exit(9)", 1, ""),
    ],
)
def test_what_fails_before_is_seen_and_its_exit_code_is_given(tmp_path: Path, start: str, code: int, said: str) -> None:
    process = command(tmp_path, start)
    output, _ = process.communicate(timeout=15)
    assert (process.returncode, output) == (code, "to be seen\n" + said)
    poll(lambda: not is_alive(int((tmp_path / "pid").read_text())), "its process to go")


def test_a_defect_is_seen_too(tmp_path: Path) -> None:
    process = command(tmp_path, "1 / 0")
    output, _ = process.communicate(timeout=15)
    assert process.returncode == 1
    assert "ZeroDivisionError" in output


def test_ctrl_c_means_the_server_that_is_starting(tmp_path: Path) -> None:
    start = "import signal; signal.signal(signal.SIGINT, lambda *_: sys.exit(7)); (HERE / 'up').touch(); time.sleep(60)"
    process = command(tmp_path, start)
    poll((tmp_path / "up").exists, "the server to start")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=15)
    assert process.returncode == 1
    poll(lambda: not is_alive(int((tmp_path / "pid").read_text())), "its process to go")


def test_the_standard_streams_lead_nowhere() -> None:
    code = (
        "import os; from bicorn.process import daemon; os.close(0); daemon.silence();"
        "print('lost'); os.write(2, b'lost'); assert os.read(0, 1) == b''; assert len(os.listdir('/dev/fd')) <= 4"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=30)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert os.path.exists(os.devnull)
