"""The frames of one WebSocket connection: bytes in, messages out, and the way back (RFC 6455 §5 to §8).

``receive`` takes what came; ``next`` gives one event after the other: a whole message, PING, PONG, CLOSE, or NOTHING
where more bytes are needed. A violation raises `WebSocketError`; after that, and after CLOSE, nothing follows.

A small message that is wholly there is unmasked straight into the object the application gets. Everything else (a
message in several frames, a frame in several pieces, a compressed message) is gathered in one ``bytearray``, so that a
flood of tiny fragments costs no more memory than their bytes; its text is checked piece by piece as it arrives.

Control frames are at most 131 bytes: one that is not wholly there waits in the buffer.
"""

# ruff: noqa: F821 - it does not count a name that is only annotated as defined
from __future__ import annotations

from codecs import utf_8_decode
from typing import TYPE_CHECKING

from bicorn.errors import WebSocketError
from bicorn.wire.opcodes import BINARY, CLOSE, NOTHING, PING, PONG, TEXT

if TYPE_CHECKING:
    from collections.abc import Callable

    from bicorn.wire.deflate import Inflate

    # In C, in the .pxd beside this file, for the compiled reading alone.
    append_unmasked: Callable[[bytearray, bytes, int, int, bytes], bool]
    framed: Callable[[int, bytes], bytes]
    framed_text: Callable[[int, str], bytes]
    unmasked: Callable[[bytes, int, int], bytes]
    unmasked_piece: Callable[[bytes, int, int, bytes], bytes]
    unmasked_text: Callable[[bytes, int, int], str]

COMPILED = not __file__.endswith(".py")

_CONTINUATION = 0
_MORE = -1  # no event: the rest of a frame's head, or of a control frame, is still to come

# RFC 6455 §5.2: the first byte of a frame.
_FINAL, _COMPRESSED, _RESERVED = 0x80, 0x40, 0x30

# RFC 6455 §5.5: the most bytes in a control frame; two of a close frame's are its code.
_CONTROL_LIMIT = 125
_REASON_LIMIT = 123

_NO_LIMIT = 1 << 62


class Reader:
    """The receiving half of one server connection.

    Args:
        max_size: the most bytes of a message, inflated; 0 for any number.
        inflate: the receiving half of permessage-deflate, None where it is not agreed on.

    Attributes:
        payload: of the event `next` gave: str for TEXT, bytes for BINARY, PING and PONG, else None.
        code: the close code after CLOSE; 1005 where the frame has none (RFC 6455 §7.1.5).
        reason: the close reason after CLOSE.
    """

    __slots__ = (
        "_buffer",
        "_compressed",
        "_final",
        "_inflate",
        "_is_over",
        "_key",
        "_kind",
        "_limit",
        "_message",
        "_position",
        "_remaining",
        "_undecoded",
        "_wire_size",
        "code",
        "payload",
        "reason",
    )

    def __init__(self, max_size: int, inflate: Inflate | None) -> None:
        self.payload: str | bytes | None = None
        self.code = 0
        self.reason = ""
        self._limit = max_size if max_size > 0 else _NO_LIMIT
        self._inflate = inflate
        self._buffer = b""
        self._position = 0  # what lies before it has been read
        self._is_over = False  # a close frame or a violation has come
        self._message: bytearray | None = None  # of an unfinished message: what has come of it, inflated
        self._kind = NOTHING  # TEXT or BINARY: of the unfinished message
        self._compressed = False  # whether it is
        self._wire_size = 0  # its bytes as its frames have announced them
        self._undecoded = b""  # its last bytes, where they are a character's beginning
        self._final = False  # of the present frame: whether it is its message's last one
        self._remaining = 0  # its bytes still to come
        self._key = b""  # its masking key, turned so that it begins with the next byte's

    def receive(self, data: bytes) -> None:
        """Take bytes from the peer; dropped where the connection is over."""
        if self._is_over:
            return
        if self._position == len(self._buffer):
            self._buffer = data
        else:
            self._buffer = self._buffer[self._position :] + data
        self._position = 0

    def buffered(self) -> int:
        """Bytes held: unread ones, and those of an unfinished message."""
        size = len(self._buffer) - self._position
        return size if self._message is None else size + len(self._message)

    def rest(self) -> None:
        """Nothing has come for a while: keep no memory that is not needed."""
        self.payload = None
        if self._inflate is not None and self._message is None:
            self._inflate.rest()

    def stop(self) -> None:
        """Read nothing more; what is held is dropped."""
        self._is_over = True
        self._buffer = b""
        self._position = 0
        self._message = None
        self.payload = None

    def next(self) -> int:
        """The next event's kind, or NOTHING where more bytes are needed.

        Raises:
            WebSocketError: 1002, 1007 or 1009; nothing follows.
        """
        kind = NOTHING
        try:
            while kind == NOTHING and self._position < len(self._buffer):
                kind = self._take_piece() if self._remaining else self._read_frame()
        except WebSocketError:
            self.stop()
            raise
        if kind <= NOTHING:
            self.payload = None
            if self._position == len(self._buffer):  # an idle connection holds on to nothing
                self._buffer = b""
                self._position = 0
            return NOTHING
        return kind

    def _read_frame(self) -> int:
        """The event at `_position`, where a frame begins."""
        data = p = self._buffer
        start = self._position
        end = len(data)
        if end - start < 2:
            return _MORE
        first = p[start]
        size = p[start + 1] - 128
        # Whatever is not an uncompressed message in one frame is looked at closely.
        if (first != 0x81 and first != 0x82) or self._kind != NOTHING or size < 0:
            self._check_head(first, size)
            if first & 8:
                return self._read_control(first & 15, start + 2, size)
        start += 2
        if size >= 126:
            count = 2 if size == 126 else 8
            if end - start < count:
                return _MORE
            if size == 126:
                size = (p[start] << 8) | p[start + 1]
            else:
                size = self._long_size(data, start)
            start += count
            if size < (126 if count == 2 else 65536):
                # RFC 6455 §5.2: "the minimal number of bytes MUST be used to encode the length".
                raise WebSocketError(1002, "a frame's length is not in its shortest form")
        self._check_size(first & _COMPRESSED != 0, size)
        if end - start < 4:
            return _MORE
        if first & _FINAL and self._kind == NOTHING and size <= end - start - 4:
            self._position = start + 4 + size
            self._read_message(first, data, start, size)
            return first & 15
        if self._kind == NOTHING:
            self._kind = first & 15
            self._compressed = first & _COMPRESSED != 0
            self._message = bytearray()
            self._wire_size = 0
        self._wire_size += size
        self._final = first & _FINAL != 0
        self._remaining = size
        self._key = data[start : start + 4]
        self._position = start + 4
        return self._take_piece()

    def _check_head(self, first: int, size: int) -> None:
        """Refuse what RFC 6455 §5.2, §5.4 and §5.5 do not allow; `size` is the length's first seven bits.

        Raises:
            WebSocketError: 1002.
        """
        opcode = first & 15
        if first & _RESERVED:
            raise WebSocketError(1002, "a frame has a reserved bit set")
        if opcode not in (_CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG):
            raise WebSocketError(1002, f"the opcode {opcode} is reserved")
        if size < 0:
            raise WebSocketError(1002, "a frame from the client is not masked")  # RFC 6455 §5.1
        if first & _COMPRESSED and (self._inflate is None or opcode not in (TEXT, BINARY)):
            # RFC 7692 §6: only the first frame of a message has it, and only where both agreed.
            raise WebSocketError(1002, "a frame has RSV1 set where it has no meaning")
        if opcode & 8:
            if not first & _FINAL:
                raise WebSocketError(1002, "a control frame is fragmented")
            if size > _CONTROL_LIMIT:
                raise WebSocketError(1002, f"a control frame is over {_CONTROL_LIMIT} bytes")
        elif opcode == _CONTINUATION and self._kind == NOTHING:
            raise WebSocketError(1002, "a continuation frame has nothing to continue")
        elif opcode != _CONTINUATION and self._kind != NOTHING:
            raise WebSocketError(1002, "a new message begins before the last one's end")

    def _long_size(self, data: bytes, start: int) -> int:
        """The 63-bit length at `start`."""
        if data[start] & 128:
            raise WebSocketError(1002, "a frame's length has its highest bit set")
        return int.from_bytes(data[start : start + 8], "big")

    def _check_size(self, compressed: bool, size: int) -> None:
        """Refuse a frame whose announced bytes take its message over the limit, before they come."""
        limit = self._limit
        before = 0
        if self._message is not None:
            compressed = self._compressed
            before = self._wire_size if compressed else len(self._message)
        if compressed:
            # What it inflates to is counted there. Bytes that do not compress grow a little: zlib's own bound.
            limit += (limit >> 2) + 1024
        if size > limit - before:  # the sum could overflow
            raise self._too_large()

    def _too_large(self) -> WebSocketError:
        return WebSocketError(1009, f"the message is over {self._limit} bytes")

    def _read_message(self, first: int, data: bytes, start: int, size: int) -> None:
        """A message in one frame that is wholly there; `start` is its masking key's."""
        is_text = first & 15 == TEXT
        try:
            if first & _COMPRESSED:
                assert self._inflate is not None
                inflated = self._inflate.whole(_payload(data, start, size))
                self.payload = inflated.decode() if is_text else inflated
            elif not is_text:
                self.payload = _payload(data, start, size)
            elif COMPILED:
                self.payload = unmasked_text(data, start, size)
            else:
                self.payload = _payload(data, start, size).decode()
        except UnicodeDecodeError:
            raise _not_utf8()

    def _read_control(self, kind: int, start: int, size: int) -> int:
        """The control frame whose masking key is at `start`."""
        data = self._buffer
        if len(data) - start < 4 + size:
            return _MORE
        self._position = start + 4 + size
        payload = _payload(data, start, size)
        if kind != CLOSE:
            self.payload = payload
            return kind
        code = 1005
        reason = ""
        if payload:
            code = int.from_bytes(payload[:2], "big")
            if size == 1 or not is_close_code(code):
                raise WebSocketError(1002, "a close frame has no valid code")
            try:
                reason = payload[2:].decode()
            except UnicodeDecodeError:
                raise WebSocketError(1007, "a close frame's reason is not UTF-8")
        self.stop()  # RFC 6455 §5.5.1: nothing is sent after a close frame
        self.code = code
        self.reason = reason
        return CLOSE

    def _take_piece(self) -> int:
        """What is here of the present frame's payload; the message's kind where that completes it."""
        data = self._buffer
        start = self._position
        size = len(data) - start
        if size > self._remaining:
            size = self._remaining
        if size:
            self._position = start + size
            self._remaining -= size
            self._gather(data, start, size)
            if self._remaining and size & 3:
                turn = size & 3
                self._key = self._key[turn:] + self._key[:turn]
        if self._remaining == 0 and self._final:
            return self._finish()
        return NOTHING

    def _gather(self, data: bytes, start: int, size: int) -> None:
        """Take `size` masked bytes at `start` into the message."""
        message = self._message
        assert message is not None
        before = len(message)
        is_ascii = False
        if self._compressed:
            assert self._inflate is not None
            message += self._inflate.piece(_piece(data, start, size, self._key), before)
        elif COMPILED:
            is_ascii = not append_unmasked(message, data, start, size, self._key)
        else:
            message += _piece(data, start, size, self._key)
        if self._kind == TEXT and len(message) > before and (not is_ascii or self._undecoded):
            self._check_text(message, before)

    def _check_text(self, message: bytearray, before: int) -> None:
        """Refuse text that is not UTF-8 at its first wrong byte (RFC 6455 §8.1); it was good up to `before`.

        What is decoded here is thrown away: to keep it would cost a string for each tiny fragment.
        """
        piece = self._undecoded + message[before:] if before else message
        try:
            _, consumed = utf_8_decode(piece, "strict", False)
        except UnicodeDecodeError:
            raise _not_utf8()
        self._undecoded = bytes(piece[consumed:])

    def _finish(self) -> int:
        """The message is complete."""
        kind = self._kind
        message = self._message
        assert message is not None
        if self._compressed:
            assert self._inflate is not None
            before = len(message)
            message += self._inflate.end(before)
            if kind == TEXT and len(message) > before:
                self._check_text(message, before)
        if kind == TEXT:
            if self._undecoded:
                raise _not_utf8()
            self.payload = message.decode()
        else:
            self.payload = bytes(message)
        self._kind = NOTHING
        self._message = None
        return kind


def _not_utf8() -> WebSocketError:
    return WebSocketError(1007, "the text message is not UTF-8")


def _payload(data: bytes, start: int, size: int) -> bytes:
    """The payload of `size` bytes whose masking key is at `start`, right before it."""
    if COMPILED:
        return unmasked(data, start, size)
    return _piece(data, start + 4, size, data[start : start + 4])


def _piece(data: bytes, start: int, size: int, key: bytes) -> bytes:
    """`size` bytes from `start` with `key` laid over them again and again (RFC 6455 §5.3)."""
    if COMPILED:
        return unmasked_piece(data, start, size, key)
    # As one large number, so that no loop is here.
    mask = (key * ((size + 3) >> 2))[:size]
    piece = int.from_bytes(data[start : start + size], "little") ^ int.from_bytes(mask, "little")
    return piece.to_bytes(size, "little")


def is_close_code(code: int) -> bool:
    """Whether `code` may stand in a close frame: those of RFC 6455 §7.4 and of IANA's registry."""
    return 1000 <= code <= 1003 or 1007 <= code <= 1014 or 3000 <= code <= 4999


def frame(kind: int, payload: bytes | str, compressed: bool = False) -> bytes:
    """One whole frame, head and payload; a server's is never masked (RFC 6455 §5.1).

    Args:
        kind: TEXT, BINARY, CLOSE, PING or PONG.
        payload: text goes out as UTF-8.
        compressed: whether it is `bicorn.wire.deflate.Deflate`'s work.

    Raises:
        UnicodeEncodeError: the text has a lone surrogate.
    """
    first = kind | 0xC0 if compressed else kind | 0x80
    if isinstance(payload, str):
        if COMPILED:
            return framed_text(first, payload)
        payload = payload.encode()
    if COMPILED:
        return framed(first, payload)
    return frame_head(kind, len(payload), compressed) + payload


class Framer:
    """Frames messages as `frame` does, and remembers the last: a broadcast gives one object to a thousand connections,
    which share its frame.
    """

    __slots__ = ("_frame", "_kind", "_payload")

    def __init__(self) -> None:
        self._payload: bytes | str | None = None
        self._kind = NOTHING
        self._frame = b""

    def frame(self, kind: int, payload: bytes | str) -> bytes:
        """One whole frame.

        Raises:
            UnicodeEncodeError: the text has a lone surrogate.
        """
        if payload is not self._payload or kind != self._kind:
            self._frame = frame(kind, payload)
            self._payload = payload
            self._kind = kind
        return self._frame


def frame_head(kind: int, size: int, compressed: bool = False) -> bytes:
    """The head of a frame whose `size` bytes of payload are written after it, to spare a large one the copy."""
    first = kind | 0xC0 if compressed else kind | 0x80
    if size < 126:
        return bytes((first, size))
    if size < 65536:
        return bytes((first, 126, size >> 8, size & 255))
    return bytes((first, 127)) + size.to_bytes(8, "big")


def close_frame(code: int, reason: str = "") -> bytes:
    """A close frame; empty for 1005, which says that there is no code. `reason` is cut to what fits."""
    if code == 1005:
        return frame(CLOSE, b"")
    text = reason.encode("utf-8", "replace")
    if len(text) > _REASON_LIMIT:
        text = text[:_REASON_LIMIT].decode("utf-8", "ignore").encode()
    return frame(CLOSE, code.to_bytes(2, "big") + text)
