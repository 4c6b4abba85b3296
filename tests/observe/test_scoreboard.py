"""The supervisor's side of the scoreboard: what is read, whatever was written, and whoever is writing."""

from __future__ import annotations

import math
import os
import signal
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bicorn.observe.scoreboard import Held, Scoreboard
from bicorn.observe.slot import CELL, CELLS, PAGE


def test_a_new_worker_has_said_nothing() -> None:
    seat = Scoreboard(2).read(2)
    assert (seat.beat, seat.phase, seat.requests, seat.held, seat.running) == (0.0, "", 0, (), 0)


def test_there_is_no_place_beyond_the_last() -> None:
    board = Scoreboard(2)
    for number in (0, 3, -1):
        for use in (board.slot, board.read, board.clear):
            with pytest.raises(IndexError, match=r"no place for worker .* of 2"):
                use(number)


def test_memory_is_taken_when_it_is_written() -> None:
    rollup = "/proc/self/status"

    def shared() -> int:
        with open(rollup) as file:
            return next(int(line.split()[1]) for line in file if line.startswith("RssShmem"))

    try:
        before = shared()
    except (OSError, StopIteration):
        pytest.skip("the kernel does not tell")
    board = Scoreboard()
    board.slot(1).beat(1.0)
    assert shared() - before < 100  # KiB; the whole of it is 4 MiB
    board._memory.close()


def test_what_a_killed_worker_held_is_read() -> None:
    board = Scoreboard(1)
    ready, tell = os.pipe()
    pid = os.fork()
    if pid == 0:
        slot = board.slot(1)
        slot.begin("GET", b"/fatal", b"")
        os.write(tell, b"x")
        signal.pause()
    os.close(tell)
    assert os.read(ready, 1) == b"x"
    os.close(ready)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    assert [each.target for each in board.read(1).held] == ["/fatal"]


def test_what_is_long_is_cut() -> None:
    board = Scoreboard(1)
    board.slot(1).begin("GET", b"/" + b"x" * 500, b"y")
    assert board.read(1).held[0].target == "/" + "x" * 100
    board = Scoreboard(1)
    board.slot(1).begin("M" * 40, b"/a", b"q=" + b"z" * 500)
    (held,) = board.read(1).held
    assert (held.method, held.target) == ("M" * 16, "/a?q=" + "z" * 83)


def test_control_characters_do_not_reach_the_log() -> None:
    board = Scoreboard(1)
    board.slot(1).begin("GET", b"/\x1b[2J\n\xff", b"")
    board.slot(1).phase("importing \N{SNOWMAN}\n")
    assert board.read(1).held[0].target == "/\\x1b[2J\\n\\xff"
    assert board.read(1).phase.startswith("importing ")
    assert board.read(1).phase.isprintable()


@given(st.binary(min_size=1, max_size=300).map(lambda data: (data * PAGE)[:PAGE]))
def test_a_page_of_anything_at_all_can_be_read(page: bytes) -> None:
    board = Scoreboard(1)
    board._memory[: len(page)] = page
    seat = board.read(1)
    assert 0.0 <= seat.beat < math.inf
    assert len(seat.held) <= CELLS
    for held in seat.held:
        assert 0.0 < held.start < math.inf
        assert (held.method + held.target + seat.phase).isprintable()
        assert len(held.target) <= 4 * 104
    assert [held.start for held in seat.held] == sorted(held.start for held in seat.held)


@given(st.floats(), st.integers(0, 255), st.integers(0, 255))
def test_torn_times_and_lengths(start: float, method: int, target: int) -> None:
    board = Scoreboard(1)
    struct.pack_into("=dQIBB", board._memory, CELL, start, 0, 2, method, target)
    held = board.read(1).held
    assert bool(held) == (0.0 < start < 1e10)


class Changing:
    """Memory in which another process writes: each look at a cell shows it one step further."""

    def __init__(self, *cells: bytes) -> None:
        self.cells = list(cells)
        self.looks = 0

    def __getitem__(self, place: slice) -> bytes:
        self.looks += 1
        return self.cells.pop(0) if len(self.cells) > 1 else self.cells[0]


def cell(uses: int, target: bytes, start: float = 1.0) -> bytes:
    return struct.pack("=dQIBB2x104s", start, 0, uses, 3, len(target), b"GET" + target)


def read(*cells: bytes) -> Held | None:
    board = Scoreboard(1)
    board._memory = Changing(*cells)  # type: ignore[assignment]
    return board._read_cell(CELL)


def test_a_cell_that_changes_is_looked_at_again() -> None:
    assert read(cell(2, b"/old"), cell(3, b"/oew"), cell(3, b"/new")) == Held("GET", "/new", 1.0)
    assert read(cell(2, b"/old"), cell(2, b"/old", 0.0)) is None, "it has ended meanwhile"


def test_one_that_never_rests_is_not_looked_at_for_ever() -> None:
    assert read(*(cell(uses, b"/%d" % uses) for uses in range(100))) is not None
