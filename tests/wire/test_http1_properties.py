"""The receiving half under input nobody wrote down: it comes through or is refused, always the same way."""

from __future__ import annotations

import os

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.wire.corpus import GET
from tests.wire.made import Sent, damaged, requests, rubbish, streams
from tests.wire.readings import READINGS, Outcome, bytewise, run, split

places = st.lists(st.integers(0, 1 << 16), max_size=6)
SMALL = {"request_line": 60, "fields": 6, "field_size": 40, "head": 160, "body": 50}
EXAMPLES = int(os.environ.get("BICORN_EXAMPLES", "60"))  # more of them by hand, as many as patience allows


def all_ways(data: bytes, where: list[int], bounds: dict[str, int] | None = None) -> Outcome:
    """The outcome, which no reading and no split may change."""
    ways = [[data], split(data, where), bytewise(data)]
    outcomes = {
        (name, i): run(reading, way, bounds) for name, reading in READINGS.items() for i, way in enumerate(ways)
    }
    first = next(iter(outcomes.values()))
    assert all(outcome == first for outcome in outcomes.values()), outcomes
    return first


@pytest.mark.slow
@settings(max_examples=EXAMPLES)
@given(streams, places)
def test_valid_requests_come_through_as_they_were_meant(sent: list[Sent], where: list[int]) -> None:
    outcome = all_ways(b"".join(wire for _, wire in sent), where)
    assert outcome.refusal is None
    assert outcome.idle
    assert list(outcome.requests) == [meant for meant, _ in sent]


@pytest.mark.slow
@settings(max_examples=EXAMPLES)
@given(requests(), places)
def test_a_valid_request_comes_through_or_is_over_a_limit(sent: Sent, where: list[int]) -> None:
    meant, wire = sent
    outcome = all_ways(wire, where, SMALL)
    if outcome.refusal is None:
        assert outcome.requests == (meant,)
    else:
        assert outcome.refusal[0] in (413, 414, 431)
        assert "limit-request-" in outcome.refusal[1]


@pytest.mark.slow
@settings(max_examples=2 * EXAMPLES)
@given(damaged(), places, st.sampled_from([None, SMALL]))
@example(b"\r\n" * 6 + GET, [], None)
@example(GET + b"\n", [], None)
def test_damaged_requests_are_refused_the_same_way(
    data: bytes, where: list[int], bounds: dict[str, int] | None
) -> None:
    outcome = all_ways(data, where, bounds)
    if outcome.refusal is not None:
        status, reason = outcome.refusal
        assert status in (400, 413, 414, 417, 431, 501, 505)
        assert 0 < len(reason) < 400


@settings(max_examples=EXAMPLES)
@given(st.binary(max_size=200) | rubbish, places)
def test_rubbish_is_refused_the_same_way(data: bytes, where: list[int]) -> None:
    for before in (b"", GET, b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"):
        all_ways(before + data, where)


@settings(max_examples=EXAMPLES)
@given(
    st.lists(
        st.sampled_from([b"0", b"5", b"a", b"F", b"\r", b"\n", b"\r\n", b";", b'"', b"=", b" ", b"\\"]), max_size=24
    )
)
def test_rubbish_between_chunks_is_refused_the_same_way(parts: list[bytes]) -> None:
    all_ways(b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n" + b"".join(parts), [70, 75])
