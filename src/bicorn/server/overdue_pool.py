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
        self._lock = threading.Lock()  # for the count, and for who was left
        self._idle = threading.Semaphore(0)
        self._work: queue.SimpleQueue[tuple[Callable[..., Any], Any, Any] | None] = queue.SimpleQueue()
        self._at_work: dict[Exchange, threading.Thread] = {}
        self._left: set[threading.Thread] = set()

    def submit(self, fn: Callable[..., Any], call: Any, environ: Any) -> None:
        """Let a thread do ``fn(call, environ)``."""
        self._work.put((fn, call, environ))
        if not self._idle.acquire(blocking=False):
            self._start()

    def leave(self, exchange: Exchange) -> int:
        """Count no more on the thread that is at work on a request; its ident, or 0 where there is none yet."""
        thread = self._at_work.get(exchange)
        if thread is None:
            return 0
        with self._lock:
            self._left.add(thread)
        if not self._work.empty():
            self._start()  # somebody has been waiting for it
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

    def _start(self) -> None:
        with self._lock:
            if self._count - len(self._left) >= self._limit:
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
                if me in self._left:  # another one has its place
                    self._left.discard(me)
                    self._count -= 1
                    return
            self._idle.release()
