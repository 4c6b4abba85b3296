"""Begin the calls of an application: each in a task and a context of its own, most without making either.

To make a task costs as much as to parse a request and to build its scope together. Most calls never wait, and nothing
of their task is ever used but that it is the current one meanwhile. So there is one in reserve. A call's first step is
made here, while that task is the current one (``asyncio._enter_task``, which the asyncio documentation has for those
who extend it). Where that was all, and nothing tells the task and its context from new ones, the next call gets the
same. Where the call waits, the task becomes its own for good and goes on with it.

Nothing tells it from a new one: nobody holds a reference to the task, strong or weak, has named it, cancelled it or
waits for its end, and the context has the values it began with. Where calls are not so, each gets a task as usual, and
the reserve is tried again later and later.
"""

from __future__ import annotations

import asyncio
import contextvars
import sys
import weakref
from asyncio.tasks import _enter_task, _leave_task
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from bicorn.apps.exchange import copy_of
from bicorn.apps.reserve import go_on

if TYPE_CHECKING:  # the .pxd's, for the compiled reading
    first_step: Any
    references: Any

COMPILED = not __file__.endswith(".py")

EAGER = sys.version_info >= (3, 12)
LONGEST_PAUSE = 1024
"""Calls with a task of their own, at most, before the reserve is tried again."""
FEW = 8
"""Variables of a context that are looked at after each call; where there are more, there is no reserve."""

_Task: Any = asyncio.Task  # eager_start is unknown to the oldest Python's types
_count_weak = weakref.getweakrefcount
# Without a lock for all, references are not counted in one place.
_IS_COUNTED = getattr(sys, "_is_gil_enabled", lambda: True)()
_DONE = object()


class Parking:
    """What the task in reserve waits for. asyncio takes any object with these methods for a future.

    Attributes:
        is_called: whether a call's first step is being made in the task's name.
        is_cancelled: whether that call asked for its own task to be cancelled.
        is_over: whether the task is to end, or about to.
        coroutine: the call that is to go on in the task, if one is.
        waits_for: what that call waits for, as it gave it to its task.
    """

    __slots__ = (
        "_asyncio_future_blocking",
        "_error",
        "_loop",
        "coroutine",
        "is_called",
        "is_cancelled",
        "is_over",
        "waits_for",
        "wake",
    )

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._asyncio_future_blocking = True
        self._loop = loop
        self._error: BaseException | None = None
        self.wake: Callable[[Parking], None] = _not_waiting
        self.is_called = False
        self.is_cancelled = False
        self.is_over = False
        self.coroutine: Any = None
        self.waits_for: Any = None

    def get_loop(self) -> asyncio.AbstractEventLoop:
        """The loop of the task."""
        return self._loop

    def add_done_callback(self, wake: Callable[[Parking], None], *, context: object = None) -> None:
        """The task waits from now on; `wake` lets it go on, here and now."""
        self.wake = wake

    def cancel(self, msg: object = None) -> bool:
        """The task is cancelled: by its call, which is at work and hears of it when it waits, or with all others."""
        if self.is_called:
            self.is_cancelled = True
            return False
        self.is_over = True
        self._error = asyncio.CancelledError() if msg is None else asyncio.CancelledError(msg)
        self._loop.call_soon(self.wake, self)
        return True

    def result(self) -> None:
        """What the waiting has given."""
        if self._error is not None:
            raise self._error


def _not_waiting(parking: Parking) -> None:
    raise RuntimeError("the task in reserve does not wait")


class Calls:
    """Begins the calls of one application.

    Args:
        context: what each call has a copy of.
    """

    __slots__ = (
        "_base",
        "_context",
        "_has_values",
        "_name",
        "_next_pause",
        "_parking",
        "_pause",
        "_references",
        "_task",
        "_weak_references",
    )

    def __init__(self, context: contextvars.Context) -> None:
        self._base = context
        self._has_values = len(context) > 0
        self._pause = 0  # calls with tasks of their own until the reserve is tried again; -1: it never is
        self._next_pause = 1
        # What is in reserve, and how that looks when it is new.
        self._task: Any = None
        self._context: Any = None
        self._parking: Parking | None = None
        self._name = ""
        self._references = 0
        self._weak_references = 0
        if not EAGER or not _IS_COUNTED or len(context) > FEW:
            self._pause = -1

    def begin(self, loop: asyncio.AbstractEventLoop, coroutine: Any) -> Any:
        """Make the first step of a call.

        Returns:
            None where that was all of it, the error where it has failed, else its task, which may be done.
        """
        if self._pause:
            if self._pause > 0:
                self._pause -= 1
            return self.make_task(loop, coroutine)
        parking = self._parking
        if parking is None or parking.is_over:
            parking = self._set_up(loop)
        task = self._task
        try:
            _enter_task(loop, task)
        except RuntimeError:  # some other task is at work, and has brought this request in
            return self.make_task(loop, coroutine)
        failure = waits_for = None
        parking.is_called = True
        try:
            if COMPILED:
                waits_for = first_step(self._context, coroutine, _DONE)  # noqa: F821
            else:
                waits_for = self._context.run(_first_step, coroutine)
        except BaseException as error:
            failure = error
        _leave_task(loop, task)
        parking.is_called = False
        if failure is None and waits_for is _DONE and not parking.is_cancelled and self._is_as_new():
            if self._next_pause > 1:
                self._next_pause >>= 1
            return None
        self._parking = self._task = None
        self._pause = self._next_pause
        self._next_pause = min(2 * self._next_pause, LONGEST_PAUSE)
        return self._end(task, parking, coroutine, failure, waits_for)

    def make_task(self, loop: asyncio.AbstractEventLoop, coroutine: Any) -> Any:
        """A task of the call's own, which may be done already."""
        if EAGER:
            return _Task(coroutine, loop=loop, context=copy_of(self._base), eager_start=True)
        return _Task(coroutine, loop=loop, context=copy_of(self._base))

    def _set_up(self, loop: asyncio.AbstractEventLoop) -> Parking:
        parking = Parking(loop)
        self._context = copy_of(self._base)
        task = self._task = _Task(go_on(parking), loop=loop, context=self._context, eager_start=True)
        task._log_destroy_pending = False  # nothing is lost with it
        self._parking = parking
        self._name = task.get_name()
        self._references = self._count_references()
        self._weak_references = _count_weak(task)
        return parking

    def _is_as_new(self) -> bool:
        """Whether nothing tells the task and its context from new ones."""
        if self._count_references() != self._references:
            return False
        task = self._task
        context = self._context
        return (
            _count_weak(task) == self._weak_references
            and task._callbacks is None
            and task.get_name() is self._name
            and len(context) == len(self._base)
            and (not self._has_values or self._has_the_same())
        )

    def _has_the_same(self) -> bool:
        return all(value is self._base.get(variable, _DONE) for variable, value in self._context.items())

    def _count_references(self) -> int:
        if COMPILED:
            return references(self._task)  # type: ignore[no-any-return]  # noqa: F821
        return sys.getrefcount(self._task)

    def _end(self, task: Any, parking: Parking, coroutine: Any, failure: BaseException | None, waits_for: Any) -> Any:
        """The task is the call's own: it goes on with it, or ends as it has ended."""
        if failure is None and waits_for is not _DONE:
            parking.coroutine, parking.waits_for = coroutine, waits_for
            self._context.run(parking.wake, parking)
            return task
        parking.is_over = True
        self._context.run(parking.wake, parking)
        if failure is not None:
            failure.__traceback__ = _without_ours(failure.__traceback__)
        elif parking.is_cancelled:
            failure = asyncio.CancelledError()
        return failure


def _first_step(coroutine: Any) -> Any:
    try:
        return coroutine.send(None)
    except StopIteration:
        return _DONE


def _without_ours(traceback: Any) -> Any:
    """A traceback as a task would have it: without the frames of `begin` and of the first step."""
    for _ in range(2):
        traceback = traceback and traceback.tb_next
    return traceback
