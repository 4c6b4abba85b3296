"""The worker's side of the scoreboard, in whichever reading the tests run; and both readings against each other."""

from __future__ import annotations

import importlib.util
import os
import signal
import threading
import time
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bicorn.observe import slot as own
from bicorn.observe.scoreboard import Held, Scoreboard
from bicorn.observe.slot import CELL, CELLS, PAGE, Slot


def _interpreted() -> ModuleType:
    """The slot's source as a module of its own, whether or not a compiled twin lies beside it."""
    path = os.path.join(os.path.dirname(own.__file__ or ""), "slot.py")
    spec = importlib.util.spec_from_file_location("slot_interpreted", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


INTERPRETED: Any = _interpreted()
SLOTS = {"own": Slot, "interpreted": INTERPRETED.Slot}


@pytest.fixture(params=SLOTS)
def make(request: pytest.FixtureRequest) -> Any:
    """Makes a slot of one reading, on a scoreboard."""
    return lambda board, number=1: SLOTS[request.param](board._memory, (number - 1) * PAGE)


def test_what_a_worker_says_is_read(make: Any) -> None:
    board = Scoreboard(3)
    slot = make(board, 2)
    slot.phase("importing main:app")
    slot.beat(12.5)
    slot.count(1000, 64, 1 << 40, 7)
    board.assign(2, 4711, 3)
    seat = board.read(2)
    assert (seat.beat, seat.phase) == (12.5, "importing main:app")
    assert (seat.requests, seat.connections, seat.bytes, seat.running) == (1000, 64, 1 << 40, 7)
    assert (seat.pid, seat.generation) == (4711, 3)
    slot.phase("serving")
    assert board.read(2).phase == "serving"
    assert board.read(1) == board.read(3) == Scoreboard(1).read(1), "the neighbours are as they were"


def test_requests_in_flight_are_named_the_oldest_first(make: Any) -> None:
    board = Scoreboard(1)
    slot = make(board)
    before = time.monotonic()
    first = slot.begin("GET", b"/slow", b"")
    second = slot.begin("POST", b"/orders", b"page=2")
    slot.thread(second, 0x7F0123456789)
    one, two = board.read(1).held
    assert (one.method, one.target, one.thread) == ("GET", "/slow", 0)
    assert (two.method, two.target, two.thread) == ("POST", "/orders?page=2", 0x7F0123456789)
    assert before <= one.start <= two.start <= time.monotonic()
    slot.end(first)
    assert [each.target for each in board.read(1).held] == ["/orders?page=2"]
    third = slot.begin("PUT", b"/", b"")
    assert third == first, "a cell is used again"
    assert [(each.target, each.thread) for each in board.read(1).held] == [("/orders?page=2", two.thread), ("/", 0)]
    slot.end(second)
    slot.end(third)
    assert board.read(1).held == ()


def test_a_request_that_begins_is_a_sign_of_life(make: Any) -> None:
    board = Scoreboard(1)
    slot = make(board)
    slot.beat(1.0)
    slot.begin("GET", b"/", b"")
    seat = board.read(1)
    assert seat.beat == seat.held[0].start > 1.0


def test_where_all_cells_are_taken_the_oldest_are_known_and_the_others_counted(make: Any) -> None:
    board = Scoreboard(2)
    slot = make(board, 1)
    cells = [slot.begin("GET", b"/%d" % number, b"") for number in range(CELLS + 2)]
    assert sorted(cells) == [-1, -1, *range(CELLS)]
    slot.beat(1.0)
    assert slot.begin("GET", b"/more", b"") == -1
    slot.count(0, 0, 0, CELLS + 3)
    seat = board.read(1)
    assert seat.beat > 1.0
    assert seat.running == CELLS + 3
    assert [each.target for each in seat.held] == [f"/{number}" for number in range(CELLS)]
    assert board.read(2).held == (), "nothing was written beyond the page"
    slot.end(cells[5])
    assert slot.begin("GET", b"/again", b"") == cells[5]


def test_the_last_worker_of_a_number_is_forgotten(make: Any) -> None:
    board = Scoreboard(2)
    for number in (1, 2):
        make(board, number).begin("GET", b"/", b"")
    board.clear(1)
    assert board.read(1) == Scoreboard(1).read(1)
    assert board.read(2).held


METHODS = st.text(st.characters(max_codepoint=0x1FF), max_size=30)
BYTES = st.binary(max_size=200)


@given(METHODS, BYTES, BYTES)
def test_both_readings_write_the_same_and_it_can_be_shown(method: str, path: bytes, query: bytes) -> None:
    texts = []
    for kind in SLOTS.values():
        board = Scoreboard(2)
        slot = kind(board._memory, 0)
        slot.thread(slot.begin(method, path, query), 5)
        (held,) = board.read(1).held
        assert (held.method + held.target).isprintable()
        assert (held.method + held.target).isascii()
        assert board._memory[PAGE:] == bytes(PAGE)
        cell = bytearray(board._memory[CELL : 2 * CELL])
        cell[:8] = bytes(8)  # the time
        texts.append((held.method, held.target, held.thread, bytes(cell)))
    if method.isascii():
        assert texts[0] == texts[1]
    else:
        assert texts[0][1] == texts[1][1]


@pytest.mark.slow
def test_a_reader_beside_a_writer_sees_whole_requests(make: Any) -> None:
    """Two processes: whatever is read was written together."""
    board = Scoreboard(1)
    pid = os.fork()
    if pid == 0:
        slot = make(board)
        try:
            while True:
                for letter in (b"a", b"b"):
                    slot.end(slot.begin("GET" if letter == b"a" else "PATCH", b"/" + letter * 60, b""))
        finally:
            os._exit(1)
    try:
        end = time.monotonic() + 0.5
        torn = whole = 0
        while time.monotonic() < end:
            for held in board.read(1).held:
                good = held in (
                    Held("GET", "/" + "a" * 60, held.start),
                    Held("PATCH", "/" + "b" * 60, held.start),
                )
                whole += good
                torn += not good
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    assert whole > 20
    assert torn <= whole // 100  # three looks at a cell that never rests


def test_a_thread_of_a_pool_names_itself(make: Any) -> None:
    board = Scoreboard(1)
    slot = make(board)
    number = slot.begin("GET", b"/", b"")
    thread = threading.Thread(target=lambda: slot.thread(number, threading.get_ident()))
    thread.start()
    ident = thread.ident
    thread.join()
    assert board.read(1).held[0].thread == ident
