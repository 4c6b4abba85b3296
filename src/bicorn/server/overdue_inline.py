"""A thread beside the loop, for WSGI applications that are called inline and take too long.

The loop stands still with them: neither can it answer, nor look at the clock. So the application is wrapped to note
when it begins and ends, and the thread looks at that. When time is up it writes a 504 to the socket itself, where the
connection is plain and nothing was sent; then it shuts the connection down. When the application comes back after all,
what it gives is dropped, and the loop goes on.

Python code is caught like this, and native code that releases the interpreter's lock, as whatever waits does. Where
the lock is held for good this thread stands still too; the supervisor sees that, and ends the worker.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from bicorn.apps.exchange import Exchange
from bicorn.apps.files import FileWrapper
from bicorn.apps.stacks import thread_stack
from bicorn.errors import ClientDisconnected
from bicorn.wire.answers import simple_response
from bicorn.wire.states import HELD, WAITING


class Call:
    """One request's time in the application.

    Attributes:
        began: when it was entered; it may be left, for a slow client, and entered again.
        spent: seconds before that.
        status: what the thread has answered: 504, the status that had begun, or 0 for nothing.
    """

    __slots__ = ("began", "exchange", "spent", "status")

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange
        self.began = 0.0
        self.spent = 0.0
        self.status = 0


class InlineWatch:
    """Watches the applications that the thread it is started in calls inline.

    Args:
        limit: seconds a request may take.
        interval: seconds between two looks.
        overdue: called, in the watching thread, when one was over.
    """

    def __init__(self, limit: float, interval: float, overdue: Callable[[], None]) -> None:
        self._limit = limit
        self._interval = interval
        self._overdue = overdue
        self._call: Call | None = None
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._watched = 0

    def start(self) -> None:
        """Watch this thread from now on."""
        self._watched = threading.get_ident()
        threading.Thread(target=self._run, name="bicorn-request-timeout", daemon=True).start()

    def stop(self) -> None:
        """Watch no more."""
        self._over.set()

    # In the loop's thread

    def watch(self, app: Callable[..., Any]) -> Callable[..., Any]:
        """`app`, noting when it begins and ends."""

        def watched(environ: Any, start_response: Any) -> Any:
            call = Call(start_response.__self__)
            result = self.enter(call, app, environ, start_response)
            if type(result) in (list, tuple, FileWrapper) or not hasattr(type(result), "__iter__"):
                return result
            return Pieces(self, call, result)

        return watched

    def enter(self, call: Call, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call the application, or go on with its answer.

        Raises:
            ClientDisconnected: it took too long, and that was said to the client.
        """
        call.began = time.monotonic()
        self._call = call
        try:
            return function(*arguments)
        finally:
            with self._lock:  # the other thread may be at it this moment
                self._call = None
            call.spent += time.monotonic() - call.began
            if call.status:
                exchange: Any = call.exchange
                exchange.give_up()
                exchange.channel.abandon(call.status)
                raise ClientDisconnected()

    # In the watching thread

    def _run(self) -> None:
        while not self._over.wait(self._interval):
            with self._lock:
                call = self._call
                if call is None or call.status:
                    continue
                spent = call.spent + time.monotonic() - call.began
                if spent >= self._limit:
                    self._end(call, spent)

    def _end(self, call: Call, spent: float) -> None:
        from bicorn.server.overdue import report

        exchange = call.exchange
        stack = thread_stack(self._watched)
        call.status = self._answer(exchange)
        how = "answered for it" if call.status == 504 else "its connection is cut"
        report(exchange, spent, f"{how}; nothing else is served meanwhile, it is at", stack)
        self._overdue()

    def _answer(self, exchange: Exchange) -> int:
        connection: Any = exchange.channel
        response, transport = connection.response, connection.transport
        answer = b""
        status: int = response.status or 499
        if response.state in (WAITING, HELD):
            status = 504
            if connection.tls is None and not transport.get_write_buffer_size():
                text = f"no answer within {self._limit:g} s"
                defaults = connection.service.defaults
                answer = simple_response(504, text, defaults=defaults, is_head=response.is_head)
        try:
            # A copy: the transport closes its own when the loop turns again.
            with socket.socket(fileno=os.dup(transport.get_extra_info("socket").fileno())) as sock:
                sock.send(answer)
                sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # the client has gone
        return status


class Pieces:
    """A streamed answer of a watched application: each piece is asked for under its eyes."""

    __slots__ = ("_call", "_iterator", "_result", "_watch")

    def __init__(self, watch: InlineWatch, call: Call, result: Any) -> None:
        self._watch = watch
        self._call = call
        self._result = result
        self._iterator: Any = None

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        return self._watch.enter(self._call, self._next)

    def _next(self) -> Any:
        if self._iterator is None:
            self._iterator = iter(self._result)
        return next(self._iterator)

    def close(self) -> None:
        """PEP 3333: the application's ``close``, where it has one."""
        close = getattr(self._result, "close", None)
        if close is not None:
            close()
