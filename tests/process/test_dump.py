"""Dumps: of processes that are stuck in each way there is, and the supervisor's side of the pipes."""

from __future__ import annotations

import asyncio
import os
import select
import selectors
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from bicorn.observe.scoreboard import Held
from bicorn.process import dump
from bicorn.process.dump import QUIET, WAIT, Dumps, name_requests

# -- What a worker writes --------------------------------------------------------------------------------------------

BEGIN = """
import os, sys
from bicorn.process.dump import register
assert register(int(sys.argv[1]))
def tell():
    os.write(int(sys.argv[2]), b"x")
"""


def dumped(code: str, *, folder: Path | None = None, wait: float = 10.0) -> str:
    """Run this until it tells, then ask for its stacks; what it wrote."""
    dumps = Dumps(selectors.DefaultSelector())
    writer = dumps.open(1)
    reader = dumps._pipes[1].reader
    told, tell = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-c", BEGIN + textwrap.dedent(code), str(writer), str(tell)],
        pass_fds=(writer, tell),
        cwd=folder,
    )
    try:
        dumps.forked(1)
        os.close(tell)
        assert os.read(told, 1) == b"x", "it ended"
        assert dumps.ask(1, process.pid, time.monotonic())
        end = time.monotonic() + wait
        while time.monotonic() < end:
            deadline = dumps.deadline()
            assert deadline is not None
            if select.select([reader], [], [], max(0.0, min(deadline, end) - time.monotonic()))[0]:
                dumps.read(1, time.monotonic())
            for number, text in dumps.complete(time.monotonic()):
                assert number == 1
                return text
        raise AssertionError("nothing came")
    finally:
        process.kill()
        process.wait()
        os.close(told)
        dumps.close(1)


@pytest.mark.slow
def test_asleep() -> None:
    text = dumped(
        """
        import time
        def wait_for_the_database():
            tell()
            time.sleep(60)
        wait_for_the_database()
        """
    )
    assert "most recent call first" in text
    assert "in wait_for_the_database" in text


@pytest.mark.slow
def test_in_a_process_forked_from_one_that_is_asked_the_same_way() -> None:
    text = dumped(
        """
        import time
        assert register(int(sys.argv[1]))  # again
        def wait_for_the_database():
            tell()
            time.sleep(60)
        wait_for_the_database()
        """
    )
    assert "in wait_for_the_database" in text


@pytest.mark.slow
def test_in_an_endless_loop() -> None:
    text = dumped(
        """
        def spin():
            tell()
            while True:
                pass
        spin()
        """
    )
    assert "in spin" in text


@pytest.mark.slow
@pytest.mark.parametrize(
    "call", ["pow(7, 10**9)", "__import__('re').match('(a|a)*$', 'a' * 60 + 'b')"], ids=["power", "backtracking"]
)
def test_in_native_code_that_holds_the_lock(call: str) -> None:
    text = dumped(
        f"""
        import re
        def compute():
            tell()
            {call}
        compute()
        """
    )
    assert "in compute" in text


@pytest.mark.slow
def test_in_an_import(tmp_path: Path) -> None:
    (tmp_path / "slow_to_import.py").write_text("import sys, time\nsys.modules['__main__'].tell()\ntime.sleep(60)\n")
    text = dumped("import sys; sys.path.insert(0, ''); import slow_to_import", folder=tmp_path)
    assert 'slow_to_import.py", line ' in text


@pytest.mark.slow
def test_tasks_that_wait_and_threads() -> None:
    text = dumped(
        """
        import asyncio, threading, time
        async def query():
            await asyncio.sleep(60)
        async def view():
            await query()
        async def other():
            await asyncio.Event().wait()
        async def main():
            tasks = [asyncio.create_task(view()) for _ in range(5)] + [asyncio.create_task(other(), name="lonely")]
            threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
            await asyncio.sleep(0.01)
            tell()
            await asyncio.gather(*tasks)
        asyncio.run(main())
        """
    )
    threads, tasks = text.split("\nTask ", 1)
    assert threads.count("most recent call first") == 2
    assert "in view" not in threads
    groups = ("Task " + tasks).split("\n\n")
    (views,) = [group for group in groups if "in view" in group]
    assert "and 2 more (most recent call first):" in views, "those that wait at the same place are told together"
    assert views.index("in sleep") < views.index("in query") < views.index("in view")
    (lonely,) = [group for group in groups if "Task lonely" in group]
    assert "in other" in lonely


@pytest.mark.slow
def test_uvloop_too() -> None:
    pytest.importorskip("uvloop")
    text = dumped(
        """
        import asyncio, uvloop
        async def view():
            tell()
            await asyncio.Event().wait()
        uvloop.run(view())
        """
    )
    assert text.count("in view") == 1


@pytest.mark.slow
def test_an_answer_is_bounded() -> None:
    text = dumped(
        """
        import asyncio
        code = "\\n".join(f"async def view_{n}():\\n    await asyncio.Event().wait()" for n in range(2000))
        exec(code)
        async def main():
            tasks = [asyncio.create_task(globals()[f"view_{n}"]()) for n in range(2000)]
            await asyncio.sleep(0)
            tell()
            await asyncio.Event().wait()
        asyncio.run(main())
        """
    )
    assert "2001 tasks altogether" in text
    assert len(text) < 20000


async def test_what_waits_for_a_generator() -> None:
    async def numbers() -> Iterator[int]:  # type: ignore[misc]
        await asyncio.Event().wait()
        yield 1

    async def view() -> None:
        async for _ in numbers():  # type: ignore[attr-defined]
            pass

    task = asyncio.create_task(view(), name="the view")
    await asyncio.sleep(0)
    text = dump._tasks()
    assert "Task the view" in text
    assert "in view" in text
    assert "test_what_waits_for_a_generator" in text, "the running one too"
    task.cancel()


def test_without_a_loop_there_are_no_tasks() -> None:
    assert dump._tasks() == ""


def test_where_it_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise ValueError("signal only works in main thread")

    monkeypatch.setattr(signal, "signal", refuse)
    assert dump.register(1) is False


# -- What the supervisor makes of it ---------------------------------------------------------------------------------


@pytest.fixture
def dumps() -> Iterator[Dumps]:
    made = Dumps(selectors.DefaultSelector())
    yield made
    for number in list(made._pipes):
        made.close(number)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Whom a signal was sent."""
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: sent.append((pid, number)))
    return sent


def test_a_whole_answer_is_there_at_once(dumps: Dumps, asked: list[tuple[int, int]]) -> None:
    writer = dumps.open(1)
    assert dumps.ask(1, 4711, 10.0)
    assert asked == [(4711, signal.SIGUSR2)]
    assert dumps.deadline() == 10.0 + WAIT
    os.write(writer, b"Current thread\n")
    assert dumps.read(1, 10.1)
    assert dumps.complete(10.1) == []
    os.write(writer, b"Task\n\x04")
    assert dumps.read(1, 10.2)
    assert dumps.deadline() == 10.2
    assert dumps.complete(10.2) == [(1, "Current thread\nTask")]
    assert dumps.complete(99.0) == []
    assert dumps.deadline() is None


def test_half_an_answer_is_taken_when_no_more_comes(dumps: Dumps, asked: list[tuple[int, int]]) -> None:
    writer = dumps.open(1)
    dumps.ask(1, 4711, 10.0)
    os.write(writer, b"Current thread")
    dumps.read(1, 10.1)
    assert dumps.deadline() == 10.1 + QUIET
    assert dumps.complete(10.1 + QUIET) == [(1, "Current thread")]


def test_however_much_comes_it_ends_in_time_and_is_cut(dumps: Dumps, asked: list[tuple[int, int]]) -> None:
    writer = dumps.open(1)
    dumps.ask(1, 4711, 10.0)
    for step in range(1, 10):
        now = 10.0 + step / 10
        os.write(writer, b"x" * 30000)
        dumps.read(1, now)
    assert dumps.deadline() == 10.0 + WAIT
    ((_, text),) = dumps.complete(11.0)
    assert 1 << 17 <= len(text) <= 1 << 18


def test_no_answer_is_one(dumps: Dumps, asked: list[tuple[int, int]]) -> None:
    dumps.open(1)
    dumps.open(2)
    dumps.ask(1, 4711, 10.0)
    dumps.ask(2, 4712, 10.5)
    assert dumps.complete(10.9) == []
    assert dumps.complete(11.0) == [(1, "")]
    assert dumps.deadline() == 11.5


def test_one_that_nobody_asked_for_comes_too(dumps: Dumps) -> None:
    writer = dumps.open(1)
    os.write(writer, b"Current thread\x04")
    dumps.read(1, 10.0)
    assert dumps.complete(10.0) == [(1, "Current thread")]


def test_to_ask_twice_is_one_answer(dumps: Dumps, asked: list[tuple[int, int]]) -> None:
    dumps.open(1)
    dumps.ask(1, 4711, 10.0)
    dumps.ask(1, 4711, 10.5)
    assert dumps.complete(11.0) == [(1, "")]
    assert dumps.complete(12.0) == []


def test_nobody_is_there(dumps: Dumps, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not dumps.ask(1, 4711, 10.0)
    assert not dumps.read(1, 10.0)
    assert dumps.close(1) == ""
    dumps.forked(1)

    def gone(pid: int, number: int) -> None:
        raise ProcessLookupError

    monkeypatch.setattr(os, "kill", gone)
    dumps.open(1)
    assert dumps.ask(1, 4711, 10.0)
    assert dumps.complete(10.0) == [(1, "")]


def test_last_words_are_kept(dumps: Dumps, asked: list[tuple[int, int]]) -> None:
    writer = dumps.open(1)
    dumps.ask(1, 4711, 10.0)
    os.write(writer, b"Current thread")
    dumps.forked(1)
    assert dumps.close(1) == "Current thread"
    assert not dumps._pipes
    assert not dumps._selector.get_map()


def test_what_all_stacks_have_is_left_out(dumps: Dumps) -> None:
    writer = dumps.open(1)
    here = os.path.dirname(dump.__file__)
    lines = [
        "Current thread 0x1 (most recent call first):",
        '  File "/srv/models.py", line 3 in <module>',
        '  File "<frozen importlib._bootstrap>", line 488 in _call_with_frames_removed',
        '  File "<frozen importlib._bootstrap_external>", line 1026 in exec_module',
        '  File "/srv/main.py", line 1 in <module>',
        '  File "/srv/process/worker.py", line 7 in theirs',
        f'  File "{here}/worker.py", line 139 in _serve',
        f'  File "{here}/spawn.py", line 77 in _live',
        "",
        "Task Task-1 (most recent call first):",
        '  File "/srv/main.py", line 9 in app',
    ]
    os.write(writer, "\n".join(lines).encode() + b"\x04")
    dumps.read(1, 10.0)
    ((_, text),) = dumps.complete(10.0)
    assert text.splitlines() == [*lines[:2], *lines[4:6], *lines[8:]]


def test_the_worker_has_gone(dumps: Dumps) -> None:
    dumps.open(1)
    dumps.forked(1)
    assert not dumps.read(1, 10.0)


def test_a_worker_keeps_its_own_end_alone(dumps: Dumps) -> None:
    other, own = (dumps.open(number) for number in (1, 2))
    readers = [pipe.reader for pipe in dumps._pipes.values()]
    dumps.forget(2)
    for fd in (other, *readers):
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(fd)
    os.close(own)


def test_the_pipes_never_block(dumps: Dumps) -> None:
    writer = dumps.open(1)
    assert not os.get_blocking(dumps._pipes[1].reader)
    assert not os.get_blocking(writer)


# -- Who is at what --------------------------------------------------------------------------------------------------

TEXT = """\
Thread 0x00007f0000000002 [bicorn-wsgi_0] (most recent call first):
  File "main.py", line 3 in slow

Thread 0x00007f0000000003 (most recent call first):
  File "main.py", line 9 in other

Current thread 0x00007f0000000001 (most recent call first):
  File "loop.py", line 1 in run"""


def test_requests_are_written_beside_their_threads() -> None:
    held = [
        Held("GET", "/slow?page=1", 88.0, 0x7F0000000002),
        Held("GET", "/", 99.0, 0x7F0000000001),
        Held("GET", "/loop", 99.0),
    ]
    lines = name_requests(TEXT, held, 100.0).splitlines()
    assert lines[0] == (
        "Thread 0x00007f0000000002 [bicorn-wsgi_0] with GET /slow?page=1 for 12 s (most recent call first):"
    )
    assert lines[3] == "Thread 0x00007f0000000003 (most recent call first):"
    assert lines[6] == "Current thread 0x00007f0000000001 with GET / for 1 s (most recent call first):"
    assert name_requests(TEXT, [], 100.0) == TEXT
