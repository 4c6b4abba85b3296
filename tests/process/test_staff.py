"""Workers as far as the supervisor's side goes; with real processes in tests/integration."""

from __future__ import annotations

import errno
import os
import signal

import pytest

from bicorn.process import spawn, status
from bicorn.process.children import Child
from bicorn.process.policy.events import (
    Died,
    Dumped,
    Forked,
    ForkFailed,
    Ready,
    Stopping,
)
from tests.process.shops import KILLED, Shop


@pytest.mark.parametrize(
    ("error", "reason"),
    [(OSError(errno.EAGAIN, "Resource temporarily unavailable"), "Resource temporarily unavailable"), (OSError(), "")],
)
def test_a_fork_that_fails_is_an_event_and_leaves_nothing_behind(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, error: OSError, reason: str
) -> None:
    def fork(_: object) -> tuple[int, int]:
        raise error

    monkeypatch.setattr(spawn, "fork", fork)
    assert shop.staff.spawn(3, 1, True) == [ForkFailed(3, reason)]
    assert len(shop.selector.get_map()) == 0


def test_a_worker_from_its_fork_to_its_end(shop: Shop) -> None:
    assert shop.staff.spawn(3, 1, True) == [Forked(3, 101)]
    os.write(shop.tells[101], status.ready("main:app"))
    assert shop.heard() == [Ready(3, "main:app")]
    os.write(shop.tells[101], status.stopping(1.0))
    last_words = Stopping(3, 1.0)
    assert shop.end(101, 3 << 8) == [last_words, Died(3, 3, pid=101)]
    assert len(shop.selector.get_map()) == 0


def test_the_requests_a_worker_held_are_named_when_it_has_died(shop: Shop) -> None:
    shop.staff.spawn(1, 1, True)
    slot = shop.sight.slot(1)
    assert slot is not None
    slot.begin("GET", b"/slow", b"")
    [died] = shop.end(101, KILLED)
    assert (died.signal, died.out_of_memory, len(died.held)) == ("SIGKILL", False, 1)
    assert died.held[0].startswith("GET /slow for ")
    shop.staff.spawn(1, 1, True)  # the next one of this number has not
    assert shop.sight.held(1, 0.0) == ()


def test_a_death_that_the_kernel_has_counted_is_for_want_of_memory(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = [True, False]
    monkeypatch.setattr(shop.sight, "ran_out_of_memory", lambda: counted.pop(0))
    for expected in (True, False):
        shop.staff.spawn(1, 1, True)
        [died] = shop.end(shop.pids, KILLED)
        assert died.out_of_memory is expected


def test_only_workers_that_are_there_are_signalled(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[int, int]] = []
    shop.staff.spawn(1, 1, True)
    monkeypatch.setattr(Child, "kill", lambda self, number: sent.append((self.pid, number)))
    shop.staff.signal(101, "SIGTERM", alone=True)
    shop.staff.signal(102, "SIGTERM")
    assert sent == [(101, signal.SIGTERM)]
    assert shop.sight.is_retired(1)


def test_a_worker_that_is_not_there_has_no_stacks(shop: Shop) -> None:
    assert shop.staff.dump(1, 0.0) == [Dumped(1, "")]


def test_the_stacks_of_a_worker_that_dies_meanwhile_are_not_lost(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    writers: list[int] = []
    monkeypatch.setattr(shop.staff._dumps, "forked", lambda number: writers.append(shop.staff._dumps._pipes[1].writer))
    shop.staff.spawn(1, 1, True)
    os.write(writers[0], b"Current thread 0x1 (most recent call first):\n")
    events = shop.end(101, KILLED)
    assert [type(event) for event in events] == [Dumped, Died]
    assert "most recent call first" in events[0].text
