"""The sending half of one HTTP/1 connection: an application's answer in, bytes out (RFC 9110 §6, RFC 9112 §6 to §9).

One `Response` serves a connection's answers one after the other: ``begin`` for each request, then ``start`` with status
and fields, then ``body`` until nothing more follows, then ``trailers`` where they were announced. The head is held back
until the first body bytes are known, so that a short answer is one write with its length in it.

Framing, chosen once, at the first body bytes::

    NO_BODY   HEAD, 204, 304: what the application gives is dropped (HEAD) or refused
    LENGTH    a Content-Length is known: bytes are counted against it
    CHUNKED   HTTP/1.1 without a length
    CLOSE     HTTP/1.0 without a length: the connection's end is the body's end
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from bicorn.errors import AppProtocolError
from bicorn.wire.fields import FORBIDDEN_TRAILERS, as_bytes
from bicorn.wire.lines import (
    CLOSES,
    CONTENT_LENGTH,
    DATE,
    DROPPED,
    PLAIN,
    SERVER,
    field_kind,
    is_value,
    line_of,
)
from bicorn.wire.states import BODY, HELD, IDLE, TRAILERS, WAITING
from bicorn.wire.status import STATUS_LINES, status_line

if TYPE_CHECKING:  # the .pxd's, for the compiled reading
    joined: Any

COMPILED = not __file__.endswith(".py")
_status_lines = STATUS_LINES

NO_BODY = 0
LENGTH = 1
CHUNKED = 2
CLOSE = 3

# Above this a body is handed to the transport beside its head instead of being copied behind it.
JOIN_LIMIT = 65536

_KNOWN_LIMIT = 1024
_chunk_lines: dict[int, bytes] = {}
_length_lines: dict[int, bytes] = {}


class Defaults:
    """The fields the server itself adds to each answer.

    Attributes:
        server: a complete ``server`` line, or empty.
        date: a complete ``date`` line, or empty; the server's clock renews it each second.
        extra: complete lines of the fields the operator configured.
        lines: all three as one.
    """

    __slots__ = ("date", "extra", "lines", "server")

    def __init__(self, *, server: bytes = b"server: bicorn\r\n", extra: bytes = b"") -> None:
        self.server = server
        self.extra = extra
        self.set_date(b"")

    def set_date(self, line: bytes) -> None:
        """Make `line` (complete, or empty for none) the date of the answers to come."""
        self.date = line
        self.lines = self.server + self.date + self.extra


class Response:
    """The sending half of one server connection.

    Args:
        defaults: the fields the server adds.

    Attributes:
        state: one of `bicorn.wire.states`.
        status: the present answer's status code.
        keep_alive: whether the connection may go on after the present answer.
        body_sent: bytes of body given to the connection so far (for the log).
    """

    __slots__ = (
        "_defaults",
        "_fields",
        "_framing",
        "_length",
        "_minor",
        "_native",
        "_parts",
        "_trailers",
        "body_sent",
        "is_head",
        "keep_alive",
        "state",
        "status",
    )

    def __init__(self, defaults: Defaults) -> None:
        self._defaults = defaults
        self.state = IDLE
        self.status = 0
        self.keep_alive = True
        self.is_head = False
        self.body_sent = 0
        self._fields: Any = ()
        self._native = False
        self._parts: list[bytes] | None = None
        self._framing = NO_BODY
        self._length = 0
        self._minor = 1
        self._trailers = False

    def begin(self, minor: int, is_head: bool, keep_alive: bool) -> None:
        """Prepare for the answer to one request.

        Args:
            minor: the request's HTTP/1 minor version.
            is_head: whether its method is HEAD.
            keep_alive: whether the connection may go on after it.
        """
        self.state = WAITING
        self.status = 0
        self.keep_alive = keep_alive
        self.is_head = is_head
        self.body_sent = 0
        self._minor = minor

    def start(
        self, status: int, headers: Iterable[Iterable[Any]], trailers: bool = False, native: bool = False
    ) -> None:
        """Take the answer's head; nothing is sent yet.

        Args:
            status: 200 to 999.
            headers: ``(name, value)`` pairs.
            trailers: whether the body will be followed by ``trailers``.
            native: the pairs are of WSGI's native strings, not of bytes.

        Raises:
            AppProtocolError: the application's mistake, named; the state is as it was.
        """
        if status < 200 or status > 999:
            raise AppProtocolError(f"the response status must be 200 to 999, not {status!r}")
        if type(headers) is not list and type(headers) is not tuple:
            headers = list(headers)  # it is read again for the log
        defaults = self._defaults
        keep_alive = self.keep_alive
        parts = [_status_lines.get(status) or status_line(status), defaults.lines]
        length = -1
        own_lines = 0
        for field in headers:
            name, value = field
            line = line_of(name, value, native)
            kind = line.kind
            if kind != PLAIN:
                if kind == CONTENT_LENGTH:
                    if length >= 0 and length != line.length:
                        raise AppProtocolError(
                            "the response header content-length is given twice, with different values"
                        )
                    length = line.length
                    continue
                if kind == DROPPED:
                    continue
                if kind == CLOSES:
                    keep_alive = False
                    continue
                own_lines |= kind
            parts.append(line.text)
        if own_lines:
            parts[1] = _without(defaults, own_lines)
        self.status = status
        self.keep_alive = keep_alive
        self._fields = headers
        self._native = native
        self._parts = parts
        self._length = length
        self._trailers = trailers
        self.state = HELD

    def fields(self) -> list[tuple[bytes, bytes]]:
        """The application's fields of the present answer, as it gave them (for the log)."""
        if self._native:
            return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in self._fields]
        return [(bytes(name), bytes(value)) for name, value in self._fields]

    def body(self, data: bytes, more: bool) -> bytes | list[bytes]:
        """Take a piece of the body; give what is to be written (perhaps empty).

        Args:
            data: the piece, perhaps empty.
            more: whether another piece follows. Where none does, `state` becomes `IDLE` or `TRAILERS`.

        Raises:
            AppProtocolError: more body than announced, less, or one where none is allowed; nothing of `data` is sent.
        """
        size = len(data)
        parts = self._take_head(size, more)
        if self._framing == LENGTH:
            if size > self._length or (not more and size < self._length):
                raise _wrong_length(size, self._length)
            self._length -= size
            self.body_sent += size
            if not more:
                self.state = IDLE
            if size > JOIN_LIMIT:
                return [b"".join(parts), data] if parts else data
            if not parts:
                return data
            parts.append(data)
        elif self._framing == CHUNKED:
            self.body_sent += size
            if size:
                parts.append(_chunk_lines.get(size) or _chunk_line(size))
                parts.append(data)
                parts.append(b"\r\n")
            if not more:
                if self._trailers:
                    parts.append(b"0\r\n")
                    self.state = TRAILERS
                else:
                    parts.append(b"0\r\n\r\n")
                    self.state = IDLE
            if size > JOIN_LIMIT:
                return parts
        else:
            if self._framing == CLOSE:
                self.body_sent += size
                parts.append(data)
            elif size and not self.is_head:
                raise _forbidden_body(self.status)
            if not more:
                self.state = TRAILERS if self._trailers else IDLE
        return joined(parts) if COMPILED else b"".join(parts)  # noqa: F821

    def body_head(self, size: int, more: bool) -> bytes:
        """The head and framing before `size` bytes that are sent from a file; ``body_tail`` closes them.

        `more` says whether anything may follow them; where nothing does, a held head gets their number as length.

        Raises:
            AppProtocolError: as ``body``.
        """
        parts = self._take_head(size, more)
        if self._framing == LENGTH:
            if size > self._length:
                raise _wrong_length(size, self._length)
            self._length -= size
        elif self._framing == CHUNKED and size:
            parts.append(_chunk_line(size))
        if self._framing != NO_BODY:
            self.body_sent += size
        elif size and not self.is_head:
            raise _forbidden_body(self.status)
        return b"".join(parts)

    def body_tail(self, size: int) -> bytes:
        """What follows `size` bytes sent from a file."""
        return b"\r\n" if self._framing == CHUNKED and size else b""

    def has_body(self) -> bool:
        """Whether body bytes are sent at all, once the head is framed (not for HEAD, 204 and 304)."""
        return self._framing != NO_BODY

    def length_left(self) -> int:
        """Bytes still owed to the content-length the application gave, or -1 where it gave none."""
        return self._length

    def trailers(self, headers: Iterable[Iterable[bytes]], more: bool) -> bytes:
        """Take trailer fields; give what is to be written: nothing where the body is not chunked.

        Raises:
            AppProtocolError: a field is malformed, or must not come in trailers; nothing is sent.
        """
        parts: list[bytes] = []
        for field in headers:
            name, value = field
            if type(name) is not bytes or type(value) is not bytes:
                name, value = as_bytes(name, value)
            field_kind(name)
            if not is_value(value):
                raise AppProtocolError(f"the response trailer {name!r} has a control character in its value: {value!r}")
            if name.lower() in FORBIDDEN_TRAILERS:
                raise AppProtocolError(f"the field {name!r} is not allowed in trailers (RFC 9110 §6.5.1)")
            parts += (name, b": ", value, b"\r\n")
        if not more:
            parts.append(b"\r\n")
            self.state = IDLE
        return b"".join(parts) if self._framing == CHUNKED else b""

    def _take_head(self, size: int, more: bool) -> list[bytes]:
        """The held head, framed for what is known of the body; nothing where it is out already."""
        if self.state != HELD:
            return []
        self._frame(size, more)
        parts = self._parts
        assert parts is not None
        self._parts = None
        self.state = BODY
        return parts

    def _frame(self, size: int, more: bool) -> None:
        """Choose the framing for a body of `size` bytes, or of unknown size where `more` follow; end the held head."""
        parts = self._parts
        assert parts is not None
        status = self.status
        length = self._length
        if status == 204 or status == 205 or status == 304 or self.is_head:
            if size and not self.is_head:
                raise _forbidden_body(status)
            self._framing = NO_BODY
            if status == 205:
                parts.append(b"content-length: 0\r\n")
            elif status == 204:
                pass  # RFC 9110 §8.6: "MUST NOT send a Content-Length"
            elif length >= 0:
                parts.append(b"content-length: %d\r\n" % length)
            elif size and not more:
                parts.append(b"content-length: %d\r\n" % size)
        elif length >= 0 and not self._trailers:
            if size > length or (not more and size < length):
                raise _wrong_length(size, length)  # before anything is sent, so that a 500 can be
            self._framing = LENGTH
            parts.append(_length_lines.get(length) or _length_line(length))
        elif not more and not self._trailers:
            self._framing = LENGTH
            self._length = size
            parts.append(_length_lines.get(size) or _length_line(size))
        elif self._minor == 1:
            self._framing = CHUNKED
            parts.append(b"transfer-encoding: chunked\r\n")
        else:
            self._framing = CLOSE
            self.keep_alive = False
        if not self.keep_alive:
            parts.append(b"connection: close\r\n\r\n")
        elif self._minor == 0:
            parts.append(b"connection: keep-alive\r\n\r\n")
        else:
            parts.append(b"\r\n")


def _wrong_length(size: int, length: int) -> AppProtocolError:
    difference = f"{size - length} bytes longer" if size > length else f"{length - size} bytes shorter"
    return AppProtocolError(f"the response body is {difference} than its content-length")


def _forbidden_body(status: int) -> AppProtocolError:
    return AppProtocolError(f"a {status} response must not have a body")


def _length_line(length: int) -> bytes:
    line = b"content-length: %d\r\n" % length
    if len(_length_lines) < _KNOWN_LIMIT:
        _length_lines[length] = line
    return line


def _chunk_line(size: int) -> bytes:
    line = b"%x\r\n" % size
    if len(_chunk_lines) < _KNOWN_LIMIT:
        _chunk_lines[size] = line
    return line


def _without(defaults: Defaults, own_lines: int) -> bytes:
    """The server's fields less those the application gives itself."""
    server = b"" if own_lines & SERVER else defaults.server
    date = b"" if own_lines & DATE else defaults.date
    return server + date + defaults.extra
