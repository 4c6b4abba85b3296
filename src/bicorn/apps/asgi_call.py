"""An ASGI application's call for one exchange: its task, and how it ends.

The two kinds of exchange, a request (`bicorn.apps.asgi`) and a WebSocket (`bicorn.apps.websocket`), say what an end
means to their client: nothing, where they are complete; else the application has failed them.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Any, Never

from bicorn.apps.exchange import Endpoint, Exchange, is_disconnect
from bicorn.errors import AppProtocolError

logger = logging.getLogger("bicorn.error")


class AsgiCall(Exchange):
    """One exchange with an ASGI application, and the task in which the application works on it.

    Attributes:
        endpoint: the application.
    """

    __slots__ = ("_is_cancelled", "_task", "endpoint")

    endpoint: Endpoint

    def setup(self) -> None:
        """The state of a new call."""
        self._task: asyncio.Task[Any] | None = None
        self._is_cancelled = False  # by the server

    def cancel(self) -> None:
        """Cancel the application's task."""
        if self._task is not None:
            self._is_cancelled = True
            self._task.cancel("the server is stopping")

    def stack(self) -> str:
        """Where the application's task waits."""
        from bicorn.apps.stacks import task_stack  # few are asked

        return "" if self._task is None else task_stack(self._task)

    # What the exchange says of its call

    def _has_begun(self, task: Any) -> None:
        """The call has a task, which may be done already."""
        if task.done():
            self._task_done(task)
            return
        self._task = task
        self.endpoint.running.add(self)
        task.add_done_callback(self._task_done)

    def _task_done(self, task: asyncio.Task[Any]) -> None:
        self._ended(asyncio.CancelledError() if task.cancelled() else task.exception())

    def _ended(self, error: BaseException | None) -> None:
        """The application has done its work, or failed."""
        self._let_go()
        if isinstance(error, asyncio.CancelledError):
            if self.is_owed():
                if not self._is_cancelled:
                    logger.error("the ASGI application was cancelled, not by Bicorn: %s", self.describe())
                self.give_up()
        elif error is not None:
            if self.has_gone() and is_disconnect(error):
                # The application did what the spec asks for: it let send()'s error end it.
                logger.debug("the client disconnected: %s", self.describe())
                return
            logger.error("error in the ASGI application: %s", self.describe(), exc_info=error)
            if self.is_owed():
                self.give_up()
        elif self.is_owed():
            self.returned()

    def _let_go(self) -> None:
        self.hide(self.endpoint.slot)
        if self._task is not None:
            self._task = None
            self.endpoint.running.discard(self)
            self.channel.idle()

    # What an end means

    def is_owed(self) -> bool:
        """Whether the client still waits for something of the application."""
        raise NotImplementedError

    def has_gone(self) -> bool:
        """Whether the client went first."""
        raise NotImplementedError

    def returned(self) -> None:
        """The application has returned, and still owes something."""
        raise NotImplementedError

    def give_up(self) -> None:
        """Say that the application has failed, as far as that can still be said."""
        raise NotImplementedError


def refuse_fields(error: Exception, what: str) -> Never:
    """What went wrong with the header fields of a message of the application, in words that name the mistake.

    Args:
        what: whose fields they are.

    Raises:
        AppProtocolError: always.
    """
    if isinstance(error, AppProtocolError):
        raise error
    raise AppProtocolError(f"{what} must be an iterable of (name, value) pairs of bytes: {error}") from error
