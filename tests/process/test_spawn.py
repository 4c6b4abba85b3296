"""Real forks, from a small program of its own: the test process has threads and coverage that are not to be copied."""

from __future__ import annotations

import errno
import os
import subprocess
import sys

import pytest

from bicorn.process import spawn

HEAD = """
import os, signal, sys, atexit, threading, time
from bicorn.process import spawn

def start(life):
    pid, reader = spawn.fork(life)
    os.set_blocking(reader, True)
    with open(reader, "rb") as said:
        words = said.read()
    return words, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
"""


def run(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", HEAD + code], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_the_child_speaks_and_leaves_with_its_code_and_never_comes_back() -> None:
    assert (
        run("""
def life(tell):
    os.write(tell, b"hello")
    return 7
print(start(life))
""")
        == "(b'hello', 7)\n"
    )


def test_what_is_buffered_is_written_once() -> None:
    assert (
        run("""
sys.stdout.write("once ")
def life(tell):
    sys.stdout.write("child ")
    return 0
start(life)
""")
        == "once child "
    )


def test_an_exception_is_shown_and_is_exit_code_1() -> None:
    out = run("""
def life(tell):
    raise RuntimeError("broken")
print(start(life))
""")
    assert out.startswith("(b'', 1)\n")
    assert out.endswith("RuntimeError: broken\n")
    assert out.count("Traceback") == 1


def test_exit_handlers_and_threads_of_executors_are_finished() -> None:
    assert (
        run("""
from concurrent.futures import ThreadPoolExecutor
def life(tell):
    atexit.register(os.write, tell, b" exit handler")
    gate = threading.Event()
    ThreadPoolExecutor(1).submit(lambda: (gate.wait(10), os.write(tell, b"job")))
    gate.set()
    return 0
print(start(life))
""")
        == "(b'job exit handler', 0)\n"
    )


def test_a_failing_exit_handler_changes_nothing() -> None:
    out = run("""
def life(tell):
    def fail():
        raise SystemExit(9)
    atexit.register(fail)
    sys.stdout.close()
    return 4
print(start(life))
""")
    assert out.startswith("(b'', 4)\n")


def test_signals_wait_until_the_child_says_so() -> None:
    assert (
        run("""
signal.signal(signal.SIGTERM, lambda *_: os.write(2, b"the parent's handler ran"))
def life(tell):
    os.kill(os.getpid(), signal.SIGTERM)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    os.write(tell, b"waited")
    spawn.unblock()
    os.write(tell, b" not reached")
    return 0
print(start(life), signal.pthread_sigmask(signal.SIG_BLOCK, []))
""")
        == "(b'waited', -15) set()\n"
    )


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.ENOMEM])
def test_no_process_to_have_leaves_no_descriptor_behind(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def fork() -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fork", fork)
    probe = os.dup(0)
    os.close(probe)
    with pytest.raises(OSError, match=os.strerror(number)):
        spawn.fork(lambda tell: 0)
    again = os.dup(0)
    os.close(again)
    assert again == probe
