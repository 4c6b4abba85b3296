"""Each rule of RFC 6455 §5 to §8 by itself; `test_websocket_properties` looks for the ones nobody thought of."""

from __future__ import annotations

import sys
import tracemalloc
from types import ModuleType
from typing import Any

import pytest

from bicorn.wire import websocket
from tests.wire.frames import (
    BINARY,
    CLOSE,
    CONTINUED,
    LAST,
    PING,
    PONG,
    READINGS,
    TEXT,
    Event,
    deflated,
    drain,
    masked,
    reader,
    run,
)

OFFER = b"permessage-deflate"


@pytest.fixture(params=list(READINGS))
def module(request: pytest.FixtureRequest) -> ModuleType:
    return READINGS[request.param]


def read(module: ModuleType, *frames: bytes, **options: Any) -> list[Event]:
    """The events of `frames` that come at once, which are those of every byte on its own."""
    whole = b"".join(frames)
    events = run(reader(module, **options), [whole])
    assert run(reader(module, **options), [whole[i : i + 1] for i in range(len(whole))]) == events
    return events


def refused(code: int, reason: str) -> list[Event]:
    return [("refused", code, reason)]


@pytest.mark.parametrize("size", [0, 1, 2, 3, 7, 8, 9, 15, 16, 17, 125, 126, 127, 128, 65535, 65536, 70001])
def test_messages_of_every_length(module: ModuleType, size: int) -> None:
    payload = bytes(i % 251 for i in range(size))
    ascii_text = ("héllo wörld " if size % 2 else "hello world ") * (size // 12 + 1)
    text = ascii_text[:size]
    assert run(reader(module), [masked(BINARY, payload) + masked(TEXT, text.encode())]) == [(2, payload), (1, text)]


def test_control_frames_come_between_fragments(module: ModuleType) -> None:
    frames = [
        masked(0x01, b"He"),
        masked(PING, b"are you there"),
        masked(CONTINUED, b""),
        masked(PONG),
        masked(0x80, b"llo"),
    ]
    assert read(module, *frames) == [(9, b"are you there"), (10, b""), (1, "Hello")]


def test_fragments_of_both_kinds(module: ModuleType) -> None:
    frames = [masked(0x02, b"a"), masked(CONTINUED, b"b"), masked(LAST, b"c"), masked(0x01), masked(LAST)]
    assert read(module, *frames, masked(BINARY, b"next")) == [(2, b"abc"), (1, ""), (2, b"next")]


def test_a_key_turns_with_the_bytes_of_a_frame_in_pieces(module: ModuleType) -> None:
    payload = bytes(range(256)) * 3
    wire = masked(BINARY, payload)
    for step in (1, 2, 3, 5, 7, 64, 101):
        pieces = [wire[i : i + step] for i in range(0, len(wire), step)]
        assert run(reader(module), pieces) == [(2, payload)]


@pytest.mark.parametrize(
    ("wire", "reason"),
    [
        (b"\x81\x05Hello", "a frame from the client is not masked"),
        (b"\x81\x00", "a frame from the client is not masked"),
        (masked(0xA1, b""), "a frame has a reserved bit set"),
        (masked(0x91, b""), "a frame has a reserved bit set"),
        (masked(0xC1, b""), "a frame has RSV1 set where it has no meaning"),
        (masked(0xC9, b""), "a frame has RSV1 set where it has no meaning"),
        *((masked(0x80 | opcode), f"the opcode {opcode} is reserved") for opcode in (*range(3, 8), *range(11, 16))),
        (masked(0x09), "a control frame is fragmented"),
        (masked(0x08), "a control frame is fragmented"),
        (masked(PING, bytes(126)), "a control frame is over 125 bytes"),
        (masked(CLOSE, b"\x03\xe8" + bytes(124)), "a control frame is over 125 bytes"),
        (masked(PONG, size=1 << 40), "a control frame is over 125 bytes"),
        (masked(CONTINUED, b"a"), "a continuation frame has nothing to continue"),
        (masked(LAST, b"a"), "a continuation frame has nothing to continue"),
        (masked(0x01, b"a") + masked(TEXT, b"b"), "a new message begins before the last one's end"),
        (masked(0x02, b"a") + masked(0x01, b"b"), "a new message begins before the last one's end"),
        (b"\x81\xfe\x00\x7d", "a frame's length is not in its shortest form"),
        (b"\x82\xfe\x00\x00", "a frame's length is not in its shortest form"),
        (b"\x82\xff\x00\x00\x00\x00\x00\x00\xff\xff", "a frame's length is not in its shortest form"),
        (b"\x82\xff\x80\x00\x00\x00\x00\x00\x00\x00", "a frame's length has its highest bit set"),
    ],
)  # fmt: skip
def test_frames_that_are_none(module: ModuleType, wire: bytes, reason: str) -> None:
    # None of these needs another byte to be refused.
    assert read(module, wire) == refused(1002, reason)
    assert read(module, masked(PING, b"a"), wire) == [(9, b"a"), *refused(1002, reason)]


def test_rsv1_is_for_the_first_frame_of_a_message(module: ModuleType) -> None:
    frames = [masked(0x41, deflated(b"ab")[:2]), masked(0xC0, deflated(b"ab")[2:])]
    assert read(module, *frames, deflate=OFFER) == refused(1002, "a frame has RSV1 set where it has no meaning")


# Close frames (§5.5.1, §7.4)


@pytest.mark.parametrize(
    "code", [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4999]
)
def test_a_close_frame_says_why(module: ModuleType, code: int) -> None:
    wire = masked(CLOSE, code.to_bytes(2, "big") + "tschüs".encode())
    assert read(module, wire, masked(TEXT, b"too late")) == [(8, code, "tschüs")]
    assert module.is_close_code(code)


@pytest.mark.parametrize("code", [0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535])
def test_codes_that_must_not_be_sent(module: ModuleType, code: int) -> None:
    assert read(module, masked(CLOSE, code.to_bytes(2, "big"))) == refused(1002, "a close frame has no valid code")
    assert not module.is_close_code(code)


def test_other_close_frames(module: ModuleType) -> None:
    assert read(module, masked(CLOSE)) == [(8, 1005, "")]
    assert read(module, masked(CLOSE, b"\x03\xe8")) == [(8, 1000, "")]
    assert read(module, masked(CLOSE, b"\x03\xe8" + b"x" * 123)) == [(8, 1000, "x" * 123)]
    assert read(module, masked(CLOSE, b"\x03")) == refused(1002, "a close frame has no valid code")
    assert read(module, masked(CLOSE, b"\x03\xe8\xff")) == refused(1007, "a close frame's reason is not UTF-8")
    assert read(module, masked(0x01, b"half"), masked(CLOSE, b"\x03\xe9")) == [(8, 1001, "")]


def test_nothing_follows_a_close_frame(module: ModuleType) -> None:
    source = reader(module)
    source.receive(masked(CLOSE) + masked(TEXT, b"a"))
    assert source.next() == 8
    source.receive(masked(TEXT, b"b"))
    assert (source.next(), source.buffered(), source.payload) == (0, 0, None)


# Text (§8.1)

# What is wrong, and how many bytes of it must have come to see it.
NOT_UTF8 = {
    b"\xff": 1,
    b"\x80": 1,
    b"\xc0\xaf": 1,
    b"\xc1\x81": 1,
    b"\xe0\x80\x80": 2,
    b"\xed\xa0\x80": 3,
    b"\xf0\x80\x80\x80": 2,
    b"\xf4\x90\x80\x80": 2,
    b"\xf5": 1,
    b"\xe2\x28": 2,
    b"\xf0\x9f\x41": 3,
}


@pytest.mark.parametrize("bad", NOT_UTF8)
def test_text_that_is_not_utf8(module: ModuleType, bad: bytes) -> None:
    wrong = refused(1007, "the text message is not UTF-8")
    assert read(module, masked(TEXT, b"good " + bad)) == wrong
    assert read(module, masked(TEXT, "κόσμε".encode() + bad)) == wrong
    assert read(module, masked(0x01, b"good "), masked(LAST, bad)) == wrong
    assert read(module, masked(0xC1, deflated(b"good " + bad)), deflate=OFFER) == wrong


@pytest.mark.parametrize("bad", NOT_UTF8)
def test_it_is_refused_before_the_frame_is_complete(module: ModuleType, bad: bytes) -> None:
    needed = NOT_UTF8[bad]
    wire = masked(TEXT, b"good " + bad[:needed], size=1000)
    source = reader(module)
    assert run(source, [wire[:-1]]) == []
    assert run(source, [wire[-1:]]) == refused(1007, "the text message is not UTF-8")
    fragments = [masked(0x01, b"good " + bad[: needed - 1]), masked(CONTINUED, bad[needed - 1 : needed], size=1000)]
    assert read(module, *fragments) == refused(1007, "the text message is not UTF-8")


def test_characters_are_cut_anywhere_but_at_the_end(module: ModuleType) -> None:
    text = "a\u00df\u6c34\U0001f600" * 3
    data = text.encode()
    for cut in range(len(data) + 1):
        assert read(module, masked(0x01, data[:cut]), masked(LAST, data[cut:])) == [(1, text)]
    for cut in (2, 4, 5, 7, 8, 9):
        wrong = refused(1007, "the text message is not UTF-8")
        assert read(module, masked(0x01, data[:1]), masked(LAST, data[1:cut])) == wrong
        assert read(module, masked(TEXT, data[:cut])) == wrong


def test_the_end_of_one_text_is_not_the_next_one_s_beginning(module: ModuleType) -> None:
    half = [masked(0x01, b"a"), masked(LAST, "ü".encode()[:1])]
    assert read(module, *half, masked(TEXT, b"b")) == refused(1007, "the text message is not UTF-8")


# Limits


def test_a_message_over_the_limit_is_refused_at_its_head(module: ModuleType) -> None:
    over = refused(1009, "the message is over 1000 bytes")
    assert read(module, masked(BINARY, bytes(1000)), max_size=1000) == [(2, bytes(1000))]
    assert run(reader(module, max_size=1000), [masked(BINARY, size=1001)[:4]]) == over
    assert run(reader(module, max_size=1000), [masked(TEXT, size=1 << 31)[:10]]) == over
    assert run(reader(module, max_size=1000), [masked(TEXT, size=(1 << 63) - 1)[:10]]) == over
    assert run(reader(module, max_size=100), [masked(BINARY, size=101)[:2]]) == refused(
        1009, "the message is over 100 bytes"
    )
    fragments = [masked(0x02, bytes(600)), masked(CONTINUED), masked(LAST, size=401)[:4]]
    assert read(module, *fragments, max_size=1000) == over
    for deflate in (None, OFFER):
        fragments = [masked(0x42 if deflate else 0x02, b"\x00\x00\x00\xff\xff"), masked(LAST, size=(1 << 63) - 1)[:10]]
        assert read(module, *fragments, max_size=1000, deflate=deflate) == over


def test_a_frame_as_large_as_can_be_said_is_waited_for(module: ModuleType) -> None:
    source = reader(module)
    assert run(source, [masked(BINARY, b"abc", size=(1 << 62) - 1)]) == []
    assert source.buffered() == 3
    assert run(source, [masked(0x02, size=(1 << 63) - 1)]) == []
    assert run(reader(module), [masked(BINARY, size=(1 << 63) - 1)]) == refused(
        1009, f"the message is over {1 << 62} bytes"
    )


def test_the_limit_is_one_message_s(module: ModuleType) -> None:
    frames = [masked(0x02, bytes(60)), masked(LAST, bytes(40)), masked(0x02, bytes(60)), masked(LAST, bytes(40))]
    assert read(module, *frames, max_size=100) == [(2, bytes(100))] * 2


# Memory and time


def test_an_idle_connection_holds_on_to_nothing(module: ModuleType) -> None:
    source = reader(module)
    data = masked(TEXT, b"a" * 40_000)
    before = sys.getrefcount(data)
    source.receive(data)
    assert (source.next(), source.buffered()) == (1, 0)
    text = source.payload
    held = sys.getrefcount(text)
    assert source.next() == 0
    source.rest()
    assert source.payload is None
    assert (sys.getrefcount(data), sys.getrefcount(text)) == (before, held - 1)


def test_what_is_held_is_counted(module: ModuleType) -> None:
    source = reader(module)
    source.receive(masked(0x02, b"abc") + masked(PING, b"x" * 20)[:10])
    assert (source.buffered(), source.next(), source.buffered()) == (19, 0, 13)
    source.receive(b"")
    assert source.buffered() == 13


@pytest.mark.parametrize("size", [1, 2])
def test_tiny_fragments_cost_their_bytes(module: ModuleType, size: int) -> None:
    source = reader(module, max_size=1 << 24)
    fragment = masked(CONTINUED, b"x" * size)
    run(source, [masked(0x01, b"x"), fragment])
    tracemalloc.start()
    try:
        run(source, [fragment * 100] * 100)
        used, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert source.buffered() == 1 + size * 10_001
    assert used < 40_000
    assert peak < 80_000
    assert run(source, [masked(LAST)]) == [(1, "x" * (1 + size * 10_001))]


def test_empty_fragments_cost_nothing(module: ModuleType) -> None:
    source = reader(module)
    assert run(source, [masked(0x02, b"x"), masked(CONTINUED) * 1000]) == []
    assert source.buffered() == 1
    assert run(source, [masked(LAST)]) == [(2, b"x")]


# Sending


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, 100_000])
def test_frames_that_are_sent(module: ModuleType, size: int) -> None:
    if size < 126:
        head = bytes((0x82, size))
    else:
        head = b"\x82\x7e" + size.to_bytes(2, "big") if size < 65536 else b"\x82\x7f" + size.to_bytes(8, "big")
    payload = b"p" * size
    assert module.frame(2, payload) == head + payload
    assert module.frame_head(2, size) == head
    assert module.frame(1, payload.decode()) == b"\x81" + head[1:] + payload
    assert module.frame(1, payload, compressed=True) == module.frame(1, payload, True) == b"\xc1" + head[1:] + payload
    assert module.frame_head(1, size, True) == b"\xc1" + head[1:]


def test_text_goes_out_as_utf8(module: ModuleType) -> None:
    assert module.frame(1, "aß水\U0001f600") == b"\x81\x0a" + "aß水\U0001f600".encode()
    assert module.frame(9, b"") == b"\x89\x00"
    with pytest.raises(UnicodeEncodeError):
        module.frame(1, "\ud800")


def test_what_goes_to_many_is_framed_once(module: ModuleType) -> None:
    framer = module.Framer()
    text, other, data = "hello " * 9, "hullo " * 9, b"hello " * 9
    first = framer.frame(1, text)
    assert first == module.frame(1, text)
    assert framer.frame(1, text) is first
    assert framer.frame(1, other) == module.frame(1, other)
    with pytest.raises(UnicodeEncodeError):
        framer.frame(1, "\ud800")
    assert framer.frame(1, other) == module.frame(1, other)
    assert framer.frame(2, data) == module.frame(2, data)
    assert framer.frame(1, data) == module.frame(1, data)
    assert framer.frame(1, text) == first


def test_close_frames_that_are_sent(module: ModuleType) -> None:
    assert module.close_frame(1000, "") == b"\x88\x02\x03\xe8"
    assert module.close_frame(1005, "dropped") == b"\x88\x00"
    assert module.close_frame(1001, "bye") == b"\x88\x05\x03\xe9bye"
    assert module.close_frame(1011, "x" * 200) == b"\x88\x7d\x03\xf3" + b"x" * 123
    # 123 bytes end inside the 62nd character.
    assert module.close_frame(1011, "ü" * 100) == b"\x88\x7c\x03\xf3" + ("ü" * 61).encode()
    assert module.close_frame(1011, "\ud800") == b"\x88\x03\x03\xf3?"


def test_the_reading_under_test_is_the_one_meant() -> None:
    assert ("compiled" in READINGS) == websocket.COMPILED
    assert drain(reader()) == []
