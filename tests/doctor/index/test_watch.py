from __future__ import annotations

import threading

import pytest

from bicorn.doctor.index import watch
from bicorn.doctor.index.watch import Watch


def test_who_is_late_is_called_and_who_has_ended_is_not() -> None:
    late, said = threading.Event(), list[str]()
    kept = Watch()
    kept.begin(60, lambda: said.append("later"))
    ended = kept.begin(0.01, lambda: said.append("ended"))
    kept.end(ended)
    kept.begin(0.02, late.set)
    assert late.wait(5), "an earlier one than what is waited for"
    assert said == []


def test_one_thread_that_ends_and_starts_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "IDLE", 0.01)
    kept = Watch()
    for _ in range(2):
        before = set(threading.enumerate())
        numbers = [kept.begin(60, print) for _ in range(3)]
        [thread] = [each for each in threading.enumerate() if each not in before]
        for number in numbers:
            kept.end(number)
        kept.begin(0, lambda: None)
        thread.join(5)
        assert not thread.is_alive()
