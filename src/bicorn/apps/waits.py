"""Waiting for a message: what a WebSocket's ``receive()`` returns where none is here.

A task that waits for an ``asyncio.Future`` hears of its end a turn of the loop later. One that waits for a `Wait` goes
on where the bytes arrive, inside the callback that brought them. asyncio lets a task wait for anything that has what it
asks of a future (``_asyncio_future_blocking``, ``asyncio.isfuture``).

Who waits is not given the message, but looks for it when it goes on: so none is lost where the wait was given up. What
the task is given as the end of its wait is an ordinary future that has ended, which asyncio reads in C.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bicorn.apps.websocket import WebSocketExchange

    return_from_next: Any  # the .pxd's, for the compiled reading
    call_within: Any

COMPILED = not __file__.endswith(".py")

_current_task = asyncio.current_task


class Receiving:
    """What ``receive()`` returns where no message is here: awaitable, once, and a coroutine by shape."""

    __slots__ = ("_exchange", "_wait")

    def __init__(self, exchange: WebSocketExchange) -> None:
        self._exchange = exchange
        self._wait: Wait | None = None

    def __await__(self) -> Receiving:
        return self

    def __iter__(self) -> Receiving:
        return self

    def __next__(self) -> Any:
        exchange = self._exchange
        if exchange.has_message():
            message = exchange.take()
        elif exchange.is_over():
            message = exchange.disconnect_message()
        else:
            self._wait = wait = exchange.new_wait()
            return wait
        if not COMPILED:
            raise StopIteration(message)
        return_from_next(message)  # noqa: F821
        raise StopIteration

    def send(self, value: object) -> Any:
        """The coroutine protocol: the next message, or what to wait for."""
        return self.__next__()

    def throw(self, kind: Any, value: Any = None, traceback: Any = None) -> Any:
        """The coroutine protocol: the wait was given up."""
        self.close()
        raise kind if value is None else value

    def close(self) -> None:
        """The coroutine protocol: nobody waits any more."""
        if self._wait is not None:
            self._exchange.forget(self._wait)
            self._wait = None


class Wait:
    """What a task waits for: as much of a future as ``asyncio.Task`` asks for.

    Attributes:
        _loop: asyncio: the loop of the task that may wait.
    """

    __slots__ = ("_asyncio_future_blocking", "_callback", "_context", "_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._asyncio_future_blocking = True
        self._callback: Callable[[Any], object] | None = None
        self._context: contextvars.Context | None = None
        self._loop = loop

    def add_done_callback(self, callback: Callable[[Any], object], *, context: contextvars.Context) -> None:
        """asyncio: what to call then, and in which context."""
        self._callback = callback
        self._context = context

    def wake(self) -> None:
        """It is over: the task goes on at once, unless another one is at work, which asyncio refuses."""
        callback = self._callback
        if callback is None:
            return
        self._callback = None
        ended = _ended or _end(self._loop)
        context: Any = self._context
        try:
            if COMPILED:
                call_within(context, callback, ended)  # noqa: F821
            else:
                context.run(callback, ended)
        except RuntimeError:
            if _current_task(self._loop) is None:
                raise
            self._loop.call_soon(callback, ended, context=context)

    def cancel(self, msg: object = None) -> bool:
        """asyncio: the task is cancelled; False where it goes on anyway."""
        callback = self._callback
        if callback is None:
            return False
        self._callback = None
        cancelled: asyncio.Future[None] = asyncio.Future(loop=self._loop)
        cancelled.cancel(msg)
        self._loop.call_soon(callback, cancelled, context=self._context)
        return True


_ended: asyncio.Future[None] | None = None


def _end(loop: asyncio.AbstractEventLoop) -> asyncio.Future[None]:
    """The future that has ended, for all waits of the process: nobody asks it for its loop."""
    global _ended
    _ended = asyncio.Future(loop=loop)
    _ended.set_result(None)
    return _ended
