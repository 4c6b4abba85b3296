"""Reload as files are saved, the page for code that does not start, and warnings about a blocked loop."""

from __future__ import annotations

import http.client
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.running import PATIENCE, Running, is_alive, poll

pytestmark = pytest.mark.slow

Serve = Callable[..., Running]

APP = """
import os, time, asyncio
VERSION = {version}

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        {lifespan}
        await send({{"type": "lifespan.startup.complete"}})
        await receive()
        await send({{"type": "lifespan.shutdown.complete"}})
        return
    if scope["path"] == "/block":
        block()
    body = b"%d %d" % (VERSION, os.getpid())
    await send({{"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]}})
    await send({{"type": "http.response.body", "body": body}})

def block():
    time.sleep(0.4)
"""

WSGI = """
import os, time
VERSION = {version}

def app(environ, start_response):
    if environ["PATH_INFO"] == "/block":
        time.sleep(0.4)
    start_response("200 OK", [])
    return [b"%d %d" % (VERSION, os.getpid())]
"""


def write(folder: Path, version: int, source: str = APP, lifespan: str = "pass") -> None:
    """In place, as some editors do; always of the same size while the version has as many digits."""
    (folder / "dev_app.py").write_text(source.format(version=version, lifespan=lifespan))


@pytest.fixture
def dev(serve: Serve, folder: Path) -> Serve:
    """Start ``bicorn dev_app:app`` with reload; it watches."""
    write(folder, 1)

    def start(*arguments: str, wait: bool = True, **popen: object) -> Running:
        # pytest may run with PYTHONDONTWRITEBYTECODE; developers do not.
        running = serve("--reload", *arguments, app="dev_app:app", env={"PYTHONDONTWRITEBYTECODE": ""}, **popen)
        if wait:
            running.ready()
        running.wait_for("for changes")
        return running

    return start


def version(running: Running) -> int:
    """Of the code that answers; -1: it is the page that says why there is none."""
    first = running.get().split()[0]
    return int(first) if first.isdigit() else -1


def becomes(running: Running, wanted: int) -> None:
    poll(lambda: version(running) == wanted, lambda: f"version {wanted} in\n{running.log()}")


def all_serve(running: Running, workers: int) -> None:
    poll(lambda: len({running.get().split()[1] for _ in range(50)}) == workers, f"{workers} workers")


def old_code_answers(running: Running, old: str = "12") -> bool:
    """Workers that are told to drain still answer whoever had connected before they heard of it."""
    return any(running.get()[0] in old for _ in range(50))


def ask(running: Running, accept: str = "text/html", host: str = "localhost") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", running.port, timeout=PATIENCE)
    try:
        connection.request("GET", "/", headers={"Accept": accept, "Host": host})
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


@pytest.mark.parametrize("engine", ["watchfiles", "poll"])
def test_each_save_is_what_runs(dev: Serve, folder: Path, engine: str) -> None:
    if engine == "watchfiles":
        pytest.importorskip("watchfiles")
    running = dev("--reload-engine", engine)
    for number in range(2, 7):  # several within a second, all of the same size
        write(folder, number)
        becomes(running, number)
    assert "dev_app.py changed" in running.log()
    assert running.stop() == 0
    assert "Traceback" not in running.log()


def test_all_of_four_workers_run_it(dev: Serve, folder: Path) -> None:
    running = dev("--workers", "4")
    all_serve(running, 4)
    before = {running.get().split()[1] for _ in range(50)}
    write(folder, 2)
    running.wait_for("Reloaded: 4 workers")
    poll(lambda: version(running) == 2 and not old_code_answers(running, "1"), "the end of the old workers")
    answers = [running.get().split() for _ in range(50)]
    assert not before & {pid for _, pid in answers}


def test_with_preload(dev: Serve, folder: Path) -> None:
    running = dev("--preload", "--workers", "2")
    write(folder, 2)
    becomes(running, 2)
    (folder / "dev_app.py").write_text("def broken(:\n")
    running.wait_for("Reloaded: 2 workers with a page")
    poll(lambda: not old_code_answers(running), "the end of the old workers")
    assert "SyntaxError" in ask(running)[1]
    write(folder, 3)
    becomes(running, 3)


def test_a_syntax_error_is_a_page_until_the_next_save(dev: Serve, folder: Path) -> None:
    running = dev("--workers", "2")
    all_serve(running, 2)  # one that still starts would run into the error on its own account
    (folder / "dev_app.py").write_text("def broken(<b>):\n    pass\n")
    running.wait_for("Reloaded: 2 workers with a page")
    poll(lambda: not old_code_answers(running), "the end of the old workers")
    status, page = ask(running)
    assert status == 500
    assert "def broken(&lt;b&gt;)" in page
    assert "SyntaxError" in ask(running, accept="*/*")[1]
    assert "def broken" not in ask(running, host="example.com")[1]
    assert running.log().count("SyntaxError") == 1, "once, not for each worker"
    write(folder, 2)
    becomes(running, 2)


def test_so_is_a_failing_lifespan(dev: Serve, folder: Path) -> None:
    running = dev()
    write(folder, 2, lifespan="raise RuntimeError('no database')")
    _, page = poll(lambda: (found := ask(running))[0] == 500 and found, "the page")
    assert "no database" in page
    write(folder, 3)
    becomes(running, 3)


def test_broken_from_the_start(dev: Serve, folder: Path, serve: Serve) -> None:
    (folder / "dev_app.py").write_text("import nowhere_to_be_found\n")
    running = serve("--reload", app="dev_app:app")
    running.wait_for("for changes")
    assert "nowhere_to_be_found" in ask(running)[1]
    write(folder, 2)
    becomes(running, 2)


def test_where_others_can_connect_the_old_code_goes_on(dev: Serve, folder: Path) -> None:
    running = dev("--bind", "0.0.0.0:0")
    (folder / "dev_app.py").write_text("raise RuntimeError('secret')\n")
    running.wait_for("secret")
    assert version(running) == 1
    write(folder, 2)
    becomes(running, 2)


def test_where_others_can_connect_the_start_tells_them_nothing(folder: Path, serve: Serve) -> None:
    (folder / "dev_app.py").write_text("raise RuntimeError('secret')\n")
    running = serve("--reload", "--bind", "0.0.0.0:0", "--workers", "2", app="dev_app:app")
    running.wait_for("for changes")
    status, page = ask(running)
    assert (status, "secret" in page) == (500, False)
    assert "secret" in running.log()
    write(folder, 2)
    becomes(running, 2)


def test_extra_files(dev: Serve, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "site.yaml"
    outside.write_text("a")
    running = dev("--reload-extra-file", str(outside), "--reload-exclude", "*.py")
    write(folder, 2)
    outside.write_text("bb")
    running.wait_for("site.yaml changed")
    becomes(running, 2)


def test_the_watcher_ends_with_the_server(dev: Serve) -> None:
    running = dev()
    children = Path(f"/proc/{running.pid}/task/{running.pid}/children").read_text().split()
    assert len(children) == 2
    os.kill(running.pid, 9)
    poll(lambda: not any(is_alive(int(pid)) for pid in children), "the end of all")


@pytest.mark.parametrize("loop", ["asyncio", "uvloop"])
def test_dev_names_what_blocks_the_loop(folder: Path, serve: Serve, loop: str) -> None:
    if loop == "uvloop":
        pytest.importorskip("uvloop")
    write(folder, 1)
    running = serve("dev_app:app", "--loop", loop, app="dev").ready()
    running.get("/block")
    running.wait_for(r"blocked for 0\.\d+ s, and served nothing else, by dev_app\.py line \d+, in block")
    time.sleep(0.1)
    assert running.log().count("blocked for") == 1
    running.wait_for("for changes")
    write(folder, 2)
    becomes(running, 2)


def test_inline_wsgi_may_hold_its_worker(folder: Path, serve: Serve) -> None:
    write(folder, 1, WSGI)
    running = serve("dev_app:app", "--mount", "/asgi=site_app:app", app="dev").ready()
    assert running.get("/block").startswith("1 ")
    assert running.stop() == 0
    assert "blocked for" not in running.log()
