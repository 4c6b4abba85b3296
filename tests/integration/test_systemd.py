"""systemd, emulated: sockets that are passed, and what it is told."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.running import PATIENCE, Running, exchange, is_alive, poll

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="the tests read Linux's /proc"),
]

Serve = Callable[..., Running]


def over_unix(path: Path) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(PATIENCE)
    sock.connect(str(path))
    return sock


# -- Socket activation

# What systemd does between its fork and its exec: the sockets from 3 on, and the process's own id.
ACTIVATE = """
import os, sys
fds = [int(fd) for fd in sys.argv[1].split(",")]
parked = [os.dup(fd) for fd in fds]
for number, fd in enumerate(parked):
    os.dup2(fd, 3 + number)
    os.set_inheritable(3 + number, True)  # which dup2 has not done where there was nothing to do
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS=str(len(fds)), LISTEN_FDNAMES="web:local")
os.execv(sys.argv[2], sys.argv[2:])
"""


@pytest.fixture
def activate(folder: Path) -> Iterator[Callable[..., Running]]:
    """Start a server with these sockets, as systemd would."""
    started: list[Running] = []

    def activate(sockets: list[socket.socket], *arguments: str) -> Running:
        fds = [sock.fileno() for sock in sockets]
        command = (sys.executable, "-c", ACTIVATE, ",".join(map(str, fds)))
        started.append(server := Running(folder, "site_app:app", *arguments, command=command, pass_fds=fds))
        return server

    yield activate
    for server in started:
        server.clean_up()


def test_sockets_that_systemd_opened_are_served_and_stay_its_own(
    activate: Callable[..., Running], folder: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(socket.AF_UNIX) as unix:
        unix.bind(str(folder / "s"))
        unix.listen()
        with socket.create_connection(tcp.getsockname(), timeout=PATIENCE) as early:
            early.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            server = activate([tcp, unix], "--workers", "2").ready()
            assert early.recv(1000).startswith(b"HTTP/1.1 200 ")  # it came before the server
        assert server.urls == [f"http://127.0.0.1:{tcp.getsockname()[1]}", f"unix:{folder}/s"]
        assert exchange(over_unix(folder / "s")).startswith(b"HTTP/1.1 200 ")
        for pid in (server.pid, *server.workers()):
            environ = Path(f"/proc/{pid}/environ").read_text()
            assert "LISTEN_FDS=2" in environ  # what execve was given; os.environ has no more of it
        assert server.stop() == 0
        assert (folder / "s").exists()
        # The next start finds the same sockets.
        server = activate([tcp, unix]).ready()
        assert server.get()
        assert server.stop() == 0


def test_an_application_sees_nothing_of_it(activate: Callable[..., Running], folder: Path) -> None:
    (folder / "site_app.py").write_text(
        "import os\n"
        "def app(environ, start_response):\n"
        "    start_response('200 OK', [])\n"
        "    names = [n for n in os.environ if n.startswith(('LISTEN_', 'NOTIFY_', 'WATCHDOG_', 'BICORN_'))]\n"
        "    return [repr(names).encode()]\n"
    )
    with socket.create_server(("127.0.0.1", 0)) as tcp:
        assert activate([tcp]).ready().get() == "[]"


def test_a_socket_for_one_connection_is_refused(activate: Callable[..., Running]) -> None:
    """``Accept=yes``."""
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.create_connection(tcp.getsockname()):
        accepted, _ = tcp.accept()
        with accepted:
            server = activate([accepted])
            assert server.wait() == 1
    assert "bicorn: fd://3 (systemd:web) is not a listening socket" in server.log()


# -- What systemd is told


class Systemd:
    """Its end of the notify socket, read by a thread: the kernel queues ten messages at most."""

    def __init__(self) -> None:
        self.address = f"@bicorn-test-{os.getpid()}-{id(self)}"
        self.said: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind("\0" + self.address[1:])
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        while text := self._socket.recv(4096).decode():
            self.said.append(text)

    def wait_for(self, words: str, times: int = 1) -> None:
        poll(lambda: sum(words in text for text in self.said) >= times, lambda: f"{words!r} {times}x in {self.said}")

    def close(self) -> None:
        self._socket.sendto(b"", "\0" + self.address[1:])
        self._thread.join(PATIENCE)
        self._socket.close()


@pytest.fixture
def systemd() -> Iterator[Systemd]:
    systemd = Systemd()
    yield systemd
    systemd.close()


def test_systemd_hears_of_start_reload_health_and_end(serve: Serve, systemd: Systemd) -> None:
    server = serve(
        "--workers",
        "2",
        "--reload-grace",
        "0",
        env={"NOTIFY_SOCKET": systemd.address, "WATCHDOG_USEC": "1000000"},
    ).ready()
    systemd.wait_for("READY=1")
    systemd.wait_for("STATUS=Serving, 2 workers")
    assert systemd.said[0].startswith(f"READY=1\nMAINPID={server.pid}\nSTATUS=Serving, 1 worker")
    systemd.wait_for("WATCHDOG=1", times=2)
    server.send(signal.SIGHUP)
    systemd.wait_for("RELOADING=1\nMONOTONIC_USEC=")
    systemd.wait_for("READY=1", times=2)
    assert server.stop() == 0
    systemd.wait_for("STOPPING=1")
    kinds = [text.partition("\n")[0].partition("=")[0] for text in systemd.said]
    assert [kind for kind in kinds if kind not in ("STATUS", "WATCHDOG")] == ["READY", "RELOADING", "READY", "STOPPING"]


def test_a_start_that_fails_is_never_ready(serve: Serve, systemd: Systemd, folder: Path) -> None:
    (folder / "lifespan-fails").touch()
    server = serve(env={"NOTIFY_SOCKET": systemd.address})
    assert server.wait() == 3
    assert not any("READY" in text for text in systemd.said)


def test_the_watchdog_is_not_fed_for_workers_that_are_stuck(serve: Serve, systemd: Systemd) -> None:
    server = serve("--timeout", "1", env={"NOTIFY_SOCKET": systemd.address, "WATCHDOG_USEC": "600000"}).ready()
    systemd.wait_for("WATCHDOG=1", times=2)
    with server.connect() as sock:
        sock.sendall(b"GET /block HTTP/1.1\r\nHost: x\r\n\r\n")
        server.wait_for(r"\[(ERROR|CRITICAL|WARNING)\] worker 1")
    systemd.wait_for("STATUS=Serving, 0 workers of 1")
    stuck = next(i for i, text in enumerate(systemd.said) if "0 workers of 1" in text)
    poll(lambda: "STATUS=Serving, 1 worker" in systemd.said[stuck:], "the replacement")
    healed = systemd.said.index("STATUS=Serving, 1 worker", stuck)
    assert "WATCHDOG=1" not in systemd.said[stuck + 1 : healed]


def test_systemd_follows_the_main_process(serve: Serve, folder: Path, systemd: Systemd) -> None:
    server = serve("--pid", "site.pid", env={"NOTIFY_SOCKET": systemd.address}).ready()
    systemd.wait_for("READY=1")
    server.send(signal.SIGUSR2)
    new = int(server.wait_for(r"The new server runs as process (\d+)").group(1))
    try:
        assert server.stop() == 0
        systemd.wait_for(f"MAINPID={new}")
        systemd.wait_for(f"READY=1\nMAINPID={new}")
        assert not any("STOPPING" in text for text in systemd.said)
    finally:
        os.kill(new, signal.SIGTERM)
        poll(lambda: not is_alive(new), "the new server's end")
    systemd.wait_for("STOPPING=1")
