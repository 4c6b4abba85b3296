"""What header fields may look like, and what the ones that steer the connection mean.

RFC 9110 §5 (fields) and RFC 9112 §6 (message body length). Everything here is about one finished list of fields;
finding the fields in the bytes is `bicorn.wire.head`'s work.
"""

from __future__ import annotations

import re

from bicorn.errors import AppProtocolError, ProtocolError

# RFC 9110 §5.6.2: token = 1*tchar
TCHAR = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

# For each byte: its lower-case form if it may stand in a token, else 0.
TOKEN_LOWER = bytes(bytes([c]).lower()[0] if c in TCHAR else 0 for c in range(256))

# For each byte: 1 if it may stand in a field value (RFC 9110 §5.5: HTAB, SP, VCHAR, obs-text), else 0.
VALUE_BYTE = bytes(1 if c == 9 or 32 <= c <= 126 or c >= 128 else 0 for c in range(256))

VALUE = re.compile(rb"[\t\x20-\x7e\x80-\xff]*")

# For each byte: 1 if it may stand in a request target. RFC 9112 §3.2 wants only what RFC 3986 allows; browsers send
# "|", "{" and their like unencoded in queries, so every visible ASCII character passes but "#": a fragment is
# never sent, and servers that disagree on where a path ends are how access rules are walked around.
TARGET_BYTE = bytes(1 if 33 <= c <= 126 and c != 35 else 0 for c in range(256))

# RFC 9110 §7.2 and RFC 3986 §3.2.2: uri-host [ ":" port ]; a reg-name is kept to what real names use.
HOST = re.compile(rb"(?:\[[0-9A-Fa-f:.]+(?:%25[A-Za-z0-9._~-]+)?\]|[A-Za-z0-9._~!$&'()*+,;=%-]+)(?::[0-9]{0,5})?")

# Fields that decide where a message ends or what becomes of the connection.
PLAIN, HOST_FIELD, CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION, EXPECT, UPGRADE = range(7)
STEERING: dict[bytes, int] = {
    b"host": HOST_FIELD,
    b"content-length": CONTENT_LENGTH,
    b"transfer-encoding": TRANSFER_ENCODING,
    b"connection": CONNECTION,
    b"expect": EXPECT,
    b"upgrade": UPGRADE,
}

# RFC 9110 §6.5.1: fields that must not come in trailers, since they would change what was already decided.
FORBIDDEN_TRAILERS = frozenset(
    {
        *STEERING,
        b"te",
        b"trailer",
        b"authorization",
        b"proxy-authorization",
        b"content-encoding",
        b"content-type",
        b"content-range",
        b"cookie",
        b"set-cookie",
        b"max-forwards",
        b"range",
    }
)

CHUNKED = -1
"""The value of `Head.content_length` for a chunked body."""

# Values seen lately and found good, so that they are not read again. Both are bounded, whatever clients send.
KNOWN_HOSTS: set[bytes] = set()
_known_lists: dict[bytes, list[bytes]] = {}
_KNOWN_LIMIT = 512
_KNOWN_SIZE_LIMIT = 64

# The largest Content-Length taken: 18 digits stay below 2**63, so no reading of the number can overflow.
_LENGTH = re.compile(rb"[0-9]{1,18}")


def check_host(value: bytes) -> None:
    """Refuse a Host that is empty or is not ``uri-host [":" port]`` (RFC 9112 §3.2: answer 400)."""
    if value in KNOWN_HOSTS:
        return
    if not value:
        raise ProtocolError(400, "the Host field is empty")
    if not HOST.fullmatch(value):
        raise ProtocolError(400, f"the host {value[:64]!r} is not a name with an optional port")
    if len(value) <= _KNOWN_SIZE_LIMIT:
        if len(KNOWN_HOSTS) >= _KNOWN_LIMIT:  # a bound, not a policy: a client can send any name
            KNOWN_HOSTS.clear()
        KNOWN_HOSTS.add(value)


def body_length(lengths: list[bytes], codings: bytes | None, minor: int) -> int:
    """How long the request's body is: its length, 0 for none, or `CHUNKED` (RFC 9112 §6.3).

    Args:
        lengths: every Content-Length value, in order.
        codings: the Transfer-Encoding values joined by commas, or None where the field is absent.
        minor: the HTTP/1 minor version.

    Raises:
        ProtocolError: 400 for anything two servers could read differently, 501 for an unknown coding.
    """
    if codings is not None:
        if lengths:
            # RFC 9112 §6.1: "might indicate an attempt to perform request smuggling".
            raise ProtocolError(400, "both Content-Length and Transfer-Encoding are present")
        if minor == 0:
            raise ProtocolError(400, "Transfer-Encoding is not allowed in an HTTP/1.0 request")
        if codings.lower() != b"chunked":
            names = [name.strip(b" \t") for name in codings.lower().split(b",")]
            if names[-1] != b"chunked" or names.count(b"chunked") > 1 or b"" in names:
                raise ProtocolError(400, f"Transfer-Encoding {codings[:64]!r} does not end in a single chunked")
            raise ProtocolError(501, f"the transfer coding {names[0][:64]!r} is not supported; only chunked is")
        return CHUNKED
    if len(lengths) > 1:
        raise ProtocolError(400, "Content-Length is repeated")
    if not _LENGTH.fullmatch(lengths[0]):
        raise ProtocolError(400, f"Content-Length {lengths[0][:32]!r} is not a number")
    return int(lengths[0])


def tokens(value: bytes) -> list[bytes]:
    """The lower-case members of a comma-separated list (RFC 9110 §5.6.1), empty ones left out."""
    members = _known_lists.get(value)
    if members is None:
        members = [member for member in (part.strip(b" \t") for part in value.lower().split(b",")) if member]
        if len(value) <= _KNOWN_SIZE_LIMIT:
            if len(_known_lists) >= _KNOWN_LIMIT:
                _known_lists.clear()
            _known_lists[value] = members
    return members


def as_bytes(name: object, value: object) -> tuple[bytes, bytes]:
    """An application's field that is not plain bytes; what only looks like bytes is copied.

    Raises:
        AppProtocolError: it is nothing of the kind.
    """
    for what, given in (("name", name), ("value", value)):
        if not isinstance(given, (bytes, bytearray, memoryview)):
            raise AppProtocolError(f"a response header's {what} must be bytes, not {type(given).__name__}: {given!r}")
    return bytes(name), bytes(value)  # type: ignore[call-overload]
