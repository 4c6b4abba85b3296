"""Why a request head was refused: the slow, careful reading of bytes the fast one could not read.

It runs only for requests that are refused, and always finds a reason.
"""

from __future__ import annotations

import re

from bicorn.errors import ProtocolError
from bicorn.wire.fields import TARGET_BYTE, TCHAR, VALUE_BYTE
from bicorn.wire.limits import Limits

_VERSION = re.compile(rb"HTTP/([0-9])\.([0-9])")

TLS_HELLO = "this is the start of a TLS connection, but the port speaks plain HTTP: use http:// or set a certificate"
HTTP2_PREFACE = "this is an HTTP/2 connection preface, but the port speaks HTTP/1.1 only"


def first_bytes(data: bytes) -> ProtocolError | None:
    """What the first bytes of a connection show before any line is complete: another protocol, or None."""
    if data[:2] == b"\x16\x03":
        return ProtocolError(400, TLS_HELLO)
    if data.startswith(b"PRI * HTTP/2"):
        return ProtocolError(505, HTTP2_PREFACE)
    return None


def head(data: bytes, start: int, limits: Limits) -> ProtocolError:
    """The reason the head at `start` cannot be read; it may be incomplete."""
    other = first_bytes(data[start : start + 24])
    if other is not None:
        return other
    # What lies beyond the limit is not looked at, so that the reason does not depend on how the bytes were split.
    window = data[start : start + limits.head]
    line, newline, _ = window.partition(b"\n")
    problem = _request_line(line, limits, complete=bool(newline))
    return problem or fields(window, len(line) + 1, limits)


def _request_line(line: bytes, limits: Limits, *, complete: bool) -> ProtocolError | None:
    size = len(line) - line.endswith(b"\r")
    if size > limits.request_line:
        return ProtocolError(414, f"the request line is over {limits.request_line} bytes (limit-request-line)")
    if not complete:
        return ProtocolError(414, f"the request line is over {limits.head} bytes (limit-request-head)")
    if size == len(line):
        return ProtocolError(400, "the request line ends in a bare LF")
    line = line[:-1]
    if b"\r" in line:
        return ProtocolError(400, "the request line has a bare CR")
    parts = line.split(b" ")
    method = parts[0]
    if not method or any(c not in TCHAR for c in method):
        return ProtocolError(400, f"the method {method[:32]!r} is not a token")
    if len(parts) != 3 or not parts[1]:
        return ProtocolError(400, f"the request line {line[:64]!r} is not 'method target version' with single spaces")
    version = _VERSION.fullmatch(parts[2])
    if version is None:
        return ProtocolError(400, f"the version {parts[2][:32]!r} is not HTTP/1.1 or HTTP/1.0")
    if version[1] != b"1":
        return ProtocolError(505, f"{parts[2].decode()} is not supported here; HTTP/1.1 and HTTP/1.0 are")
    for c in parts[1]:
        if not TARGET_BYTE[c]:
            return ProtocolError(400, f"the request target has the byte 0x{c:02x}, which must be percent-encoded")
    if parts[1].startswith(b"?"):
        return ProtocolError(400, f"the request target {parts[1][:64]!r} has no path")
    return None


def fields(data: bytes, start: int, limits: Limits) -> ProtocolError:
    """The reason the field lines at `start` cannot be read.

    Args:
        data: the bytes.
        start: where the first field line begins.
        limits: the most a section may have.
    """
    at = start
    count = 0
    while True:
        newline = data.find(b"\n", at)
        if newline < 0:
            line = data[at:]
            complete = False
        else:
            line = data[at:newline]
            complete = True
        problem = _field_line(line, limits, complete=complete)
        if problem is not None:
            return problem
        if not complete or line == b"\r":
            break
        count += 1
        if count > limits.fields:
            return ProtocolError(431, f"there are more than {limits.fields} fields (limit-request-fields)")
        at = newline + 1
    return ProtocolError(431, f"the head is over {limits.head} bytes (limit-request-head)")


def _field_line(line: bytes, limits: Limits, *, complete: bool) -> ProtocolError | None:
    if complete and not line.endswith(b"\r"):
        return ProtocolError(400, "a field line ends in a bare LF")
    line = line.removesuffix(b"\r")
    if not line:
        return None
    if len(line) > limits.field_size:
        return ProtocolError(431, f"a field is over {limits.field_size} bytes (limit-request-field-size)")
    if line[:1] in (b" ", b"\t"):
        # RFC 9112 §5.2: "A server that receives an obs-fold ... MUST either reject the message by sending a 400".
        return ProtocolError(400, "a field line is folded (obs-fold), which is obsolete and refused")
    name, colon, value = line.partition(b":")
    if not colon:
        if not complete:
            return None
        return ProtocolError(400, f"the field line {line[:64]!r} has no colon")
    if not name:
        return ProtocolError(400, "a field has no name")
    if name[-1:] in (b" ", b"\t"):
        # RFC 9112 §5.1: "No whitespace is allowed between the field name and colon."
        return ProtocolError(400, f"there is white space between the field name {name[:32]!r} and its colon")
    if any(c not in TCHAR for c in name):
        return ProtocolError(400, f"the field name {name[:32]!r} is not a token")
    for c in value:
        if not VALUE_BYTE[c]:
            what = {0: "NUL", 13: "a bare CR"}.get(c, f"the control byte 0x{c:02x}")
            return ProtocolError(400, f"the value of the field {name.decode()} has {what}")
    return None
