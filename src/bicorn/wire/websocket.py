"""The frames of one WebSocket connection: bytes in, messages out, and the way back (RFC 6455 §5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bicorn.wire.deflate import Inflate

NOTHING, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


class Reader:
    """The receiving half of one server connection."""

    payload: str | bytes | None
    code: int
    reason: str

    def __init__(self, max_size: int, inflate: Inflate | None) -> None:
        raise NotImplementedError

    def receive(self, data: bytes) -> None:
        """Take bytes from the peer; dropped where the connection is over."""
        raise NotImplementedError

    def next(self) -> int:
        """The next event's kind, or NOTHING where more bytes are needed.

        Raises:
            WebSocketError: the peer broke the protocol; nothing follows.
        """
        raise NotImplementedError

    def buffered(self) -> int:
        """Bytes held: unread ones, and those of an unfinished message."""
        raise NotImplementedError

    def rest(self) -> None:
        """Nothing has come for a while: keep no memory that is not needed."""
        raise NotImplementedError


def is_close_code(code: int) -> bool:
    """Whether `code` may stand in a close frame (RFC 6455 §7.4)."""
    raise NotImplementedError


def frame(kind: int, payload: bytes | str, compressed: bool = False) -> bytes:
    """One whole frame, head and payload."""
    raise NotImplementedError


def frame_head(kind: int, size: int, compressed: bool = False) -> bytes:
    """The head of a frame whose payload of `size` bytes is written after it."""
    raise NotImplementedError


def close_frame(code: int, reason: str) -> bytes:
    """A close frame; `reason` is cut to 123 bytes at a character; empty for code 1005."""
    raise NotImplementedError
