"""Who is waited for, with a kernel that says what it is told to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import Any

import pytest

from bicorn.process.children import Child, Children, how
from bicorn.process.policy.events import Died, Event, Ready
from bicorn.process.status import ready


def waits(monkeypatch: pytest.MonkeyPatch, *answers: tuple[int, int] | type[Exception]) -> None:
    todo = list(answers)

    def waitpid(pid: int, _: int) -> tuple[int, int]:
        answer = todo.pop(0) if todo else (0, 0)
        if isinstance(answer, tuple):
            return answer
        raise answer

    monkeypatch.setattr(os, "waitpid", waitpid)


def expecting(pid: int) -> Children:
    children = Children()

    def ended(wait_status: int | None) -> list[Event]:
        assert wait_status is not None
        return [Died(1, *how(wait_status))]

    children.expect(pid, ended)
    return children


@pytest.mark.parametrize(
    ("wait_status", "expected"),
    [
        (3 << 8, (3, "")),
        (signal.SIGSEGV, (0, "SIGSEGV")),
        (signal.SIGRTMIN + 3, (0, "SIGRTMIN+3")),
        (0, (0, "")),
    ],
)
def test_how_a_process_ended(wait_status: int, expected: tuple[int, str]) -> None:
    assert how(wait_status) == expected


def test_whoever_has_gone_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    children = expecting(11)
    waits(monkeypatch, (0, 0), (11, 3 << 8))
    assert children.reap() == []
    assert children.reap() == [Died(1, 3)]
    assert children.reap() == []


def test_one_somebody_else_has_waited_for_is_gone_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    waits(monkeypatch, ChildProcessError)
    assert expecting(11).reap() == [Died(1, 0)]


def test_elsewhere_than_as_process_1_strangers_are_left_to_their_parents(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def waitpid(pid: int, _: int) -> tuple[int, int]:
        asked.append(pid)
        return 0, 0

    monkeypatch.setattr(os, "waitpid", waitpid)
    assert expecting(11).reap() == []
    assert asked == [11]


@pytest.mark.parametrize("end", [(0, 0), ChildProcessError])
def test_as_process_1_strangers_are_reaped_too(monkeypatch: pytest.MonkeyPatch, end: Any) -> None:
    monkeypatch.setattr(os, "getpid", lambda: 1)
    waits(monkeypatch, (4711, 0), (11, 0), (4712, 9), end)
    assert expecting(11).reap() == [Died(1, 0)]


def test_what_a_worker_says_until_it_hangs_up() -> None:
    reader, writer = os.pipe()
    os.set_blocking(reader, False)
    child = Child(1, 11, reader)
    assert child.listen() == ([], True)
    os.write(writer, ready("main:app"))
    os.close(writer)
    assert child.listen() == ([Ready(1, "main:app")], False)
    child.close()
    assert child.listen() == ([], False)
    child.close()


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="Linux only")
def test_a_process_that_is_not_ours_is_signalled_through_its_handle() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as process:
        child = Child(1, process.pid, -1, handle=os.pidfd_open(process.pid))
        child.kill(signal.SIGKILL)
        assert process.wait(10) == -signal.SIGKILL
        child.kill(signal.SIGKILL)  # it has gone, and whoever has its number now is left alone
        child.close()
    Child(1, process.pid, -1).kill(signal.SIGCHLD)
