"""The commands that talk to a running server, which a thread plays."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

Bicorn = Callable[[str], Any]
STATUS = {
    "ok": True,
    "version": "1.2",
    "pid": 100,
    "state": "serving",
    "generation": 2,
    "wanted": 2,
    "age": 200.0,
    "app": "main:app",
    "listeners": ["http://127.0.0.1:8000"],
    "reload": "trying",
    "workers": [
        {
            "number": 1,
            "pid": 101,
            "generation": 1,
            "state": "ready",
            "age": 61.0,
            "memory": 50 << 20,
            "requests": 1234,
            "connections": 5,
            "phase": "serving",
            "replaced": "max-requests (1000) reached",
            "running": 1,
            "in_flight": [{"method": "GET", "target": "/slow?a=b", "age": 12.0}],
        },
        {"number": 2, "pid": 0, "generation": 2, "state": "forking", "age": 0.1, "memory": 0, "replaced": None},
        {
            "number": 3,
            "pid": 103,
            "generation": 2,
            "state": "booting",
            "age": 3.0,
            "memory": 1,
            "requests": 0,
            "connections": 0,
            "phase": "importing main:app",
            "replaced": None,
            "running": 0,
            "in_flight": [],
        },
    ],
}


class Server:
    """Answers each request with what was prepared for it, then hangs up."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.answers: dict[str, bytes] = {}
        self.heard: list[dict[str, Any]] = []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self) -> None:
        while True:
            connection, _ = self.listener.accept()
            with connection:
                line = connection.makefile("rb").readline()
                if not line:
                    return
                self.heard.append(json.loads(line))
                connection.sendall(self.answers.get(self.heard[-1]["do"], b""))

    def close(self) -> None:
        with socket.socket(socket.AF_UNIX) as last:
            last.connect(str(self.path))
        self.thread.join()
        self.listener.close()


@pytest.fixture
def server(folder: Path) -> Iterator[Server]:
    made = Server(folder / "control")
    yield made
    made.close()


def line(**answer: Any) -> bytes:
    return json.dumps(answer).encode() + b"\n"


# Finding the server


def test_without_a_hint_the_command_says_what_it_needs(bicorn: Bicorn) -> None:
    outcome = bicorn("status")
    assert outcome.code == 2
    assert outcome.err.startswith("bicorn: which server? Name its control socket or its pid file:")
    assert "bicorn status --control-socket" in outcome.err


@pytest.mark.parametrize("where", ["option", "toml", "gunicorn", "config", "environment", "chdir"])
def test_every_place_where_serve_would_look(
    bicorn: Bicorn, folder: Path, server: Server, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.answers["status"] = line(**STATUS)
    arguments = ""
    match where:
        case "option":
            arguments = " --control-socket control"
        case "toml":
            (folder / "bicorn.toml").write_text("control_socket = 'control'\nworkers = 3")
        case "gunicorn":
            (folder / "gunicorn.conf.py").write_text("control_socket = 'control'")
        case "config":
            (folder / "other.toml").write_text("control_socket = 'control'")
            arguments = " -c other.toml"
        case "environment":
            monkeypatch.setenv("BICORN_CONTROL_SOCKET", "control")
        case "chdir":
            (folder / "bicorn.toml").write_text("control_socket = 'control'")
            monkeypatch.chdir("/")
            arguments = f" --chdir {folder}"
    outcome = bicorn("status" + arguments)
    assert (outcome.code, outcome.err) == (0, "")
    assert server.heard == [{"do": "status"}]


@pytest.mark.parametrize("command", ["status", "reload", "stop", "scale 2", "dump"])
def test_a_server_that_is_not_there(bicorn: Bicorn, folder: Path, command: str) -> None:
    outcome = bicorn(f"{command} --control-socket none")
    assert (outcome.code, outcome.err) == (1, "bicorn: no server listens at none\n")
    (folder / "pid").write_text("999999999\n")
    outcome = bicorn(f"{command} --pid pid")
    assert (outcome.code, outcome.err) == (1, "bicorn: no server is running: process 999999999 of pid has gone\n")
    outcome = bicorn(f"{command} --pid missing")
    assert (outcome.code, outcome.err) == (1, "bicorn: no server is running: there is no pid file missing\n")


@pytest.mark.parametrize("command", ["status", "reload", "scale 2", "dump"])
def test_a_server_that_ends_before_it_answers(bicorn: Bicorn, server: Server, command: str) -> None:
    outcome = bicorn(f"{command} --control-socket control")
    assert (outcome.code, outcome.err) == (1, "bicorn: the server ended before it answered\n")


def test_an_answer_that_is_none(bicorn: Bicorn, server: Server) -> None:
    server.answers["status"] = b"HTTP/1.1 400 Bad Request\r\n\r\n"
    assert bicorn("status --control-socket control").err.startswith("bicorn: the server's answer cannot be understood")


# The commands


@pytest.mark.parametrize(("ok", "code"), [(True, 0), (False, 1)])
def test_reload_says_how_it_ended(bicorn: Bicorn, server: Server, ok: bool, code: int) -> None:
    server.answers["reload"] = line(ok=ok, text="how it ended")
    outcome = bicorn("reload --control-socket control")
    assert (outcome.code, outcome.out + outcome.err) == (code, "bicorn: how it ended\n")
    assert bool(outcome.out) is ok


@pytest.mark.parametrize(("flag", "now"), [("", False), (" --now", True)])
def test_stop_waits_for_the_end(bicorn: Bicorn, server: Server, flag: str, now: bool) -> None:
    assert bicorn(f"stop --control-socket control{flag}").code == 0
    assert server.heard == [{"do": "stop", "now": now}]


def test_a_stop_that_is_refused(bicorn: Bicorn, server: Server) -> None:
    server.answers["stop"] = line(ok=False, text="no")
    outcome = bicorn("stop --control-socket control")
    assert (outcome.code, outcome.err) == (1, "bicorn: no\n")


def test_scale(bicorn: Bicorn, server: Server) -> None:
    server.answers["scale"] = line(ok=True, workers=5, before=2)
    outcome = bicorn("scale 5 --control-socket control")
    assert (outcome.code, outcome.out) == (0, "bicorn: 5 workers, before 2\n")
    assert server.heard == [{"do": "scale", "workers": 5}]
    server.answers["scale"] = line(ok=False, text="the server is stopping")
    assert bicorn("scale 5 --control-socket control").code == 1
    assert bicorn("scale 0 --control-socket control").code == 2


def test_dump(bicorn: Bicorn, server: Server) -> None:
    server.answers["dump"] = line(
        ok=True, workers=[{"number": 1, "stacks": "Thread 0x1\n"}, {"number": 2, "stacks": ""}]
    )
    outcome = bicorn("dump --control-socket control")
    assert outcome.code == 0
    assert outcome.out == "--- worker 1\nThread 0x1\n--- worker 2\n(it did not answer)\n"
    server.answers["dump"] = line(ok=False, text="no")
    assert bicorn("dump --control-socket control").code == 1


def test_status_is_a_table(bicorn: Bicorn, server: Server) -> None:
    server.answers["status"] = line(**STATUS)
    assert bicorn("status --control-socket control").out.splitlines() == [
        "bicorn 1.2: pid 100, serving, generation 2, 1 of 2 workers ready, up 3 min 20 s",
        "main:app on http://127.0.0.1:8000",
        "a reload is under way: trying",
        "",
        "worker  pid  generation  state                        age        requests  connections  memory  in flight",
        "1       101  1           ready                        1 min 1 s  1234      5            50 MiB  1",
        "2       -    2           forking                      0.1 s      -         -            -       -",
        "3       103  2           booting: importing main:app  3 s        0         0            0 MiB   0",
        "worker 1: max-requests (1000) reached",
        "",
        "worker 1: GET /slow?a=b for 12 s",
    ]


def test_status_is_json(bicorn: Bicorn, server: Server) -> None:
    server.answers["status"] = line(**STATUS)
    found = json.loads(bicorn("status --json --control-socket control").out)
    assert found == {name: value for name, value in STATUS.items() if name != "ok"}


# With a pid file


@pytest.fixture
def process(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    # os.write: a handler may run while print is still busy with "up", and print cannot be entered twice.
    code = "import os, signal, sys; signal.signal(signal.SIGHUP, lambda *_: os.write(1, b'HUP\\n'))\n"
    code += "signal.signal(signal.SIGRTMIN + 1, lambda *_: os.write(1, b'dump\\n'))\n"
    code += "signal.signal(signal.SIGQUIT, lambda *_: sys.exit(9))\nos.write(1, b'up\\n')\n"
    code += "while True: signal.pause()"
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert child.stdout is not None
    assert child.stdout.readline() == b"up\n"
    (folder / "pid").write_text(f"{child.pid}\n")
    yield child
    child.kill()
    child.communicate()


@pytest.mark.slow
def test_a_pid_file_is_good_for_signals_and_the_command_says_what_it_cannot_know(
    bicorn: Bicorn, folder: Path, process: subprocess.Popen[bytes]
) -> None:
    outcome = bicorn("reload --pid pid")
    assert outcome.code == 0
    assert outcome.out.startswith(
        f"bicorn: process {process.pid} was told to reload. Whether the new code serves is in"
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"HUP\n"
    assert bicorn("status --pid pid").out.startswith(f"process {process.pid} is running.")
    assert json.loads(bicorn("status --json --pid pid").out) == {"pid": process.pid}
    outcome = bicorn("dump --pid pid")
    assert outcome.out.startswith(
        f"bicorn: process {process.pid} was told to write the stacks of its workers to its log"
    )
    assert process.stdout.readline() == b"dump\n"
    outcome = bicorn("scale 2 --pid pid")
    assert outcome.code == 1
    assert f"kill -TTIN {process.pid}" in outcome.err


@pytest.mark.slow
@pytest.mark.parametrize(("flag", "code"), [("", -signal.SIGTERM), ("--now", 9)])
@pytest.mark.parametrize("pidfd", [True, False])
def test_stop_by_pid_waits_too(
    bicorn: Bicorn,
    monkeypatch: pytest.MonkeyPatch,
    process: subprocess.Popen[bytes],
    flag: str,
    code: int,
    pidfd: bool,
) -> None:
    if not pidfd:
        monkeypatch.delattr(os, "pidfd_open", raising=False)
    assert bicorn(f"stop --pid pid {flag}").code == 0
    assert process.wait(timeout=5) == code


def test_the_pid_file_is_used_where_there_is_no_socket(bicorn: Bicorn, folder: Path) -> None:
    (folder / "bicorn.toml").write_text("control_socket = 'control'\npidfile = 'pid'")
    (folder / "pid").write_text(f"{os.getpid()}\n")
    assert bicorn("status").out.startswith(f"process {os.getpid()} is running.")
