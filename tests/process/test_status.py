from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bicorn.process import status
from bicorn.process.policy.events import BootFailed, Broken, Ready, Recycle, Stopping
from bicorn.process.status import StatusReader

SAID = (
    status.ready("main:app is ASGI 3", ["json", "email.utils"])
    + status.failed(3, "Zoë\\n\n\tTraceback\n\udce9")
    + status.stopping(1.5)
    + status.recycle("max-requests (1000) reached")
)
HEARD = [
    Ready(7, "main:app is ASGI 3", ("json", "email.utils")),
    BootFailed(7, 3, "Zoë\\n\n\tTraceback\n\udce9"),
    Stopping(7, 1.5),
    Recycle(7, "max-requests (1000) reached"),
]


def test_what_is_said_is_heard() -> None:
    assert StatusReader(7).feed(SAID) == HEARD
    assert StatusReader(7).feed(status.stopping(None)) == [Stopping(7, None)]


@given(st.sets(st.integers(0, len(SAID))))
def test_however_it_is_cut(cuts: set[int]) -> None:
    reader = StatusReader(7)
    edges = [0, *sorted(cuts), len(SAID)]
    pieces = [SAID[start:end] for start, end in pairwise(edges)]
    assert [event for piece in pieces for event in reader.feed(piece)] == HEARD


@pytest.mark.parametrize(
    "line", [b"\n", b"hello\n", b"ready\n", b"failed\tx\ty\n", b"stopping\tsoon\n", b"ready\t\\x\n", b"ready\tno end"]
)
def test_what_makes_no_sense_is_not_heard(line: bytes) -> None:
    assert StatusReader(7).feed(line) == []


def test_what_takes_the_place_of_an_application_that_cannot_start() -> None:
    assert StatusReader(3).feed(status.broken("one\ttwo\n\u2603")) == [Broken(3, "one\ttwo\n\u2603")]
