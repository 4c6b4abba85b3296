"""``--workers auto``."""

from __future__ import annotations

import os

import pytest

from bicorn.config.settings import Config
from bicorn.process import capacity, cgroup
from bicorn.process.cgroup import Group

GIB = 1 << 30
MIB = 1 << 20


class Limits(Group):
    """A control group that allows so much."""

    quota: float | None = None
    limit: int | None = None

    def processors(self) -> float | None:
        return self.quota

    def memory_limit(self) -> int | None:
        return self.limit


def count(
    monkeypatch: pytest.MonkeyPatch,
    processors: int,
    quota: float | None = None,
    limit: int | None = None,
    *,
    memory: int = 64 * GIB,
    each: int = 0,
) -> tuple[int, str]:
    monkeypatch.setattr(capacity, "usable_processors", lambda: processors)
    monkeypatch.setattr(capacity, "_all_memory", lambda: memory)
    return capacity.count(Config(app="main:app", workers=0, max_worker_memory=each), Limits(quota=quota, limit=limit))


@pytest.mark.parametrize(
    ("processors", "quota", "limit", "expected"),
    [
        (8, None, None, "auto: 8 workers (8 processors)"),
        (1, None, None, "auto: 1 worker (1 processor)"),
        (8, 4.0, 2 * GIB, "auto: 4 workers (8 processors, cgroup quota 4, memory 2 GiB)"),
        (2, 4.0, None, "auto: 2 workers (2 processors, cgroup quota 4)"),
        (64, 1.5, None, "auto: 2 workers (64 processors, cgroup quota 1.5)"),
        (64, 0.1, None, "auto: 1 worker (64 processors, cgroup quota 0.1)"),
        (8, None, 512 * MIB, "auto: 3 workers (8 processors, memory 512 MiB at 128 MiB each)"),
        (8, 4.0, 300 * MIB, "auto: 2 workers (8 processors, cgroup quota 4, memory 300 MiB at 128 MiB each)"),
        (8, None, 64 * MIB, "auto: 1 worker (8 processors, memory 64 MiB at 128 MiB each)"),
        (8, None, 1536 * MIB, "auto: 8 workers (8 processors, memory 1.5 GiB)"),
    ],
)
def test_what_there_is_room_for(
    monkeypatch: pytest.MonkeyPatch, processors: int, quota: float | None, limit: int | None, expected: str
) -> None:
    workers, how = count(monkeypatch, processors, quota, limit)
    assert how == expected
    assert how.startswith(f"auto: {workers} worker")


def test_a_small_machine_is_a_limit_too(monkeypatch: pytest.MonkeyPatch) -> None:
    assert count(monkeypatch, 4, memory=GIB // 2)[1] == "auto: 3 workers (4 processors, memory 512 MiB at 128 MiB each)"
    assert count(monkeypatch, 4, limit=8 * GIB, memory=GIB // 2)[0] == 3
    assert count(monkeypatch, 4, memory=0) == (4, "auto: 4 workers (4 processors)")
    assert count(monkeypatch, 4, limit=GIB // 2, memory=0)[0] == 3


def test_who_says_how_large_a_worker_may_be_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    workers, how = count(monkeypatch, 8, limit=2 * GIB, each=500 * MIB)
    assert workers == 4
    assert how.endswith("memory 2 GiB at 500 MiB each)")


def test_the_settings_get_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capacity, "usable_processors", lambda: 3)
    monkeypatch.setattr(capacity, "_all_memory", lambda: 64 * GIB)
    monkeypatch.setattr(cgroup, "own", Group)
    config = Config(app="main:app", workers=0, threads=2, origins={"workers": "--workers"})
    assert config.workers == 0
    resolved, how = capacity.resolve(config)
    assert (resolved.workers, resolved.threads) == (3, 2)
    assert resolved.origin("workers") == "--workers"
    assert how == "auto: 3 workers (3 processors)"
    given = Config(app="main:app", workers=7)
    assert capacity.resolve(given) == (given, "")


def test_the_processors_this_process_may_run_on(monkeypatch: pytest.MonkeyPatch) -> None:
    if hasattr(os, "sched_getaffinity"):
        assert capacity.usable_processors() == len(os.sched_getaffinity(0))

    def refuse(_pid: int) -> set[int]:
        raise OSError

    monkeypatch.setattr(os, "sched_getaffinity", refuse, raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert capacity.usable_processors() == 1
