"""Compressed messages: permessage-deflate (RFC 7692)."""

from __future__ import annotations

import re
import zlib
from typing import NamedTuple

from bicorn.errors import WebSocketError
from bicorn.wire.fields import TCHAR

# RFC 7692 §7.2.1: what ends each flushed block is not sent.
TAIL = b"\x00\x00\xff\xff"

# A window of 4 KiB and half of zlib's tables: 32 KiB for a busy sender instead of 256, and messages are short.
WINDOW_BITS = 12
MEMORY_LEVEL = 5

# Three quarters of the time of zlib's default, for a twentieth more bytes.
LEVEL = 4

# Below this nothing is gained: the message goes as it is (RFC 7692 §6.1 leaves the choice to the sender).
THRESHOLD = 64

# RFC 7692 §7.2.3.4 lets a message end in a final block; more of them than this is somebody's game.
_FINAL_BLOCKS_LIMIT = 4

_TOKEN = rb"[" + re.escape(TCHAR) + rb"]+"
_PARAMETER = re.compile(
    rb"[ \t]*;[ \t]*(" + _TOKEN + rb")(?:[ \t]*=[ \t]*(?:(" + _TOKEN + rb')|"(' + _TOKEN + rb')"))?'
)
_NAME = re.compile(_TOKEN)
_BETWEEN = re.compile(rb"[ \t,]*")
_END = re.compile(rb"[ \t]*(?:,|\Z)")
_BITS = re.compile(rb"8|9|1[0-5]")


class Agreed(NamedTuple):
    """What both ends agreed on.

    Attributes:
        server_no_context_takeover: whether each message of the server's is compressed on its own.
        client_no_context_takeover: the same for the client's.
        server_max_window_bits: the server's window, 9 to 15.
        client_max_window_bits: the client's window, 8 to 15.
        response: the Sec-WebSocket-Extensions value that says so.
    """

    server_no_context_takeover: bool
    client_no_context_takeover: bool
    server_max_window_bits: int
    client_max_window_bits: int
    response: bytes


def negotiate(offers: bytes, window_bits: int = WINDOW_BITS) -> Agreed | None:
    """The first acceptable offer of permessage-deflate, or None.

    Args:
        offers: the client's Sec-WebSocket-Extensions values, joined by commas.
        window_bits: the largest window either end is to have, where the client lets the server choose.
    """
    for name, parameters in _read_offers(offers):
        if name == b"permessage-deflate":
            agreed = _accept(parameters, window_bits)
            if agreed is not None:
                return agreed
    return None


def _read_offers(value: bytes) -> list[tuple[bytes, list[tuple[bytes, bytes | None]]]]:
    """The members of an extension list (RFC 6455 §9.1); none where any is malformed."""
    offers: list[tuple[bytes, list[tuple[bytes, bytes | None]]]] = []
    at = _BETWEEN.match(value).end()  # type: ignore[union-attr]  # it matches anything
    while at < len(value):
        name = _NAME.match(value, at)
        if name is None:
            return []
        at = name.end()
        parameters: list[tuple[bytes, bytes | None]] = []
        while parameter := _PARAMETER.match(value, at):
            parameters.append((parameter[1].lower(), parameter[2] or parameter[3]))
            at = parameter.end()
        if not _END.match(value, at):
            return []
        offers.append((name[0].lower(), parameters))
        at = _BETWEEN.match(value, at).end()  # type: ignore[union-attr]
    return offers


def _accept(parameters: list[tuple[bytes, bytes | None]], window_bits: int) -> Agreed | None:
    """One offer, accepted; None where it must be declined (RFC 7692 §7.1): unknown, repeated or bad parameters."""
    given = dict(parameters)
    if len(given) < len(parameters):
        return None
    server_alone = client_alone = False
    server_bits, client_bits = window_bits, 15
    for name, value in parameters:
        if name == b"server_no_context_takeover" and value is None:
            server_alone = True
        elif name == b"client_no_context_takeover" and value is None:
            client_alone = True
        elif name == b"server_max_window_bits" and value is not None and _BITS.fullmatch(value):
            server_bits = min(window_bits, int(value))
            if server_bits < 9:
                return None  # zlib cannot make a raw stream for the smallest window
        elif name == b"client_max_window_bits" and (value is None or _BITS.fullmatch(value)):
            client_bits = min(window_bits, int(value or b"15"))
        else:
            return None
    response = [b"permessage-deflate"]
    if server_alone:
        response.append(b"server_no_context_takeover")
    if client_alone:
        response.append(b"client_no_context_takeover")
    if server_bits < 15:
        response.append(b"server_max_window_bits=%d" % server_bits)
    if client_bits < 15:  # RFC 7692 §7.1.2.2: only where the client said that it understands it
        response.append(b"client_max_window_bits=%d" % client_bits)
    return Agreed(server_alone, client_alone, server_bits, client_bits, b"; ".join(response))


class Inflate:
    """The receiving half, for `bicorn.wire.websocket.Reader`.

    Its memory (7 KiB and the window) is taken with the first compressed message. With context takeover it must be kept
    from then on, for the client may refer to what it sent before; without it nothing is kept between messages.

    Args:
        agreed: what was agreed on.
        limit: the most bytes a message may inflate to; 0 for any number.
    """

    __slots__ = ("_ends", "_keeps", "_limit", "_stream", "_window_bits")

    def __init__(self, agreed: Agreed, limit: int) -> None:
        self._keeps = not agreed.client_no_context_takeover
        self._window_bits = -max(9, agreed.client_max_window_bits)
        self._limit = limit if limit > 0 else 1 << 62
        self._stream: zlib._Decompress | None = None
        self._ends = 0  # final blocks in the present message

    def piece(self, data: bytes, before: int) -> bytes:
        """Inflate a piece of a message of which `before` bytes are inflated already.

        Raises:
            WebSocketError: 1009 over the limit, 1007 where it is not DEFLATE.
        """
        stream = self._stream
        if stream is None:
            stream = self._stream = zlib.decompressobj(self._window_bits)
        room = self._limit - before + 1  # one more than is allowed shows that there is more
        try:
            inflated = stream.decompress(data, room)
            while stream.eof:  # a final block: what follows it is a new stream
                unused = stream.unused_data
                stream = self._next_stream()
                inflated += stream.decompress(unused, max(1, room - len(inflated)))
        except zlib.error:
            raise WebSocketError(1007, "the compressed message is not valid")
        if len(inflated) >= room:
            raise WebSocketError(1009, f"the message inflates to over {self._limit} bytes")
        return inflated

    def whole(self, data: bytes) -> bytes:
        """Inflate a whole message.

        Raises:
            WebSocketError: as ``piece``.
        """
        inflated = self.piece(data + TAIL, 0)
        self._finish()
        return inflated

    def end(self, before: int) -> bytes:
        """Inflate what the end of a message brings to light; prepare for the next one."""
        inflated = self.piece(TAIL, before)
        self._finish()
        return inflated

    def _finish(self) -> None:
        if not self._keeps or self._ends:  # a client that ends its streams refers to nothing before
            self._stream = None
        self._ends = 0

    def _next_stream(self) -> zlib._Decompress:
        self._ends += 1
        if self._ends > _FINAL_BLOCKS_LIMIT:
            raise WebSocketError(1007, "the compressed message has too many final blocks")
        self._stream = zlib.decompressobj(self._window_bits)
        return self._stream

    def rest(self) -> None:
        """An idle connection keeps its window, which the client may refer to; there is nothing to give back."""


class Deflate:
    """The sending half.

    Its memory (32 KiB) is taken with the first message worth compressing, and given back by ``rest``: a sender need
    not refer to what it sent before.

    Args:
        agreed: what was agreed on.
    """

    __slots__ = ("_keeps", "_stream", "_window_bits")

    def __init__(self, agreed: Agreed) -> None:
        self._keeps = not agreed.server_no_context_takeover
        self._window_bits = -agreed.server_max_window_bits
        self._stream: zlib._Compress | None = None

    def message(self, payload: bytes | str) -> bytes | None:
        """The compressed payload, to be framed as such; None where the message is to be sent as it is."""
        if len(payload) < THRESHOLD:
            return None
        if isinstance(payload, str):
            payload = payload.encode()
        stream = self._stream
        if stream is None:
            stream = zlib.compressobj(LEVEL, wbits=self._window_bits, memLevel=MEMORY_LEVEL)
            if self._keeps:
                self._stream = stream
        data = stream.compress(payload) + stream.flush(zlib.Z_SYNC_FLUSH)
        return data[:-4]

    def rest(self) -> None:
        """Nothing has been sent for a while: give the memory back; the next message starts anew."""
        self._stream = None
