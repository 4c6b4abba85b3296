"""The control socket over a real unix socket, in one process; time is passed in."""

from __future__ import annotations

import json
import os
import selectors
import socket
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from bicorn.errors import BindError
from bicorn.process import control
from bicorn.process.control import LONGEST_REQUEST, MOST_CLIENTS, PATIENCE, ControlSocket, open_control
from bicorn.process.policy.events import Asked
from bicorn.process.policy.states import Ask


class Side:
    """The supervisor's side, and clients."""

    def __init__(self, path: Path) -> None:
        opened = open_control(str(path))
        assert opened is not None
        self.path, self.control, self.now = path, opened, 100.0
        self.running = True
        self.clients: list[socket.socket] = []
        self.selector = selectors.DefaultSelector()
        self.control.register(self.selector)

    def report(self) -> Mapping[str, Any]:
        return {"state": "serving", "wanted": 2}

    def client(self, *lines: bytes) -> socket.socket:
        client = socket.socket(socket.AF_UNIX)
        self.clients.append(client)
        client.settimeout(5)
        client.connect(str(self.path))
        for line in lines:
            client.sendall(line)
        return client

    def asks(self, **request: Any) -> socket.socket:
        return self.client(json.dumps(request).encode() + b"\n")

    def events(self) -> list[Asked]:
        found = self.control.events(self.now, self.running, self.report)
        self.control.settle()
        return found


@pytest.fixture
def side(tmp_path: Path) -> Iterator[Side]:
    made = Side(tmp_path / "control")
    yield made
    for client in made.clients:
        client.close()
    made.control.close()
    made.selector.close()


def answer(client: socket.socket) -> dict[str, Any]:
    data = b""
    while not data.endswith(b"\n"):
        piece = client.recv(1 << 20)
        assert piece, "cut"
        data += piece
    found: dict[str, Any] = json.loads(data)
    return found


def is_cut(client: socket.socket) -> bool:
    try:
        return client.recv(1) == b""
    except ConnectionError:
        return True


def is_waiting(client: socket.socket) -> bool:
    client.setblocking(False)
    try:
        client.recv(1)
    except BlockingIOError:
        client.settimeout(5)
        return True
    return False


# The socket


def test_only_its_owner_may_use_it_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        opened = open_control(str(tmp_path / "c"))
    finally:
        os.umask(before)
    assert opened is not None
    assert stat.S_IMODE((tmp_path / "c").stat().st_mode) == 0o600
    assert opened.path == str(tmp_path / "c")
    opened.close()
    assert not (tmp_path / "c").exists()


def test_a_stale_one_is_replaced_and_a_live_one_is_refused(side: Side) -> None:
    with pytest.raises(BindError, match="already in use"):
        open_control(str(side.path))
    stale = side.path.with_name("stale")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(stale))
    opened = open_control(str(stale))
    assert opened is not None
    opened.close()


def test_a_folder_that_cannot_be_written_to_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(control.os, "access", lambda *_: False)
    with caplog.at_level("INFO", "bicorn.error"):
        assert open_control(str(tmp_path / "c")) is None
    assert [record.levelname for record in caplog.records] == ["INFO"]
    assert "not writable" in caplog.text


def test_a_folder_that_does_not_exist_is_one(tmp_path: Path) -> None:
    with pytest.raises(BindError, match="does not exist"):
        open_control(str(tmp_path / "no" / "c"))


def test_it_moves_to_its_predecessors_path(side: Side) -> None:
    there = side.path.with_name("there")
    side.control.move(str(there))
    assert (side.path.exists(), there.exists()) == (False, True)
    side.control.close()
    assert not there.exists()


# Requests


def test_status_is_answered_at_once(side: Side) -> None:
    client = side.asks(do="status")
    assert side.events() == []
    assert answer(client) == {"ok": True, "state": "serving", "wanted": 2}


def test_one_connection_may_ask_again(side: Side) -> None:
    client = side.asks(do="status")
    side.events()
    answer(client)
    client.sendall(b'{"do": "stat')
    side.events()
    client.sendall(b'us"}\n')
    side.events()
    assert answer(client)["ok"]


def test_the_selector_wakes_up_for_connections_and_for_what_they_say(side: Side) -> None:
    assert side.selector.select(0) == []
    client = side.client()
    assert side.selector.select(5)
    side.events()
    assert side.selector.select(0) == []
    client.sendall(b"x")
    assert side.selector.select(5)


def test_a_reload_is_answered_when_it_is_over(side: Side) -> None:
    clients = [side.asks(do="reload"), side.asks(do="reload")]
    assert side.events() == [Asked(Ask.RELOAD, "bicorn reload")] * 2
    side.now += 1000
    assert side.events() == []
    assert all(is_waiting(client) for client in clients), "however long it takes"
    side.control.outcome(False, "rolled back")
    assert [answer(client) for client in clients] == [{"ok": False, "text": "rolled back"}] * 2
    side.control.outcome(True, "another one")
    assert all(is_waiting(client) for client in clients)


def test_scale_says_what_was_before(side: Side) -> None:
    client = side.asks(do="scale", workers=5)
    assert side.events() == [Asked(Ask.SCALE, "bicorn scale", 5)]
    assert answer(client) == {"ok": True, "workers": 5, "before": 2}


@pytest.mark.parametrize("number", [0, -1, 1.5, "3", None, True, 10**9])
def test_a_number_of_workers_that_is_none(side: Side, number: object) -> None:
    client = side.asks(do="scale", workers=number)
    assert side.events() == []
    assert "whole number" in answer(client)["text"]


@pytest.mark.parametrize(("now", "ask"), [(False, Ask.STOP), (True, Ask.QUIT)])
def test_a_stop_is_answered_by_the_end(side: Side, now: bool, ask: Ask) -> None:
    client = side.asks(do="stop", now=now)
    assert side.events() == [Asked(ask, "bicorn stop")]
    assert is_waiting(client)
    side.control.close()
    assert is_cut(client)


def test_a_dump_is_answered_when_all_have_spoken(side: Side) -> None:
    client = side.asks(do="dump")
    assert side.control.events(side.now, True, side.report) == [Asked(Ask.DUMP, "bicorn dump")]
    side.control.dump_asked(1)
    side.control.dump_asked(2)
    side.control.settle()
    side.control.dumped(2, "")
    side.control.settle()
    assert is_waiting(client)
    side.control.dumped(1, "Thread 1")
    side.control.dumped(3, "of somebody else")
    side.control.settle()
    workers = [{"number": 1, "stacks": "Thread 1"}, {"number": 2, "stacks": ""}]
    assert answer(client) == {"ok": True, "workers": workers}


def test_a_dump_of_no_workers_is_complete(side: Side) -> None:
    client = side.asks(do="dump")
    side.events()
    assert answer(client) == {"ok": True, "workers": []}


def test_a_dump_that_nobody_asked_for_here_is_not_kept(side: Side) -> None:
    side.control.dump_asked(1)
    side.control.dumped(1, "x" * 1000)
    client = side.asks(do="dump")
    side.events()
    assert answer(client)["workers"] == []


@pytest.mark.parametrize("what", ["reload", "scale"])
def test_what_a_server_that_stops_cannot_do(side: Side, what: str) -> None:
    side.running = False
    client = side.asks(do=what, workers=2)
    assert side.events() == []
    assert answer(client) == {"ok": False, "text": "the server is stopping"}


@pytest.mark.parametrize(
    "line", [b"status", b"[]", b"{}", b'"do"', b"", b"\xff", b'{"do": 1}', b'{"do": "rm"}', b"[" * 4000]
)
def test_what_is_no_request_is_answered_and_harmless(side: Side, line: bytes) -> None:
    client = side.client(line + b"\n")
    assert side.events() == []
    assert answer(client)["ok"] is False


# Clients that mean no good


def test_a_client_that_says_nothing_is_cut(side: Side) -> None:
    client = side.client(b'{"do":')
    side.events()
    assert side.control.deadline() == side.now + PATIENCE
    side.now += PATIENCE
    side.events()
    assert is_cut(client)
    assert side.control.deadline() is None


def test_a_client_that_has_its_answer_is_cut_some_time(side: Side) -> None:
    client = side.asks(do="status")
    side.events()
    answer(client)
    side.now += PATIENCE
    side.events()
    assert is_cut(client)


def test_a_request_without_end_is_refused(side: Side) -> None:
    client = side.client(b"x" * (LONGEST_REQUEST + 1))
    side.events()
    side.events()
    assert answer(client)["text"] == "the request is too long"


def test_one_client_too_many_is_cut_and_the_others_are_served(side: Side) -> None:
    clients = []
    for _ in range(MOST_CLIENTS + 1):
        clients.append(side.client())
        side.events()
    assert is_cut(clients[-1])
    clients[0].sendall(b'{"do": "status"}\n')
    side.events()
    assert answer(clients[0])["ok"]


def test_a_client_that_hangs_up_while_it_waits_is_forgotten(side: Side) -> None:
    side.asks(do="reload").close()
    assert len(side.events()) == 1 or len(side.events()) == 0
    side.events()
    side.control.outcome(True, "done")
    assert side.control.deadline() is None


def test_a_client_that_talks_while_it_waits_is_cut(side: Side) -> None:
    client = side.asks(do="reload")
    side.events()
    client.sendall(b"more\n")
    side.events()
    assert is_cut(client)


def test_an_answer_that_is_not_read_is_kept_for_a_while_only(side: Side) -> None:
    quick, slow = side.asks(do="dump"), side.asks(do="dump")
    side.control.events(side.now, True, side.report)
    side.control.dump_asked(1)
    side.control.dumped(1, "x" * (4 << 20))
    side.control.settle()
    found = b""
    quick.setblocking(False)
    while not found.endswith(b"\n"):
        try:
            found += quick.recv(1 << 20)
        except BlockingIOError:
            side.control.events(side.now, True, side.report)
    assert len(json.loads(found)["workers"][0]["stacks"]) == 4 << 20
    side.now += PATIENCE
    side.events()
    with pytest.raises(AssertionError, match="cut"):
        answer(slow)


# The end, and the fork


def test_whoever_waits_hears_of_the_end(side: Side) -> None:
    client = side.asks(do="reload")
    side.events()
    side.control.close()
    assert answer(client) == {"ok": False, "text": "the server was stopped before the reload was over"}
    assert is_cut(client)
    assert not side.path.exists()


def test_a_forked_process_lets_go_of_it_and_the_file_stays(side: Side) -> None:
    client = side.client()
    side.events()
    side.control.forget()
    assert is_cut(client)
    assert side.path.exists()


def test_without_a_selector_it_works_as_well(tmp_path: Path) -> None:
    opened: ControlSocket | None = open_control(str(tmp_path / "c"))
    assert opened is not None
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(tmp_path / "c"))
        client.sendall(b'{"do": "status"}\n')
        opened.events(0.0, True, dict)
        assert answer(client) == {"ok": True}
    opened.close()
