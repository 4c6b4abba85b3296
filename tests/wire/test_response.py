"""The sending half: what an application gives, as bytes on the wire, read back by h11."""

from __future__ import annotations

import pytest

from bicorn.errors import AppProtocolError
from bicorn.wire.response import Defaults
from bicorn.wire.states import BODY, HELD, IDLE, WAITING
from tests.wire.answers_read import Fields, answer, begun, is_complete, joined, read

# Framing


def test_a_body_in_one_piece_gets_its_length() -> None:
    response, wire = answer(b"hello", fields=[(b"A", b"b")])
    assert wire == b"HTTP/1.1 200 OK\r\nA: b\r\ncontent-length: 5\r\n\r\nhello"
    assert (response.status, response.body_sent, response.keep_alive) == (200, 5, True)


def test_an_empty_body_has_a_length_too() -> None:
    assert answer(b"")[1] == b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


def test_a_body_in_pieces_is_chunked() -> None:
    response, wire = answer(b"hello", b"", b"world" * 10, b"")
    assert wire == (
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n32\r\n" + b"world" * 10 + b"\r\n0\r\n\r\n"
    )
    assert response.body_sent == 55
    assert read(wire).body == b"hello" + b"world" * 10


def test_a_head_goes_out_with_the_first_piece_even_if_that_is_empty() -> None:
    response = begun()
    response.start(200, [])
    assert response.state == HELD
    assert joined(response.body(b"", True)).endswith(b"chunked\r\n\r\n")
    assert response.state == BODY


def test_the_last_piece_of_chunks_comes_with_their_end() -> None:
    assert answer(b"a", b"b")[1].endswith(b"1\r\na\r\n1\r\nb\r\n0\r\n\r\n")


def test_a_length_of_the_applications_own_is_kept() -> None:
    for name in (b"content-length", b"Content-Length", b"CONTENT-LENGTH"):
        response, wire = answer(b"he", b"llo", fields=[(name, b"5")])
        assert wire == b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"
        assert response.length_left() == 0


def test_the_same_length_twice_is_one() -> None:
    wire = answer(b"hello", fields=[(b"content-length", b"5"), (b"Content-Length", b"05")])[1]
    assert read(wire).field(b"content-length") == [b"5"]


def test_http_1_0_without_a_length_ends_with_the_connection() -> None:
    response, wire = answer(b"he", b"llo", minor=0)
    assert wire == b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nhello"
    assert (response.keep_alive, response.body_sent) == (False, 5)
    assert read(wire, closed=True).body == b"hello"


def test_http_1_0_with_a_length_can_go_on() -> None:
    response, wire = answer(b"hello", minor=0)
    assert b"connection: keep-alive\r\n" in wire
    assert response.keep_alive
    assert read(wire).goes_on


def test_a_coding_of_the_applications_own_is_dropped() -> None:
    """Framing is the server's: two of them would be two readings."""
    for fields in ([(b"transfer-encoding", b"chunked")], [(b"Transfer-Encoding", b"gzip"), (b"content-length", b"5")]):
        assert read(answer(b"hello", fields=fields)[1]).fields == [(b"content-length", b"5")]


# Answers without a body


@pytest.mark.parametrize("status", [200, 404])
def test_head_drops_the_body_and_keeps_the_length(status: int) -> None:
    response, wire = answer(b"hello", status=status, head=True)
    assert wire.endswith(b"content-length: 5\r\n\r\n")
    assert (response.body_sent, response.has_body(), response.keep_alive) == (0, False, True)
    given = [(b"content-length", b"7")]
    for pieces in ([b""], [b"hello"], [b"he", b"llo"], [b"x" * 100, b""]):
        assert read(answer(*pieces, head=True, fields=given)[1], method="HEAD").fields == given


def test_head_without_a_known_length_says_none() -> None:
    for pieces in ([b""], [b"he", b"llo"]):
        found = read(answer(*pieces, head=True)[1], method="HEAD")
        assert (found.fields, found.goes_on) == ([], True)


@pytest.mark.parametrize("status", [204, 304])
def test_no_content_and_not_modified_have_no_body(status: int) -> None:
    for pieces in ([b""], [b"", b""]):
        found = read(answer(*pieces, status=status)[1])
        assert (found.fields, found.body, found.goes_on) == ([], b"", True)


@pytest.mark.parametrize("head", [False, True])
def test_no_content_never_has_a_length(head: bool) -> None:
    """RFC 9110 §8.6."""
    assert b"length" not in answer(b"", status=204, fields=[(b"content-length", b"0")], head=head)[1]


def test_not_modified_may_say_the_length_of_what_was_not_modified() -> None:
    given = [(b"content-length", b"1234")]
    assert read(answer(b"", status=304, fields=given)[1]).fields == given


def test_reset_content_has_length_zero() -> None:
    """RFC 9110 §15.3.6."""
    for given in ([], [(b"content-length", b"0")]):
        assert read(answer(b"", status=205, fields=given)[1]).fields == [(b"content-length", b"0")]


@pytest.mark.parametrize("status", [204, 205, 304])
def test_a_body_where_none_may_be_is_refused_before_anything_is_sent(status: int) -> None:
    for more in (True, False):
        response = begun()
        response.start(status, [])
        with pytest.raises(AppProtocolError, match=f"a {status} response must not have a body"):
            response.body(b"a", more)
        with pytest.raises(AppProtocolError, match=f"a {status} response must not have a body"):
            response.body_head(1, more)
        assert (response.state, response.body_sent) == (HELD, 0)


@pytest.mark.parametrize("status", [204, 304])
def test_a_body_where_none_may_be_is_refused_later_too(status: int) -> None:
    response = begun()
    response.start(status, [])
    response.body(b"", True)
    with pytest.raises(AppProtocolError, match="must not have a body"):
        response.body(b"a", True)
    with pytest.raises(AppProtocolError, match="must not have a body"):
        response.body_head(1, False)
    assert (response.state, response.body_sent, response.body(b"", False)) == (BODY, 0, b"")


# Lengths that do not fit


@pytest.mark.parametrize(
    ("length", "piece", "more", "what"),
    [
        (b"4", b"hello", False, "1 bytes longer"),
        (b"4", b"hello", True, "1 bytes longer"),
        (b"7", b"hello", False, "2 bytes shorter"),
        (b"1", b"", False, "1 bytes shorter"),
        (b"0", b"x" * 100_000, True, "100000 bytes longer"),
    ],
)
def test_a_wrong_length_is_refused_before_anything_is_sent(length: bytes, piece: bytes, more: bool, what: str) -> None:
    response = begun()
    response.start(200, [(b"content-length", length)])
    with pytest.raises(AppProtocolError, match=f"the response body is {what} than its content-length"):
        response.body(piece, more)
    assert (response.state, response.body_sent) == (HELD, 0)
    with pytest.raises(AppProtocolError, match=what):
        response.body_head(len(piece), more)
    # What the server does then: a clean 500 on a connection that can go on.
    response.begin(1, False, response.keep_alive)
    response.start(500, [])
    assert read(joined(response.body(b"sorry", False))).body == b"sorry"


def test_a_wrong_length_is_refused_later_too() -> None:
    response = begun()
    response.start(200, [(b"content-length", b"4")])
    sent = joined(response.body(b"he", True))
    for data, more, what in ((b"llo", True, "longer"), (b"llo", False, "longer"), (b"l", False, "shorter")):
        with pytest.raises(AppProtocolError, match=f"1 bytes {what}"):
            response.body(data, more)
        assert (response.state, response.body_sent, response.length_left()) == (BODY, 2, 2)
    assert not is_complete(sent)
    assert joined(response.body(b"ll", False)) == b"ll"


def test_more_than_the_length_from_a_file_is_refused() -> None:
    response = begun()
    response.start(200, [(b"content-length", b"4")])
    response.body(b"he", True)
    with pytest.raises(AppProtocolError, match="1 bytes longer"):
        response.body_head(3, True)
    assert (response.body_sent, response.length_left()) == (2, 2)


@pytest.mark.parametrize("value", [b"", b"+5", b"-1", b"5,5", b"5.0", b"0x5", b"five", b"5 5", b" 5", b"9" * 19])
def test_a_length_that_is_no_number_is_refused(value: bytes) -> None:
    response = begun()
    with pytest.raises(AppProtocolError, match="content-length is not a number"):
        response.start(200, [(b"content-length", value)])
    assert response.state == WAITING


def test_two_lengths_that_differ_are_refused() -> None:
    with pytest.raises(AppProtocolError, match="content-length is given twice"):
        begun().start(200, [(b"content-length", b"5"), (b"Content-Length", b"6")])


# Files


@pytest.mark.parametrize(
    ("fields", "minor", "framed"),
    [
        ([], 1, b"content-length: 5\r\n\r\nhello"),
        ([(b"content-length", b"5")], 1, b"content-length: 5\r\n\r\nhello"),
        ([], 0, b"content-length: 5\r\nconnection: keep-alive\r\n\r\nhello"),
    ],
)
def test_a_file_alone(fields: Fields, minor: int, framed: bytes) -> None:
    response = begun(minor)
    response.start(200, fields)
    wire = response.body_head(5, False) + b"hello" + response.body_tail(5) + joined(response.body(b"", False))
    assert wire == b"HTTP/1.1 200 OK\r\n" + framed
    assert (response.state, response.body_sent) == (IDLE, 5)


@pytest.mark.parametrize("fields", [[], [(b"content-length", b"15")]])
def test_a_file_among_pieces(fields: Fields) -> None:
    response = begun()
    response.start(200, fields)
    wire = joined(response.body(b"hello", True))
    wire += response.body_head(5, True) + b"world" + response.body_tail(5)
    wire += response.body_head(0, True) + response.body_tail(0)
    wire += joined(response.body(b"again", False))
    assert read(wire).body == b"helloworldagain"
    assert response.body_sent == 15


def test_a_file_that_is_not_all() -> None:
    response = begun()
    response.start(200, [])
    wire = response.body_head(5, True) + b"hello" + response.body_tail(5) + joined(response.body(b"", False))
    assert read(wire).body == b"hello"
    assert b"chunked" in wire


def test_a_file_for_head_is_not_sent() -> None:
    response = begun(head=True)
    response.start(200, [])
    assert response.body_head(5, False).endswith(b"content-length: 5\r\n\r\n")
    assert (response.has_body(), response.body_sent, response.body_tail(5)) == (False, 0, b"")
    assert joined(response.body(b"", False)) == b""
    assert response.state == IDLE


def test_a_file_in_http_1_0_without_a_length() -> None:
    response = begun(0)
    response.start(200, [])
    wire = response.body_head(5, True) + b"hello" + response.body_tail(5) + joined(response.body(b"", False))
    assert read(wire, closed=True).body == b"hello"


# Connections


@pytest.mark.parametrize("minor", [0, 1])
@pytest.mark.parametrize("pieces", [[b"a"], [b"a", b"b"]])
def test_a_connection_that_ends_says_so(minor: int, pieces: list[bytes]) -> None:
    response, wire = answer(*pieces, minor=minor, keep_alive=False)
    assert not response.keep_alive
    assert wire.count(b"connection: close\r\n") == 1
    assert not read(wire, closed=True).goes_on


@pytest.mark.parametrize("value", [b"close", b"Close", b"x, close"])
def test_an_application_can_end_the_connection(value: bytes) -> None:
    response, wire = answer(b"a", fields=[(b"Connection", value)])
    assert not response.keep_alive
    assert wire.count(b"onnection: close\r\n") == 1


@pytest.mark.parametrize(
    "fields", [[(b"connection", b"keep-alive")], [(b"connection", b"x")], [(b"Keep-Alive", b"timeout=5")]]
)
def test_what_else_an_application_says_of_the_connection_is_dropped(fields: Fields) -> None:
    response, wire = answer(b"a", fields=fields)
    assert read(wire).fields == [(b"content-length", b"1")]
    assert response.keep_alive


def test_one_response_serves_many_requests() -> None:
    response = begun()
    for i in range(3):
        response.begin(1, i == 1, True)
        response.start(200 + i, [(b"connection", b"close")] if i == 2 else [])
        found = read(joined(response.body(b"hello"[i:], False)), method="HEAD" if i == 1 else "GET")
        assert (found.status, found.body) == (200 + i, b"" if i == 1 else b"hello"[i:])
        assert (response.keep_alive, response.body_sent) == (i < 2, 0 if i == 1 else 5 - i)


# The server's own fields


def defaults() -> Defaults:
    """All of them."""
    given = Defaults(server=b"server: me\r\n", extra=b"x-extra: 1\r\n")
    given.set_date(b"date: today\r\n")
    return given


def test_the_server_adds_its_fields_first() -> None:
    found = read(answer(b"", fields=[(b"a", b"b")], defaults=defaults())[1]).fields
    assert found[:4] == [(b"server", b"me"), (b"date", b"today"), (b"x-extra", b"1"), (b"a", b"b")]


@pytest.mark.parametrize(
    ("own", "names"),
    [
        ([(b"Server", b"app")], [b"date", b"x-extra", b"server"]),
        ([(b"date", b"then")], [b"server", b"x-extra", b"date"]),
        ([(b"DATE", b"then"), (b"server", b"app")], [b"x-extra", b"date", b"server"]),
    ],
)
def test_an_applications_own_server_and_date_win(own: Fields, names: list[bytes]) -> None:
    found = read(answer(b"", fields=own, defaults=defaults())[1]).fields
    assert [name for name, _ in found][:-1] == names
    assert [value for name, value in found if name in (b"server", b"date") and value in (b"app", b"then")]


def test_the_date_moves_on() -> None:
    given = defaults()
    given.set_date(b"date: tomorrow\r\n")
    assert read(answer(b"", defaults=given)[1]).field(b"date") == [b"tomorrow"]
    given.set_date(b"")
    assert read(answer(b"", defaults=given)[1]).field(b"date") == []


def test_defaults_may_be_none_at_all() -> None:
    assert Defaults(server=b"").lines == b""
    assert Defaults().lines == b"server: bicorn\r\n"
