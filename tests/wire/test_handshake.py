from __future__ import annotations

from typing import Any

import pytest

from bicorn.errors import AppProtocolError, ProtocolError
from bicorn.wire.deflate import negotiate
from bicorn.wire.handshake import Offer, accept, check, refusal
from bicorn.wire.head import Head, parse_head
from bicorn.wire.limits import Limits
from bicorn.wire.response import Defaults

KEY = b"dGhlIHNhbXBsZSBub25jZQ=="  # RFC 6455 §1.3
FIELDS = {
    b"Host": b"example.org",
    b"Upgrade": b"websocket",
    b"Connection": b"keep-alive, Upgrade",
    b"Sec-WebSocket-Key": KEY,
    b"Sec-WebSocket-Version": b"13",
}


def head(line: bytes = b"GET /chat HTTP/1.1", more: bytes = b"", **changes: bytes | None) -> Head:
    """A handshake's head; `changes` are fields, with underscores, None to leave one out."""
    fields: dict[bytes, bytes | None] = {**FIELDS, **{k.replace("_", "-").encode(): v for k, v in changes.items()}}
    lines = b"".join(name + b": " + value + b"\r\n" for name, value in fields.items() if value is not None)
    return parse_head(line + b"\r\n" + lines + more + b"\r\n", 0, Limits())


def defaults() -> Defaults:
    made = Defaults(server=b"server: bicorn\r\n", extra=b"x-extra: 1\r\n")
    made.set_date(b"date: today\r\n")
    return made


def answered(
    subprotocol: str | None = None, headers: Any = (), *, offer: Offer | None = None, extensions: bytes = b""
) -> dict[bytes, bytes]:
    """The fields of a 101."""
    wire = accept(offer or Offer(KEY, [], b""), subprotocol, headers, negotiate(extensions), defaults())
    line, *fields = wire.removesuffix(b"\r\n\r\n").split(b"\r\n")
    assert line == b"HTTP/1.1 101 Switching Protocols"
    pairs = [(name, value) for name, _, value in (field.partition(b": ") for field in fields)]
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


def test_a_handshake() -> None:
    assert check(head()) == Offer(KEY, [], b"")


def test_what_a_client_asks_for() -> None:
    more = b"Sec-WebSocket-Protocol: superchat\r\nSec-WebSocket-Extensions: b\r\n"
    asked = head(more=more, Sec_WebSocket_Protocol=b"chat, V2.json,,chat", Sec_WebSocket_Extensions=b"a; x=1")
    assert check(asked) == Offer(KEY, ["chat", "V2.json", "superchat"], b"a; x=1, b")


def test_names_are_read_in_any_case() -> None:
    assert check(head(Upgrade=b"h2c, WebSocket", Connection=b"UPGRADE")).key == KEY


@pytest.mark.parametrize(
    ("bad", "status", "reason"),
    [
        (head(b"POST /chat HTTP/1.1"), 400, "GET"),
        (head(b"GET /chat HTTP/1.0"), 400, "Upgrade"),
        (head(Connection=b"keep-alive"), 400, "Upgrade"),
        (head(Upgrade=b"h2c"), 400, "Upgrade"),
        (head(Upgrade=b"websocket2"), 400, "Upgrade"),
        (head(Upgrade=None), 400, "Upgrade"),
        (head(more=b"Content-Length: 1\r\n"), 400, "no body"),
        (head(more=b"Transfer-Encoding: chunked\r\n"), 400, "no body"),
        (head(Sec_WebSocket_Version=None), 400, "Version field is missing"),
        (head(Sec_WebSocket_Version=b"8"), 426, "version 13"),
        (head(Sec_WebSocket_Version=b"13, 8"), 426, "version 13"),
        (head(more=b"Sec-WebSocket-Version: 13\r\n"), 426, "version 13"),
        (head(Sec_WebSocket_Key=None), 400, "Key field is missing"),
        (head(more=b"Sec-WebSocket-Key: " + KEY + b"\r\n"), 400, "Key field is repeated"),
        (head(Sec_WebSocket_Key=b""), 400, "not 16 bytes"),
        (head(Sec_WebSocket_Key=b"AAAA"), 400, "not 16 bytes"),
        (head(Sec_WebSocket_Key=b"!" + KEY), 400, "not 16 bytes"),
        (head(Sec_WebSocket_Key=KEY[:-1]), 400, "not 16 bytes"),
        (head(Sec_WebSocket_Protocol=b"chat, b@d"), 400, "not a token"),
    ],
)
def test_handshakes_that_are_refused(bad: Head, status: int, reason: str) -> None:
    with pytest.raises(ProtocolError, match=reason) as raised:
        check(bad)
    assert raised.value.status == status
    answer = refusal(raised.value, defaults())
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert (b"\r\nsec-websocket-version: 13\r\n" in answer) == (status == 426)
    assert b"\r\nconnection: close\r\n" in answer


def test_the_answer() -> None:
    assert answered() == {
        b"upgrade": b"websocket",
        b"connection": b"Upgrade",
        b"sec-websocket-accept": b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",  # RFC 6455 §1.3
        b"server": b"bicorn",
        b"date": b"today",
        b"x-extra": b"1",
    }


def test_the_subprotocol_is_one_of_those_offered() -> None:
    offer = Offer(KEY, ["a", "b"], b"")
    assert answered("b", offer=offer)[b"sec-websocket-protocol"] == b"b"
    assert answered(headers=[(b"Sec-WebSocket-Protocol", b"a")], offer=offer)[b"sec-websocket-protocol"] == b"a"
    for subprotocol, headers in (("c", ()), ("A", ()), ("", ()), ("a", [(b"sec-websocket-protocol", b"a")])):
        with pytest.raises(AppProtocolError, match="subprotocol"):
            answered(subprotocol, headers, offer=offer)


def test_the_extension() -> None:
    fields = answered(extensions=b"permessage-deflate; client_max_window_bits")
    assert fields[b"sec-websocket-extensions"].startswith(b"permessage-deflate; ")


def test_the_application_s_fields() -> None:
    given = [[b"X-One", b"1"], (bytearray(b"Server"), memoryview(b"mine")), (b"date", b"then"), (b"Set-Cookie", b"a=b")]
    dropped = [
        (b"Connection", b"close"),
        (b"upgrade", b"h2c"),
        (b"content-length", b"5"),
        (b"Transfer-Encoding", b"chunked"),
    ]
    fields = answered(headers=iter([*given, *dropped]))
    assert (fields[b"X-One"], fields[b"Server"], fields[b"date"], fields[b"Set-Cookie"]) == (
        b"1",
        b"mine",
        b"then",
        b"a=b",
    )
    assert (fields[b"connection"], fields[b"upgrade"]) == (b"Upgrade", b"websocket")
    assert not {b"server", b"content-length", b"Transfer-Encoding", b"Connection"} & fields.keys()


@pytest.mark.parametrize(
    ("field", "reason"),
    [
        ((b"a b", b"c"), "not a token"),
        ((b"", b"c"), "not a token"),
        ((b"a", b"b\r\nc: d"), "control character"),
        ((b"a", b"b\n"), "control character"),
        (("a", b"b"), "must be bytes"),
        ((b"Sec-WebSocket-Accept", b"b"), "the server's to send"),
        ((b"sec-websocket-extensions", b"b"), "the server's to send"),
    ],
)
def test_fields_that_are_refused(field: Any, reason: str) -> None:
    with pytest.raises(AppProtocolError, match=reason):
        answered(headers=[field])
