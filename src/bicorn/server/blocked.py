"""Say who holds the event loop, while a developer is looking: a thread beside it that sees when it stands still.

The thread asks the loop for a sign of life every few milliseconds. When there is none for longer than ``limit`` it
takes the stack of the loop's thread, which is where the loop is held; when the loop turns again, or after a while, one
warning has the stack and how long it took.

What is not reported: the loop waiting for something to do; an inline WSGI application, which is meant to hold it
(:func:`unwatched`); a debugger's prompt; a stretch in which the whole process stood still (Ctrl-Z, a laptop's sleep).
"""

from __future__ import annotations

import asyncio
import logging
import os
import selectors
import sys
import threading
import time
import traceback
from collections.abc import Callable
from functools import cache
from types import CodeType
from typing import Any

from bicorn.apps.failure import is_library, short_path, user_stack

logger = logging.getLogger("bicorn.error")

INTERVAL = 0.02
PATIENCE = 2.0
"""Seconds after which a stretch that has not ended is reported all the same."""

DEBUGGERS = frozenset({"bdb.py", "pdb.py", "cmd.py", "pydevd.py", "pydevd_frame.py"})


class Watchdog:
    """Watches the loop that is running in the calling thread, until it is stopped.

    Args:
        limit: seconds the loop may stand still.
        warn: what to do with a report.
    """

    def __init__(self, limit: float, warn: Callable[[str], None] | None = None) -> None:
        self._limit = limit
        self._warn = warn or (lambda text: logger.warning("%s", text))
        self._loop = asyncio.get_running_loop()
        self._watched = threading.get_ident()
        self._depth = 0
        self._turned = threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="bicorn-blocked", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Watch no more."""
        self._over.set()
        self._turned.set()

    def _run(self) -> None:
        while not self._over.wait(INTERVAL):
            self._turned.clear()
            asked = time.monotonic()
            try:
                self._loop.call_soon_threadsafe(self._answer)
            except RuntimeError:
                return  # the loop is closed
            if self._has_turned(self._limit):
                continue
            stack = self._stack()
            if stack is not None:
                self._report(stack, asked)
            while not self._has_turned(1.0):
                pass

    def _answer(self) -> None:
        """In the loop."""
        if self._depth:
            self._turned.set()
        else:
            self._loop.call_soon(self._measure)  # since Python 3.14 a call from another thread has one more frame

    def _measure(self) -> None:
        """In the loop, which calls this as it calls everything: so far the stack is its own."""
        self._depth = sum(1 for _ in traceback.walk_stack(sys._getframe())) - 1
        self._turned.set()

    def _has_turned(self, limit: float) -> bool:
        return self._turned.wait(limit) or self._over.is_set()

    def _report(self, stack: traceback.StackSummary, asked: float) -> None:
        is_past = self._has_turned(PATIENCE - self._limit)
        took = time.monotonic() - asked
        if self._over.is_set():
            return
        own = [frame for frame in stack if not is_library(frame.filename)] or list(stack)
        where = f"{short_path(own[-1].filename)} line {own[-1].lineno}, in {own[-1].name}"
        length = f"for {took:.2f} s" if is_past else f"for {took:.0f} s already"
        self._warn(f"the event loop was blocked {length}, and served nothing else, by {where}\n{user_stack(stack)}")

    def _stack(self) -> traceback.StackSummary | None:
        """What holds the loop, the innermost call last; None where nothing does that is to be reported."""
        frames = list(traceback.walk_stack(sys._current_frames().get(self._watched)))[::-1][self._depth :]
        codes = [frame.f_code for frame, _ in frames]
        if any(code is _CALL or os.path.basename(code.co_filename) in DEBUGGERS for code in codes):
            return None
        # Not the frames themselves: they would keep the application's variables alive.
        stack = traceback.StackSummary.extract(iter(frames))
        application = [frame for frame in stack if not frame.filename.startswith(_machinery())]
        return traceback.StackSummary.from_list(application) if application else None


def unwatched(app: Callable[..., Any]) -> Callable[..., Any]:
    """``app``, which may hold the loop: a WSGI application that is called inline."""

    def call(environ: Any, start_response: Any) -> Any:
        return app(environ, start_response)

    return call


# By its name: since Python 3.14 a function's annotations are code of their own.
_CALL = next(item for item in unwatched.__code__.co_consts if isinstance(item, CodeType) and item.co_name == "call")


@cache
def _machinery() -> tuple[str, ...]:
    """Where the loops and the server themselves are: what they do by themselves is not reported."""
    ours = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
    uvloop = sys.modules.get("uvloop")
    folders = [ours, os.path.dirname(asyncio.__file__), *([os.path.dirname(uvloop.__file__ or "")] if uvloop else [])]
    return (*(folder + os.sep for folder in folders), selectors.__file__, "<frozen ")
