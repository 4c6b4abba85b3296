from __future__ import annotations

import random
import sys
import tracemalloc
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bicorn.errors import WebSocketError
from bicorn.wire.deflate import TAIL, THRESHOLD, Agreed, Deflate, Inflate, negotiate
from tests.wire.frames import deflated, drain, masked, reader, run

DEFLATE = b"permessage-deflate"


def response(offers: bytes, window_bits: int = 15) -> bytes | None:
    agreed = negotiate(offers, window_bits)
    return agreed and agreed.response


def agreed(offers: bytes = DEFLATE) -> Agreed:
    made = negotiate(offers, 15)
    assert made is not None
    return made


# Negotiation (RFC 7692 §7.1)


@pytest.mark.parametrize(
    ("offer", "answer"),
    [
        (b"permessage-deflate", b"permessage-deflate"),
        (b"Permessage-Deflate", b"permessage-deflate"),
        (b"permessage-deflate; client_max_window_bits", b"permessage-deflate"),
        (b"permessage-deflate;client_max_window_bits=10", b"permessage-deflate; client_max_window_bits=10"),
        (b'permessage-deflate; client_max_window_bits="10"', b"permessage-deflate; client_max_window_bits=10"),
        (b"permessage-deflate; client_max_window_bits=8", b"permessage-deflate; client_max_window_bits=8"),
        (b"permessage-deflate; server_max_window_bits=9", b"permessage-deflate; server_max_window_bits=9"),
        (b"permessage-deflate; server_max_window_bits=15", b"permessage-deflate"),
        (
            b"permessage-deflate ; client_no_context_takeover ; server_no_context_takeover",
            b"permessage-deflate; server_no_context_takeover; client_no_context_takeover",
        ),
        (b"x-other; a=b, permessage-deflate", b"permessage-deflate"),
        (b" , x;a = b ,, permessage-deflate;server_max_window_bits=8,permessage-deflate ,", b"permessage-deflate"),
        (b"permessage-deflate; server_max_window_bits=8, permessage-deflate; unknown", None),
        (b"permessage-deflate; server_max_window_bits", None),
        (b"permessage-deflate; server_max_window_bits=7", None),
        (b"permessage-deflate; server_max_window_bits=16", None),
        (b"permessage-deflate; server_max_window_bits=010", None),
        (b"permessage-deflate; client_max_window_bits=0", None),
        (b"permessage-deflate; client_no_context_takeover=1", None),
        (b"permessage-deflate; server_no_context_takeover=1", None),
        (b"permessage-deflate; client_max_window_bits; client_max_window_bits=10", None),
        (b"permessage-deflate; =1", None),
        (b"permessage-deflate x", None),
        (b"permessage-deflate;", None),
        (b"permessage-deflate@", None),
        (b"x-webkit-deflate-frame", None),
        (b"", None),
        (b" , ", None),
    ],
)  # fmt: skip
def test_offers(offer: bytes, answer: bytes | None) -> None:
    assert response(offer) == answer


def test_the_server_s_own_window() -> None:
    # Without client_max_window_bits in the offer the client's window is the client's to choose (§7.1.2.2).
    assert response(b"permessage-deflate", 12) == b"permessage-deflate; server_max_window_bits=12"
    both = b"permessage-deflate; client_max_window_bits=14; server_max_window_bits=10"
    assert response(both, 12) == b"permessage-deflate; server_max_window_bits=10; client_max_window_bits=12"
    made = negotiate(b"permessage-deflate", 12)
    assert made is not None
    assert (made.server_max_window_bits, made.client_max_window_bits) == (12, 15)


@given(st.binary(max_size=60) | st.text('permsag-dfl;=, "_x1', max_size=40).map(str.encode))
def test_no_offer_crashes(offers: bytes) -> None:
    negotiate(offers)
    assert response(b"x;" + offers) in (None, DEFLATE) or b"permessage-deflate" in offers


def test_a_long_offer_is_read_in_linear_time() -> None:
    assert response(b"x; a=b, " * 20_000 + DEFLATE) == DEFLATE
    assert response(b"permessage-deflate" + b"; a" * 20_000) is None
    assert response(b" ," * 40_000) is None


# Both halves


@pytest.mark.parametrize("bits", [9, 12, 15])
@pytest.mark.parametrize("alone", [b"", b"; client_no_context_takeover; server_no_context_takeover"])
def test_what_is_compressed_is_inflated(bits: int, alone: bytes) -> None:
    parameters = b"; client_max_window_bits=%d; server_max_window_bits=%d" % (bits, bits)
    both = agreed(DEFLATE + alone + parameters)
    sender, receiver = Deflate(both), Inflate(both, 0)
    noise = random.Random(1).randbytes(40_000)
    sizes = []
    for message in (b"hello " * 20, noise, b"hello " * 20, "ü".encode() * 400, bytes(200_000)):
        data = sender.message(message)
        assert data is not None
        sizes.append(len(data))
        assert receiver.piece(data, 0) + receiver.end(len(message)) == message
        sender.rest()  # it may start anew at any time
        data = sender.message(message)
        assert data is not None
        assert receiver.piece(data, 0) + receiver.end(len(message)) == message
    assert sizes[-1] < 2000


def test_context_takeover_refers_to_what_was_sent_before() -> None:
    message = random.Random(1).randbytes(1000)
    keeps, alone = Deflate(agreed()), Deflate(agreed(DEFLATE + b"; server_no_context_takeover"))
    first, second = [(keeps.message(message) or b"", alone.message(message) or b"") for _ in range(2)]
    assert len(second[0]) < 100 < 900 < len(second[1]) == len(first[1])


def test_small_messages_go_as_they_are() -> None:
    sender = Deflate(agreed())
    assert sender.message(b"a" * (THRESHOLD - 1)) is None
    assert sender.message("a" * (THRESHOLD - 1)) is None
    assert sender.message("a" * THRESHOLD) is not None


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=5), st.integers(1, 7))
def test_messages_come_in_pieces(messages: list[bytes], step: int) -> None:
    stream = zlib.compressobj(wbits=-15)
    receiver = Inflate(agreed(), 0)
    for message in messages:
        data = (stream.compress(message) + stream.flush(zlib.Z_SYNC_FLUSH))[:-4]
        inflated = b""
        for i in range(0, len(data), step):
            inflated += receiver.piece(data[i : i + step], len(inflated))
        assert inflated + receiver.end(len(inflated)) == message


# Limits


def test_the_limit_is_on_what_comes_out() -> None:
    for limit in (1, 999, 1000):
        receiver = Inflate(agreed(), limit)
        assert receiver.piece(deflated(b"a" * limit), 0) + receiver.end(limit) == b"a" * limit
        with pytest.raises(WebSocketError, match=f"over {limit} bytes") as raised:
            Inflate(agreed(), limit).piece(deflated(b"a" * (limit + 1)), 0)
        assert raised.value.code == 1009
        with pytest.raises(WebSocketError):
            Inflate(agreed(), limit).piece(deflated(b"aa"), limit - 1)


def test_a_bomb_is_stopped_before_it_goes_off() -> None:
    bomb = deflated(bytes(20_000_000))
    wire = masked(0xC2, bomb)
    tracemalloc.start()
    try:
        events = run(reader(max_size=100_000, deflate=DEFLATE), [wire])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert events == [("refused", 1009, "the message inflates to over 100000 bytes")]
    assert peak < 400_000
    fragments = [masked(0x42, bomb[:9000], size=9000), masked(0x80, bomb[9000:])]
    assert run(reader(max_size=9_900_000, deflate=DEFLATE), fragments)[0][1] == 1009


def test_a_compressed_frame_over_the_limit_is_refused_at_its_head() -> None:
    # zlib's own bound says by how much bytes that do not compress may grow.
    assert run(reader(max_size=1000, deflate=DEFLATE), [masked(0xC2, size=2275)[:4]])[0][1] == 1009
    noise = random.Random(1).randbytes(1000)
    stored = zlib.compressobj(0, wbits=-15, memLevel=1)
    data = (stored.compress(noise) + stored.flush(zlib.Z_SYNC_FLUSH))[:-4]
    assert len(data) > 1000
    assert run(reader(max_size=1000, deflate=DEFLATE), [masked(0xC2, data)]) == [(2, noise)]
    # Empty blocks inflate to nothing: their own bytes are counted.
    empty = masked(0x00, b"\x00\x00\x00\xff\xff" * 20)
    assert run(reader(max_size=1000, deflate=DEFLATE), [masked(0x42), *[empty] * 30])[0][1] == 1009


def test_what_is_not_deflate() -> None:
    assert run(reader(deflate=DEFLATE), [masked(0xC2, b"\xff\xff\xff")]) == [
        ("refused", 1007, "the compressed message is not valid")
    ]


# Final blocks (RFC 7692 §7.2.3.4)


def final(message: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-15)
    return stream.compress(message) + stream.flush()


def test_a_message_may_end_in_a_final_block() -> None:
    source = reader(deflate=DEFLATE)
    wire = masked(0xC1, final(b"Hello") + b"\x00") + masked(0xC1, final(b"bare")) + masked(0xC1, deflated(b"go on"))
    assert run(source, [wire]) == [(1, "Hello"), (1, "bare"), (1, "go on")]
    in_pieces = reader(deflate=DEFLATE)
    assert run(in_pieces, [wire[i : i + 1] for i in range(len(wire))]) == [(1, "Hello"), (1, "bare"), (1, "go on")]


def test_final_blocks_without_end_are_refused() -> None:
    events = run(reader(deflate=DEFLATE), [masked(0xC1, final(b"") * 30_000)])
    assert events == [("refused", 1007, "the compressed message has too many final blocks")]
    assert run(reader(deflate=DEFLATE), [masked(0xC1, final(b"a") * 3 + b"\x00")] * 3) == [(1, "aaa")] * 3


def test_a_final_block_does_not_lift_the_limit() -> None:
    assert run(reader(max_size=4, deflate=DEFLATE), [masked(0xC1, final(b"abc") + final(b"de"))])[0][1] == 1009
    assert run(reader(max_size=5, deflate=DEFLATE), [masked(0xC1, final(b"abc") + final(b"de"))]) == [(1, "abcde")]


# Memory


def test_nothing_is_held_before_the_first_message_or_without_takeover() -> None:
    receiver, sender = Inflate(agreed(), 0), Deflate(agreed())
    assert sys.getsizeof(receiver) + sys.getsizeof(sender) < 300
    assert (receiver._stream, sender._stream) == (None, None)
    alone = agreed(DEFLATE + b"; client_no_context_takeover; server_no_context_takeover")
    receiver, sender = Inflate(alone, 0), Deflate(alone)
    data = sender.message(b"a" * 1000)
    assert data is not None
    assert receiver.piece(data, 0) + receiver.end(1000) == b"a" * 1000
    assert (receiver._stream, sender._stream) == (None, None)


def test_an_idle_sender_gives_its_memory_back() -> None:
    sender = Deflate(agreed())
    sender.message(b"a" * 1000)
    assert sender._stream is not None
    sender.rest()
    assert sender._stream is None


def test_an_unfinished_message_survives_a_rest() -> None:
    source = reader(deflate=DEFLATE + b"; client_no_context_takeover")
    wire = masked(0xC1, deflated(b"hello hello hello"))
    source.receive(wire[:12])
    assert drain(source) == []
    source.rest()
    assert run(source, [wire[12:]]) == [(1, "hello hello hello")]


def test_the_tail_is_an_empty_block() -> None:
    assert zlib.decompressobj(-15).decompress(deflated(b"a") + TAIL) == b"a"
