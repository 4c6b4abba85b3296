"""Every hook in one ``gunicorn.conf.py``: called at the moments, in the processes and with the arguments of Gunicorn.

RECORDED is what Gunicorn 27.0.1 wrote for this very file, application and sequence of signals.
"""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.running import Running, poll

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="the tests read Linux's /proc"),
]

Serve = Callable[..., Running]

CONFIG = """
import os
workers = 2
reload_grace = 0
LOG = os.environ["HOOKS_LOG"]
MASTER = os.getpid()

def note(name, *more):
    with open(LOG, "a") as file:
        where = "supervisor" if os.getpid() == MASTER else "worker"
        file.write(" ".join([where, name, *map(str, more)]) + "\\n")

def on_starting(server): note("on_starting", server.pid == MASTER, server.num_workers)
def on_reload(server): note("on_reload")
def when_ready(server): note("when_ready", len(server.LISTENERS) )
def pre_fork(server, worker): note("pre_fork", worker.age, worker.pid); worker.mark = worker.age
def post_fork(server, worker):
    note("post_fork", worker.age, worker.pid == os.getpid(), worker.ppid == server.pid, worker.mark)
def post_worker_init(worker): note("post_worker_init", worker.age, callable(worker.wsgi))
def worker_int(worker): note("worker_int", worker.age, worker.alive)
def worker_abort(worker): note("worker_abort", worker.age)
def pre_exec(server): note("pre_exec")
def pre_request(worker, req): note("pre_request", req.method, req.path, req.uri)
def post_request(worker, req, environ, resp): note("post_request", resp.status, environ["REQUEST_METHOD"], resp.sent)
def child_exit(server, worker): note("child_exit", worker.age)
def worker_exit(server, worker): note("worker_exit", worker.age)
def nworkers_changed(server, new, old): note("nworkers_changed", new, old)
def on_exit(server): note("on_exit", len(server.WORKERS))
"""

WSGI = """
import time
def app(environ, start_response):
    if environ["PATH_INFO"] == "/stuck":
        time.sleep(60)
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]
"""

RECORDED = """
supervisor nworkers_changed 2 None
supervisor on_starting True 2
supervisor when_ready 1
supervisor pre_fork 1 [booting]
worker post_fork 1 True True 1
worker post_worker_init 1 True
supervisor pre_fork 2 [booting]
worker post_fork 2 True True 2
worker post_worker_init 2 True
-- request
worker pre_request GET /a /a?b=c
worker post_request 200 OK GET 2
-- TTIN
supervisor nworkers_changed 3 2
supervisor pre_fork 3 [booting]
worker post_fork 3 True True 3
worker post_worker_init 3 True
-- TTOU
supervisor nworkers_changed 2 3
worker worker_exit
supervisor child_exit
-- HUP
supervisor nworkers_changed 2 2
supervisor on_reload
supervisor pre_fork 4 [booting]
supervisor pre_fork 5 [booting]
worker post_fork 4 True True 4
worker post_worker_init 4 True
worker post_fork 5 True True 5
worker worker_exit
worker worker_exit
worker post_worker_init 5 True
supervisor child_exit
supervisor child_exit
-- KILL
supervisor child_exit
supervisor pre_fork 6 [booting]
worker post_fork 6 True True 6
worker post_worker_init 6 True
-- TERM
worker worker_exit
worker worker_exit
supervisor child_exit
supervisor child_exit
supervisor on_exit 0
"""


class Site:
    """A server with those hooks, and what they have written."""

    def __init__(self, folder: Path, serve: Serve, *arguments: str) -> None:
        (folder / "gunicorn.conf.py").write_text(CONFIG.replace("reload_grace = 0\n", ""))
        (folder / "hooked.py").write_text(WSGI)
        self.file = folder / "hooks"
        self.file.touch()
        environ = {"HOOKS_LOG": str(self.file), "BICORN_RELOAD_GRACE": "0"}
        self.server = serve(*arguments, app="hooked:app", env=environ)

    def lines(self) -> list[str]:
        return self.file.read_text().splitlines()

    def mark(self, name: str) -> None:
        with self.file.open("a") as file:
            file.write(f"-- {name}\n")

    def wait_for(self, name: str, times: int) -> None:
        """Since the last mark."""

        def seen() -> bool:
            text = "\n" + self.file.read_text()
            return len(re.findall(rf"^\w+ {name}\b", text.rpartition("\n--")[2], re.MULTILINE)) >= times

        poll(seen, lambda: f"{times} {name} in\n{self.file.read_text()}\n{self.server.log()}")


def without_ages(lines: list[str]) -> list[str]:
    """Which worker is retired first is nobody's promise."""
    return [re.sub(r"(worker_exit|child_exit) \d+$", r"\1", line) for line in lines]


def sections(lines: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {"start": []}
    name = "start"
    for line in lines:
        if line.startswith("-- "):
            name = line[3:]
            found[name] = []
        elif line:
            found[name].append(line)
    return found


def of(who: str, lines: list[str]) -> list[str]:
    return [line for line in lines if line.startswith(who)]


def test_every_hook_is_called_when_gunicorn_calls_it(folder: Path, serve: Serve) -> None:
    site = Site(folder, serve)
    server = site.server.ready()
    site.wait_for("post_worker_init", 2)
    site.mark("request")
    assert server.get("/a?b=c") == "ok"
    site.wait_for("post_request", 1)
    site.mark("TTIN")
    server.send(signal.SIGTTIN)
    site.wait_for("post_worker_init", 1)
    server.wait_for(r"worker 3 \(pid \d+\) is ready")
    site.mark("TTOU")
    server.send(signal.SIGTTOU)
    site.wait_for("child_exit", 1)
    site.mark("HUP")
    server.send(signal.SIGHUP)
    site.wait_for("child_exit", 2)
    poll(lambda: len(server.workers()) == 2, "two workers")
    site.mark("KILL")
    ready = server.log().count(" is ready after ")
    os.kill(server.workers()[0], signal.SIGKILL)
    site.wait_for("post_worker_init", 1)
    poll(lambda: server.log().count(" is ready after ") > ready, "the replacement")
    site.mark("TERM")
    assert server.stop() == 0
    gunicorn, ours = sections(without_ages(RECORDED.splitlines())), sections(without_ages(site.lines()))
    assert list(ours) == list(gunicorn)
    for name, expected in gunicorn.items():
        if name == "HUP":  # Gunicorn starts all new workers and ends all old ones at once
            assert ours[name][:3] == expected[:3]
            assert sorted(ours[name]) == sorted(expected)
            continue
        assert of("supervisor", ours[name]) == of("supervisor", expected), name
        assert sorted(of("worker", ours[name])) == sorted(of("worker", expected)), name
    assert ours["TERM"][-1] == "supervisor on_exit 0"


def test_worker_int_is_called_for_quit(folder: Path, serve: Serve) -> None:
    site = Site(folder, serve, "--log-level", "debug")
    site.server.ready().wait_for(r"worker \d \(pid \d+\) is ready")  # one that still boots has nothing to interrupt
    site.mark("QUIT")
    site.server.send(signal.SIGQUIT)
    assert site.server.wait() == 0
    ours = without_ages(sections(site.lines())["QUIT"])
    assert sorted(re.sub(r" \d+ ", " ", line) for line in ours) == [
        "supervisor child_exit",
        "supervisor child_exit",
        "supervisor on_exit 0",
        "worker worker_exit",
        "worker worker_exit",
        "worker worker_int False",
        "worker worker_int False",
    ]
    assert ours[-1] == "supervisor on_exit 0"


def test_worker_abort_is_called_before_a_silent_worker_is_killed(folder: Path, serve: Serve) -> None:
    site = Site(folder, serve, "--timeout", "1", "--workers", "1")
    server = site.server.ready()
    with server.connect() as client:
        client.sendall(b"GET /stuck HTTP/1.1\r\nHost: x\r\n\r\n")
        site.wait_for("worker_abort", 1)
        site.wait_for("child_exit", 1)
        site.wait_for("post_worker_init", 2)
    assert server.stop() == 0


@pytest.mark.parametrize(
    ("hook", "code"), [("on_starting", 1), ("when_ready", 1), ("post_fork", 3), ("post_worker_init", 3)]
)
def test_a_hook_that_fails_at_the_start_ends_it(folder: Path, serve: Serve, hook: str, code: int) -> None:
    arguments = {"post_fork": "server, worker", "post_worker_init": "worker"}.get(hook, "server")
    (folder / "gunicorn.conf.py").write_text(f"workers = 2\ndef {hook}({arguments}):\n    1 / 0\n")
    server = serve()
    assert server.wait() == code
    log = server.log()
    assert log.count(f"the hook {hook} failed") == 1, log
    assert log.count("ZeroDivisionError") == 1
    assert "bicorn/process" not in log


def test_a_hook_that_fails_later_is_logged_and_the_server_goes_on(folder: Path, serve: Serve) -> None:
    (folder / "gunicorn.conf.py").write_text(
        "def pre_fork(server, worker): 1 / 0\ndef child_exit(server, worker): 1 / 0\n"
        "def nworkers_changed(server, new, old): 1 / 0\ndef on_exit(server): 1 / 0\n"
        "def post_request(worker, req): 1 / 0\ndef worker_exit(server, worker): 1 / 0\n"
    )
    server = serve().ready()
    assert int(server.get("/"))
    assert server.stop() == 0
    for hook in ("pre_fork", "child_exit", "nworkers_changed", "on_exit", "post_request", "worker_exit"):
        assert f"the hook {hook} failed" in server.log()


def test_a_pre_request_that_fails_is_a_500_of_that_request(folder: Path, serve: Serve) -> None:
    (folder / "gunicorn.conf.py").write_text("def pre_request(worker, req):\n    if req.path == '/no': 1 / 0\n")
    server = serve().ready()
    assert "Internal Server Error" in server.get("/no")
    assert int(server.get("/"))
    assert server.stop() == 0


@pytest.mark.parametrize("preload", [False, True])
def test_the_usual_order_with_and_without_preload(folder: Path, serve: Serve, preload: bool) -> None:
    site = Site(folder, serve, "--log-level", "debug", *(["--preload"] if preload else []))
    site.server.ready().wait_for(r"worker \d \(pid \d+\) is ready")
    assert site.server.get("/x") == "ok"
    assert site.server.stop() == 0
    lines = [re.sub(r" \d+ ", " ", line) for line in without_ages(site.lines())]
    who = "worker" if preload else "supervisor"  # the process that forks is not the supervisor
    assert lines.count(f"{who} pre_fork [booting]") == 2, lines
    assert [line.split()[1] for line in of("supervisor", lines)][:3] == [
        "nworkers_changed",
        "on_starting",
        "when_ready",
    ]
    for name in ("post_fork", "post_worker_init", "worker_exit"):
        assert [line.split()[:2] for line in lines].count(["worker", name]) == 2, lines
    assert lines.count("supervisor child_exit") == 2
    assert lines[-1] == "supervisor on_exit 0"
