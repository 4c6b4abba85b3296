"""One request head: from bytes to a `Head`, or a `ProtocolError` that says what is wrong (RFC 9112 §2 to §5).

There are two readings of the same grammar, and one meaning:

1. `scan_head` walks the bytes once. It is what the compiled module uses, where each step is one table look-up.
2. `match_head` lets two regular expressions do the walking. It is what the interpreted module uses, where a loop over
bytes
   would cost twenty times as much.

Neither explains a refusal: both hand a head they cannot read to `bicorn.wire.diagnose`, so they cannot disagree about
the reason. What the fields mean is settled by the same code for both (`_settle`). The tests run both on one corpus.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bicorn.errors import ProtocolError
from bicorn.wire import diagnose
from bicorn.wire.fields import (
    CONNECTION,
    CONTENT_LENGTH,
    EXPECT,
    FORBIDDEN_TRAILERS,
    HOST_FIELD,
    KNOWN_HOSTS,
    STEERING,
    TARGET_BYTE,
    TOKEN_LOWER,
    TRANSFER_ENCODING,
    UPGRADE,
    VALUE_BYTE,
    body_length,
    check_host,
    tokens,
)
from bicorn.wire.limits import Limits
from bicorn.wire.memory import MEMORY_LINE_SIZE, MEMORY_LINES, KnownLine, Memory
from bicorn.wire.names import field_name

if TYPE_CHECKING:  # the .pxd's, for the compiled reading
    same_bytes: Any

COMPILED = not __file__.endswith(".py")

# The tables under local names: the compiled module reads these without a look-up.
_token_lower = TOKEN_LOWER
_value_byte = VALUE_BYTE
_target_byte = TARGET_BYTE

METHODS: dict[bytes, str] = {
    name.encode(): name for name in ("GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "CONNECT")
}


class Head:
    """What a request says before its body.

    Attributes:
        method: the method, as it was sent (RFC 9110 §9: case matters).
        path: the target's path, percent-encoded as it was sent (``b"*"`` for ``OPTIONS *``).
        query: what follows the first ``?``, without it.
        escaped: whether `path` has a percent-encoded byte.
        minor: the HTTP/1 minor version, 0 or 1.
        headers: ``(name, value)`` pairs in order; names lower-case, values without surrounding white space.
        content_length: bytes of body to come, 0 for none, `bicorn.wire.fields.CHUNKED` for a chunked body.
        keep_alive: whether the client lets the connection go on (RFC 9112 §9.3).
        expect_continue: whether the client waits for a 100 before it sends the body (RFC 9110 §10.1.1).
        upgrade: the Upgrade field's value where ``Connection: upgrade`` goes with it, else None.
        end: where the head ends in the data it was read from.
        memory: what the connection remembers of its last requests.
        is_repeat: whether all field lines are those it remembers as a block.
    """

    __slots__ = (
        "content_length",
        "end",
        "escaped",
        "expect_continue",
        "headers",
        "is_repeat",
        "keep_alive",
        "memory",
        "method",
        "minor",
        "path",
        "query",
        "upgrade",
    )

    method: str
    path: bytes
    query: bytes
    escaped: bool
    minor: int
    headers: list[tuple[bytes, bytes]]
    content_length: int
    keep_alive: bool
    expect_continue: bool
    upgrade: bytes | None
    end: int
    memory: Memory
    is_repeat: bool

    @property
    def target(self) -> bytes:
        """Path and query as one, as they were sent (an absolute-form target without its authority)."""
        return self.path + b"?" + self.query if self.query else self.path


def scan_head(data: bytes, start: int, limits: Limits, memory: Memory | None = None) -> Head:
    """Read the head that begins at `start` by walking its bytes.

    Args:
        data: bytes with a complete head at `start`: an empty line is known to follow.
        start: where the request line begins.
        limits: the most a head may have; the same for all heads read with one memory.
        memory: the connection's last request, updated; None where there is none to remember.

    Raises:
        ProtocolError: the head is not HTTP/1, or is over a limit; the status says which.
    """
    head = Head.__new__(Head)
    head.memory = memory = Memory() if memory is None else memory
    fields_start = _scan_request_line(data, start, limits, head)
    size = len(memory.block)
    head.is_repeat = size > 0 and _lies_at(data, memory.block, size, fields_start)
    if head.is_repeat:
        head.headers = memory.headers[:]
        steering = memory.steering
        head.end = fields_start + size
    else:
        headers: list[tuple[bytes, bytes]] = []
        head.headers = headers
        steering = []
        head.end = _scan_fields(data, fields_start, limits, headers, steering, memory)
        if head.end >= 0 and memory.recognised == len(headers):  # only then: there are clients that repeat nothing
            memory.remember(data[fields_start : head.end], headers, steering)
    if head.end < 0 or len(head.headers) > limits.fields or head.end - start > limits.head:
        raise diagnose.head(data, start, limits)
    _settle(head, steering)
    return head


def _scan_request_line(data: bytes, start: int, limits: Limits, head: Head) -> int:
    """Read the request line into `head`; where the fields begin."""
    p = data
    token = _token_lower
    target_byte = _target_byte

    # RFC 9112 §3: request-line = method SP request-target SP HTTP-version
    i = start
    while token[p[i]]:
        i += 1
    if i == start or p[i] != 32:
        raise diagnose.head(data, start, limits)
    if i - start == 3 and p[start] == 71 and p[start + 1] == 69 and p[start + 2] == 84:
        head.method = "GET"
    else:
        head.method = _method(p[start:i])
    i += 1
    path_start = i
    query_start = 0
    head.escaped = False
    while target_byte[p[i]]:
        if p[i] == 63:
            if query_start == 0:
                query_start = i + 1
        elif p[i] == 37 and query_start == 0:
            head.escaped = True
        i += 1
    if i == path_start or query_start == path_start + 1 or p[i] != 32:
        raise diagnose.head(data, start, limits)
    if query_start:
        head.path = p[path_start : query_start - 1]
        head.query = p[query_start:i]
    else:
        head.path = p[path_start:i]
        head.query = b""
    # "HTTP/1.x" CRLF; a higher minor version is answered as 1.1 (RFC 9110 §2.5).
    if not (p[i + 1] == 72 and p[i + 2] == 84 and p[i + 3] == 84 and p[i + 4] == 80 and p[i + 5] == 47):
        raise diagnose.head(data, start, limits)
    if not (p[i + 6] == 49 and p[i + 7] == 46 and 48 <= p[i + 8] <= 57 and p[i + 9] == 13 and p[i + 10] == 10):
        raise diagnose.head(data, start, limits)
    head.minor = 0 if p[i + 8] == 48 else 1
    if i + 9 - start > limits.request_line:
        raise diagnose.head(data, start, limits)
    return i + 11


def _scan_fields(
    data: bytes,
    start: int,
    limits: Limits,
    headers: list[tuple[bytes, bytes]],
    steering: list[tuple[int, bytes]],
    memory: Memory,
) -> int:
    """Read field lines into `headers`, the steering ones also into `steering`; where they end, or -1 if malformed.

    The lines in `memory` are those of the last request and become those of this one.
    """
    p = data
    token = _token_lower
    value_byte = _value_byte
    i = start
    at = -1
    lines = memory.lines
    known = len(lines)
    recognised = 0

    # RFC 9112 §5: field-line = field-name ":" OWS field-value OWS
    while p[i] != 13:
        begin = i
        at += 1
        if at < known:
            line = lines[at]
            text = line.text
            size = len(text)
            if _lies_at(data, text, size, i):
                headers.append(line.field)
                if line.steering is not None:
                    steering.append(line.steering)
                i += size
                recognised += 1
                continue
        while token[p[i]]:
            i += 1
        if i == begin or p[i] != 58:
            return -1
        name, kind = field_name(data, begin, i)
        i += 1
        while p[i] == 32 or p[i] == 9:
            i += 1
        value_start = i
        while value_byte[p[i]]:
            i += 1
        if p[i] != 13 or p[i + 1] != 10:
            return -1
        value_end = i
        while value_end > value_start and (p[value_end - 1] == 32 or p[value_end - 1] == 9):
            value_end -= 1
        i += 2
        if i - 2 - begin > limits.field_size:
            return -1
        value = p[value_start:value_end]
        field = (name, value)
        headers.append(field)
        steer = None
        if kind:
            steer = (kind, value)
            steering.append(steer)
        if i - begin <= MEMORY_LINE_SIZE:
            if at < known:
                lines[at] = KnownLine(p[begin:i], field, steer)
            elif at == len(lines) and at < MEMORY_LINES:
                lines.append(KnownLine(p[begin:i], field, steer))
    memory.recognised = recognised
    return i + 2 if p[i + 1] == 10 else -1


def _lies_at(data: bytes, text: bytes, size: int, at: int) -> bool:
    """Whether the `size` bytes of `text` are what `data` has at `at`."""
    if not COMPILED:
        return data.startswith(text, at)
    return size <= len(data) - at and same_bytes(data, at, text, size)  # noqa: F821


def _method(name: bytes) -> str:
    return METHODS.get(name) or name.decode("ascii")


_TCHAR = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]"
_REQUEST_LINE = re.compile(
    rb"(" + _TCHAR + rb"+) ([!\"$->@-~]+)(?:\?([!\"$-~]*))? HTTP/1\.([0-9])\r\n",
)
_FIELDS = re.compile(rb"(?:" + _TCHAR + rb"+:[\t\x20-\x7e\x80-\xff]*\r\n)*\r\n")
_FIELD = re.compile(rb"([^:\r\n]+):([^\r\n]*)\r\n")


def match_head(data: bytes, start: int, limits: Limits, memory: Memory | None = None) -> Head:
    """Read the head that begins at `start` with regular expressions; the same contract as `scan_head`."""
    line = _REQUEST_LINE.match(data, start)
    if line is None:
        raise diagnose.head(data, start, limits)
    fields_start = line.end()
    memory = memory or Memory()
    is_repeat = memory.block != b"" and data.startswith(memory.block, fields_start)
    if is_repeat:
        end = fields_start + len(memory.block)
        headers = memory.headers.copy()
        steering = memory.steering
    else:
        end, headers = _match_fields(data, fields_start, start, limits)
        steering = [(STEERING[name], value) for name, value in headers if name in STEERING]
        memory.remember(data[fields_start:end], headers, steering)
    if end - start > limits.head or fields_start - 2 - start > limits.request_line:
        raise diagnose.head(data, start, limits)
    head = Head.__new__(Head)
    method, path, query, minor = line.groups()
    head.method = METHODS.get(method) or method.decode("ascii")
    head.path = path
    head.query = query or b""
    head.escaped = b"%" in path
    head.minor = 0 if minor == b"0" else 1
    head.headers = headers
    head.end = end
    head.memory = memory
    head.is_repeat = is_repeat
    _settle(head, steering)
    return head


def _match_fields(data: bytes, start: int, head_start: int, limits: Limits) -> tuple[int, list[tuple[bytes, bytes]]]:
    """Where the field lines at `start` end, and what they say."""
    block = _FIELDS.match(data, start)
    if block is None:
        raise diagnose.head(data, head_start, limits)
    end = block.end()
    pairs = _FIELD.findall(data, start, end)
    if len(pairs) > limits.fields:
        raise diagnose.head(data, head_start, limits)
    if end - start > limits.field_size and max(map(_line_size, pairs), default=0) > limits.field_size:
        raise diagnose.head(data, head_start, limits)
    return end, [(name.lower(), value.strip(b" \t")) for name, value in pairs]


def _line_size(pair: tuple[bytes, bytes]) -> int:
    return len(pair[0]) + 1 + len(pair[1])


def _settle(head: Head, steering: list[tuple[int, bytes]]) -> None:
    """Fill in what the steering fields mean, and refuse what they must not say.

    Args:
        head: a head whose request line and fields are read.
        steering: ``(kind, value)`` of each steering field, in order.
    """
    head.keep_alive = head.minor == 1
    head.content_length = 0
    head.expect_continue = False
    head.upgrade = None
    hosts = 0
    lengths: list[bytes] | None = None
    codings: bytes | None = None
    connection: list[bytes] | None = None
    upgrade: bytes | None = None
    for kind, value in steering:
        if kind == HOST_FIELD:
            hosts += 1
            if value not in KNOWN_HOSTS:
                check_host(value)
        elif kind == CONNECTION:
            connection = tokens(value) if connection is None else connection + tokens(value)
        elif kind == CONTENT_LENGTH:
            lengths = [value] if lengths is None else [*lengths, value]
        elif kind == TRANSFER_ENCODING:
            codings = value if codings is None else codings + b"," + value
        elif kind == EXPECT and head.minor == 1:
            # RFC 9110 §10.1.1: an expectation in an HTTP/1.0 request is ignored.
            if value.lower() != b"100-continue":
                raise ProtocolError(417, f"the expectation {value[:64]!r} cannot be met; only 100-continue is known")
            head.expect_continue = True
        elif kind == UPGRADE:
            upgrade = value if upgrade is None else upgrade + b", " + value
    if hosts != 1:
        _check_host_count(head, hosts)
    if lengths is not None or codings is not None:
        head.content_length = body_length(lengths or [], codings, head.minor)
    if head.content_length == 0:
        head.expect_continue = False
    if connection:
        # RFC 9112 §9.3: close wins; 1.0 persists only if asked to.
        head.keep_alive = b"close" not in connection and (head.minor == 1 or b"keep-alive" in connection)
        if upgrade is not None and b"upgrade" in connection and head.minor == 1:
            head.upgrade = upgrade
    if head.path[0] != 47 or head.method == "CONNECT":
        _settle_target(head)


def _check_host_count(head: Head, hosts: int) -> None:
    """RFC 9112 §3.2: "A server MUST respond with a 400 ... that lacks a Host header field and ... more than one"."""
    if hosts > 1:
        raise ProtocolError(400, "the Host field is repeated")
    if head.minor == 1:
        raise ProtocolError(400, "the Host field is missing")


_ABSOLUTE = re.compile(rb"(?i:https?)://([^/?#]*)")


def _settle_target(head: Head) -> None:
    """The target forms other than ``/path`` (RFC 9112 §3.2): absolute, authority, asterisk."""
    if head.method == "CONNECT":
        raise ProtocolError(501, "CONNECT is not supported: this is an origin server, not a proxy")
    if head.path == b"*" and not head.query:
        if head.method != "OPTIONS":
            raise ProtocolError(400, f"the target * is for OPTIONS only, not {head.method}")
        return
    match = _ABSOLUTE.match(head.path)
    if match is None:
        raise ProtocolError(400, f"the request target {head.path[:64]!r} is neither a path nor an http URL")
    authority = match[1]
    if not authority:
        raise ProtocolError(400, f"the request target {head.path[:64]!r} has no host")
    check_host(authority)
    head.path = head.path[match.end() :] or b"/"
    head.escaped = b"%" in head.path
    head.is_repeat = False  # its fields are not what its lines say
    # RFC 9112 §3.2.2: "an origin server MUST ignore the received Host header field (if any) and instead replace it with
    # the host information of the request-target".
    head.headers = [(b"host", authority), *(field for field in head.headers if field[0] != b"host")]


def read_trailers(data: bytes, start: int, limits: Limits) -> list[tuple[bytes, bytes]]:
    """Read the trailer section that begins at `start` and is known to be complete (RFC 9112 §7.1.2).

    Raises:
        ProtocolError: 400 for malformed or forbidden fields, 431 for too many.
    """
    block = _FIELDS.match(data, start)
    if block is None:
        raise diagnose.fields(data, start, limits)
    pairs = _FIELD.findall(data, start, block.end())
    if len(pairs) > limits.fields or max(map(_line_size, pairs), default=0) > limits.field_size:
        raise diagnose.fields(data, start, limits)
    trailers = [(name.lower(), value.strip(b" \t")) for name, value in pairs]
    for name, _ in trailers:
        if name in FORBIDDEN_TRAILERS:
            raise ProtocolError(400, f"the field {name.decode('ascii')} is not allowed in trailers")
    return trailers


parse_head = scan_head if COMPILED else match_head
