"""The lifespan of an ASGI application: start-up before the first request, shutdown after the last.

Rules (ASGI lifespan specification 2.0):

1. The application runs in one task of its own, in its own copy of the context: what it sets does not leak.
2. ``auto`` forgives only an application that does not know lifespan: it raised, or returned, before it received
   anything; or it sent something that is no lifespan message. What it raises after ``lifespan.startup`` was received is
   an error of its start-up, and stops the boot in every mode.
3. ``lifespan.startup.failed`` stops the boot in every mode.
4. Every wait has a limit; when it passes, the message says where the application is stuck.
5. ``shutdown()`` never raises: there is nobody left to handle it.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import traceback
from enum import Enum
from typing import Any

from bicorn.apps.failure import headline, user_stack, user_traceback
from bicorn.errors import AppBootError, AppProtocolError
from bicorn.types import ASGIApp, Message

logger = logging.getLogger("bicorn.error")

_CANCEL_GRACE = 1.0
"""Seconds a cancelled application gets to clean up before it is left behind."""


class Phase(Enum):
    """Where the conversation with the application is; the value completes "... when the lifespan was"."""

    CALLED = "called"
    STARTING = "starting up"
    SERVING = "started already"
    FAILED = "failed already"
    STOPPING = "shutting down"
    STOPPED = "shut down already"


# What the application may send in which phase, and the phase it leads to. An application that needs no start-up may
# answer before it asks.
_SENT = {
    "lifespan.startup.complete": ((Phase.CALLED, Phase.STARTING), Phase.SERVING),
    "lifespan.startup.failed": ((Phase.CALLED, Phase.STARTING), Phase.FAILED),
    "lifespan.shutdown.complete": ((Phase.STOPPING,), Phase.STOPPED),
    "lifespan.shutdown.failed": ((Phase.STOPPING,), Phase.STOPPED),
}

# How applications refuse a scope they do not know. Anything else raised before the first receive() is forgiven too
# (rule 2), but is more likely a mistake, and so is shown.
_REFUSALS = (AssertionError, NotImplementedError, KeyError)
_REFUSAL_WORDS = ("lifespan", "scope", "http")


class Lifespan:
    """One application's lifespan.

    Args:
        app: an ASGI 3 callable.
        mode: ``auto`` (an application without lifespan is fine), ``on`` (it is an error) or ``off`` (never ask).
        startup_timeout: seconds the start-up may take; 0 for no limit.
        shutdown_timeout: seconds the shutdown may take; 0 for no limit.
        root_path: where the application is mounted, for messages.
        state: what the state holds from the beginning.

    Attributes:
        state: the dictionary the application fills at start-up; every request gets a shallow copy of it.
        supported: whether the application completed its start-up.
        phase: where the conversation is.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        mode: str = "auto",
        startup_timeout: float = 60.0,
        shutdown_timeout: float = 30.0,
        root_path: str = "",
        state: dict[str, Any] | None = None,
    ) -> None:
        self.state: dict[str, Any] = {} if state is None else state
        self.supported = False
        self.phase = Phase.CALLED
        self._app = app
        self._mode = mode
        self._startup_timeout = startup_timeout
        self._shutdown_timeout = shutdown_timeout
        self._who = f"the application at '{root_path}'" if root_path else "the application"
        self._task: asyncio.Task[None] | None = None
        self._failure: BaseException | None = None
        self._failed_message: str | None = None
        self._stranger: object = None  # the type of a message that is not lifespan's
        self._answered = asyncio.Event()  # a startup.* or shutdown.* came, or the task ended
        self._stop = asyncio.Event()
        self._finished = asyncio.Event()  # the task ended, or waits for a message that will never come

    # For the server

    async def startup(self) -> None:
        """Run the start-up; return when the application may be called, with or without a lifespan.

        Raises:
            AppBootError: the start-up failed or took too long; the message has the application's traceback.
        """
        if self._mode == "off":
            return
        self._task = asyncio.create_task(self._run(), name="lifespan", context=contextvars.copy_context())
        try:
            in_time = await _within(self._startup_timeout, self._answered)
        except asyncio.CancelledError:
            await self._cancel()
            raise
        if not in_time:
            stack = await self._cancel()
            raise AppBootError(
                f"the lifespan start-up of {self._who} took longer than {self._startup_timeout:g} s"
                f" (lifespan_startup_timeout); it was waiting here:\n\n{stack}"
            )
        if self.phase is Phase.SERVING:
            self.supported = True
        elif self.phase is Phase.FAILED:
            # Frameworks raise after they have told: that traceback can be trimmed, the text they sent cannot.
            await _within(_CANCEL_GRACE, self._finished)
            await self._cancel()
            raise AppBootError(f"the lifespan start-up of {self._who} failed: {self._told_failure()}")
        else:
            self._judge_early_end()

    async def shutdown(self) -> None:
        """Run the shutdown: wait for the application's answer and for its task's end; log what goes wrong."""
        if self._task is None or not self.supported or self._task.done():
            return  # no lifespan, or the application left it, and that was reported if it was an error
        self._answered.clear()
        self._stop.set()
        limit = self._shutdown_timeout
        if not (await _within(limit, self._answered) and await _within(limit, self._finished)):
            stack = await self._cancel()
            logger.error(
                "the lifespan shutdown of %s took longer than %g s (lifespan_shutdown_timeout) and was cancelled;"
                " it was waiting here:\n\n%s",
                self._who,
                limit,
                stack,
            )
            return
        await self._cancel()
        if self._failed_message is not None:
            logger.error("the lifespan shutdown of %s failed: %s", self._who, self._told_failure())

    # The application's side

    async def _run(self) -> None:
        """Call the application and keep what it raises: SystemExit inside a task would stop the event loop."""
        scope = {"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": self.state}
        try:
            await self._app(scope, self._receive, self._send)
        except BaseException as error:
            self._failure = error
            if isinstance(error, KeyboardInterrupt):
                raise
            self._report_late_failure(error)
        finally:
            self._answered.set()
            self._finished.set()

    async def _receive(self) -> Message:
        if self.phase is Phase.CALLED:
            self.phase = Phase.STARTING
            return {"type": "lifespan.startup"}
        if self.phase in (Phase.STARTING, Phase.SERVING):
            await self._stop.wait()
            if self.phase is Phase.SERVING:
                self.phase = Phase.STOPPING
                return {"type": "lifespan.shutdown"}
        # Nothing comes any more. An application that loops on receive() is ended by its cancellation.
        self._finished.set()
        await asyncio.Event().wait()
        raise AssertionError("an event that nobody sets")

    async def _send(self, message: Message) -> None:
        kind = message.get("type")
        if kind not in _SENT:
            self._stranger = kind
            raise AppProtocolError(f"{kind!r} was sent to a lifespan scope, which takes only {', '.join(_SENT)}")
        allowed, following = _SENT[kind]
        if self.phase not in allowed:
            raise AppProtocolError(f"{kind!r} was sent when the lifespan was {self.phase.value}")
        if kind.endswith(".failed"):
            self._failed_message = str(message.get("message", ""))
        self.phase = following
        self._answered.set()

    # Judging what happened

    def _judge_early_end(self) -> None:
        """The task ended before it answered: is that an application without lifespan, or a failed start-up?"""
        error = self._failure
        if error is None:
            how = "it returned without an answer"
        elif isinstance(error, Exception):
            how = f"it raised {headline(error)}"
        else:
            raise AppBootError(f"{self._startup_failed()}: {headline(error)}\n\n{user_traceback(error)}") from error
        is_stranger = self.phase is Phase.CALLED or self._stranger is not None
        if error is not None and not is_stranger:
            raise AppBootError(f"{self._startup_failed()}: {headline(error)}\n\n{user_traceback(error)}") from error
        if self._mode == "on":
            trace = f"\n\n{user_traceback(error)}" if error else ""
            raise AppBootError(f"{self._who} does not support lifespan ({how}), and lifespan is 'on'{trace}") from error
        if not is_stranger:
            logger.warning(
                "%s received lifespan.startup and returned without an answer: serving it without lifespan",
                self._who,
            )
        elif error is None or self._stranger is not None or _is_refusal(error):
            logger.debug("%s does not support lifespan: %s", self._who, how)
        else:
            logger.warning(
                "%s has no lifespan, or failed before it received anything (lifespan 'on' makes it an error):\n\n%s",
                self._who,
                user_traceback(error),
            )

    def _report_late_failure(self, error: BaseException) -> None:
        """The application raised after its start-up: nobody waits for that, so say it at once."""
        if self.phase not in (Phase.SERVING, Phase.STOPPING, Phase.STOPPED) or self._failed_message is not None:
            return
        if isinstance(error, asyncio.CancelledError) and (task := asyncio.current_task()) and task.cancelling():
            return  # cancelled by whoever runs the loop
        where = "while serving" if self.phase is Phase.SERVING else "in its shutdown"
        logger.error("the lifespan of %s failed %s: %s\n\n%s", self._who, where, headline(error), user_traceback(error))

    def _startup_failed(self) -> str:
        return f"the lifespan start-up of {self._who} failed"

    def _told_failure(self) -> str:
        """The message of a ``*.failed``; where it is only a traceback, the exception itself, trimmed."""
        message = (self._failed_message or "").strip()
        if isinstance(self._failure, Exception) and (not message or message.startswith("Traceback ")):
            return f"{headline(self._failure)}\n\n{user_traceback(self._failure)}"
        return message or "it gave no reason"

    async def _cancel(self) -> str:
        """End the task; return where it was waiting.

        The exception's traceback tells better than ``Task.get_stack()``, which sees only the outermost coroutine.
        """
        task = self._task
        if task is None or task.done():
            return ""
        task.cancel()
        await asyncio.wait({task}, timeout=_CANCEL_GRACE)
        if not task.done():
            frames = [(frame, frame.f_lineno) for frame in task.get_stack()]
            return f"{user_stack(traceback.StackSummary.extract(iter(frames)))}\n(it ignores being cancelled)"
        if isinstance(self._failure, asyncio.CancelledError):
            return user_stack(traceback.extract_tb(self._failure.__traceback__))
        return user_traceback(self._failure) if self._failure else "(unknown: it returned when it was cancelled)"


async def _within(seconds: float, event: asyncio.Event) -> bool:
    """Wait for ``event``, at most ``seconds`` (0 for ever); return whether it came."""
    try:
        async with asyncio.timeout(seconds or None):
            await event.wait()
    except TimeoutError:
        return False
    return True


def _is_refusal(error: BaseException) -> bool:
    return isinstance(error, _REFUSALS) or any(word in str(error).lower() for word in _REFUSAL_WORDS)
