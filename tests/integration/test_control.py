"""``bicorn reload``, ``stop``, ``status``, ``scale`` and ``dump`` against a real server."""

from __future__ import annotations

import json
import os
import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.running import PATIENCE, Running, is_alive, poll

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="the tests read Linux's /proc"),
]

Serve = Callable[..., Running]
VERSION = """
import time
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({{"type": "lifespan.startup.complete"}})
        await receive()
        return await send({{"type": "lifespan.shutdown.complete"}})
    if scope["path"] == "/slow":
        import asyncio
        await asyncio.sleep(60)
    body = b"version {0}"
    await send({{"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]}})
    await send({{"type": "http.response.body", "body": body}})
"""


class Site:
    """A server with a control socket, and the commands."""

    def __init__(self, folder: Path, serve: Serve, *arguments: str, workers: int = 2) -> None:
        self.folder = folder
        self.code("1")
        self.server = serve(
            *("--control-socket", "control", "--workers", str(workers), "--reload-grace", "0", *arguments),
            app="versions:app",
        ).ready()
        poll(lambda: self.ready() == workers, f"{workers} workers")

    def code(self, version: str) -> None:
        (self.folder / "versions.py").write_text(version if "\n" in version else VERSION.format(version))

    def command(self, *arguments: str, socket: bool = True) -> subprocess.CompletedProcess[str]:
        where = ("--control-socket", "control") if socket else ()
        return subprocess.run(
            [sys.executable, "-m", "bicorn", *arguments, *where],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=PATIENCE * 2,
        )

    def status(self) -> dict[str, Any]:
        done = self.command("status", "--json")
        assert done.returncode == 0, done.stderr
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def ready(self) -> int:
        return sum(worker["state"] == "ready" for worker in self.status()["workers"])


def test_the_socket_is_there_for_its_owner_and_goes_with_the_server(folder: Path, serve: Serve) -> None:
    site = Site(folder, serve, workers=1)
    assert stat.S_IMODE((folder / "control").stat().st_mode) == 0o600
    second = serve("--control-socket", "control", app="versions:app")
    assert second.wait() == 1
    assert "already in use" in second.log()
    assert site.server.stop() == 0
    assert not (folder / "control").exists()


def test_status(folder: Path, serve: Serve) -> None:
    site = Site(folder, serve)
    with site.server.connect() as client:
        client.sendall(b"GET /slow?a=b HTTP/1.1\r\nHost: x\r\n\r\n")
        found = poll(
            lambda: (now := site.status()) and any(worker["in_flight"] for worker in now["workers"]) and now,
            "the request in the status",
        )
        assert (found["pid"], found["state"], found["generation"], found["wanted"]) == (
            site.server.pid,
            "serving",
            1,
            2,
        )
        assert found["listeners"] == site.server.urls
        assert {worker["pid"] for worker in found["workers"]} == set(site.server.workers())
        [request] = [each for worker in found["workers"] for each in worker["in_flight"]]
        assert (request["method"], request["target"]) == ("GET", "/slow?a=b")
        assert 0 <= request["age"] < PATIENCE
        assert all(worker["memory"] > 1 << 20 for worker in found["workers"])
        poll(lambda: sum(worker["connections"] for worker in site.status()["workers"]) == 1, "the connection")
        table = site.command("status").stdout
        assert "GET /slow?a=b for " in table
        assert f"pid {site.server.pid}, serving, generation 1, 2 of 2 workers ready" in table


def test_a_reload_that_succeeds_and_one_that_is_rolled_back(folder: Path, serve: Serve) -> None:
    site = Site(folder, serve)
    old = set(site.server.workers())
    site.code("2")
    done = site.command("reload")
    assert (done.returncode, done.stderr) == (0, ""), site.server.log()
    assert done.stdout.startswith("bicorn: ")
    poll(lambda: site.server.get() == "version 2", "the new code")
    assert poll(lambda: old.isdisjoint(site.server.workers()), "the old workers' end")
    site.code("import no_such_module\n")
    done = site.command("reload")
    assert done.returncode == 1
    assert "no_such_module" in done.stderr
    assert site.server.get() == "version 2"
    site.code("3")
    assert site.command("reload").returncode == 0
    poll(lambda: site.server.get() == "version 3", "the mended code")
    assert site.status()["state"] == "serving"


def test_scale(folder: Path, serve: Serve) -> None:
    site = Site(folder, serve, workers=1)
    done = site.command("scale", "3")
    assert (done.returncode, done.stdout) == (0, "bicorn: 3 workers, before 1\n")
    poll(lambda: site.ready() == 3, "three workers")
    assert site.command("reload").returncode == 0
    poll(lambda: site.ready() == 3, "three workers after a reload")
    assert site.command("scale", "1").stdout == "bicorn: 1 workers, before 3\n"
    poll(lambda: len(site.server.workers()) == 1, "one worker")


def test_dump(folder: Path, serve: Serve) -> None:
    site = Site(folder, serve)
    with site.server.connect() as client:
        client.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
        poll(lambda: any(worker["in_flight"] for worker in site.status()["workers"]), "the request")
        done = site.command("dump")
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("--- worker ") == 2
    assert "Current thread 0x" in done.stdout
    assert "versions.py" in done.stdout, "the task of the application"
    assert site.ready() == 2


@pytest.mark.parametrize("flags", [(), ("--now",)])
def test_stop_returns_when_it_has_ended(folder: Path, serve: Serve, flags: tuple[str, ...]) -> None:
    site = Site(folder, serve)
    done = site.command("stop", *flags)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert site.server.wait(1) == 0


def test_stop_by_pid_file(folder: Path, serve: Serve) -> None:
    site = Site(folder, serve, "--pid", "pid")
    assert f"process {site.server.pid} is running" in site.command("status", "--pid", "pid", socket=False).stdout
    done = site.command("reload", "--pid", "pid", socket=False)
    assert done.returncode == 0
    poll(lambda: site.status()["generation"] == 2, "the reload")
    reaper = threading.Thread(target=site.server.process.wait)  # the process is this test's child, and must be reaped
    reaper.start()
    assert site.command("stop", "--pid", "pid", socket=False).returncode == 0
    assert not is_alive(site.server.pid)
    reaper.join()
    assert site.command("status", "--pid", "pid", socket=False).returncode == 1


def test_the_command_finds_the_server_by_its_configuration_file(folder: Path, serve: Serve) -> None:
    (folder / "bicorn.toml").write_text("control_socket = 'control'\n")
    site = Site(folder, serve, workers=1)
    assert "1 of 1 workers ready" in site.command("status", socket=False).stdout


def test_clients_that_say_nothing_or_nonsense_do_no_harm(folder: Path, serve: Serve) -> None:
    site = Site(folder, serve, workers=1)
    clients = []
    for text in (b"", b"x" * 5000, b"\x00\n", b"GET / HTTP/1.1\r\n\r\n", b"{}\n"):
        client = socket.socket(socket.AF_UNIX)
        client.connect(str(folder / "control"))
        client.sendall(text)
        clients.append(client)
    assert site.status()["state"] == "serving"
    assert site.server.get() == "version 1"
    for client in clients:
        client.close()


def test_workers_do_not_keep_the_socket_open(folder: Path, serve: Serve) -> None:
    site = Site(folder, serve)
    inode = os.stat(folder / "control").st_ino
    for pid in site.server.workers():
        links = [os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd") if fd.isdigit()]
        unix = [line.split()[6] for line in Path("/proc/net/unix").read_text().splitlines() if "control" in line]
        assert inode
        assert unix
        assert not [link for link in links if link in {f"socket:[{number}]" for number in unix}]
