"""Whom the supervisor tells how things are, and when."""

from __future__ import annotations

import os
import selectors
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bicorn.config.settings import Config
from bicorn.config.sources import Start
from bicorn.errors import BicornError
from bicorn.process import upgrade
from bicorn.process.children import Children
from bicorn.process.policy.events import SuccessorFailed, SuccessorStarted
from bicorn.process.policy.fleet import Fleet, Want, Worker
from bicorn.process.policy.states import Phase, State
from bicorn.process.surroundings import LOOK, Surroundings


class Told:
    """A predecessor, a notifier, a title and the way back to the terminal, which note what they are told."""

    interval: float | None = None

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.gone = False
        self.pid = 4711
        self.is_ready = True

    def is_gone(self) -> bool:
        return self.gone

    def deadline(self) -> float | None:
        return 17.0

    def __getattr__(self, name: str) -> Callable[..., None]:
        def note(*arguments: Any, **named: Any) -> None:
            self.told.append((name, *arguments, *named.values()))

        return note


def fleet(phase: Phase, *states: State, workers: int = 2) -> Fleet:
    made = Fleet(Want(workers))
    made.phase = phase
    for number, state in enumerate(states, 1):
        made.workers[number] = Worker(number, state, 0.0)
    return made


def test_nobody_to_tell() -> None:
    nobody = Surroundings()
    nobody.open(Config())
    assert nobody.deadline(1.0) is None
    nobody.follow(fleet(Phase.SERVING, State.READY), 1.0)
    assert not nobody.shares_sockets()
    nobody.let_go()
    nobody.close()
    nobody.close()


def test_the_first_worker_that_serves_is_told_of_once() -> None:
    terminal, before = Told(), Told()
    it = Surroundings(predecessor=before, detached=terminal)  # type: ignore[arg-type]
    it.follow(fleet(Phase.STARTING), 1.0)
    assert before.told == terminal.told == []
    for now in (2.0, 3.0):
        it.follow(fleet(Phase.SERVING, State.READY), now)
    assert before.told == [("ready",)]
    assert terminal.told == [("settle",)]


def test_systemd_hears_of_a_successor_when_it_is_alone() -> None:
    before, systemd = Told(), Told()
    it = Surroundings(predecessor=before)  # type: ignore[arg-type]
    it._notifier = systemd  # type: ignore[assignment]
    serving = fleet(Phase.SERVING, State.READY)
    it.follow(serving, 1.0)
    assert systemd.told == []
    assert it.deadline(1.0) == 1.0 + LOOK
    assert it.shares_sockets()
    before.gone = True
    it.follow(serving, 2.0)
    assert systemd.told == [("follow", 2.0, 1, 2, True, False, False)]
    assert it.deadline(2.0) == 17.0
    assert not it.shares_sockets()


def test_a_server_that_ends_beside_its_successor_hands_over() -> None:
    systemd, after = Told(), Told()
    it = Surroundings()
    it._notifier = systemd  # type: ignore[assignment]
    it.successor = after  # type: ignore[assignment]
    for now in (1.0, 2.0):
        it.follow(fleet(Phase.STOPPING), now)
    assert systemd.told == [("hand_over", 4711)]
    assert it.shares_sockets()


def test_the_title_says_how_many_serve() -> None:
    title = Told()
    it = Surroundings()
    it._title = title
    it.follow(fleet(Phase.SERVING, State.READY), 1.0)
    it.follow(fleet(Phase.SERVING, State.READY, State.READY), 1.0)
    it.follow(fleet(Phase.STOPPING, State.DRAINING), 1.0)
    assert title.told == [("show", "1 of 2 workers"), ("show", "2 workers"), ("show", "0 of 2 workers, stopping")]


def test_the_names_of_the_server_that_has_gone_are_taken_over(tmp_path: Path) -> None:
    before = Told()
    it = Surroundings(predecessor=before)  # type: ignore[arg-type]
    it.open(Config(pidfile=str(tmp_path / "pid"), control_socket=str(tmp_path / "control")))
    assert {path.name for path in tmp_path.iterdir()} == {"pid.2", "control.2"}
    before.gone = True
    it.follow(fleet(Phase.SERVING, State.READY), 1.0)
    assert {path.name for path in tmp_path.iterdir()} == {"pid", "control"}
    it.close()
    assert list(tmp_path.iterdir()) == []


def upgraded(monkeypatch: pytest.MonkeyPatch, made: Any) -> tuple[Surroundings, selectors.BaseSelector, Children]:
    def start_successor(*_: object) -> Any:
        if isinstance(made, Exception):
            raise made
        return made

    monkeypatch.setattr(upgrade, "start_successor", start_successor)
    return Surroundings(Start("/", {})), selectors.DefaultSelector(), Children()


def test_a_successor_is_heard_and_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    told, tell = os.pipe()
    successor = upgrade.Successor(4711, told)
    it, selector, children = upgraded(monkeypatch, successor)
    with selector:
        assert it.upgrade([], None, selector, children) == []
        assert it.shares_sockets()
        os.write(tell, b"ready\n")
        os.close(tell)
        [(key, _)] = selector.select(0)
        assert key.data() == [SuccessorStarted(4711)]
        assert selector.select(0) == []
        assert it.shares_sockets()
        [ended] = children._ended.pop(4711)(0)
        assert ended == successor.ended(0)
        assert it.successor is None


def test_a_successor_that_cannot_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    for error in (OSError(11, "no process"), BicornError("no program")):
        it, selector, children = upgraded(monkeypatch, error)
        with selector:
            [failed] = it.upgrade([], None, selector, children)
        assert isinstance(failed, SuccessorFailed)
        assert it.successor is None
