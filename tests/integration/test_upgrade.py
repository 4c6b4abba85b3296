"""USR2: a new server beside the old one, on the same sockets, and the way back."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import ssl
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

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


class Clients:
    """Requests, each on a connection of its own, one after the other, until they are to end."""

    def __init__(self, connect: Callable[[], socket.socket]) -> None:
        self.failures: list[str] = []
        self.answers = 0
        self._connect = connect
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(2)]
        for thread in self._threads:
            thread.start()

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                answer = exchange(self._connect())
            except OSError as error:
                self.failures.append(repr(error))
            else:
                if answer.startswith(b"HTTP/1.1 200 "):
                    self.answers += 1
                else:
                    self.failures.append(repr(answer))

    def more(self) -> None:
        """Wait until a few more have been answered."""
        before = self.answers
        poll(lambda: self.failures or self.answers > before + 20, "more answers")

    def end(self) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(PATIENCE)


def has_ipv6() -> bool:
    with socket.socket(socket.AF_INET6) as sock:
        try:
            sock.bind(("::1", 0))
        except OSError:
            return False
    return True


ACTIVATE = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_PID=str(os.getpid()), LISTEN_FDS="1")
os.execv(sys.argv[2], sys.argv[2:])
"""


def successor(server: Running, folder: Path) -> int:
    """Ask for it; its process id, once it serves."""
    server.send(signal.SIGUSR2)
    pid = int(server.wait_for(r"The new server runs as process (\d+)").group(1))
    assert (folder / "site.pid.2").read_text() == f"{pid}\n"
    return pid


@pytest.mark.parametrize("kind", ["tcp", "unix", "reuse-port"])
def test_an_upgrade_and_the_way_back_lose_no_request(serve: Serve, folder: Path, kind: str) -> None:
    bind = f"unix:{folder}/s" if kind == "unix" else "127.0.0.1:0"
    more = ("--reuse-port",) if kind == "reuse-port" else ()
    server = serve("--bind", bind, "--workers", "2", "--pid", "site.pid", *more).ready()
    port = 0 if kind == "unix" else server.port
    clients = Clients(
        lambda: over_unix(folder / "s") if kind == "unix" else socket.create_connection(("127.0.0.1", port))
    )
    new = 0
    try:
        clients.more()
        # There and back.
        new = successor(server, folder)
        clients.more()
        server.send(signal.SIGWINCH)
        poll(lambda: len(server.workers()) == 1, "the old workers to leave")  # the new server is a child too
        clients.more()
        server.send(signal.SIGHUP)
        poll(lambda: len(server.workers()) == 3, "the old workers to come back")
        clients.more()
        os.kill(new, signal.SIGTERM)
        poll(lambda: not is_alive(new), "the new server's end")
        assert not (folder / "site.pid.2").exists()
        server.wait_for(r"The new server \(process \d+\) .*; this one serves on")  # it has heard of it, too
        clients.more()
        # There.
        server.send(signal.SIGUSR2)
        poll(lambda: server.log().count("The new server runs as process") == 2, "the second new server")
        new = int((folder / "site.pid.2").read_text())
        assert server.stop() == 0
        clients.more()
        poll(lambda: (folder / "site.pid").exists() and (folder / "site.pid").read_text() == f"{new}\n", "its pid file")
        poll(lambda: not (folder / "site.pid.2").exists(), "the end of its old pid file")
        clients.more()
        # And on.
        os.kill(new, signal.SIGUSR2)
        poll((folder / "site.pid.2").exists, "the third server's pid file")
        poll(lambda: server.log().count("The new server runs as process") == 3, "the third server")
        old, new = new, int((folder / "site.pid.2").read_text())
        os.kill(old, signal.SIGTERM)
        poll(lambda: not is_alive(old), "the second server's end")
        clients.more()
    finally:
        clients.end()
        if new and is_alive(new):
            os.kill(new, signal.SIGTERM)
            poll(lambda: not is_alive(new), "the new server's end")
    assert clients.failures == []
    assert not (folder / "s").exists()
    assert not (folder / "site.pid").exists()


@pytest.mark.parametrize("kind", ["fd", "ipv6", "tls", "systemd"])
def test_every_kind_of_socket_is_taken_over(serve: Serve, folder: Path, kind: str) -> None:
    if kind == "ipv6" and not has_ipv6():
        pytest.skip("no IPv6 here")
    context: ssl.SSLContext | None = None
    with socket.create_server(("127.0.0.1", 0)) as given:
        fd = given.fileno()
        more: dict[str, object] = {"pass_fds": [fd]} if kind in ("fd", "systemd") else {}
        arguments = {"fd": ["--bind", f"fd://{fd}"], "ipv6": ["--bind", "[::1]:0"], "tls": [], "systemd": []}[kind]
        if kind == "systemd":
            # The test's own server binds nothing: systemd's sockets take the place of what it is told to bind.
            more["command"] = (sys.executable, "-c", ACTIVATE, str(fd))
        if kind == "tls":
            authority = trustme.CA()
            authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(folder / "both.pem"))
            context = ssl.create_default_context()
            authority.configure_trust(context)
            arguments = ["--certfile", "both.pem"]
        server = serve("--pid", "site.pid", *arguments, **more).ready()
        port = server.port
        assert kind not in ("fd", "systemd") or port == given.getsockname()[1]

    def answer() -> bytes:
        sock = socket.create_connection(("::1" if kind == "ipv6" else "127.0.0.1", port), timeout=PATIENCE)
        return exchange(context.wrap_socket(sock, server_hostname="localhost") if context else sock)

    old = answer()
    new = successor(server, folder)
    try:
        assert server.stop() == 0
        assert answer().startswith(b"HTTP/1.1 200 ")
        assert answer().rpartition(b"\n")[2] != old.rpartition(b"\n")[2]  # the worker's process id
        poll((folder / "site.pid").exists, "its pid file")
    finally:
        if is_alive(new):
            os.kill(new, signal.SIGTERM)
        poll(lambda: not is_alive(new), "the new server's end")


def test_a_new_server_that_cannot_start_changes_nothing(serve: Serve, folder: Path) -> None:
    server = serve("--pid", "site.pid").ready()
    (folder / "site_app.py").write_text("raise RuntimeError('half a deployment')\n")
    server.send(signal.SIGUSR2)
    server.wait_for(r"left with exit code 3: its application could not be started")
    assert "RuntimeError: half a deployment" in server.log()
    assert server.get()
    assert (folder / "site.pid").read_text() == f"{server.pid}\n"
    assert not (folder / "site.pid.2").exists()
    assert server.stop() == 0


def test_a_new_server_whose_end_comes_unasked_is_replaced_by_the_old_one(serve: Serve, folder: Path) -> None:
    server = serve("--pid", "site.pid").ready()
    new = successor(server, folder)
    server.send(signal.SIGWINCH)
    poll(lambda: len(server.workers()) == 1, "the old worker to leave")
    os.kill(new, signal.SIGKILL)
    server.wait_for(r"serves on, and its workers come back")
    poll(lambda: server.get(), "an answer")
    assert server.stop() == 0


def test_a_keep_alive_connection_finishes_with_the_old_server(serve: Serve, folder: Path) -> None:
    server = serve("--pid", "site.pid").ready()
    port = server.port
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    connection.request("GET", "/")
    old = connection.getresponse().read()
    new = successor(server, folder)
    try:
        connection.request("GET", "/")
        assert connection.getresponse().read() == old
        assert server.stop() == 0
        connection.close()
        connection.request("GET", "/")
        assert connection.getresponse().read() != old
    finally:
        connection.close()
        if is_alive(new):
            os.kill(new, signal.SIGTERM)
        poll(lambda: not is_alive(new), "the new server's end")
