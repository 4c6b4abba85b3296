"""The members of a tar archive, one after the other, of a stream.

Python's own tarfile takes a header's word for how much to read at once, and makes a record of twenty fields of each
member; a large archive has ten thousand. The little of the format that is needed is read here (POSIX.1-2008 pax, "ustar
Interchange Format"; GNU's long names).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

BLOCK = 512
LONGEST = 64 * 1024
"""Of a record that has a name in it."""

_PLAIN = (b"0", b"\0", b"7")


class BadHeader(ValueError):
    """What should be a header is none."""


class TooLong(ValueError):
    """A name is longer than any name."""


class Stream(Protocol):
    """Unpacked bytes."""

    def read(self, size: int, /) -> bytes:
        """That many bytes, fewer at the end."""

    def skip(self, size: int, /) -> None:
        """Passes over that many bytes; raises EOFError where there are not so many."""


class Member:
    """A member.

    Attributes:
        name: as it is written there: not to be trusted.
        size: in bytes, as its header says.
        plain: whether it is a file, no folder or link.
    """

    __slots__ = ("_stream", "name", "plain", "size", "taken")

    def __init__(self, name: str, size: int, plain: bool, stream: Stream) -> None:
        self.name, self.size, self.plain = name, size, plain
        self.taken = 0
        self._stream = stream

    def read(self, most: int) -> bytes:
        """Its first bytes, once, as long as the next member has not been asked for."""
        found = self._stream.read(min(most, self.size))
        self.taken = len(found)
        return found


def members(stream: Stream) -> Iterator[Member]:
    """Its members, up to two blocks of nothing or the end.

    Raises:
        BadHeader, TooLong: it is not, or no longer, a tar archive.
        EOFError: it ends in a member.
    """
    long_name = ""
    while len(header := stream.read(BLOCK)) == BLOCK and header.strip(b"\0"):
        if not _is_header(header):
            raise BadHeader("a tar header's checksum is wrong")
        size, kind = _octal(header[124:136]), header[156:157]
        if kind in (b"x", b"L"):
            if size > LONGEST:
                raise TooLong("a file's name is longer than any name")
            content = stream.read(size)
            long_name = (_pax_path(content) if kind == b"x" else _text(content)) or long_name
            stream.skip(-size % BLOCK)
        else:
            member = Member(long_name or _name(header), size, kind in _PLAIN, stream)
            yield member
            stream.skip(size - member.taken + -size % BLOCK)
            long_name = ""


def _is_header(header: bytes) -> bool:
    return sum(header) - sum(header[148:156]) + 8 * 32 == _octal(header[148:156])


def _octal(field: bytes) -> int:
    if field[:1] == b"\x80":  # GNU's way for large numbers
        return int.from_bytes(field[1:], "big")
    digits = field.split(b"\0", 1)[0].strip() or b"0"
    if digits.strip(b"01234567"):
        raise BadHeader("a tar header has a number that is none")
    return int(digits, 8)


def _text(field: bytes) -> str:
    return field.split(b"\0", 1)[0].decode("utf-8", "replace")


def _name(header: bytes) -> str:
    prefix = _text(header[345:500]) if header[257:263] == b"ustar\0" else ""
    return f"{prefix}/{_text(header[:100])}" if prefix else _text(header[:100])


def _pax_path(content: bytes) -> str:
    """The path of a pax header, whose lines are ``"<length> <key>=<value>\\n"``."""
    while content:
        length, _, _ = content.partition(b" ")
        if not length.isdigit() or not 0 < int(length) <= len(content):
            break
        key, _, value = content[len(length) + 1 : int(length) - 1].partition(b"=")
        if key == b"path":
            return _text(value)
        content = content[int(length) :]
    return ""
