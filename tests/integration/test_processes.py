"""The supervisor and its workers as real processes: how they start, how they die, how they stop."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.running import Running, exchange, is_alive, poll

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="the tests read Linux's /proc"),
]

Serve = Callable[..., Running]


def those_who_answer(server: Running, count: int) -> set[str]:
    """The processes that answer requests, once there are so many."""
    seen: set[str] = set()
    poll(lambda: seen.add(server.get()) or len(seen) == count, "an answer of each worker")
    return seen


def pids(server: Running, count: int) -> list[int]:
    """The workers, once there are that many."""
    return poll(lambda: len(server.workers()) == count and server.workers(), f"{count} workers")


def in_flight(server: Running, path: str = "/wait") -> threading.Thread:
    """A request that has reached the application and waits there; its answer becomes the thread's ``answer``."""

    def request() -> None:
        try:
            thread.answer = exchange(server.connect(), f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())  # type: ignore[attr-defined]
        except OSError as error:
            thread.answer = repr(error).encode()  # type: ignore[attr-defined]

    thread = threading.Thread(target=request)
    thread.start()
    poll((server.folder / "waiting").exists, "the request to arrive")
    return thread


def answer(thread: threading.Thread) -> bytes:
    thread.join(15)
    return thread.answer  # type: ignore[attr-defined, no-any-return]


# -- Start


def test_the_start_is_told_in_three_lines_however_many_workers_there_are(serve: Serve) -> None:
    server = serve("--workers", "4").ready()
    pids(server, 4)
    poll(lambda: server.log().count("imported") == 4, "four imports")
    assert server.stop() == 0
    lines = [line.partition("] [INFO] ")[2] for line in server.log().splitlines() if "[INFO]" in line]
    assert re.fullmatch(rf"Bicorn \S+ on http://127\.0\.0\.1:{server.port} \(Press Ctrl\+C to stop\)", lines[0])
    assert re.fullmatch(r"4 workers, (uvloop|asyncio), CPython [\d.a-z+]+", lines[1])
    assert lines[2] == "site_app:app is ASGI 3 (lifespan on)"
    assert len(lines) == 4
    assert lines[3].startswith("Stopping; ")


def test_every_worker_serves_and_the_supervisor_does_nothing(serve: Serve) -> None:
    server = serve("--workers", "2").ready()
    workers = pids(server, 2)
    assert those_who_answer(server, 2) == {str(pid) for pid in workers}

    def wake_ups() -> str:
        return re.findall(
            r"^voluntary_ctxt_switches:\s+(\d+)", Path(f"/proc/{server.pid}/status").read_text(), re.MULTILINE
        )[0]

    def undisturbed() -> bool:
        before = wake_ups()
        for _ in range(50):
            server.get()
        return wake_ups() == before

    # The first time it may still have something of the start to do.
    poll(undisturbed, "fifty requests that do not wake the supervisor")


# -- Failures at the start


@pytest.mark.parametrize(
    ("source", "target", "code", "words"),
    [
        ("raise RuntimeError('no database')", "broken:app", 3, "RuntimeError: no database"),
        ("import not_installed", "broken:app", 3, "not_installed"),
        ("def app(:", "broken:app", 3, "SyntaxError"),
        ("import sys; sys.exit(0)", "broken:app", 3, "SystemExit"),
        ("import os; os._exit(7)", "broken:app", 3, "left with exit code 7 while it was starting"),
        ("import os; os.kill(os.getpid(), 11)", "broken:app", 3, "crashed with SIGSEGV"),
        ("app = 1", "broken:app", 4, "not callable"),
        ("app = 1", "broken:nothing", 4, "has no attribute 'nothing'"),
        ("", "no_such_module:app", 4, "there is no module 'no_such_module'"),
    ],
)
def test_a_start_that_fails_says_why_once_and_has_an_exit_code(
    serve: Serve, folder: Path, source: str, target: str, code: int, words: str
) -> None:
    (folder / "broken.py").write_text(source + "\n")
    server = serve("--workers", "4", app=target)
    assert server.wait() == code
    assert words in server.log()
    assert server.log().count("Traceback") <= 1
    assert server.log().count("[ERROR]") == 1
    assert "[WARNING]" not in server.log()


def test_a_lifespan_that_fails_stops_the_start_too(serve: Serve, folder: Path) -> None:
    (folder / "lifespan-fails").touch()
    server = serve("--workers", "3")
    assert server.wait() == 3
    assert server.log().count("Traceback") == 1, server.log()
    assert "RuntimeError: no database" in server.log()


def test_a_hook_or_setting_that_only_a_worker_can_check_is_exit_code_2(serve: Serve) -> None:
    server = serve("--workers", "2", "--ssl-context", "site_app:missing")
    assert server.wait() == 2
    assert server.log().count("ssl_context site_app:missing cannot be imported") == 1, server.log()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
@pytest.mark.parametrize("where", ["import", "lifespan"])
def test_a_start_that_hangs_can_be_stopped(serve: Serve, folder: Path, where: str, number: signal.Signals) -> None:
    body = (
        "time.sleep(60)"
        if where == "import"
        else "async def app(scope, receive, send):\n    mark()\n    await asyncio.sleep(60)"
    )
    call = "mark()\n" if where == "import" else ""
    (folder / "hangs.py").write_text(
        f"import asyncio, pathlib, time\ndef mark(): pathlib.Path('hanging').touch()\n{call}{body}\n"
    )
    server = serve("--lifespan", "on", app="hangs:app")
    poll((folder / "hanging").exists, "the worker to hang")
    server.send(number)
    assert server.wait(5) == 0
    assert "Traceback" not in server.log()


# -- Workers that die


def test_a_killed_worker_is_replaced_within_a_second_while_the_others_serve(serve: Serve) -> None:
    server = serve("--workers", "3").ready()
    before = pids(server, 3)
    poll(lambda: server.log().count("imported") == 3, "three imports")
    for victim in before:
        killed = time.monotonic()
        os.kill(victim, signal.SIGKILL)
        while server.log().count("is ready after") <= before.index(victim):
            assert server.get()  # nobody notices
            assert time.monotonic() - killed < 5  # (a second, on a machine that does nothing else)
    after = pids(server, 3)
    assert not set(before) & set(after)
    assert server.log().count("was killed by SIGKILL from outside") == 3
    assert server.stop() == 0


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("os.kill(os.getpid(), signal.SIGSEGV)", "crashed with SIGSEGV"),
        ("import ctypes; ctypes.string_at(0)", 'suicide.py", line 5 in app'),  # where, from Python's faulthandler
        ("os._exit(9)", "left with exit code 9"),
        ("os.kill(os.getpid(), signal.SIGTERM)", "left by itself with exit code 0"),
    ],
)
def test_a_worker_that_ends_itself_is_explained_and_replaced(
    serve: Serve, folder: Path, source: str, words: str
) -> None:
    (folder / "suicide.py").write_text(
        f"import os, signal\ndef app(environ, start_response):\n    start_response('200 OK', [])\n"
        f"    if environ['PATH_INFO'] == '/die':\n        {source}\n    return [str(os.getpid()).encode()]\n"
    )
    server = serve(app="suicide:app").ready()
    before = server.get()
    try:
        server.get("/die")
    except OSError:
        pass
    server.wait_for(re.escape(words))
    assert poll(server.get, "an answer") != before


def test_a_later_failure_to_start_never_stops_what_still_serves(serve: Serve, folder: Path) -> None:
    server = serve("--workers", "2").ready()
    victim, survivor = pids(server, 2)
    poll(lambda: {int(server.get()) for _ in range(20)} == {victim, survivor}, "two workers that serve")
    (folder / "lifespan-fails").touch()
    os.kill(victim, signal.SIGKILL)
    server.wait_for(r"worker \d \(pid \d+\) could not start; next try in 1 s")
    server.wait_for(r"could not start, for the same reason as before; next try in 2 s")
    assert server.get() == str(survivor)
    (folder / "lifespan-fails").unlink()
    server.wait_for(r"worker \d \(pid \d+\) is ready")
    assert server.log().count("Traceback") == 1, server.log()
    assert "RuntimeError: no database" in server.log()
    assert server.stop() == 0


def test_workers_whose_supervisor_is_killed_stop_by_themselves(serve: Serve) -> None:
    server = serve("--workers", "2").ready()
    workers = pids(server, 2)
    poll(lambda: {int(server.get()) for _ in range(10)} == set(workers), "two workers that serve")
    request = in_flight(server)
    os.kill(server.pid, signal.SIGKILL)
    server.process.wait(5)
    poll(lambda: "the supervisor has gone: stopping" in server.log(), "the workers to notice")
    (server.folder / "go").touch()
    assert b" 200 " in answer(request)
    poll(lambda: not any(is_alive(pid) for pid in workers), "the workers to end")
    poll(lambda: server.log().count("lifespan over") == 2, "both lifespans to end")


def test_a_stuck_worker_outlives_its_supervisor_by_the_graceful_timeout_only(serve: Serve, folder: Path) -> None:
    (folder / "stuck.py").write_text(
        "import os, pathlib, time\ndef app(environ, start_response):\n"
        "    start_response('200 OK', [])\n    yield b'x'\n    pathlib.Path('waiting').touch()\n    time.sleep(60)\n"
    )
    server = serve("--graceful-timeout", "0.1", "--threads", "2", app="stuck:app").ready()
    [worker] = pids(server, 1)
    request = in_flight(server, "/")
    os.kill(server.pid, signal.SIGKILL)
    server.process.wait(5)
    poll(lambda: not is_alive(worker), "the worker to be ended", 10)
    answer(request)


# -- Stop


def test_term_finishes_the_requests_refuses_new_ones_and_runs_the_shutdown(serve: Serve) -> None:
    server = serve("--workers", "2").ready()
    those_who_answer(server, 2)
    request = in_flight(server)
    server.send(signal.SIGTERM)
    server.wait_for("Stopping; requests in progress have 30 s to finish")

    def refused() -> bool:
        try:
            server.connect().close()
        except ConnectionRefusedError:
            return True
        return False

    poll(refused, "new connections to be refused")
    assert server.process.poll() is None
    (server.folder / "go").touch()
    assert answer(request).startswith(b"HTTP/1.1 200 ")
    assert server.wait() == 0
    assert server.log().count("lifespan over") == 2, server.log()
    assert "[WARNING]" not in server.log()
    assert "[ERROR]" not in server.log()


def test_term_to_the_whole_group_is_a_clean_stop_too(serve: Serve) -> None:
    """As systemd (KillMode=control-group) and `timeout` send it."""
    server = serve("--workers", "3").ready()
    pids(server, 3)
    os.killpg(server.pid, signal.SIGTERM)
    assert server.wait() == 0
    assert "[ERROR]" not in server.log()
    assert "[WARNING]" not in server.log()


def test_ctrl_c_stops_an_idle_server_promptly_with_idle_connections_open(serve: Serve) -> None:
    server = serve("--workers", "2").ready()
    with server.connect() as idle, server.connect() as kept:
        kept.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        assert kept.recv(100).startswith(b"HTTP/1.1 200")
        idle.getpeername()
        os.killpg(server.pid, signal.SIGINT)  # the terminal sends it to all of them
        assert server.wait(5) == 0
    assert "[ERROR]" not in server.log()
    assert "KeyboardInterrupt" not in server.log()


@pytest.mark.parametrize(("path", "patience"), [("/wait", 5), ("/block", 5)])
def test_the_second_ctrl_c_ends_it_at_once(serve: Serve, path: str, patience: float) -> None:
    server = serve("--workers", "2").ready()
    request = in_flight(server, path)
    os.killpg(server.pid, signal.SIGINT)
    server.wait_for("Stopping; requests in progress have 30 s to finish")
    time.sleep(0.1)  # two Ctrl-C of a person are further apart than the two of a wrapper
    asked = time.monotonic()
    os.killpg(server.pid, signal.SIGINT)
    server.wait_for("Stopping at once")
    assert server.wait(patience) == 0
    assert time.monotonic() - asked < patience
    answer(request)
    if path == "/block":
        assert re.search(r"worker \d \(pid \d+\) had not ended 1 s after being told to: killed", server.log())


def test_quit_does_not_wait_for_requests(serve: Serve) -> None:
    server = serve().ready()
    request = in_flight(server)
    server.send(signal.SIGQUIT)
    assert server.wait(5) == 0
    answer(request)
    assert server.log().count("lifespan over") == 1, server.log()


def test_what_outlasts_the_graceful_timeout_is_cut_and_named(serve: Serve) -> None:
    server = serve("--graceful-timeout", "0.2").ready()
    request = in_flight(server)
    server.send(signal.SIGTERM)
    assert server.wait(10) == 0
    assert re.search(r"\[WARNING\].*/wait", server.log()), server.log()
    answer(request)


def test_a_graceful_timeout_of_0_cuts_at_once(serve: Serve) -> None:
    server = serve("--graceful-timeout", "0").ready()
    request = in_flight(server)
    server.send(signal.SIGTERM)
    assert server.wait(10) == 0
    assert re.search(r"\[WARNING\].*/wait", server.log()), server.log()
    assert "lifespan over" in server.log()
    answer(request)


def test_a_worker_that_does_not_answer_is_killed_and_named(serve: Serve) -> None:
    server = serve("--graceful-timeout", "0.2").ready()
    request = in_flight(server, "/block")
    server.send(signal.SIGTERM)
    assert server.wait(10) == 0
    assert re.search(r"worker 1 \(pid \d+\) had not finished its requests after 2\.2 s: killed", server.log())
    answer(request)


# -- Signals that must not hurt


def test_a_storm_of_sigchld_does_not_drown_a_stop(serve: Serve) -> None:
    server = serve("--workers", "2").ready()
    for _ in range(5000):
        server.send(signal.SIGCHLD)
    assert server.stop() == 0


# -- Process 1


def can_unshare() -> bool:
    if shutil.which("unshare") is None:
        return False
    return subprocess.run(["unshare", "--pid", "--fork", "true"], capture_output=True).returncode == 0


@pytest.mark.skipif(not can_unshare(), reason="no right to make process namespaces")
def test_as_process_1_it_reaps_strangers_and_stops_on_term(serve: Serve, folder: Path) -> None:
    (folder / "orphans.py").write_text(
        "import subprocess\n"
        "subprocess.run(['sh', '-c', '(sleep 0.05; exit 0) & (sleep 0.06; exit 3) &'])\n"
        "def app(environ, start_response):\n"
        "    start_response('200 OK', [])\n"
        "    return [subprocess.run(['ps', '-A', '-o', 'pid,stat,comm'], capture_output=True).stdout]\n"
    )
    unshare = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")
    server = serve(app="orphans:app", command=unshare).ready()
    assert server.get().splitlines()[1].split()[0] == "1"
    # The two orphans have gone, and are not left as zombies; only ps itself and the server are there.
    poll(lambda: len(server.get().splitlines()) == 4 and " Z" not in server.get(), "the orphans to be reaped")
    [supervisor] = server.workers()
    os.kill(supervisor, signal.SIGTERM)
    assert server.wait() == 0
    assert "[ERROR]" not in server.log()


def test_nothing_is_left_open_between_supervisor_and_workers(serve: Serve) -> None:
    """A worker has its own status pipe and the lifeline, and none of its siblings'."""
    server = serve("--workers", "3").ready()
    workers = pids(server, 3)
    poll(lambda: server.log().count("imported") == 3, "three imports")

    def pipes(pid: int) -> set[str]:
        links = set()
        for fd in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(FileNotFoundError):  # closed since
                links.add(os.readlink(f"/proc/{pid}/fd/{fd}"))
        return {link for link in links if link.startswith("pipe:")}

    def shared() -> set[str]:
        return set.intersection(*(pipes(pid) for pid in workers))

    lifeline = poll(lambda: len(shared()) == 1 and shared(), "the lifeline to be all they share")
    assert lifeline < pipes(server.pid)
    assert server.stop() == 0


def test_a_connection_that_waits_in_the_queue_survives_the_death_of_a_worker(serve: Serve) -> None:
    server = serve().ready()
    [worker] = pids(server, 1)
    os.kill(worker, signal.SIGSTOP)
    with server.connect() as waiting:
        waiting.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        os.kill(worker, signal.SIGKILL)
        waiting.settimeout(10)
        answer = b""
        try:
            while data := waiting.recv(1000):
                answer += data
        except TimeoutError:
            pass
    assert answer.startswith(b"HTTP/1.1 200")
