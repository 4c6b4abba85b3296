"""What a connection remembers of its last request."""

from __future__ import annotations

# What one connection may keep of its last request, so that many connections stay cheap.
MEMORY_LINES = 32
MEMORY_LINE_SIZE = 512
MEMORY_BLOCK_SIZE = 4096


class Memory:
    """The field lines of a connection's last request, to be recognised in its next.

    Clients repeat most of their fields in every request,
    which is why HTTP/2 and 3 send them as references (RFC 7541). A line
    that is byte for byte the one in the same place before needs no reading: it was read, and found good, then.

    Attributes:
        lines: ``(line, field, kind)`` of each line, in order; of the first `MEMORY_LINES`, where short enough.
        block: all lines as one, for the reading that recognises only the whole.
        headers: its fields.
        steering: its steering fields.
    """

    __slots__ = ("block", "headers", "lines", "steering")

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Give the memory back: an idle connection keeps nothing."""
        self.lines: list[tuple[bytes, tuple[bytes, bytes], int]] = []
        self.block = b""
        self.headers: list[tuple[bytes, bytes]] = []
        self.steering: list[tuple[int, bytes]] = []
