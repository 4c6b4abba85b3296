"""Reading a head: the two ways to do it against each other; the grammar itself is in the corpus."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bicorn.errors import ProtocolError
from bicorn.wire import head
from bicorn.wire.head import Head, match_head, read_trailers, scan_head
from bicorn.wire.limits import Limits
from tests.wire.corpus import HEADS, fields, target
from tests.wire.corpus_bodies import BODIES
from tests.wire.made import damaged, rubbish, streams
from tests.wire.readings import COMPILED, READINGS, Request, request

COMPLETE = [case.data for case in [*HEADS, *BODIES] if b"\r\n\r\n" in case.data and len(case.data) < 3000]
WAYS = [(reading, name) for reading in READINGS.values() for name in ("scan_head", "match_head")]


def outcomes(data: bytes, start: int = 0) -> set[object]:
    """What each way of each reading makes of the head at `start`; one, if they agree."""
    results: set[object] = set()
    for reading, name in WAYS:
        try:
            parsed = getattr(reading.head, name)(data, start, reading.limits.Limits())
            results.add((request(parsed), parsed.end))
        except ProtocolError as error:
            results.add((error.status, error.reason))
    return results


def test_the_reading_in_use_is_the_fast_one() -> None:
    assert head.parse_head is (scan_head if COMPILED else match_head)


def test_both_ways_agree_on_the_corpus_wherever_a_head_begins() -> None:
    for data in COMPLETE:
        assert len(outcomes(data)) == 1, data
        for start in range(0, data.rindex(b"\r\n\r\n") + 1, 7):
            assert len(outcomes(data, start)) == 1, (data, start)


@pytest.mark.slow
@settings(max_examples=80)
@given(
    damaged()
    | rubbish
    | st.binary(max_size=60)
    | st.text(st.characters(max_codepoint=255)).map(lambda s: s.encode("latin-1"))
)
def test_both_ways_agree_on_anything_with_an_empty_line_behind_it(data: bytes) -> None:
    for start in (0, len(data) // 2):
        assert len(outcomes(data + b"\r\n\r\n", start)) == 1
        assert len(outcomes(data + b"\r\n\r\n" + data, start)) == 1


@settings(max_examples=25)
@given(streams)
def test_a_head_ends_where_its_body_begins(sent: list[tuple[Request, bytes]]) -> None:
    for _, wire in sent:
        data = wire.lstrip(b"\r\n")
        for reading, name in WAYS:
            parsed = getattr(reading.head, name)(b"xyz" + data, 3, reading.limits.Limits())
            assert data[parsed.end - 7 : parsed.end - 3] == b"\r\n\r\n"
            assert b"\r\n\r\n" not in data[: parsed.end - 4]


@pytest.mark.skipif(not COMPILED, reason="an interpreted reading cannot read past the end of its bytes")
def test_the_compiled_reading_stops_at_the_end_of_bytes_that_break_its_contract() -> None:
    for data in COMPLETE:
        for end in range(data.index(b"\r\n\r\n") + 3):
            with pytest.raises(ProtocolError):
                scan_head(data[:end], 0, Limits())


@pytest.mark.parametrize(
    ("sent", "shown"),
    [(b"/a", b"/a"), (b"/a?b", b"/a?b"), (b"/a?b?c", b"/a?b?c"), (b"/a?", b"/a"), (b"http://b/c?d", b"/c?d")],
)
def test_the_target_is_shown_as_one(sent: bytes, shown: bytes) -> None:
    assert head.parse_head(target(sent), 0, Limits()).target == shown


def test_names_are_one_object_each_time() -> None:
    """Not a promise, but what makes a field cheap."""
    if not COMPILED:
        pytest.skip("regular expressions make new bytes")
    data = fields(b"X-Well-Known: 1", b"X-WELL-KNOWN: 2")
    first, second = head.parse_head(data, 0, Limits()).headers[1:]
    again = head.parse_head(data, 0, Limits()).headers[1]
    assert first[0] is second[0] is again[0]


def test_steering_fields_steer_however_they_are_spelled() -> None:
    for reading, name in WAYS:
        parse = getattr(reading.head, name)
        for spelled in (b"Content-Length", b"content-length", b"CONTENT-LENGTH", b"cOnTeNt-LeNgTh"):
            assert parse(fields(spelled + b": 5"), 0, reading.limits.Limits()).content_length == 5


def test_a_heads_lists_are_its_own() -> None:
    data = fields(b"Connection: x")
    first = head.parse_head(data, 0, Limits())
    first.headers.clear()
    assert len(head.parse_head(data, 0, Limits()).headers) == 2


def test_a_head_can_be_read_where_there_are_no_fields() -> None:
    parsed = head.parse_head(b"GET / HTTP/1.0\r\n\r\n", 0, Limits())
    assert type(parsed) is Head
    assert (parsed.headers, parsed.end) == ([], 18)


@pytest.mark.parametrize(
    ("section", "trailers"),
    [
        (b"\r\n", []),
        (b"A: b\r\n\r\n", [(b"a", b"b")]),
        (b"A: \tb \r\nC:\r\n\r\nrest", [(b"a", b"b"), (b"c", b"")]),
    ],
)
def test_trailers(section: bytes, trailers: list[tuple[bytes, bytes]]) -> None:
    assert read_trailers(b"before" + section, 6, Limits()) == trailers
