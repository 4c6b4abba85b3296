"""A real template, in a program of its own: it imports, forks over its socket, and goes with its supervisor."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bicorn.process import leftovers

HEAD = """
import os, selectors, signal, socket, sys, time
from bicorn.config.settings import Config
from bicorn.process import nursery, signals, spawn, template, warm

lifeline, hold = os.pipe()
config = Config(app=sys.argv[1], app_dir=sys.argv[2])

def before(number, age):
    print("before", number, age, flush=True)

def work(number, tell, dump, is_alone, apps):
    os.close(hold)
    names = [app.name for _, app in apps] if apps else [name for name in libraries if name in sys.modules]
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    os.write(tell, f"{number} {is_alone} {names} {mask} {signal.getsignal(signal.SIGTERM)}".encode())
    while os.read(lifeline, 1):
        pass
    return 7

libraries = sys.argv[3:]
if libraries:
    warm.PACKAGES = frozenset(libraries)
    sys.path.insert(0, os.path.join(sys.argv[2], "site-packages"))

def live(sock):
    os.close(hold)
    signals.become_template()
    spawn.unblock()
    dump = os.open(os.devnull, os.O_WRONLY)
    nursery.run(config, [], sock, dump, lifeline, before, work, libraries)

made = template.start(1, 0.0, live, has_libraries=bool(libraries))

def hear(kind):
    end = time.monotonic() + 20
    while time.monotonic() < end:
        for said in made.listen()[0]:
            heard.append(said)
        for said in heard:
            if isinstance(said, kind):
                heard.remove(said)
                return said
        time.sleep(0.005)
    raise SystemExit(f"waited for {kind}: {heard}")

heard = []

def ask(number, alone):
    reader, tell = os.pipe()
    far, dump = os.pipe()
    made.ask(number, reader, (tell, dump), alone, 40 + number)
    for fd in (tell, dump, far):
        os.close(fd)
    forked = hear(template.WorkerForked)
    assert forked.number == number
    return forked.pid, reader
"""


def run(code: str, folder: Path, source: str = "def app(environ, start_response): return []\n", *libraries: str) -> str:
    (folder / "kept_app.py").write_text(source, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-u", "-c", HEAD + code, "kept_app:app", str(folder), *libraries],
        capture_output=True,
        text=True,
        timeout=40,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_workers_are_forked_with_the_application_and_their_end_is_told(tmp_path: Path) -> None:
    out = run(
        """
print(hear(template.Imported))
pid, said = ask(3, True)
print(os.read(said, 1000).decode())
other, _ = ask(4, False)
os.kill(pid, signal.SIGKILL)
gone = hear(template.WorkerGone)
print(gone.pid == pid, os.waitstatus_to_exitcode(gone.wait_status))
made.discard()
time.sleep(0.05)
print(os.waitpid(made.pid, os.WNOHANG)[0])  # it waits for its last worker
os.kill(other, signal.SIGTERM)
hear(template.WorkerGone)
print(os.waitstatus_to_exitcode(os.waitpid(made.pid, 0)[1]))
""",
        tmp_path,
    )
    assert out.splitlines() == [
        "Imported(app='kept_app:app')",
        "before 3 43",
        "3 True ['kept_app:app'] set() 0",
        "before 4 44",
        "True -9",
        "0",
        "0",
    ]


def test_what_cannot_be_imported_is_told_and_is_its_end(tmp_path: Path) -> None:
    out = run(
        """
failed = hear(template.Failed)
print(failed.code, "ZeroDivisionError" in failed.message, made.has_failed)
print(os.waitstatus_to_exitcode(os.waitpid(made.pid, 0)[1]))
""",
        tmp_path,
        "1/0\n",
    )
    assert out == "3 True True\n3\n"


def test_it_hears_nothing_that_is_meant_for_the_supervisor_and_ends_when_that_does(tmp_path: Path) -> None:
    out = run(
        """
hear(template.Imported)
for number in signals.ASKS:
    os.kill(made.pid, number)
    time.sleep(0.01)  # all at once would be too many for the small stack that faulthandler gives to signals
pid, said = ask(1, True)
os.close(hold)
print(os.waitstatus_to_exitcode(os.waitpid(made.pid, 0)[1]))
""",
        tmp_path,
    )
    assert out.splitlines()[-1] == "0"


def test_a_thread_that_the_import_has_begun_does_not_keep_it(tmp_path: Path) -> None:
    out = run(
        """
hear(template.Imported)
made.discard()
print(os.waitstatus_to_exitcode(os.waitpid(made.pid, 0)[1]))
""",
        tmp_path,
        "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), name='pusher').start()\n"
        "def app(environ, start_response): return []\n",
    )
    assert "the import has left behind 1 thread ('pusher'): each worker" in out
    assert "0" in out.splitlines()


def test_one_that_does_not_listen_is_an_error_and_not_a_wait(tmp_path: Path) -> None:
    out = run(
        """
hear(template.Imported)
os.kill(made.pid, signal.SIGSTOP)
readers = []
try:
    for number in range(100000):
        reader, tell = os.pipe()
        try:
            made.ask(number, reader, (tell,), True)
        finally:
            os.close(tell)
except OSError as error:
    print(type(error).__name__)
made.kill()
os.waitpid(made.pid, 0)
made.close()
print(made.waiting, made.fileno())
""",
        tmp_path,
    )
    assert out.splitlines()[-2:] == ["BlockingIOError", "{} -1"] or "OSError" in out


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A library, and an application that must not be imported."""
    place = tmp_path / "site-packages"
    place.mkdir()
    (place / "a_library.py").write_text("")
    return place


def test_workers_are_forked_with_libraries_until_these_are_installed_anew(tmp_path: Path, installed: Path) -> None:
    out = run(
        f"""
print(type(hear(template.Imported)).__name__)
pid, said = ask(3, True)
print(os.read(said, 1000).decode())
os.utime({str(installed / "a_library.py")!r}, (1, 1))
reader, tell = os.pipe()
far, dump = os.pipe()
for number in (4, 5):
    made.ask(number, os.dup(reader), (tell, dump), True)
print(hear(template.Failed).message, made.can_be_asked())
print(hear(template.ForkFailed).number, hear(template.ForkFailed).number)
print(os.waitpid(made.pid, os.WNOHANG)[0])  # it waits for its last worker
os.kill(pid, signal.SIGKILL)
print(os.waitstatus_to_exitcode(os.waitpid(made.pid, 0)[1]))
""",
        tmp_path,
        "1/0\n",
        "a_library",
    )
    assert out.splitlines() == [
        "Imported",
        "before 3 43",
        "3 True ['a_library'] set() 0",
        "a_library: installed anew False",
        "4 5",
        "0",
        "0",
    ]


def test_libraries_that_leave_something_behind_are_not_forked_with(tmp_path: Path, installed: Path) -> None:
    (installed / "a_library.py").write_text(
        "import threading\nthreading.Thread(target=threading.Event().wait, name='pusher', daemon=True).start()\n"
    )
    out = run(
        """
print(hear(template.Failed).message)
print(os.waitstatus_to_exitcode(os.waitpid(made.pid, 0)[1]))
""",
        tmp_path,
        "1/0\n",
        "a_library",
    )
    assert out.splitlines() == ["their import has left behind 1 thread ('pusher')", "0"]


@pytest.mark.skipif(sys.platform != "linux", reason="names of native threads are Linux's")
def test_what_is_left_behind_has_names() -> None:
    code = """
import asyncio, socket, threading
from bicorn.process import leftovers
before = leftovers.descriptors()
assert leftovers.find(before) == [], leftovers.find(before)
loop = asyncio.new_event_loop()
closed = asyncio.new_event_loop()
closed.close()
server = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(server.getsockname())
gate = threading.Event()
for number in range(7):
    threading.Thread(target=gate.wait, name=f"pusher {number}").start()
print(*leftovers.find(before), sep="\\n")
gate.set()
loop.close()
client.close()
server.close()
"""
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, timeout=30)
    threads, loops, connections = done.stdout.splitlines() or [done.stderr, "", ""]
    assert threads == "7 threads ('pusher 0', 'pusher 1', 'pusher 2', 'pusher 3', 'pusher 4' and 2 more)"
    assert loops == "1 event loop (_UnixSelectorEventLoop)"
    assert connections.startswith("1 connection to (127.0.0.1:")


def test_nothing_is_left_behind_by_what_was_there_before() -> None:
    assert leftovers._opened(leftovers.descriptors()) == []
