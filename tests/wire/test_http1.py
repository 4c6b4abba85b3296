"""The receiving half: every case of the corpus, through every reading, whole and split."""

from __future__ import annotations

import random

import pytest

from bicorn.errors import ProtocolError
from bicorn.wire.head import Head
from bicorn.wire.http1 import Http1
from bicorn.wire.limits import Limits
from tests.wire.corpus import GET, Case, target
from tests.wire.corpus_bodies import CORPUS, chunked, length
from tests.wire.readings import READINGS, Outcome, Reading, bytewise, run, split


def expect(case: Case, outcome: Outcome) -> None:
    """The outcome is what the case says."""
    status, reason = outcome.refusal or (0, "")
    assert (status, outcome.idle) == (case.status, case.idle), outcome
    assert case.word in reason
    assert len(outcome.requests) == len(case.requests), outcome
    for request, wanted in zip(outcome.requests, case.requests, strict=True):
        values = request._asdict()
        assert {key: values[key] for key in wanted} == wanted


def test_the_corpus_is_large_and_names_each_case_once() -> None:
    names = [case.name for case in CORPUS]
    assert len(names) > 450
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("case", CORPUS, ids=str)
def test_a_case_whole_and_split_in_every_reading(case: Case) -> None:
    limits = dict(case.limits)
    chance = random.Random(case.name)
    times = 5 if len(case.data) < 30000 else 1
    ways = [[case.data], *(split(case.data, chance.choices(range(len(case.data) + 1), k=3)) for _ in range(times))]
    if len(case.data) < 3000:
        ways.append(bytewise(case.data))
    else:
        ways.append([case.data[at : at + 701] for at in range(0, len(case.data), 701)])
    first: Outcome | None = None
    for reading in READINGS.values():
        for pieces in ways:
            outcome = run(reading, pieces, limits)
            first = first or outcome
            assert outcome == first, f"{reading.name} in {len(pieces)} pieces"
    assert first is not None
    expect(case, first)


@pytest.mark.parametrize("reading", READINGS.values(), ids=lambda reading: reading.name)
def test_two_pieces_wherever_they_meet(reading: Reading) -> None:
    """Every place where two reads can meet, for the cases in which a state is easily lost."""
    stream = GET + b"\r\n" + chunked(b"1;a\r\nx\r\n0\r\nT: u\r\n\r\n") + length(b" 4", b"\r\n\r\n") + target(b"/end")
    whole = run(reading, [stream])
    assert [request.body for request in whole.requests] == [b"", b"x", b"\r\n\r\n", b""]
    for place in range(len(stream)):
        assert run(reading, [stream[:place], stream[place:]]) == whole
        assert run(reading, [stream[:place], *bytewise(stream[place:])]) == whole


def connection(data: bytes = b"", **bounds: int) -> Http1:
    """A connection that has received `data`."""
    http = Http1(Limits(**bounds))
    http.receive(data)
    return http


def test_events_of_a_request_without_a_body() -> None:
    http = connection()
    assert (http.is_idle(), http.is_done(), http.next_event()) == (True, False, None)
    http.receive(GET[:5])
    assert (http.is_idle(), http.buffered(), http.next_event()) == (False, 5, None)
    http.receive(GET[5:])
    head = http.next_event()
    assert type(head) is Head
    assert (http.is_done(), http.is_idle(), http.buffered(), http.next_event()) == (True, False, 0, None)
    http.next_request()
    assert (http.is_done(), http.is_idle()) == (False, True)


def test_heads_and_bodies_are_asked_for_one_by_one() -> None:
    http = connection(length(b" 5", b"hel"))
    assert http.next_body() is None
    head = http.next_head()
    assert head is not None
    assert (head.content_length, http.is_done(), http.next_head()) == (5, False, None)
    assert (http.next_body(), http.next_body(), http.is_done()) == (b"hel", None, False)
    http.receive(b"lo")
    assert (http.next_body(), http.is_done(), http.next_body()) == (b"lo", True, None)


def test_a_pipelined_request_waits_for_the_one_before() -> None:
    http = connection(length(b" 5") + GET)
    http.next_event()
    assert http.next_event() == b"hello"
    assert (http.next_event(), http.is_done(), http.buffered()) == (None, True, len(GET))
    http.receive(GET)
    assert (http.next_event(), http.buffered()) == (None, 2 * len(GET))
    for left in (1, 0):
        http.next_request()
        assert http.next_head() is not None
        assert http.buffered() == left * len(GET)


def test_a_body_that_comes_alone_is_not_copied() -> None:
    http = connection(length(b" 8", b""))
    http.next_event()
    piece = b"12345678"
    http.receive(piece)
    assert http.next_event() is piece


def test_small_chunks_become_one_event() -> None:
    http = connection(chunked(b"1\r\na\r\n2\r\nbc\r\n3\r\nd"))
    http.next_event()
    assert (http.next_event(), http.next_event()) == (b"abcd", None)
    http.receive(b"ef\r")
    assert (http.next_event(), http.next_event()) == (b"ef", None)
    http.receive(b"\n0\r\n\r\n")
    assert (http.next_event(), http.is_done()) == (b"", True)


def test_a_body_may_end_with_its_last_bytes_or_after_them() -> None:
    http = connection(chunked(b"1\r\na\r\n0\r\n\r\n"))
    http.next_event()
    assert (http.next_event(), http.is_done()) == (b"a", True)
    http = connection(chunked(b"1\r\na\r\n0\r\n"))
    http.next_event()
    assert (http.next_event(), http.is_done()) == (b"a", False)
    http.receive(b"\r\n")
    assert (http.next_event(), http.is_done()) == (b"", True)


@pytest.mark.parametrize("rest", [b"0", b"\n", b"\rx"])
def test_a_chunk_that_ends_wrong_is_refused_at_once(rest: bytes) -> None:
    http = connection(chunked(b"1\r\na"))
    http.next_event()
    http.next_event()
    http.receive(rest)
    with pytest.raises(ProtocolError, match="does not end in CRLF"):
        http.next_event()


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (b"\x16\x03", 400),
        (b"PRI * HTTP/2", 505),
        (b"GET / HTTP/1.1\n", 400),
        (b"\n", 400),
        (b"GET /" + b"a" * 8187, 414),
    ],
)
def test_what_cannot_be_mended_is_refused_before_the_head_is_complete(data: bytes, status: int) -> None:
    http = connection(data[:-1])
    assert http.next_event() is None
    http.receive(data[-1:])
    with pytest.raises(ProtocolError) as caught:
        http.next_event()
    assert caught.value.status == status


def test_trailers_are_the_present_requests() -> None:
    http = connection(chunked(b"0\r\nA: b\r\n\r\n") + GET)
    http.next_event()
    assert http.trailers == []
    http.next_event()
    assert http.trailers == [(b"a", b"b")]
    http.next_request()
    assert http.trailers == []


def test_after_a_violation_nothing_comes_and_nothing_is_kept() -> None:
    http = connection(GET + b"\x00\r\n\r\n")
    http.next_event()
    http.next_request()
    with pytest.raises(ProtocolError):
        http.next_event()
    for _ in range(3):
        http.receive(GET)
        assert (http.next_event(), http.buffered(), http.is_done(), http.is_idle()) == (None, 0, False, False)


def test_stop_drops_what_is_buffered() -> None:
    http = connection(length(b" 5") + GET)
    http.next_event()
    http.stop()
    assert (http.next_event(), http.buffered(), http.is_done(), http.is_idle()) == (None, 0, False, False)


def test_a_body_over_the_limit_is_refused_before_its_head_is_given() -> None:
    http = connection(length(b" 6", b""), body=5)
    with pytest.raises(ProtocolError, match="over 5 bytes") as caught:
        http.next_event()
    assert caught.value.status == 413


@pytest.mark.parametrize("rests", [False, True])
def test_the_search_for_a_heads_end_is_not_led_astray_by_what_was_read_before(rests: bool) -> None:
    """Found in review: bytes searched in one request must not count as searched in the next."""
    big = GET[:-2] + b"A: " + b"b" * 500 + b"\r\n\r\n"
    for first in (big, chunked(b"0\r\nA: " + b"b" * 500 + b"\r\n\r\n"), length(b" 600", b"x" * 600)):
        http = connection()
        for piece in (first[:-1], first[-1:]):
            http.receive(piece)
            while http.next_event() is not None:
                pass
        assert http.is_done()
        http.next_request()
        if rests:
            http.rest()
        http.receive(GET + GET[:-1])
        assert http.next_head() is not None
        http.next_request()
        assert http.next_head() is None
        http.receive(GET[-1:])
        assert http.next_head() is not None


def test_a_resting_connection_keeps_no_bytes() -> None:
    reading = READINGS["match"]
    piece = bytes(bytearray(b"x" * 100_000))
    http = reading.http1.Http1(reading.limits.Limits())
    http.receive(length(b" 100000", b""))
    http.next_event()
    http.receive(piece)
    http.next_event()
    http.next_request()
    assert http._memory.block
    http.rest()
    assert (http._buffer, http._memory.block) == (b"", b"")
    assert http.is_idle()


def test_a_rest_forgets_what_was_read_and_nothing_else() -> None:
    http = connection(GET + GET)
    for rests in (True, False):
        assert http.next_head() is not None
        http.rest()
        http.next_request()
        if rests:
            http.rest()
    http.rest()
    assert (http.is_idle(), http.buffered()) == (True, 0)
    http.receive(GET[:-3])
    assert http.next_head() is None
    http.rest()
    assert http.buffered() == len(GET) - 3
    http.receive(GET[-3:] + GET)
    head = http.next_head()
    assert head is not None
    assert head.headers == [(b"host", b"a")]
    assert http.buffered() == len(GET)


@pytest.mark.parametrize("reading", READINGS.values(), ids=lambda reading: reading.name)
def test_a_large_head_byte_by_byte_takes_linear_steps(reading: Reading) -> None:
    """Each byte of a head may be looked at a few times, not once for each read that follows it."""
    looks = 0

    class Counting(bytes):
        """Bytes that count how far they are searched."""

        def find(self, sub: bytes, start: int = 0, end: int | None = None) -> int:  # type: ignore[override]
            nonlocal looks
            found = super().find(sub, start, len(self) if end is None else end)
            looks += (len(self) if found < 0 else found) - start
            return found

    if reading.name == "compiled":
        pytest.skip("a compiled module takes nothing but bytes")
    http = reading.http1.Http1(reading.limits.Limits())
    data = GET[:-2] + b"".join(b"A%d: %s\r\n" % (i, b"b" * 400) for i in range(90))
    for i in range(len(data)):
        http.receive(data[i : i + 1])
        http._buffer = Counting(http._buffer)
        assert http.next_event() is None
    assert looks < 40 * len(data)
