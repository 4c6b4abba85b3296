"""Real clients: a browser, `websockets`, `aiohttp`, Socket.IO, chats in Starlette and Django Channels.

``python benchmarks/websocket/clients.py --only browser``. It prepares its own environment; the browser is Chromium,
and without one its row fails. Exit code 1 when Bicorn has failed one.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# The folder of the benchmark, whose modules these share; not this one, whose names are meant as a package.
sys.path[0] = str(Path(__file__).resolve().parents[1])

import envs  # noqa: E402
from manager.report import Row  # noqa: E402
from running import BenchmarkError, Running, serving, wait_until_answering  # noqa: E402
from servers import HERE, HOST, Server  # noqa: E402

from websocket import peers, proof  # noqa: E402

REQUIREMENTS = HERE / "websocket" / "requirements-clients.txt"
LIMIT = 60.0
BROWSERS = ("chromium", "chromium-browser", "google-chrome")


@dataclass(frozen=True, slots=True)
class Client:
    """Who talks to which application; the scenario is one of `real.py`'s, or the browser."""

    title: str
    app: str
    scenario: str


CLIENTS = {
    "browser": Client("Chromium, a page", "websocket_page:app", "browser"),
    "websockets": Client("websockets", "websocket_page:app", "websockets"),
    "aiohttp": Client("aiohttp", "websocket_page:app", "aiohttp"),
    "starlette": Client("a Starlette chat", "starlette_chat:app", "chat"),
    "channels": Client("a Django Channels chat", "channels_chat:app", "chat"),
    "socketio": Client("Socket.IO (python-socketio)", "socketio_chat:app", "socketio"),
}


def main() -> int:
    options = proof.options("Real WebSocket clients.", "client", CLIENTS, "clients.md")
    return proof.run("clients", "Real WebSocket clients", options, _rows)


def _rows(options: argparse.Namespace, environment: envs.Environment) -> Iterator[Row]:
    site = envs.site("clients", REQUIREMENTS)
    servers = [_seeing(server, site) for server in peers.installed(environment, options.servers, options.source)]
    for name in options.only:
        for server in servers:
            yield _try(CLIENTS[name], server, environment, site)


def _seeing(server: Server, site: Path) -> Server:
    """The applications need what the clients' folder has."""
    path = os.pathsep.join([server.environment["PYTHONPATH"], str(site)])
    return dataclasses.replace(server, environment={**server.environment, "PYTHONPATH": path})


def _try(client: Client, server: Server, environment: envs.Environment, site: Path) -> Row:
    cores = ",".join(map(str, sorted(os.sched_getaffinity(0))))
    app = dataclasses.replace(peers.PLAIN, app=client.app)
    began = time.monotonic()
    try:
        with serving(server, app, environment, cores) as running:
            wait_until_answering(running, app, environment)
            said = _browse(running) if client.scenario == "browser" else _run(client, running, environment, site)
            tail = running.log_tail()
    except BenchmarkError as error:
        return Row("clients", server.name, client.title, {"what": "-", "s": "-"}, (str(error),))
    problems = (f"a traceback in the log: {tail[-300:]}",) if "Traceback" in tail else ()
    facts = {"what": said, "s": f"{time.monotonic() - began:.1f}"}
    return Row("clients", server.name, client.title, facts, problems)


def _run(client: Client, running: Running, environment: envs.Environment, site: Path) -> str:
    command = [str(environment.bin_dir / "python"), str(Path(__file__).with_name("real.py")), client.scenario,
               str(running.port)]  # fmt: skip
    variables = {"PATH": os.environ["PATH"], "PYTHONPATH": str(site)}
    try:
        done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=LIMIT, check=False)
    except subprocess.TimeoutExpired:
        raise BenchmarkError(f"not through after {LIMIT:.0f} s: {running.log_tail()}") from None
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines()
        raise BenchmarkError(f"{' | '.join(lines[-4:])}: {running.log_tail()}")
    return done.stdout.strip()


def _browse(running: Running) -> str:
    """Open the page, and ask the server what the page has told it."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise BenchmarkError("no Chromium here (Debian: apt-get install chromium)")
    url = f"http://{HOST}:{running.port}"
    with tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True) as profile:
        command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync",
                   "--disable-quic", "--disable-background-networking", "--disable-component-update",
                   f"--user-data-dir={profile}", "--remote-debugging-port=0", f"{url}/"]  # fmt: skip
        quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        process = subprocess.Popen(command, start_new_session=True, **quiet)
        try:
            told = _result(url)
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(10)
    if "failed" in told or not told:
        raise BenchmarkError(f"the page said {told or 'nothing'}: {running.log_tail()}")
    return f"{len(told)} checks: {', '.join(told)}"


def _result(url: str) -> dict[str, str]:
    deadline = time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        with urllib.request.urlopen(f"{url}/result", timeout=10) as answer:
            said: bytes = answer.read()
        if said:
            told: dict[str, str] = json.loads(said)
            return told
        time.sleep(0.1)
    return {}


if __name__ == "__main__":
    sys.exit(main())
