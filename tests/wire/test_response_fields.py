"""An answer's head and trailers: what an application may put there, and what it may not."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from bicorn.errors import AppProtocolError
from bicorn.wire.response import Defaults
from bicorn.wire.states import HELD, IDLE, TRAILERS, WAITING
from tests.wire.answers_read import Fields, answer, begun, joined, read
from tests.wire.readings import READINGS

JOIN_LIMIT: int = READINGS["match"].response.JOIN_LIMIT  # a compiled module shows no such names


@pytest.mark.parametrize("status", [200, 299, 404, 500, 599, 600, 999])
def test_every_final_status_is_taken(status: int) -> None:
    assert read(answer(b"a", status=status)[1]).status == status


@pytest.mark.parametrize("status", [-1, 0, 99, 100, 101, 199, 1000, 20000])
def test_no_other_status_is(status: int) -> None:
    response = begun()
    with pytest.raises(AppProtocolError, match=f"the response status must be 200 to 999, not {status}"):
        response.start(status, [])
    assert (response.state, response.status) == (WAITING, 0)


@pytest.mark.parametrize(
    "name", [b"", b"a b", b"a:", b"a\r\nb", b"a\n", b"\x00", b"\xe9", b" a", b"a ", b"a\t", b"(a)", b"a\r"]
)
def test_a_name_that_is_no_token_is_refused(name: bytes) -> None:
    for _ in range(2):
        with pytest.raises(AppProtocolError, match="is not a token"):
            begun().start(200, [(name, b"a")])


@pytest.mark.parametrize("c", [*range(9), *range(10, 32), 127])
def test_a_value_with_a_control_character_is_refused(c: int) -> None:
    for value in (bytes([c]), b"a" + bytes([c]), bytes([c]) + b"a", b"a" + bytes([c]) + b"b: c"):
        for name in (b"a", b"content-length", b"connection", b"transfer-encoding", b"server", b"date", b"set-cookie"):
            with pytest.raises(AppProtocolError, match="has a control character in its value"):
                begun().start(200, [(name, value)])


@pytest.mark.parametrize("value", [b"", b"a b", b"a\tb", b"\x80\xff", bytes(range(32, 127)), b"a" * 100_000])
def test_every_other_value_is_taken(value: bytes) -> None:
    assert b"a: " + value + b"\r\n" in answer(b"", fields=[(b"a", value)])[1]


def test_fields_keep_their_order_their_case_and_their_number() -> None:
    fields = [(b"B", b"1"), (b"set-cookie", b"2"), (b"Set-Cookie", b"3"), (b"a", b"4")]
    assert answer(b"", fields=fields)[1] == (
        b"HTTP/1.1 200 OK\r\nB: 1\r\nset-cookie: 2\r\nSet-Cookie: 3\r\na: 4\r\ncontent-length: 0\r\n\r\n"
    )


def generated() -> Iterator[tuple[bytes, bytes]]:
    """Fields that can be read once."""
    yield b"a", b"1"
    yield b"b", b"2"


@pytest.mark.parametrize(
    "fields",
    [
        [(b"a", b"1"), (b"b", b"2")],
        ((b"a", b"1"), (b"b", b"2")),
        [[b"a", b"1"], [b"b", b"2"]],
        {b"a": b"1", b"b": b"2"}.items(),
        generated(),
        iter([(b"a", b"1"), (b"b", b"2")]),
        [(bytearray(b"a"), b"1"), (b"b", memoryview(b"2"))],
    ],
)
def test_any_iterable_of_pairs_will_do(fields: Any) -> None:
    response, wire = answer(b"", fields=fields)
    assert read(wire).fields[:2] == [(b"a", b"1"), (b"b", b"2")]
    assert response.fields() == [(b"a", b"1"), (b"b", b"2")], "the log reads them again"


def test_native_strings_are_latin_1() -> None:
    response = begun()
    response.start(
        200, iter([("X-A", "1"), ("x-b", "\xe9"), ("Content-Length", "4"), ("Connection", "close")]), native=True
    )
    found = read(joined(response.body(b"fine", False)))
    assert found.fields == [(b"x-a", b"1"), (b"x-b", b"\xe9"), (b"content-length", b"4"), (b"connection", b"close")]
    given = [(b"X-A", b"1"), (b"x-b", b"\xe9"), (b"Content-Length", b"4"), (b"Connection", b"close")]
    assert response.fields() == given, "the log reads them again"


@pytest.mark.parametrize(
    ("fields", "what"),
    [
        ([("a", b"1")], "header's name must be bytes, not str: 'a'"),
        ([(b"a", "1")], "header's value must be bytes, not str: '1'"),
        ([(b"a", 1)], "header's value must be bytes, not int: 1"),
        ([(b"a", None)], "header's value must be bytes, not NoneType"),
    ],
)
def test_what_is_not_bytes_is_refused_by_name(fields: Any, what: str) -> None:
    with pytest.raises(AppProtocolError, match=what):
        begun().start(200, fields)


@pytest.mark.parametrize("fields", [[(b"a",)], [(b"a", b"b", b"c")], [1], None, 1])
def test_what_is_not_pairs_is_refused_by_python(fields: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        begun().start(200, fields)


def test_a_refused_head_leaves_everything_as_it_was() -> None:
    response = begun()
    bad: list[tuple[int, Fields]] = [
        (200, [(b"connection", b"close"), (b"a", b"\n")]),
        (200, [(b"content-length", b"5"), (b"", b"")]),
        (99, []),
    ]
    for status, fields in bad:
        with pytest.raises(AppProtocolError):
            response.start(status, fields)
        assert (response.state, response.status, response.keep_alive) == (WAITING, 0, True)
    response.start(200, [])
    assert read(joined(response.body(b"fine", False))).body == b"fine"


def test_a_head_can_be_replaced_while_it_is_held() -> None:
    """PEP 3333's ``start_response`` with ``exc_info``."""
    response = begun()
    response.start(200, [(b"content-length", b"99"), (b"a", b"b")], True)
    response.start(500, [(b"c", b"d")])
    found = read(joined(response.body(b"sorry", False)))
    assert (found.status, found.fields, found.body) == (500, [(b"c", b"d"), (b"content-length", b"5")], b"sorry")
    assert response.state == IDLE


def test_learned_lines_of_framing_are_bounded() -> None:
    reading = READINGS["match"]
    response = reading.response.Response(reading.response.Defaults())
    for i in range(3000):
        response.begin(1, False, True)
        response.start(200, [])
        response.body(b"x" * i, True)
        response.body(b"x" * i, False)
    for i in range(3000):
        response.begin(1, False, True)
        response.start(200, [])
        response.body(b"x" * i, False)
    assert 0 < len(reading.response._chunk_lines) <= 1024
    assert 0 < len(reading.response._length_lines) <= 1024


# Large bodies


@pytest.mark.parametrize("fields", [[], [(b"content-length", b"%d" % (JOIN_LIMIT + 1))]])
def test_a_large_body_is_not_copied(fields: Fields) -> None:
    body = bytes(JOIN_LIMIT + 1)
    response = begun()
    response.start(200, fields)
    written = response.body(body, False)
    assert isinstance(written, list)
    assert written[1] is body
    assert read(joined(written)).body == body


def test_a_body_at_the_limit_is_joined() -> None:
    response = begun()
    response.start(200, [])
    assert isinstance(response.body(bytes(JOIN_LIMIT), False), bytes)


def test_a_large_piece_of_a_known_length_is_passed_on_as_it_is() -> None:
    response = begun()
    response.start(200, [(b"content-length", b"%d" % (JOIN_LIMIT + 2))])
    response.body(b"a", True)
    body = bytes(JOIN_LIMIT + 1)
    assert response.body(body, False) is body


def test_a_large_chunk_is_not_copied() -> None:
    body = bytes(JOIN_LIMIT + 1)
    response = begun()
    response.start(200, [])
    written = response.body(body, True)
    assert isinstance(written, list)
    assert any(part is body for part in written)
    assert read(joined(written) + joined(response.body(b"", False))).body == body


# Trailers


def test_trailers_follow_the_body() -> None:
    response = begun()
    response.start(200, [], True)
    wire = joined(response.body(b"hello", False))
    assert response.state == TRAILERS
    looks_like_bytes: Any = (bytearray(b"b"), memoryview(b"2"))
    wire += response.trailers([(b"A", b"1"), looks_like_bytes], True)
    assert response.state == TRAILERS
    wire += response.trailers(iter([(b"c", b"")]), False)
    assert response.state == IDLE
    found = read(wire)
    assert (found.body, found.trailers, found.goes_on) == (b"hello", [(b"a", b"1"), (b"b", b"2"), (b"c", b"")], True)


def test_trailers_may_be_none_after_all() -> None:
    found = read(answer(b"a", b"b", trailers=[])[1])
    assert (found.body, found.trailers) == (b"ab", [])


def test_trailers_need_chunks_whatever_length_the_application_gives() -> None:
    found = read(answer(b"hello", fields=[(b"content-length", b"5")], trailers=[(b"a", b"b")])[1])
    assert (found.fields, found.trailers) == ([(b"transfer-encoding", b"chunked")], [(b"a", b"b")])


def test_trailers_are_dropped_where_there_is_no_place_for_them() -> None:
    trailers = [(b"a", b"b")]
    head = answer(b"hello", head=True, trailers=trailers)[1]
    assert read(head, method="HEAD").trailers == []
    assert head.endswith(b"content-length: 5\r\n\r\n")
    none = answer(b"", status=204, trailers=trailers)[1]
    assert read(none).trailers == []
    old = answer(b"hello", minor=0, trailers=trailers)[1]
    assert old.endswith(b"\r\n\r\nhello")


@pytest.mark.parametrize(
    ("field", "what"),
    [
        ((b"a b", b""), "not a token"),
        ((b"", b""), "not a token"),
        ((b"a", b"b\r\nc: d"), "control character"),
        ((b"a", b"\x00"), "control character"),
        (("a", b""), "name must be bytes"),
        ((b"a", 1), "value must be bytes"),
        ((b"Content-Length", b"5"), "not allowed in trailers"),
        ((b"transfer-encoding", b"chunked"), "not allowed in trailers"),
        ((b"Set-Cookie", b"a=b"), "not allowed in trailers"),
        ((b"host", b"a"), "not allowed in trailers"),
    ],
)
def test_trailers_are_checked_before_any_is_sent(field: Any, what: str) -> None:
    response = begun()
    response.start(200, [], True)
    wire = joined(response.body(b"hello", False))
    with pytest.raises(AppProtocolError, match=what):
        response.trailers([(b"ok", b""), field], False)
    assert response.state == TRAILERS
    assert read(wire + response.trailers([(b"x", b"y")], False)).trailers == [(b"x", b"y")]


def test_the_next_answer_has_no_trailers_of_the_last() -> None:
    response = begun(defaults=Defaults(server=b""))
    response.start(200, [], True)
    response.body(b"", False)
    response.trailers([(b"a", b"b")], False)
    response.begin(1, False, True)
    response.start(200, [])
    assert response.state == HELD
    assert joined(response.body(b"x", False)) == b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx"
    assert response.state == IDLE
