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

from bicorn.errors import ProtocolError
from bicorn.wire import diagnose
from bicorn.wire.fields import (
    CONNECTION,
    CONTENT_LENGTH,
    EXPECT,
    FORBIDDEN_TRAILERS,
    HOST_FIELD,
    KNOWN_HOSTS,
    PLAIN,
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
from bicorn.wire.memory import MEMORY_BLOCK_SIZE, MEMORY_LINE_SIZE, MEMORY_LINES, Memory

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
    """

    __slots__ = (
        "content_length",
        "end",
        "escaped",
        "expect_continue",
        "headers",
        "keep_alive",
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

    @property
    def target(self) -> bytes:
        """Path and query as one, as they were sent (an absolute-form target without its authority)."""
        return self.path + b"?" + self.query if self.query else self.path


# The names seen lately, so that a field name costs no new object. Each slot is a (name, kind) pair; a name that is not
# in its slot takes it over, which bounds the table whatever clients send.
_NAME_SLOTS = 1024
_NAME_SIZE_LIMIT = 48
_names: list[tuple[bytes, int] | None] = [None] * _NAME_SLOTS


def _new_name(name: bytes, slot: int) -> tuple[bytes, int]:
    entry = (name, STEERING.get(name, PLAIN))
    if len(name) <= _NAME_SIZE_LIMIT:
        _names[slot] = entry
    return entry


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
    fields_start = _scan_request_line(data, start, limits, head)
    headers: list[tuple[bytes, bytes]] = []
    steering: list[tuple[int, bytes]] = []
    head.headers = headers
    lines = memory.lines if memory is not None else []
    head.end = _scan_fields(data, fields_start, limits, headers, steering, lines)
    if head.end < 0 or len(headers) > limits.fields or head.end - start > limits.head:
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
    lines: list[tuple[bytes, tuple[bytes, bytes], int]],
) -> int:
    """Read field lines into `headers`, the steering ones also into `steering`; where they end, or -1 if malformed.

    `lines` are those of the last request (see `Memory`) and become those of this one.
    """
    p = data
    token = _token_lower
    value_byte = _value_byte
    i = start
    at = -1
    known = len(lines)

    # RFC 9112 §5: field-line = field-name ":" OWS field-value OWS
    while p[i] != 13:
        begin = i
        at += 1
        if at < known:
            line, field, kind = lines[at]
            if data.startswith(line, i):
                headers.append(field)
                if kind:
                    steering.append((kind, field[1]))
                i += len(line)
                continue
        while token[p[i]]:
            i += 1
        size = i - begin
        if size == 0 or p[i] != 58:
            return -1
        # The factors keep the 91 commonest field names in slots of their own.
        slot = (token[p[begin]] * 172 + token[p[i - 1]] * 199 + token[p[begin + size * 3 // 4]] * 17 + size * 41) & 1023
        entry = _names[slot]
        if entry is None or not _same_name(entry[0], p, begin, size):
            entry = _new_name(p[begin:i].lower(), slot)
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
        field = (entry[0], value)
        headers.append(field)
        kind = entry[1]
        if kind:
            steering.append((kind, value))
        if i - begin <= MEMORY_LINE_SIZE:
            if at < known:
                lines[at] = (p[begin:i], field, kind)
            elif at == len(lines) and at < MEMORY_LINES:
                lines.append((p[begin:i], field, kind))
    return i + 2 if p[i + 1] == 10 else -1


def _same_name(name: bytes, p: bytes, begin: int, size: int) -> bool:
    """Whether the `size` bytes of `p` from `begin` are `name` but for case."""
    if len(name) != size:
        return False
    q = name
    token = _token_lower
    for j in range(size):
        if q[j] != token[p[begin + j]]:
            return False
    return True


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
    if memory is not None and memory.block and data.startswith(memory.block, fields_start):
        end = fields_start + len(memory.block)
        headers = memory.headers.copy()
        steering = memory.steering
    else:
        end, headers = _match_fields(data, fields_start, start, limits)
        steering = [(STEERING[name], value) for name, value in headers if name in STEERING]
        if memory is not None and end - fields_start <= MEMORY_BLOCK_SIZE:
            memory.block = data[fields_start:end]
            memory.headers = headers.copy()
            memory.steering = steering
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
