"""When the last bytes of an iterable may wait for those of other answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bicorn.apps import wsgi
from bicorn.apps.afterwork import LONGEST_TRIAL, SLOW, SOON, TRIAL, Afterwork
from tests.driving import Drive


def quick(it: Afterwork, times: int) -> None:
    for _ in range(times):
        it.took(SLOW / 2)


def test_answers_wait_once_there_was_nothing_to_wait_for() -> None:
    it = Afterwork()
    quick(it, TRIAL - 1)
    assert it.straight == 1
    quick(it, 1)
    assert it.straight == 0


def test_who_is_always_slow_makes_no_client_wait() -> None:
    it = Afterwork()
    for _ in range(1000):
        it.took(SLOW * 2)
        assert it.straight == TRIAL


def test_who_is_slow_now_and_then_is_tried_ever_more_seldom() -> None:
    it, waits = Afterwork(), []
    for _ in range(12):
        quick(it, LONGEST_TRIAL)
        assert it.straight == 0
        it.took(1.0)
        waits.append(it.straight)
    assert waits[:2] == [TRIAL, TRIAL], "so many had waited before that it is one of many"
    it = Afterwork()
    waits = []
    for _ in range(12):
        quick(it, it.straight + SOON - 1)
        it.took(1.0)
        waits.append(it.straight)
    assert waits == [min(TRIAL << number, LONGEST_TRIAL) for number in range(1, 13)]


# -- In a server


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that exchanges see: what else the machine does makes nobody slow."""
    now = [1000.0]
    monkeypatch.setattr(wsgi, "monotonic", lambda: now[0])
    return now


def app_that(after: Callable[[], None]) -> Any:
    """An application whose generator does this behind the last byte of its answer."""

    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [("Content-Length", "5")])
        yield b"hello"
        after()

    return app


def asked(drive: Drive) -> bytes:
    """What was sent for one more request, once the loop has turned."""
    drive.service.batch.straight = 0
    drive.take()
    drive.get()
    drive.service.batch.end()
    return drive.take()


async def test_the_last_byte_waits_only_where_nothing_slow_follows(clock: list[float]) -> None:
    takes = [0.0]
    seen: list[bool] = []

    def after() -> None:
        seen.append(drive.sent().endswith(b"hello"))
        clock[0] += takes[0]

    with Drive(app_that(after), wsgi=True) as drive:
        for _ in range(TRIAL + 3):
            assert asked(drive).endswith(b"hello")
        assert seen == [True] * TRIAL + [False] * 3
        seen.clear()
        takes[0] = SLOW * 2
        for _ in range(3):
            assert asked(drive).endswith(b"hello")
        assert seen == [False, True, True], "one client has waited, and no other does"


@pytest.mark.parametrize("is_quick", [False, True])
async def test_an_error_behind_the_last_byte_is_logged_and_the_client_has_its_answer(
    is_quick: bool, caplog: pytest.LogCaptureFixture
) -> None:
    broken = [False]

    def fail() -> None:
        if broken[0]:
            raise RuntimeError("the clean-up")

    with Drive(app_that(fail), wsgi=True) as drive:
        for _ in range(TRIAL * is_quick):
            asked(drive)
        broken[0] = True
        for _ in range(2):  # the connection goes on
            assert asked(drive).endswith(b"\r\n\r\nhello")
        assert not drive.transport.aborted
        assert not drive.running
    assert [str(record.exc_info[1]) for record in caplog.records if record.exc_info] == ["the clean-up"] * 2
