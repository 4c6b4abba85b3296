from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from bicorn.server.blocked import Watchdog, unwatched

LIMIT = 0.1
HELD = 0.3


@pytest.fixture(params=["asyncio", "uvloop"])
def reports(request: pytest.FixtureRequest) -> Callable[[Callable[[], Coroutine[Any, Any, None]]], list[str]]:
    """Run a coroutine function in a loop that is watched; the warnings."""
    factory: Callable[[], asyncio.AbstractEventLoop] = (
        asyncio.new_event_loop if request.param == "asyncio" else pytest.importorskip("uvloop").new_event_loop
    )

    def run(main: Callable[[], Coroutine[Any, Any, None]]) -> list[str]:
        found: list[str] = []

        async def watched() -> None:
            watchdog = Watchdog(LIMIT, found.append)
            await asyncio.sleep(0.1)
            await main()
            await asyncio.sleep(0.1)
            watchdog.stop()

        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(watched())
        return found

    return run


def hold() -> None:
    time.sleep(HELD)


def spin() -> None:
    end = time.thread_time() + HELD  # of its own: on a busy machine the watching thread may have to wait for its turn
    while time.thread_time() < end:
        pass


Run = Callable[[Callable[[], Coroutine[Any, Any, None]]], list[str]]


@pytest.mark.slow
def test_a_view_that_blocks_is_reported_once_with_its_stack(reports: Run) -> None:
    async def view() -> None:
        hold()

    [text] = reports(view)
    first, *stack = text.splitlines()
    assert first.startswith("the event loop was blocked for 0.")
    assert "test_blocked.py line" in first
    assert first.endswith("in hold")
    assert [line.rpartition(" ")[2] for line in stack if line.startswith("  File")][-2:] == ["view", "hold"]
    assert not any("asyncio" in line for line in stack)


@pytest.mark.slow
def test_a_callback_that_blocks_is_reported(reports: Run) -> None:
    async def view() -> None:
        asyncio.get_running_loop().call_later(0.01, spin)
        await asyncio.sleep(0.1)

    [text] = reports(view)
    assert "in spin" in text.splitlines()[0]


@pytest.mark.slow
def test_each_stretch_is_reported(reports: Run) -> None:
    async def view() -> None:
        for _ in range(2):
            hold()
            await asyncio.sleep(0.1)

    assert len(reports(view)) == 2


@pytest.mark.slow
def test_one_that_does_not_end_is_reported_while_it_lasts(reports: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bicorn.server.blocked.PATIENCE", 0.15)

    async def view() -> None:
        hold()
        hold()

    [text] = reports(view)
    assert "already" in text


@pytest.mark.slow
def test_an_idle_loop_and_quick_turns_are_not_reported(reports: Run) -> None:
    async def view() -> None:
        await asyncio.sleep(HELD)
        for _ in range(20):
            time.sleep(0.01)
            await asyncio.sleep(0)

    assert reports(view) == []


@pytest.mark.slow
def test_inline_wsgi_may_hold_the_loop(reports: Run) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        hold()
        return [environ + start_response]

    async def view() -> None:
        assert unwatched(app)(b"a", b"b") == [b"ab"]

    assert reports(view) == []


def test_it_ends_with_the_loop() -> None:
    async def main() -> Watchdog:
        return Watchdog(LIMIT, pytest.fail)

    watchdog = asyncio.run(main())
    watchdog._thread.join(5.0)
    assert not watchdog._thread.is_alive()
