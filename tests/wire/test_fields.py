"""Fields by themselves; what a connection makes of them is in the corpus."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bicorn.errors import AppProtocolError, ProtocolError
from bicorn.wire import fields
from bicorn.wire.fields import CHUNKED, as_bytes, body_length, check_host, tokens


@pytest.mark.parametrize(
    ("table", "pattern"),
    [
        (fields.TOKEN_LOWER, rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]"),
        (fields.VALUE_BYTE, rb"[\t\x20-\x7e\x80-\xff]"),
        (fields.TARGET_BYTE, rb"[!-~]"),
    ],
)
def test_the_tables_hold_what_the_rfc_says(table: bytes, pattern: bytes) -> None:
    assert len(table) == 256
    allowed = {c for c in range(256) if re.fullmatch(pattern, bytes([c]))} - ({35} if pattern == rb"[!-~]" else set())
    assert {c for c in range(256) if table[c]} == allowed


def test_token_bytes_map_to_their_lower_case() -> None:
    for c in fields.TCHAR:
        assert bytes([fields.TOKEN_LOWER[c]]) == bytes([c]).lower()


@given(st.binary(max_size=8))
def test_the_table_and_the_pattern_of_values_agree(value: bytes) -> None:
    assert bool(fields.VALUE.fullmatch(value)) == all(fields.VALUE_BYTE[c] for c in value)


def test_what_clients_send_is_remembered_within_bounds() -> None:
    known = fields.KNOWN_HOSTS
    known.clear()
    for i in range(5000):
        check_host(b"host-%d" % i)
        tokens(b"token-%d" % i)
    assert 0 < len(known) <= 512
    assert 0 < len(fields._known_lists) <= 512
    check_host(b"h" * 64)
    tokens(b"t" * 64)
    assert b"h" * 64 in known
    assert b"t" * 64 in fields._known_lists
    check_host(b"h" * 65)
    tokens(b"t" * 65)
    assert b"h" * 65 not in known
    assert b"t" * 65 not in fields._known_lists


def test_a_refused_host_is_not_remembered() -> None:
    for _ in range(2):
        with pytest.raises(ProtocolError):
            check_host(b"a b")


@pytest.mark.parametrize(
    ("value", "members"),
    [
        (b"", []),
        (b"close", [b"close"]),
        (b"Close ,\tTE,, x y ", [b"close", b"te", b"x y"]),
        (b", ,\t,", []),
    ],
)
def test_tokens(value: bytes, members: list[bytes]) -> None:
    assert tokens(value) == members
    assert tokens(value) == members, "remembered"


@pytest.mark.parametrize(
    ("lengths", "codings", "minor", "expected"),
    [([b"0"], None, 1, 0), ([b"17"], None, 0, 17), ([], b"chunked", 1, CHUNKED), ([], b"CHUNKED", 1, CHUNKED)],
)
def test_body_length(lengths: list[bytes], codings: bytes | None, minor: int, expected: int) -> None:
    assert body_length(lengths, codings, minor) == expected


@given(st.lists(st.binary(max_size=5), max_size=2), st.none() | st.binary(max_size=10), st.integers(0, 1))
def test_a_body_length_is_a_number_or_a_refusal(lengths: list[bytes], codings: bytes | None, minor: int) -> None:
    if not lengths and codings is None:
        lengths = [b"1"]
    try:
        size = body_length(lengths, codings, minor)
    except ProtocolError as error:
        assert error.status in (400, 501)  # noqa: PT017
    else:
        assert codings is None or size == CHUNKED
        assert size == CHUNKED or lengths == [b"%d" % size] or lengths[0].lstrip(b"0") in (b"", b"%d" % size)


def test_every_steering_field_is_forbidden_in_trailers() -> None:
    assert fields.STEERING.keys() <= fields.FORBIDDEN_TRAILERS


def test_what_looks_like_bytes_is_copied() -> None:
    given = bytearray(b"a"), memoryview(b"b")
    assert [type(each) for each in as_bytes(*given)] == [bytes, bytes]
    assert as_bytes(*given) == (b"a", b"b")


@pytest.mark.parametrize(
    ("name", "value", "what"),
    [("a", b"b", "name must be bytes, not str"), (b"a", "b", "value must be bytes, not str"), (b"a", 1, "not int")],
)
def test_what_is_not_bytes_is_the_applications_mistake(name: object, value: object, what: str) -> None:
    with pytest.raises(AppProtocolError, match=what):
        as_bytes(name, value)
