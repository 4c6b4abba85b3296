"""Frames nobody wrote down: any split gives the same events, rubbish is refused or waited for, all readings agree."""

from __future__ import annotations

import os
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.wire.frames import CLOSE, KEY, PING, PONG, READINGS, TEXT, Event, deflated, masked, reader, run
from tests.wire.readings import bytewise, split

EXAMPLES = int(os.environ.get("BICORN_EXAMPLES", "60"))
OFFER = b"permessage-deflate; client_no_context_takeover"

places = st.lists(st.integers(0, 1 << 16), max_size=6)
keys = st.just(KEY) | st.binary(min_size=4, max_size=4)
sizes = st.integers(0, 20) | st.sampled_from([125, 126, 127, 300])
texts = st.text(max_size=20) | st.builds(lambda text, n: text * n, st.text(min_size=1, max_size=3), sizes)
payloads = st.binary(max_size=20) | st.builds(bytes, sizes)
controls = st.builds(lambda first, payload: (first, payload), st.sampled_from([PING, PONG]), st.binary(max_size=125))

Sent = tuple[list[Event], bytes]


@st.composite
def messages(draw: st.DrawFn) -> Sent:
    """One message in any number of frames, compressed or not, control frames between them: its events, its bytes."""
    content = draw(texts | payloads)
    is_text = isinstance(content, str)
    data = content.encode() if isinstance(content, str) else content
    compressed = draw(st.booleans())
    fragments = split(deflated(data) if compressed else data, draw(st.lists(st.integers(0, 400), max_size=4))) or [b""]
    if draw(st.booleans()):
        fragments.insert(draw(st.integers(0, len(fragments))), b"")
    events: list[Event] = []
    wire = b""
    for i, fragment in enumerate(fragments):
        if i:
            for first, payload in draw(st.lists(controls, max_size=2)):
                events.append((first & 15, payload))
                wire += masked(first, payload, draw(keys))
        first = 0 if i else (1 if is_text else 2) | (0x40 if compressed else 0)
        wire += masked(first | (0x80 if i == len(fragments) - 1 else 0), fragment, draw(keys))
    return [*events, (1 if is_text else 2, content)], wire


control_frames = controls.map(lambda control: ([(control[0] & 15, control[1])], masked(*control)))
ends = st.sampled_from(
    [([], b""), ([(8, 1000, "bye")], masked(CLOSE, b"\x03\xe8bye")), ([(8, 1005, "")], masked(CLOSE) + b"more")]
)
streams = st.tuples(st.lists(messages() | control_frames, max_size=5), ends).map(lambda drawn: joined(*drawn))


def joined(sent: list[Sent], end: Sent) -> Sent:
    """One after the other."""
    return [event for events, _ in (*sent, end) for event in events], b"".join(wire for _, wire in (*sent, end))


def _either(event: Event) -> Event:
    """A compressed message may be wrong in several ways at once: how much of it came tells which shows first."""
    return ("refused", "wrong") if event[0] == "refused" and event[1] in (1007, 1009) else event


def all_ways(data: bytes, where: list[int], **options: Any) -> list[Event]:
    """The events, which no reading and no split may change."""
    ways = [[data], split(data, where), bytewise(data)]
    outcomes = [run(reader(module, **options), way) for module in READINGS.values() for way in ways]
    if "deflate" in options:
        outcomes = [[_either(event) for event in outcome] for outcome in outcomes]
    assert all(outcome == outcomes[0] for outcome in outcomes), outcomes
    return outcomes[0]


@settings(max_examples=EXAMPLES)
@given(streams, places)
def test_any_split_of_any_frames_gives_the_same_events(sent: Sent, where: list[int]) -> None:
    events, wire = sent
    assert all_ways(wire, where, deflate=OFFER) == events


@settings(max_examples=EXAMPLES)
@given(streams, places, st.integers(1, 40))
def test_a_limit_cuts_every_split_off_at_the_same_message(sent: Sent, where: list[int], limit: int) -> None:
    events, wire = sent
    outcome = all_ways(wire, where, deflate=OFFER, max_size=limit)
    refused = [event for event in outcome if event[0] == "refused"]
    if not refused:
        assert outcome == events
        return
    assert refused == [("refused", "wrong")]  # for its size, not for its frames
    given_events = outcome[: -len(refused)]
    assert given_events == events[: len(given_events)]


@settings(max_examples=2 * EXAMPLES)
@given(streams, places, st.integers(0, 1 << 16), st.integers(0, 255))
@example(([(1, "")], masked(TEXT)), [], 0, 0x82)
def test_damaged_frames_are_read_the_same_way(sent: Sent, where: list[int], at: int, byte: int) -> None:
    wire = bytearray(sent[1] or b"\x00")
    wire[at % len(wire)] = byte
    all_ways(bytes(wire), where, deflate=OFFER, max_size=10_000)
    for event in all_ways(bytes(wire), where, max_size=10_000):
        if event[0] == "refused":
            assert event[1] in (1002, 1007, 1009)
            assert 0 < len(event[2].encode()) <= 123


BEFORE = [
    b"",
    b"\x81\x85",
    b"\x01\x84",
    b"\xc1\xfe\x01\x00",
    b"\x82\xff",
    b"\x02\x81kkkkx\x80\xff",
    b"\x42\x81kkkkx\x80\xff",
]


@settings(max_examples=2 * EXAMPLES)
@given(st.binary(max_size=300), places, st.sampled_from(BEFORE))
def test_rubbish_is_read_the_same_way(data: bytes, where: list[int], before: bytes) -> None:
    all_ways(before + data, where, deflate=OFFER, max_size=10_000)
    all_ways(before + data, where, max_size=10_000)


@settings(max_examples=EXAMPLES)
@given(st.lists(st.binary(max_size=200), max_size=20), st.integers(1, 5000))
def test_no_more_is_held_than_came_or_is_allowed(pieces: list[bytes], limit: int) -> None:
    for module in READINGS.values():
        source = reader(module, max_size=limit)
        received = 0
        for piece in pieces:
            received += len(piece)
            run(source, [piece])
            assert source.buffered() <= min(received, limit + 131)


@settings(max_examples=EXAMPLES)
@given(texts | payloads, st.booleans(), st.sampled_from([0, 126, 65530, 65536]))
def test_what_is_framed_is_what_a_client_reads(content: Any, compressed: bool, more: int) -> None:
    content = content + ("x" if isinstance(content, str) else b"x") * more
    kind = 1 if isinstance(content, str) else 2
    data = content.encode() if isinstance(content, str) else content
    for module in READINGS.values():
        whole = module.frame(kind, content, compressed)
        assert whole[0] == 0x80 | kind | (0x40 if compressed else 0)
        assert whole == module.frame_head(kind, len(data), compressed) + data
        # Masked, it is what a client would send.
        head = len(whole) - len(data)
        wire = bytes((whole[0] & 0xBF, whole[1] | 128)) + whole[2:head] + bytes(4) + data
        assert run(reader(module), [wire]) == [(kind, content)]
