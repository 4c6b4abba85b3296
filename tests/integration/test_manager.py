"""The supervisor's longer life: reload, more and fewer workers, log files, ``--preload``, and what dies meanwhile."""

from __future__ import annotations

import http.client
import os
import re
import signal
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.integration.running import PATIENCE, Running, is_alive, poll

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="the tests read Linux's /proc"),
]

Serve = Callable[..., Running]

ASGI = """
import os, threading, time
VERSION = "{version}"
{more}
async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({{"type": message["type"] + ".complete"}})
            if message["type"] == "lifespan.shutdown":
                return
    if scope["path"] == "/stuck":
        time.sleep(60)
    body = f"{{VERSION}} {{os.getpid()}} {{os.environ.get('COLOR', '')}}".encode()
    await send({{"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]}})
    await send({{"type": "http.response.body", "body": body}})
"""

WSGI = """
import os
VERSION = "{version}"
{more}
def app(environ, start_response):
    body = f"{{VERSION}} {{os.getpid()}} {{os.environ.get('COLOR', '')}}".encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""


class Site:
    """An application that says which version it is, and who answers."""

    def __init__(self, folder: Path, serve: Serve, source: str = ASGI) -> None:
        self.folder, self._serve, self._source = folder, serve, source
        self.port = 0
        self.deploy("one")

    def deploy(self, version: str, more: str = "") -> None:
        (self.folder / "versions.py").write_text(self._source.format(version=version, more=more))

    def start(self, *arguments: str, grace: str = "0.1") -> Running:
        server = self._serve(*arguments, "--reload-grace", grace, "--log-level", "debug", app="versions:app")
        self.server = server.ready()
        count = int(arguments[arguments.index("--workers") + 1]) - 1 if "--workers" in arguments else 0
        poll(lambda: server.log().count("is ready after") == count, "the other workers")
        self.port = server.port
        return self.server

    def answer(self) -> tuple[str, int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        connection.request("GET", "/")
        version, pid, color = connection.getresponse().read().decode().split(" ")
        connection.close()
        return version, int(pid), color

    def all_answer(self, version: str) -> None:
        """Nobody answers with anything else any more; for a moment somebody might who is about to go."""
        poll(lambda: {self.answer()[0] for _ in range(20)} == {version}, f"version {version}")

    def reload(self, result: str = "Reloaded: ") -> None:
        seen = self.server.log().count(result)
        self.server.send(signal.SIGHUP)
        poll(lambda: self.server.log().count(result) > seen, lambda: f"{result} in\n{self.server.log()}")


@contextmanager
def clients(port: int, count: int = 3) -> Iterator[Counter[str]]:
    """Clients that ask all the time; what they were answered, or what went wrong."""
    answers: Counter[str] = Counter()
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
            try:
                connection.request("GET", "/")
                response = connection.getresponse()
                answers[f"{response.status} {response.read().decode().split(' ')[0]}"] += 1
            except (OSError, http.client.HTTPException) as error:
                answers[repr(error)] += 1
            finally:
                connection.close()

    threads = [threading.Thread(target=ask) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield answers
    finally:
        over.set()
        for thread in threads:
            thread.join(PATIENCE)


def is_refused(port: int) -> bool:
    """Whether nobody listens there any more. The log may say "Reloaded" a moment before that."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE).close()
    except ConnectionRefusedError:
        return True
    return False


def children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in found if is_alive(int(child))]


def pending(pid: int) -> int:
    """The signals that a process has not been given yet."""
    status = Path(f"/proc/{pid}/status").read_text()
    return sum(int(mask, 16) for mask in re.findall(r"^S\w+Pnd:\s+(\w+)", status, re.MULTILINE))


# -- Reload


@pytest.mark.parametrize("preload", [(), ("--preload",)])
@pytest.mark.parametrize("source", [ASGI, WSGI])
def test_a_reload_brings_new_code_and_no_client_notices(
    folder: Path, serve: Serve, source: str, preload: tuple[str, ...]
) -> None:
    site = Site(folder, serve, source)
    server = site.start("--workers", "3", *preload)
    with clients(server.port) as answers:
        poll(lambda: answers["200 one"], "the old code")
        for version in ("two", "three"):
            site.deploy(version)
            site.reload()
            poll(lambda version=version: answers[f"200 {version}"], "the new code")
    assert set(answers) <= {"200 one", "200 two", "200 three"}
    site.all_answer("three")
    assert server.stop() == 0
    assert not re.search(r"\[(WARNING|ERROR|CRITICAL)\]", server.log()), server.log()


@pytest.mark.parametrize("preload", [(), ("--preload",)])
@pytest.mark.parametrize(
    ("more", "words"),
    [
        ("1 / 0", "ZeroDivisionError"),
        ("import sys; sys.exit(7)", "sys.exit(7)"),
        ("def app(:", "SyntaxError"),
        ("os._exit(9)", "exit code 9"),
    ],
)
def test_a_reload_to_broken_code_keeps_the_old_and_says_why_once(
    folder: Path, serve: Serve, more: str, words: str, preload: tuple[str, ...]
) -> None:
    site = Site(folder, serve)
    server = site.start("--workers", "2", *preload)
    with clients(server.port, 2) as answers:
        site.deploy("broken", more)
        site.reload("The reload has failed, the old code serves on")
        poll(lambda: answers["200 one"], "an answer")
    assert set(answers) == {"200 one"}
    assert words in server.log()
    assert server.log().count("Traceback") <= 1, server.log()
    site.deploy("mended")
    site.reload()
    site.all_answer("mended")
    assert server.stop() == 0


@pytest.mark.parametrize("preload", [(), ("--preload",)])
def test_a_reload_to_code_that_hangs_is_given_up(folder: Path, serve: Serve, preload: tuple[str, ...]) -> None:
    site = Site(folder, serve)
    site.start("--boot-timeout", "1", *preload)
    site.deploy("hangs", "time.sleep(60)")
    site.reload("The reload has failed, the old code serves on")
    site.server.wait_for(r"most recent call first\):\n(.*\n)*?.*versions.py")
    assert site.answer()[0] == "one"


def test_a_reload_reads_the_settings_again(folder: Path, serve: Serve) -> None:
    site = Site(folder, serve)
    file = folder / "gunicorn.conf.py"
    file.write_text('workers = 1\nraw_env = ["COLOR=red"]\nerrorlog = "first.log"\nreload_grace = 0\n')
    site.server = serve(app="versions:app")
    poll(lambda: (folder / "first.log").exists() and "is ASGI" in (folder / "first.log").read_text(), "the start")
    site.server.log_file = folder / "first.log"
    site.port = site.server.port
    first = site.answer()
    assert first[2] == "red"
    file.write_text('workers = 2\nerrorlog = "second.log"\nreload_grace = 0\n')
    site.server.send(signal.SIGHUP)
    second = folder / "second.log"
    poll(lambda: second.exists() and "Reloaded: 2 workers" in second.read_text(), "the reload")
    poll(lambda: len(site.server.workers()) == 2, "two workers")
    version, pid, color = site.answer()
    assert (version, color) == ("one", "")
    assert pid != first[1]
    file.write_text("workers = 'many'\n")
    site.server.send(signal.SIGHUP)
    poll(lambda: "The reload has failed" in second.read_text(), "the refusal")
    assert "workers must be a whole number" in second.read_text()
    assert site.answer()[2] == ""
    assert site.server.stop() == 0


def test_a_reload_finds_new_code_of_what_the_settings_import_too(folder: Path, serve: Serve) -> None:
    (folder / "gunicorn.conf.py").write_text("import versions\nraw_env = [f'COLOR={versions.VERSION}']\n")
    site = Site(folder, serve)
    site.start()
    assert site.answer()[::2] == ("one", "one")
    site.deploy("two")
    site.reload()
    site.all_answer("two")
    assert site.answer()[2] == "two"
    assert site.server.stop() == 0


def test_a_reload_listens_elsewhere_and_the_old_address_is_let_go(folder: Path, serve: Serve) -> None:
    site = Site(folder, serve)
    with socket.create_server(("127.0.0.1", 0)) as probe, socket.create_server(("127.0.0.1", 0)) as other:
        old, new = probe.getsockname()[1], other.getsockname()[1]
    file = folder / "gunicorn.conf.py"
    file.write_text(f'bind = ["127.0.0.1:{old}", "unix:site.sock"]\nreload_grace = 0\n')
    running = Running(folder, "versions:app")
    try:
        site.server = running.ready()
        site.port = old
        assert site.answer()[0] == "one"
        inode = os.stat(folder / "site.sock").st_ino
        file.write_text(f'bind = ["127.0.0.1:{new}", "unix:site.sock"]\nreload_grace = 0\n')
        site.reload()
        connection = http.client.HTTPConnection("127.0.0.1", new, timeout=PATIENCE)
        connection.request("GET", "/")
        assert connection.getresponse().status == 200
        connection.close()
        poll(lambda: is_refused(old), "a refusal")
        assert os.stat(folder / "site.sock").st_ino == inode
        assert running.stop() == 0
        assert not (folder / "site.sock").exists()
    finally:
        running.clean_up()


# -- More, fewer, logs


def test_ttin_and_ttou_change_the_number_and_outlive_a_reload(folder: Path, serve: Serve) -> None:
    site = Site(folder, serve)
    server = site.start("--workers", "1")
    for number, count in ((signal.SIGTTIN, 2), (signal.SIGTTIN, 3), (signal.SIGTTOU, 2)):
        server.send(number)
        poll(lambda count=count: len(server.workers()) == count, f"{count} workers")
    site.reload()
    poll(lambda: len(server.workers()) == 2, "two workers")
    server.send(signal.SIGTTOU)
    poll(lambda: len(server.workers()) == 1, "one worker")
    server.send(signal.SIGTTOU)
    server.wait_for("there has to be at least one worker")
    assert server.stop() == 0


def test_usr1_opens_log_files_again_after_a_rotation(folder: Path, serve: Serve) -> None:
    site = Site(folder, serve)
    logs = {name: folder / f"{name}.txt" for name in ("errors", "access")}
    server = site.server = serve(
        *("--workers", "2", "--error-logfile", "errors.txt", "--access-logfile", "access.txt"), app="versions:app"
    )
    server.log_file = logs["errors"]
    poll(logs["errors"].exists, "the log")
    site.port = server.ready().port
    poll(lambda: len(server.workers()) == 2, "two workers")
    workers = server.workers()
    poll(lambda: {site.answer()[1] for _ in range(10)} == set(workers), "two workers that serve")
    poll(lambda: "GET" in logs["access"].read_text(), "a line")
    for name, path in logs.items():
        path.rename(folder / f"{name}.old")
    server.send(signal.SIGUSR1)

    def holds(pid: int) -> set[str]:
        return {os.readlink(f"/proc/{pid}/fd/{fd}") for fd in os.listdir(f"/proc/{pid}/fd")}

    new = {str(path) for path in logs.values()}
    poll(lambda: all(new <= holds(pid) for pid in (server.pid, *workers)), "the new files")
    assert not any(name.endswith(".old") for pid in (server.pid, *workers) for name in holds(pid))
    site.answer()
    poll(lambda: "GET" in logs["access"].read_text(), "a line in the new file")
    assert server.workers() == workers
    assert server.stop() == 0
    assert "Stopping" in logs["errors"].read_text()


@pytest.mark.parametrize("preload", [(), ("--preload",)])
def test_workers_outlive_whatever_signal_the_group_is_sent(
    folder: Path, serve: Serve, preload: tuple[str, ...]
) -> None:
    site = Site(folder, serve)
    server = site.start("--workers", "2", *preload)
    parent = children(server.pid)[0] if preload else server.pid
    poll(lambda: len(children(parent)) == 2, "two workers")
    workers = children(parent)
    poll(lambda: {site.answer()[1] for _ in range(10)} == set(workers), "two workers that serve")
    numbers = [signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2, signal.SIGTTIN, signal.SIGTTOU, signal.SIGWINCH]
    for worker in workers:
        for number in (*numbers, signal.SIGRTMIN + 1, signal.SIGINT):
            os.kill(worker, number)
            # One by one: all at once, they would fill the small stack that faulthandler gives to signals.
            poll(lambda worker=worker: not pending(worker), "the signal to be heard")
    poll(lambda: server.log().count("shows its stacks") == 2, "both stacks")
    assert site.answer()[1] in workers
    assert children(parent) == workers
    assert server.stop() == 0


def test_a_signal_to_the_supervisor_shows_every_workers_stacks(folder: Path, serve: Serve) -> None:
    site = Site(folder, serve)
    server = site.start("--workers", "2")
    poll(lambda: len(server.workers()) == 2 and {site.answer()[1] for _ in range(9)} == {*server.workers()}, "workers")
    os.kill(server.pid, signal.SIGRTMIN + 1)
    poll(lambda: server.log().count("shows its stacks") == 2, lambda: server.log())
    assert "most recent call first" in server.log()
    assert server.stop() == 0


# -- Deaths


def test_a_stuck_worker_is_explained_with_its_stack_and_its_request_and_replaced(folder: Path, serve: Serve) -> None:
    site = Site(folder, serve)
    server = site.start("--workers", "2", "--timeout", "1")
    with server.connect() as client:
        client.sendall(b"GET /stuck HTTP/1.1\r\nHost: x\r\n\r\n")
        server.wait_for(
            r"worker \d \(pid \d+\) was silent for .*: killed \[cause: timeout; age: .*; requests: GET /stuck"
        )
    server.wait_for(r"versions.py\", line \d+ in app")
    server.wait_for(r"worker 3? ?\d? ?\(pid \d+\) is ready")
    assert site.answer()[0] == "one"
    assert server.stop() == 0


def test_the_death_of_a_worker_that_a_template_forked_is_explained_and_made_up_for(folder: Path, serve: Serve) -> None:
    site = Site(folder, serve)
    server = site.start("--workers", "2", "--preload")
    [template] = children(server.pid)
    poll(lambda: len(children(template)) == 2, "two workers")
    victim = site.answer()[1]
    os.kill(victim, signal.SIGKILL)
    server.wait_for(rf"worker \d \(pid {victim}\) was killed by SIGKILL from outside")
    poll(lambda: len(children(template)) == 2, "two workers again")
    assert site.answer()[0] == "one"
    assert server.stop() == 0
    assert not is_alive(template)


def test_the_workers_of_a_killed_template_serve_on_and_later_ones_come_from_another(folder: Path, serve: Serve) -> None:
    site = Site(folder, serve)
    server = site.start("--workers", "2", "--preload")
    [template] = children(server.pid)
    poll(lambda: len(children(template)) == 2, "two workers")
    workers = children(template)
    with clients(server.port, 2) as answers:
        poll(lambda: answers["200 one"], "an answer")
        os.kill(template, signal.SIGKILL)
        server.wait_for("The process that workers are forked from was killed by SIGKILL from outside")
        [second] = poll(lambda: children(server.pid), "another template")
        site.reload()
    assert set(answers) == {"200 one"}
    assert second != template
    poll(lambda: not any(is_alive(pid) for pid in workers), "the old workers to end")
    assert server.stop() == 0
    assert "[ERROR]" not in server.log()


def test_nothing_of_a_preloading_server_outlives_its_supervisor(folder: Path, serve: Serve) -> None:
    site = Site(folder, serve)
    server = site.start("--workers", "2", "--preload")
    [template] = children(server.pid)
    poll(lambda: len(children(template)) == 2, "two workers")
    family = [template, *children(template)]
    os.kill(server.pid, signal.SIGKILL)
    poll(lambda: not any(is_alive(pid) for pid in family), "all of them to end")


def test_what_the_import_has_left_behind_is_named(folder: Path, serve: Serve) -> None:
    site = Site(folder, serve)
    site.deploy(
        "one",
        "import asyncio, socket\n"
        "threading.Thread(target=time.sleep, args=(60,), name='pusher', daemon=True).start()\n"
        "loop = asyncio.new_event_loop()\n"
        "server = socket.create_server(('127.0.0.1', 0))\n"
        "database = socket.create_connection(server.getsockname())\n",
    )
    site.start("--preload")
    line = site.server.wait_for("the import has left behind (.*): each worker").group(1)
    assert re.fullmatch(r"1 thread \('pusher'\), 1 event loop \(.*\), 1 connection to \(127\.0\.0\.1:\d+\)", line), line
    assert site.answer()[0] == "one"
    assert site.server.stop() == 0


def test_a_start_with_preload_that_fails_says_why_once(folder: Path, serve: Serve) -> None:
    site = Site(folder, serve)
    site.deploy("broken", "1 / 0")
    server = serve("--preload", "--workers", "3", app="versions:app")
    assert server.wait() == 3
    assert server.log().count("Traceback") == 1, server.log()
    missing = serve("--preload", app="no_such:app")
    assert missing.wait() == 4
