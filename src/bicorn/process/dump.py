"""The stacks of a worker, also of one that is stuck: written into a pipe when SIGUSR2 asks, read by the supervisor.

Two hands write, one after the other. faulthandler's handler runs inside the signal, in C: it shows what every thread is
doing even where the main one holds the interpreter's lock in native code and never returns. Then Python's own handler
shows the tasks of the event loop, which no thread's stack has: it needs a turn of the interpreter, so a worker that is
stuck in native code answers with the first half alone.

The pipe never blocks, on either side: a dump that does not fit is cut, and the supervisor waits for nobody.
"""

from __future__ import annotations

import os
import re
import selectors
import signal
import sys
import time
from collections.abc import Iterable
from functools import partial
from typing import Any

from ..observe.scoreboard import Held
from .policy.events import Event
from .policy.words import duration

WAIT = 1.0
"""Seconds a worker has for its answer."""
QUIET = 0.3
"""Seconds of silence after which the rest will not come: it is stuck in native code."""
_END = b"\x04"  # the tasks have been written too
_LIMIT = 1 << 17  # bytes of one dump, and what a last look may bring; a pipe holds half of that
_TASKS = 1000  # are looked at
_STACKS = 50  # different ones are shown
_FRAMES = 40  # of each

# -- The worker's side -----------------------------------------------------------------------------------------------


def register(fd: int) -> bool:
    """From now on SIGUSR2 writes the stacks to `fd`, a pipe's end that does not block; False where that cannot be.

    To be called in the main thread. An application that sets a handler of its own for SIGUSR2 takes this one's place.
    """
    import faulthandler

    def show_tasks(_number: int, _frame: object) -> None:
        try:
            os.write(fd, _tasks().encode("utf-8", "backslashreplace")[: _LIMIT // 4] + _END)
        except OSError:
            pass  # the pipe is full, or nobody reads

    try:
        # It may be registered already, from the process that this one was forked from. Then it would only change its
        # file, and not take the place of the handler below.
        faulthandler.unregister(signal.SIGUSR2)
        # In this order: faulthandler remembers who was there, and calls him after itself.
        signal.signal(signal.SIGUSR2, show_tasks)
        faulthandler.register(signal.SIGUSR2, file=fd, all_threads=True, chain=True)
    except (AttributeError, OSError, RuntimeError, ValueError):
        return False
    return True


def _tasks() -> str:
    """Every task of the running loop, those that wait at the same place told together."""
    asyncio: Any = sys.modules.get("asyncio")
    loop = asyncio.events._get_running_loop() if asyncio is not None else None
    if loop is None:
        return ""
    from ..apps.reserve import is_in_reserve  # the supervisor has no asyncio

    groups: dict[tuple[str, ...], list[str]] = {}
    tasks = [task for task in asyncio.all_tasks(loop) if not is_in_reserve(task)]
    for task in tasks[:_TASKS]:
        groups.setdefault(tuple(_stack(task.get_coro())), []).append(task.get_name())
    lines = []
    for stack, names in list(groups.items())[:_STACKS]:
        shown = ", ".join(sorted(names)[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
        lines += ["", f"Task {shown} (most recent call first):", *(stack or ("  no Python frame",))]
    if len(tasks) > _TASKS or len(groups) > _STACKS:
        lines += ["", f"(and more: {len(tasks)} tasks altogether)"]
    return "\n".join([*lines, ""])


def _stack(awaited: Any) -> list[str]:
    """The frames of a coroutine and of what it waits for, in faulthandler's form and order."""
    from ..apps.reserve import call_behind

    lines: list[str] = []
    while awaited is not None and len(lines) < _FRAMES:
        frame = next(
            (found for name in ("cr_frame", "gi_frame", "ag_frame") if (found := getattr(awaited, name, None))), None
        )
        if frame is not None:
            code = frame.f_code
            lines.insert(0, f'  File "{code.co_filename}", line {frame.f_lineno} in {code.co_name}')
        awaited = call_behind(awaited) or next(
            (found for name in ("cr_await", "gi_yieldfrom", "ag_await") if (found := getattr(awaited, name, None))),
            None,
        )
    return lines


# -- The supervisor's side -------------------------------------------------------------------------------------------


class _Pipe:
    """One worker's pipe and what has come out of it.

    Attributes:
        until: when the dump is over if nothing more comes; None while there is none.
        end: when it is over whatever comes.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.reader, False)
        os.set_blocking(self.writer, False)
        self.data = b""
        self.until: float | None = None
        self.end = 0.0


class Dumps:
    """The pipes of all workers.

    The supervisor opens one before each fork, gives its writing end to the worker and closes it after the fork. It
    reads when the selector says that there is something (a dump that nobody asked for comes so too: whoever sends
    SIGUSR2 to a worker finds it in the log), wakes up at `deadline`, and takes what is complete.

    Args:
        selector: what the supervisor waits with.
    """

    def __init__(self, selector: selectors.BaseSelector) -> None:
        self._selector = selector
        self._pipes: dict[int, _Pipe] = {}

    def open(self, number: int) -> int:
        """Before the fork: the writing end, for the worker.

        Raises:
            OSError: there are no descriptors to have.
        """
        self.close(number)
        pipe = self._pipes[number] = _Pipe(number)
        self._selector.register(pipe.reader, selectors.EVENT_READ, partial(self._readable, number))
        return pipe.writer

    def forked(self, number: int) -> None:
        """After the fork, in the supervisor: the writing end is the worker's alone."""
        pipe = self._pipes.get(number)
        if pipe is not None and pipe.writer >= 0:
            os.close(pipe.writer)
            pipe.writer = -1

    def forget(self, number: int) -> None:
        """After the fork, in worker `number`: the reading ends are the supervisor's, and other workers have theirs."""
        for pipe in self._pipes.values():
            os.close(pipe.reader)
            if pipe.writer >= 0 and pipe.number != number:
                os.close(pipe.writer)
        self._pipes.clear()

    def ask(self, number: int, pid: int, now: float) -> bool:
        """Send SIGUSR2; False where there is nobody to answer."""
        pipe = self._pipes.get(number)
        if pipe is None:
            return False
        if pipe.until is None:
            pipe.data = b""
            pipe.until = pipe.end = now + WAIT
        try:
            os.kill(pid, signal.SIGUSR2)
        except ProcessLookupError:
            pipe.until = now
        return True

    def read(self, number: int, now: float) -> bool:
        """Take what has come; False when the worker has closed its end, so that the selector shall forget it."""
        pipe = self._pipes.get(number)
        while pipe is not None:
            try:
                data = os.read(pipe.reader, 65536)
            except BlockingIOError:
                return True
            if not data:
                return False
            # The rest comes at once, or after the interpreter's next turn, or never.
            if pipe.until is None:
                pipe.end = now + WAIT
            pipe.until = min(now + QUIET, pipe.end)
            if len(pipe.data) < _LIMIT:
                pipe.data += data
            if data.endswith(_END):
                pipe.until = now
        return False

    def _readable(self, number: int) -> list[Event]:
        if not self.read(number, time.monotonic()):
            self._selector.unregister(self._pipes[number].reader)
        return []

    def deadline(self) -> float | None:
        """When `complete` is to be asked next."""
        return min((pipe.until for pipe in self._pipes.values() if pipe.until is not None), default=None)

    def complete(self, now: float) -> list[tuple[int, str]]:
        """The dumps that are over, as (number, text); the text is empty where no answer came."""
        done = [pipe for pipe in self._pipes.values() if pipe.until is not None and pipe.until <= now]
        texts = []
        for pipe in done:
            texts.append((pipe.number, _text(pipe.data)))
            pipe.data, pipe.until = b"", None
        return texts

    def close(self, number: int) -> str:
        """The worker has gone; what it had to say, if it was asked and that has not been taken."""
        pipe = self._pipes.get(number)
        if pipe is None:
            return ""
        self.read(number, time.monotonic())
        del self._pipes[number]
        if pipe.reader in self._selector.get_map():
            self._selector.unregister(pipe.reader)
        for end in (pipe.reader, pipe.writer):
            if end >= 0:
                os.close(end)
        return _text(pipe.data)


def _text(data: bytes) -> str:
    """The stacks without what all of them have: the way to the worker's own code, and that of the import system."""
    text = data.replace(_END, b"").decode("utf-8", "replace").strip("\n")
    return _MACHINERY.sub("", _WAY_HERE.sub("", text))


_OURS = re.escape(os.path.join(os.path.dirname(__file__), "worker.py"))
_WAY_HERE = re.compile(rf'\n  File "{_OURS}", line .*(?:\n  File .*)*')
_MACHINERY = re.compile(r'\n  File "<frozen importlib\._bootstrap(?:_external)?>", line .*')

_THREAD = r"(?m)^((?:Current thread|Thread) 0x([0-9a-f]+)[^(\n]*)"  # text: to compile it takes every start too long


def name_requests(text: str, held: Iterable[Held], now: float) -> str:
    """The dump with each request written beside the thread that its application runs in."""
    threads: dict[int, list[str]] = {}
    for each in held:
        if each.thread:
            threads.setdefault(each.thread, []).append(f"{each.method} {each.target} for {duration(now - each.start)}")

    def name(match: re.Match[str]) -> str:
        requests = threads.get(int(match[2], 16))
        return f"{match[1]}with {', '.join(requests)} " if requests else match[1]

    return re.sub(_THREAD, name, text)
