"""What a connection remembers of its last request."""

from __future__ import annotations

from typing import Any

# What one connection may keep of its last request, so that many connections stay cheap.
MEMORY_LINES = 32
MEMORY_LINE_SIZE = 512
MEMORY_BLOCK_SIZE = 4096


class KnownLine:
    """One field line of a connection's last request.

    Attributes:
        text: the line, with its CRLF.
        field: ``(name, value)`` as `Head.headers` has it.
        steering: ``(kind, value)`` where the field steers the server, else None.
        key, native: the field as a WSGI environ has it, once it was asked for; the key is "" where it must not get one.
    """

    __slots__ = ("field", "key", "native", "steering", "text")

    def __init__(self, text: bytes, field: tuple[bytes, bytes], steering: tuple[int, bytes] | None) -> None:
        self.text = text
        self.field = field
        self.steering = steering
        self.key: str | None = None
        self.native: str | None = None


class Memory:
    """The field lines of a connection's last requests, to be recognised in its next.

    Clients repeat most of their fields in every request, which is why HTTP/2 and 3 send them as references (RFC 7541).
    A line that is byte for byte the one in the same place before needs no reading: it was read, and found good, then.
    Where all of them are, the next request is compared as a whole.

    Attributes:
        lines: each line of the last request, in order; of the first `MEMORY_LINES`, where short enough. The reading
            that recognises only the whole has none.
        recognised: how many of them the last request repeated.
        block: all lines of a request as one; empty where there is none to recognise.
        headers: its fields.
        steering: its steering fields.
    """

    __slots__ = ("_made", "_maker", "block", "headers", "lines", "recognised", "steering")

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Give the memory back: an idle connection keeps nothing."""
        self.lines: list[KnownLine] = []
        self.recognised = 0
        self.remember(b"", [], [])

    def remember(self, block: bytes, headers: list[tuple[bytes, bytes]], steering: list[tuple[int, bytes]]) -> None:
        """Recognise `block` from now on, unless it is too large."""
        if len(block) > MEMORY_BLOCK_SIZE:
            return
        self.block = block
        self.headers = headers[:]
        self.steering = steering
        self._maker: object = None
        self._made: dict[str, Any] | None = None

    def made_by(self, maker: object) -> dict[str, Any] | None:
        """What `maker` has made of the fields of `block`, if it has: a copy."""
        if self._maker is not maker or self._made is None:
            return None
        return self._made.copy()

    def keep(self, maker: object, made: dict[str, Any]) -> None:
        """Keep what `maker` has made of the fields of `block`: a copy."""
        self._maker = maker
        self._made = made.copy()
