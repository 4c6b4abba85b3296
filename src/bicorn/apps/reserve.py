"""What the task in reserve does, which ``calls.py`` has: wait until a call wants it, then go on with that call.

Not compiled, so that a stack dump can look through it.
"""

from __future__ import annotations

import asyncio
import types
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bicorn.apps.calls import Parking


async def go_on(parking: Parking) -> Any:
    """The task in reserve: wait, then do what a call has left to do."""
    return await _proceed(parking)


@types.coroutine
def _proceed(parking: Parking) -> Generator[Any, Any, Any]:
    error: BaseException | None = None
    try:
        yield parking
    except asyncio.CancelledError as cancelled:
        if not parking.is_cancelled:
            raise
        error = cancelled  # its call wanted it
    coroutine, waits_for = parking.coroutine, parking.waits_for
    parking.coroutine = parking.waits_for = None
    if coroutine is None:
        return None
    if error is not None and asyncio.isfuture(waits_for) and waits_for.cancel():
        error = None  # it hears of it from what it waits for, as in any task
    while True:
        try:
            if error is None:
                yield waits_for
        except BaseException as thrown:
            error = thrown
        if error is None:
            return (yield from coroutine)
        try:
            waits_for, error = coroutine.throw(error), None
        except StopIteration as end:
            return end.value


def call_behind(generator: Any) -> Any:
    """The call that goes on in a task that was in reserve, for a stack dump; None for any other generator."""
    if getattr(generator, "gi_code", None) is not _proceed.__code__:
        return None
    frame = generator.gi_frame
    return None if frame is None else frame.f_locals.get("coroutine")


def is_in_reserve(task: asyncio.Task[Any]) -> bool:
    """Whether a task waits for a call that wants it, which no stack dump need show."""
    coroutine: Any = task.get_coro()
    return getattr(coroutine, "cr_code", None) is go_on.__code__ and call_behind(coroutine.cr_await) is None
