"""Threads for WSGI applications, of which one that never returns can be left behind."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any

from bicorn.apps.exchange import Exchange


class LeavingPool:
    """A pool of threads for ``apps/wsgi``, which submits a function and what it is to be called with: a bound method of
    the exchange, and the environ.

    An executor's threads are waited for when the process ends, and a stuck one would hold it until it is killed. These
    are daemons. All methods are for the loop's thread.

    Args:
        threads: how many may be at work, those that were left not counted.
    """

    def __init__(self, threads: int) -> None:
        self._limit = threads
        self._count = 0
        self._started = 0
        self._unfinished = 0  # of what was submitted, also what those have that were left
        self._lock = threading.Lock()  # for the counts, and for who was left
        self._work: queue.SimpleQueue[tuple[Callable[..., Any], Any, Any] | None] = queue.SimpleQueue()
        self._at_work: dict[Exchange, threading.Thread] = {}
        self._left: set[threading.Thread] = set()

    def submit(self, fn: Callable[..., Any], call: Any, environ: Any) -> None:
        """Let a thread do ``fn(call, environ)``."""
        with self._lock:
            self._unfinished += 1
        self._work.put((fn, call, environ))
        self._grow()

    def leave(self, exchange: Exchange) -> int:
        """Count no more on the thread that is at work on a request; its ident, or 0 where there is none yet."""
        thread = self._at_work.get(exchange)
        if thread is None:
            return 0
        with self._lock:
            self._left.add(thread)
        self._grow()  # somebody may have been waiting for it
        return thread.ident or 0

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Let idle threads end; nobody waits for the others, and what has not begun is dropped."""
        while True:
            try:
                self._work.get_nowait()
            except queue.Empty:
                break
        for _ in range(self._count):
            self._work.put(None)

    def _grow(self) -> None:
        """Start a thread where there are fewer than there is work for, and fewer than there may be."""
        with self._lock:
            left = len(self._left)  # each with some work, which nobody counts on either
            if self._count - left >= min(self._limit, self._unfinished - left):
                return
            self._count += 1
            self._started += 1
        threading.Thread(target=self._live, name=f"bicorn-wsgi_{self._started}", daemon=True).start()

    def _live(self) -> None:
        me = threading.current_thread()
        while (work := self._work.get()) is not None:
            fn, call, environ = work
            exchange = call.__self__
            self._at_work[exchange] = me
            try:
                fn(call, environ)
            finally:
                self._at_work.pop(exchange, None)
            del work, fn, call, environ, exchange  # or an idle thread would keep a request alive
            with self._lock:
                self._unfinished -= 1
                if me in self._left:  # another one has its place
                    self._left.discard(me)
                    self._count -= 1
                    return
