"""Calls begun in a task's name, and the task in reserve."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import sys
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from bicorn.apps.calls import Calls
from bicorn.apps.reserve import is_in_reserve
from bicorn.apps.stacks import task_stack
from tests.driving import settle

pytestmark = pytest.mark.skipif(sys.version_info < (3, 12), reason="tasks cannot start eagerly before Python 3.12")

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


def current() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    assert task is not None
    return task


async def called(function: Callable[[], Any]) -> Any:
    """Call from a callback of the loop, as data comes: no task is current there."""
    done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    asyncio.get_running_loop().call_soon(lambda: done.set_result(function()))
    return await done


async def begin(calls: Calls, coroutine: Any) -> Any:
    return await called(lambda: calls.begin(asyncio.get_running_loop(), coroutine))


async def see(seen: list[int]) -> None:
    seen.append(id(current()))
    assert current() in asyncio.all_tasks()
    assert not current().done()


async def test_calls_that_never_wait_share_a_task() -> None:
    calls = Calls(contextvars.Context())
    seen: list[int] = []
    for _ in range(5):
        assert await begin(calls, see(seen)) is None
    assert len(set(seen)) == 1


async def test_a_call_that_waits_keeps_the_task_it_began_with() -> None:
    calls = Calls(contextvars.Context())
    seen: list[Any] = []

    async def wait(future: asyncio.Future[str]) -> str:
        seen.append(current())
        variable.set("mine")
        async with asyncio.timeout(5):
            seen.append(await future)
        seen.append(current())
        await asyncio.sleep(0)
        seen.append(current())
        seen.append(variable.get())
        return "result"

    future = asyncio.get_running_loop().create_future()
    task = await begin(calls, wait(future))
    await settle()
    assert not task.done()
    future.set_result("went on")
    assert await task == "result"
    assert seen == [task, "went on", task, task, "mine"]
    assert variable.get() == "unset"
    assert not task.get_name().startswith("bicorn")


async def test_where_a_call_waits_can_be_seen() -> None:
    calls = Calls(contextvars.Context())

    async def inner() -> None:
        await asyncio.get_running_loop().create_future()

    async def outer() -> None:
        await inner()

    task = await begin(calls, outer())
    assert "in inner" in task_stack(task)
    assert not is_in_reserve(task)
    task.cancel()
    await settle()


async def test_errors_and_returns_after_waiting() -> None:
    calls = Calls(contextvars.Context())

    async def fail() -> None:
        await asyncio.sleep(0)
        raise ValueError("late")

    task = await begin(calls, fail())
    with pytest.raises(ValueError, match="late"):
        await task


async def test_an_error_of_the_first_step_is_given_with_the_calls_own_frames() -> None:
    calls = Calls(contextvars.Context())

    async def fail() -> None:
        raise ValueError("early")

    error = await begin(calls, fail())
    assert isinstance(error, ValueError)
    assert error.__traceback__ is not None
    assert error.__traceback__.tb_frame.f_code.co_name == "fail"


async def test_what_a_call_waits_for_may_fail_or_be_cancelled() -> None:
    calls = Calls(contextvars.Context())
    seen: list[str] = []

    async def wait(future: asyncio.Future[None]) -> None:
        try:
            await future
        except KeyError:
            seen.append("failed")
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    future = asyncio.get_running_loop().create_future()
    task = await begin(calls, wait(future))
    future.set_exception(KeyError())
    await settle()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == ["failed", "cancelled"]


@pytest.mark.parametrize("first", [lambda: asyncio.sleep(0), lambda: asyncio.sleep(60)])
async def test_a_call_that_cancels_its_own_task_hears_of_it_where_it_waits(first: Callable[[], Any]) -> None:
    calls = Calls(contextvars.Context())
    seen: list[str] = []

    async def cancel() -> None:
        current().cancel()
        try:
            await first()
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    task = await begin(calls, cancel())
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == ["cancelled"]


async def test_a_call_that_cancels_its_own_task_and_returns_has_been_cancelled() -> None:
    calls = Calls(contextvars.Context())

    async def cancel() -> None:
        current().cancel()

    assert isinstance(await begin(calls, cancel()), asyncio.CancelledError)
    seen: list[int] = []
    assert (await begin(calls, see(seen))).done()  # with a task of its own
    assert await begin(calls, see(seen)) is None


async def test_no_call_finds_what_another_has_left() -> None:
    kept: list[Any] = []
    by_task: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()

    async def keep() -> None:
        kept.append(current())

    async def keep_weakly() -> None:
        by_task[current()] = "state"

    async def name() -> None:
        current().set_name("mine")

    async def set_variable() -> None:
        variable.set("left")

    async def watch() -> None:
        current().add_done_callback(kept.append)

    for leave in (keep, keep_weakly, name, set_variable, watch):
        calls = Calls(contextvars.Context())
        seen: list[Any] = []

        async def look(seen: list[Any] = seen) -> None:
            task = current()
            seen += [any(task is each for each in kept), task in by_task, task.get_name() == "mine", variable.get()]

        await begin(calls, leave())
        for _ in range(4):
            result = await begin(calls, look())
            assert result is None or result.done()
        assert seen == [False, False, False, "unset"] * 4, leave
        kept.clear()


async def test_who_waits_for_the_end_of_a_calls_task_is_told() -> None:
    calls = Calls(contextvars.Context())
    ended: list[asyncio.Task[Any]] = []

    async def watch() -> None:
        current().add_done_callback(ended.append)

    assert await begin(calls, watch()) is None
    await settle()
    assert [task.done() for task in ended] == [True]


async def test_the_base_contexts_values_are_there_and_stay() -> None:
    base = contextvars.Context()
    base.run(variable.set, "lifespan")
    calls = Calls(base)
    seen: list[str] = []

    async def change(to: str) -> None:
        seen.append(variable.get())
        variable.set(to)

    for to in ("a", "b", "lifespan", "c"):
        await begin(calls, change(to))
    assert seen == ["lifespan"] * 4


async def test_calls_that_always_wait_try_the_reserve_less_and_less() -> None:
    calls = Calls(contextvars.Context())
    in_reserve = 0
    for _ in range(40):
        task = await begin(calls, asyncio.sleep(0))
        in_reserve += task.get_coro().__name__ == "go_on"
        await task
    assert in_reserve == 6  # after pauses of 1, 2, 4, 8 and 16


async def test_a_call_from_within_a_task_gets_one_of_its_own() -> None:
    calls = Calls(contextvars.Context())
    seen: list[int] = []
    task = calls.begin(asyncio.get_running_loop(), see(seen))
    assert task.done()
    assert seen != [id(current())]


async def test_the_task_in_reserve_can_be_cancelled_with_all_others() -> None:
    calls = Calls(contextvars.Context())
    seen: list[int] = []
    await begin(calls, see(seen))
    [reserve] = [task for task in asyncio.all_tasks() if is_in_reserve(task)]
    reserve.cancel()
    await begin(calls, see(seen))
    await asyncio.wait([reserve], timeout=5)
    assert reserve.cancelled()
    assert await begin(calls, see(seen)) is None
    assert id(reserve) not in seen[1:]


async def test_nothing_is_left_or_said_when_it_is_forgotten(caplog: pytest.LogCaptureFixture) -> None:
    calls: Calls | None = Calls(contextvars.Context())
    assert calls is not None
    await begin(calls, see([]))
    calls = None
    gc.collect()
    assert not [task for task in asyncio.all_tasks() if is_in_reserve(task)]
    assert not caplog.text


async def test_a_thousand_calls_and_failures_in_turn_leave_nothing_behind() -> None:
    calls = Calls(contextvars.Context())

    async def fail() -> None:
        raise ValueError

    before = len(asyncio.all_tasks())
    for number in range(200):
        await begin(calls, see([]) if number % 3 else fail())
    gc.collect()
    assert len(asyncio.all_tasks()) <= before + 1
