"""A real server in a process of its own, for the tests in this folder."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
PATIENCE = 15.0  # seconds for anything to happen on a machine that is busy with other things


def poll(condition: Callable[[], T], what: str | Callable[[], str], patience: float = PATIENCE) -> T:
    """Ask until the answer is true; the answer. Fails the test when patience runs out, naming what was waited for."""
    end = time.monotonic() + patience
    while True:
        if answer := condition():
            return answer
        assert time.monotonic() < end, f"waited {patience:g} s for {what if isinstance(what, str) else what()}"
        time.sleep(0.005)


def is_alive(pid: int) -> bool:
    """Whether the process exists and is no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):  # the second: it has gone between open and read
        return False
    return state != "Z"


class Running:
    """``bicorn`` with these arguments, in that folder, its output in a file there."""

    def __init__(self, folder: Path, *arguments: str, command: tuple[str, ...] = (), **popen: Any) -> None:
        self.folder = folder
        self.log_file = folder / f"log-{len(list(folder.glob('log-*')))}"
        environ = {name: value for name, value in os.environ.items() if not name.startswith(("PORT", "WEB_CONC"))}
        # Tests save new code within a second, of the same size: Python would take the old one's bytecode for the new's.
        environ["PYTHONDONTWRITEBYTECODE"] = "1"
        with self.log_file.open("wb") as output:
            self.process = subprocess.Popen(
                [*command, sys.executable, "-m", "bicorn", *arguments],
                cwd=folder,
                env=environ | popen.pop("env", {}),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # a group of its own, which a test may signal as a whole
                **popen,
            )

    @property
    def pid(self) -> int:
        """The supervisor's."""
        return self.process.pid

    def log(self) -> str:
        """All it has said so far."""
        return self.log_file.read_text()

    def wait_for(self, pattern: str, patience: float = PATIENCE) -> re.Match[str]:
        """Wait until the log has a match."""

        def look() -> re.Match[str] | None:
            match = re.search(pattern, self.log())
            if match is None and self.process.poll() is not None:
                match = re.search(pattern, self.log())
                assert match, f"it ended with {self.process.returncode} without saying {pattern!r}:\n{self.log()}"
            return match

        return poll(look, lambda: f"{pattern!r} in\n{self.log()}", patience)

    def ready(self) -> Running:
        """Wait until it serves."""
        self.wait_for(r"\] \S+ is (ASGI|WSGI)")
        return self

    @property
    def urls(self) -> list[str]:
        """Where it listens, as it says itself."""
        return self.wait_for(r"Bicorn \S+ on (.*) \(Press").group(1).split(" and ")

    @property
    def port(self) -> int:
        return int(self.urls[0].rpartition(":")[2])

    def connect(self, context: ssl.SSLContext | None = None, name: str = "localhost") -> socket.socket:
        sock = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)
        return context.wrap_socket(sock, server_hostname=name) if context else sock

    def get(self, path: str = "/") -> str:
        """One request on one connection; the body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            connection.request("GET", path)
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def workers(self) -> list[int]:
        """The processes of its workers."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return [int(pid) for pid in children if is_alive(int(pid))]

    def send(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def wait(self, patience: float = PATIENCE) -> int:
        """Wait for its end; the exit code."""
        return self.process.wait(patience)

    def stop(self) -> int:
        """TERM, and wait."""
        self.send(signal.SIGTERM)
        return self.wait()

    def clean_up(self) -> None:
        """End it, whatever state the test has left it in."""
        if self.process.poll() is None:
            try:
                os.killpg(self.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.process.wait(PATIENCE)


def exchange(sock: socket.socket, request: bytes = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") -> bytes:
    """Send, and read to the end."""
    with sock:
        sock.sendall(request)
        answer = b""
        while data := sock.recv(65536):
            answer += data
        return answer
