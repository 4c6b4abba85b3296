"""Real signals to this very process, and to a child where its dispositions would be changed for good."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from bicorn.errors import BicornError
from bicorn.process.signals import ASKS, HEARD, LEFT_TO_THE_SUPERVISOR, SignalPipe, nothing


@pytest.fixture
def pipe() -> Iterator[SignalPipe]:
    before = {number: signal.getsignal(number) for number in HEARD}
    opened = SignalPipe()
    yield opened
    opened.close()
    assert {number: signal.getsignal(number) for number in HEARD} == before


def test_signals_are_read_in_their_order(pipe: SignalPipe) -> None:
    assert pipe.read() == []
    for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGCHLD, signal.SIGTERM):
        os.kill(os.getpid(), number)
        select.select([pipe], [], [], 5)
    assert pipe.read() == [signal.SIGHUP, signal.SIGTERM, signal.SIGCHLD, signal.SIGTERM]
    assert pipe.read() == []


def test_a_full_pipe_is_no_error(pipe: SignalPipe) -> None:
    while select.select([], [pipe._writer], [], 0)[1]:
        os.write(pipe._writer, b"\x11" * 4096)
    os.kill(os.getpid(), signal.SIGCHLD)
    heard = pipe.read()
    assert len(heard) >= 4096
    assert set(heard) == {signal.SIGCHLD}


def test_only_the_main_thread_can_listen() -> None:
    failure: list[BaseException] = []

    def listen() -> None:
        try:
            SignalPipe()
        except BicornError as error:
            failure.append(error)

    thread = threading.Thread(target=listen)
    thread.start()
    thread.join()
    assert "must be run from the main thread" in str(failure[0])


def test_a_hup_is_heard_under_nohup_too() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        pipe = SignalPipe()
        os.kill(os.getpid(), signal.SIGHUP)
        assert pipe.read() == [signal.SIGHUP]
        pipe.close()
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_worker_dies_of_term_and_of_nothing_else_until_its_loop_runs() -> None:
    code = """
import os, signal
from bicorn.process.signals import HEARD, LEFT_TO_THE_SUPERVISOR, SignalPipe, become_worker
pipe = SignalPipe()
pipe.forget()
become_worker()
assert signal.set_wakeup_fd(-1) == -1
assert signal.getsignal(signal.SIGCHLD) is signal.SIG_DFL
for number in LEFT_TO_THE_SUPERVISOR:
    os.kill(os.getpid(), number)
print("alive", flush=True)
os.kill(os.getpid(), signal.SIGTERM)
print("not reached", flush=True)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert (done.stdout, done.stderr, done.returncode) == ("alive\n", "", -signal.SIGTERM)


def test_the_table_is_complete() -> None:
    assert ASKS.keys() | {signal.SIGCHLD} == HEARD
    assert ASKS.keys() - {signal.SIGTERM} == LEFT_TO_THE_SUPERVISOR
    assert len(set(ASKS.values())) == len(ASKS)
    nothing(1, None)
