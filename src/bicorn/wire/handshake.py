"""The opening handshake of a WebSocket, the server's side (RFC 6455 §4.2).

Origin (§10.2) is the application's business: only it knows which pages may talk to it.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable
from typing import NamedTuple

from bicorn.errors import AppProtocolError, ProtocolError
from bicorn.wire.answers import simple_response
from bicorn.wire.deflate import Agreed
from bicorn.wire.fields import TCHAR, VALUE, as_bytes, tokens
from bicorn.wire.head import Head
from bicorn.wire.response import Defaults

# RFC 6455 §1.3: what shows that the server understood the handshake.
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_VERSION = b"13"

_TOKEN = re.compile(rb"[" + re.escape(TCHAR) + rb"]+")

# The server's own to say: dropped, as from any answer.
_DROPPED = frozenset({b"connection", b"upgrade", b"keep-alive", b"content-length", b"transfer-encoding"})
_FORBIDDEN = frozenset(
    {b"sec-websocket-accept", b"sec-websocket-extensions", b"sec-websocket-key", b"sec-websocket-version"}
)
_SUBPROTOCOL = b"sec-websocket-protocol"


class Offer(NamedTuple):
    """What the client asks for.

    Attributes:
        key: its Sec-WebSocket-Key.
        subprotocols: in its order of preference.
        extensions: its Sec-WebSocket-Extensions values, joined by commas.
    """

    key: bytes
    subprotocols: list[str]
    extensions: bytes


def check(head: Head) -> Offer:
    """Read the handshake in a request's head.

    Raises:
        ProtocolError: 400, or 426 for another version (RFC 6455 §4.2.2); `refusal` makes the answer.
    """
    if head.upgrade is None or b"websocket" not in tokens(head.upgrade):
        raise ProtocolError(400, "a WebSocket handshake has Connection: Upgrade and Upgrade: websocket")
    if head.method != "GET":
        raise ProtocolError(400, f"a WebSocket handshake is a GET request, not {head.method[:32]}")
    if head.content_length:
        raise ProtocolError(400, "a WebSocket handshake has no body")
    versions = _values(head, b"sec-websocket-version")
    if not versions:
        raise ProtocolError(400, "the Sec-WebSocket-Version field is missing")
    if versions != [_VERSION]:
        raise ProtocolError(426, "only version 13 of WebSocket is spoken here (Sec-WebSocket-Version)")
    keys = _values(head, b"sec-websocket-key")
    if len(keys) != 1:
        raise ProtocolError(400, f"the Sec-WebSocket-Key field is {'repeated' if keys else 'missing'}")
    if not _is_key(keys[0]):
        raise ProtocolError(400, "the Sec-WebSocket-Key is not 16 bytes in base64")
    subprotocols: list[str] = []
    for value in _values(head, _SUBPROTOCOL):
        for name in value.split(b","):
            token = name.strip(b" \t")
            if token and not _TOKEN.fullmatch(token):
                raise ProtocolError(400, f"the subprotocol {token[:64]!r} is not a token")
            if token and token.decode() not in subprotocols:
                subprotocols.append(token.decode())
    return Offer(keys[0], subprotocols, b", ".join(_values(head, b"sec-websocket-extensions")))


def _values(head: Head, name: bytes) -> list[bytes]:
    return [value for field, value in head.headers if field == name]


def _is_key(key: bytes) -> bool:
    """RFC 6455 §4.2.1: "a base64-encoded value that, when decoded, is 16 bytes in length"."""
    try:
        return len(base64.b64decode(key, validate=True)) == 16
    except binascii.Error:
        return False


def refusal(error: ProtocolError, defaults: Defaults) -> bytes:
    """The answer to a handshake that `check` refused; the connection closes after it."""
    # RFC 6455 §4.4 and RFC 9110 §15.5.22: a 426 says what would do.
    extra = b"sec-websocket-version: 13\r\nupgrade: websocket\r\nconnection: upgrade\r\n"
    return simple_response(error.status, error.reason, defaults=defaults, extra=extra if error.status == 426 else b"")


def accept(
    offer: Offer,
    subprotocol: str | None,
    headers: Iterable[Iterable[bytes]],
    agreed: Agreed | None,
    defaults: Defaults,
) -> bytes:
    """The complete 101 answer.

    Args:
        offer: the handshake.
        subprotocol: the one the application chose, if any. It may also give it as a Sec-WebSocket-Protocol field.
        headers: the application's ``(name, value)`` pairs.
        agreed: permessage-deflate, where it was agreed on.
        defaults: the fields the server adds.

    Raises:
        AppProtocolError: the application's mistake, named; nothing is to be sent.
    """
    fields: list[bytes] = []
    own: set[bytes] = set()
    for field in headers:
        name, value = field
        if type(name) is not bytes or type(value) is not bytes:
            name, value = as_bytes(name, value)
        lower = name.lower()
        if not _TOKEN.fullmatch(name):
            raise AppProtocolError(f"the response header name {name!r} is not a token")
        if not VALUE.fullmatch(value):
            raise AppProtocolError(f"the response header {name!r} has a control character in its value: {value!r}")
        if lower in _FORBIDDEN:
            raise AppProtocolError(f"the response header {name!r} is the server's to send")
        if lower == _SUBPROTOCOL:
            if subprotocol is not None:
                raise AppProtocolError("the subprotocol is given twice, once as a response header")
            subprotocol = value.decode("latin-1")
        elif lower not in _DROPPED:
            own.add(lower)
            fields += (name, b": ", value, b"\r\n")
    digest = hashlib.sha1(offer.key + _GUID, usedforsecurity=False).digest()
    parts = [
        b"HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: ",
        base64.b64encode(digest),
        b"\r\n",
    ]
    if subprotocol is not None:
        if subprotocol not in offer.subprotocols:
            offered = ", ".join(offer.subprotocols) or "none"
            raise AppProtocolError(f"the subprotocol {subprotocol!r} is not one the client offered: {offered}")
        parts += (b"sec-websocket-protocol: ", subprotocol.encode(), b"\r\n")
    if agreed is not None:
        parts += (b"sec-websocket-extensions: ", agreed.response, b"\r\n")
    parts.append(b"" if b"server" in own else defaults.server)
    parts.append(b"" if b"date" in own else defaults.date)
    parts.append(defaults.extra)
    return b"".join((*parts, *fields, b"\r\n"))
