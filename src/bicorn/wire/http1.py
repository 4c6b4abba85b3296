"""The receiving half of one HTTP/1 connection: bytes in, events out (RFC 9112).

``receive`` takes what came; ``next_event`` gives, one after the other::

    Head             a request begins
    bytes            a piece of its body; may be empty where the body ends
    None             more bytes are needed, or the request before must be answered first

``is_done`` tells after each event whether the request is complete; nothing more comes then until ``next_request``: a
pipelined request waits in the buffer, so a client's hurry costs memory only here, where ``buffered`` tells how much.
A violation raises `ProtocolError`; the connection is over then.

States, and what leads from each to the next::

    HEAD         -- a head with a body -->         LENGTH or CHUNK_SIZE
    HEAD         -- a head without one -->         DONE
    LENGTH       -- the last byte -->              DONE
    CHUNK_SIZE   -- a size -->                     CHUNK_DATA        -- size 0 -->  TRAILERS
    CHUNK_DATA   -- the last byte of a chunk -->   CHUNK_END
    CHUNK_END    -- CRLF -->                       CHUNK_SIZE
    TRAILERS     -- the empty line -->             DONE
    DONE         -- next_request() -->             HEAD
    any          -- a violation -->                BROKEN
"""

from __future__ import annotations

import re

from bicorn.errors import ProtocolError
from bicorn.wire import diagnose
from bicorn.wire.fields import CHUNKED
from bicorn.wire.head import Head, parse_head, read_trailers, scan_head
from bicorn.wire.limits import Limits
from bicorn.wire.memory import Memory

COMPILED = not __file__.endswith(".py")

HEAD = 0
LENGTH = 1
CHUNK_SIZE = 2
CHUNK_DATA = 3
CHUNK_END = 4
TRAILERS = 5
DONE = 6
BROKEN = 7

# RFC 9112 §7.1: chunk = chunk-size [ chunk-ext ] CRLF. Sixteen hex digits hold any size; extensions are checked,
# never kept.
_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_QUOTED = rb'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t \x21-\x7e\x80-\xff])*"'
_CHUNK_LINE = re.compile(
    rb"([0-9A-Fa-f]{1,16})(?:[ \t]*;[ \t]*" + _TOKEN + rb"(?:[ \t]*=[ \t]*(?:" + _TOKEN + rb"|" + _QUOTED + rb"))?)*",
)
_CHUNK_LINE_LIMIT = 1024
# Above fifteen digits a size may overflow the compiled module's numbers; leading zeros are no digits of it.
_CHUNK_DIGITS_LIMIT = 15
# Extensions carry no body: a client that sends nothing but them (a known way to waste a server) is cut off here.
_CHUNK_EXTENSIONS_LIMIT = 16384
# RFC 9112 §2.2 asks for "at least one"; some old clients send one after a body.
_EMPTY_LINES_LIMIT = 4


class Http1:
    """The receiving half of one server connection.

    Args:
        limits: the most a request may have.

    Attributes:
        state: one of this module's states.
        body_limit: the most bytes of body the present request may have.
        trailers: the present request's trailer section, ``(name, value)`` pairs; empty but for a chunked body.
    """

    __slots__ = (
        "_buffer",
        "_empty_lines",
        "_extensions",
        "_memory",
        "_position",
        "_received",
        "_remaining",
        "_searched",
        "body_limit",
        "limits",
        "state",
        "trailers",
    )

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.state = HEAD
        self.body_limit = limits.body
        self.trailers: list[tuple[bytes, bytes]] = []
        self._memory = Memory()
        self._buffer = b""
        self._position = 0  # what lies before it has been read
        self._searched = 0  # no head ends before it
        self._remaining = 0  # bytes of body or chunk still to come
        self._received = 0  # bytes of body so far, for the limit
        self._extensions = 0  # bytes of chunk extensions so far
        self._empty_lines = 0  # skipped before the present head

    def buffered(self) -> int:
        """Bytes received and not yet read."""
        return len(self._buffer) - self._position

    def is_idle(self) -> bool:
        """Whether no request is begun: nothing is owed to the client."""
        return self.state == HEAD and self._position == len(self._buffer)

    def is_done(self) -> bool:
        """Whether the present request is complete."""
        return self.state == DONE

    def receive(self, data: bytes) -> None:
        """Take bytes from the peer; dropped where the connection is over."""
        if self.state == BROKEN:
            return
        if self._position == len(self._buffer):
            self._buffer = data
        else:
            self._buffer = self._buffer[self._position :] + data
        self._searched -= self._position
        if self._searched < 0:
            self._searched = 0
        self._position = 0

    def next_request(self) -> None:
        """Go on to the next request on this connection; the present one must be `DONE`."""
        self.state = HEAD
        self._empty_lines = 0
        if self.trailers:
            self.trailers = []

    def rest(self) -> None:
        """Nothing has come for a while: keep nothing of the last request, its fields or the end of its upload."""
        if self._buffer and self._position == len(self._buffer):
            self._memory.forget()
            self._buffer = b""
            self._position = 0
            self._searched = 0

    def stop(self) -> None:
        """Read no further request; what is buffered is dropped."""
        self.state = BROKEN
        self._buffer = b""
        self._position = 0

    def take(self) -> bytes:
        """What is buffered, for whoever speaks another protocol from here on; no request follows."""
        rest = self._buffer[self._position :]
        self.stop()
        return rest

    def next_event(self) -> Head | bytes | None:
        """``next_head`` or ``next_body``, whichever is due."""
        return self.next_head() if self.state == HEAD else self.next_body()

    def next_head(self) -> Head | None:
        """The next request's head, or None where more bytes or ``next_request`` are needed first.

        Raises:
            ProtocolError: the peer broke HTTP/1 or went over a limit; no event follows.
        """
        if self.state != HEAD or self._position == len(self._buffer):
            return None
        try:
            return self._next_head()
        except ProtocolError:
            self.stop()
            raise

    def next_body(self) -> bytes | None:
        """The next piece of the present request's body, or None where more bytes are needed first.

        Raises:
            ProtocolError: as ``next_head``.
        """
        state = self.state
        if state == HEAD or state == DONE or state == BROKEN or self._position == len(self._buffer):
            return None
        try:
            return self._take_piece(DONE) if state == LENGTH else self._next_chunks()
        except ProtocolError:
            self.stop()
            raise

    # Heads

    def _next_head(self) -> Head | None:
        data = self._buffer
        start = self._position
        if data[start] == 13:
            # RFC 9112 §2.2: a server "SHOULD ignore at least one empty line (CRLF) received prior to the request-line".
            start = self._skip_empty_lines()
            if start < 0:
                return None
        if not _ends_in_empty_line(data):
            begin = self._searched - 3
            if begin < start:
                begin = start
            if data.find(b"\r\n\r\n", begin) < 0:
                self._check_partial_head(data, start)
                self._searched = len(data)
                return None
        if COMPILED:  # a call of C's
            head = scan_head(data, start, self.limits, self._memory)
        else:
            head = parse_head(data, start, self.limits, self._memory)
        self._position = head.end
        self._searched = head.end
        if head.content_length == 0:
            self.state = DONE
            return head
        self._received = 0
        self._extensions = 0
        self.body_limit = self.limits.body
        if head.content_length == CHUNKED:
            self.state = CHUNK_SIZE
        else:
            self.state = LENGTH
            self._remaining = head.content_length
            if head.content_length > self.body_limit:
                raise self._body_too_large()
        return head

    def _skip_empty_lines(self) -> int:
        data = self._buffer
        start = self._position
        while data[start : start + 2] == b"\r\n":
            start += 2
            self._empty_lines += 1
            if self._empty_lines > _EMPTY_LINES_LIMIT:
                raise ProtocolError(400, f"more than {_EMPTY_LINES_LIMIT} empty lines come before the request line")
        if start >= len(data) or data[start : start + 2] == b"\r":
            self._position = start
            return -1
        self._position = start
        return start

    def _check_partial_head(self, data: bytes, start: int) -> None:
        """Refuse at once what no further byte could mend, and what is over a limit already."""
        limits = self.limits
        other = diagnose.first_bytes(data[start : start + 24])
        if other is not None:
            raise other
        if len(data) - start > limits.head:
            raise diagnose.head(data, start, limits)
        begin = self._searched if self._searched > start else start
        bare = data.find(b"\n", begin)
        while bare >= 0:
            if bare == start or data[bare - 1] != 13:
                raise diagnose.head(data, start, limits)
            bare = data.find(b"\n", bare + 1)
        first_line = data.find(b"\n", start)
        size = (first_line if first_line >= 0 else len(data)) - start
        if size - 1 > limits.request_line:
            raise diagnose.head(data, start, limits)

    # Bodies

    def _body_too_large(self) -> ProtocolError:
        """RFC 9110 §15.5.14."""
        return ProtocolError(413, f"the request body is over {self.body_limit} bytes (limit-request-body)")

    def _take_piece(self, then: int) -> bytes:
        """What is here of the bytes that remain of a body or chunk; `then` is the state after the last of them."""
        data = self._buffer
        start = self._position
        available = len(data) - start
        if available > self._remaining:
            available = self._remaining
        self._remaining -= available
        self._position = start + available
        if self._remaining == 0:
            self.state = then
        return data if available == len(data) else data[start : start + available]

    def _next_chunks(self) -> bytes | None:
        """Everything of the body that is here, as one piece, so that tiny chunks do not become tiny events."""
        pieces: list[bytes] = []
        going = True
        while going and self._position < len(self._buffer):
            state = self.state
            if state == CHUNK_DATA:
                pieces.append(self._take_piece(CHUNK_END))
            elif state == CHUNK_SIZE:
                going = self._read_chunk_size()
            elif state == CHUNK_END:
                going = self._read_chunk_end()
            elif state == TRAILERS:
                going = self._read_trailers()
            else:
                going = False
        if len(pieces) == 1:
            return pieces[0]
        if pieces or self.state == DONE:
            return b"".join(pieces)
        return None

    def _read_chunk_size(self) -> bool:
        data = self._buffer
        start = self._position
        newline = data.find(b"\n", start, start + _CHUNK_LINE_LIMIT)
        if newline < 0:
            if len(data) - start >= _CHUNK_LINE_LIMIT:
                raise ProtocolError(400, f"a chunk's size line is over {_CHUNK_LINE_LIMIT} bytes")
            return False
        line = data[start:newline]
        match = _CHUNK_LINE.fullmatch(line, 0, len(line) - 1) if line.endswith(b"\r") else None
        if match is None:
            # Bare LF, bare CR and bad extensions are how two servers come to read different chunks (RFC 9112 §7.1.1,
            # §11.2).
            raise ProtocolError(400, f"the chunk size line {line[:64]!r} is malformed")
        self._extensions += len(line) - 1 - len(match[1])
        if self._extensions > _CHUNK_EXTENSIONS_LIMIT:
            raise ProtocolError(400, f"the chunk extensions are over {_CHUNK_EXTENSIONS_LIMIT} bytes")
        digits = match[1].lstrip(b"0")
        if len(digits) > _CHUNK_DIGITS_LIMIT:
            raise self._body_too_large()
        size = int(digits or b"0", 16)
        self._position = newline + 1
        if size == 0:
            self.state = TRAILERS
            self._searched = self._position
            return True
        if size > self.body_limit - self._received:
            raise self._body_too_large()
        self._received += size
        self._remaining = size
        self.state = CHUNK_DATA
        return True

    def _read_chunk_end(self) -> bool:
        data = self._buffer
        start = self._position
        if len(data) - start < 2:
            if data[start] != 13:
                raise ProtocolError(400, "a chunk's data does not end in CRLF")
            return False
        if data[start] != 13 or data[start + 1] != 10:
            raise ProtocolError(400, "a chunk's data does not end in CRLF")
        self._position = start + 2
        self.state = CHUNK_SIZE
        return True

    def _read_trailers(self) -> bool:
        data = self._buffer
        start = self._position
        if data[start] == 13:
            if len(data) - start < 2:
                return False
            if data[start + 1] != 10:
                raise ProtocolError(400, "the trailers have a bare CR")
            self._position = start + 2
            self.trailers = []
            self.state = DONE
            return True
        begin = self._searched - 3
        if begin < start:
            begin = start
        end = data.find(b"\r\n\r\n", begin)
        if end < 0:
            if len(data) - start > self.limits.head:
                raise self._trailers_too_large()
            self._searched = len(data)
            return False
        if end + 4 - start > self.limits.head:
            raise self._trailers_too_large()
        self.trailers = read_trailers(data, start, self.limits)
        self._position = end + 4
        self.state = DONE
        return True

    def _trailers_too_large(self) -> ProtocolError:
        return ProtocolError(431, f"the trailers are over {self.limits.head} bytes (limit-request-head)")


def _ends_in_empty_line(data: bytes) -> bool:
    if not COMPILED:
        return data.endswith(b"\r\n\r\n")
    p = data
    end = len(data)
    return end >= 4 and p[end - 1] == 10 and p[end - 2] == 13 and p[end - 3] == 10 and p[end - 4] == 13
