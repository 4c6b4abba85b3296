"""Percent-encoding undone (RFC 3986 §2.1), without ``urllib.parse``, which takes longer to import than all of wire/."""

from __future__ import annotations

from functools import cache

_DIGITS = "0123456789ABCDEFabcdef"


def unescape(path: bytes) -> bytes:
    """`path` with the bytes that ``%XX`` stand for; a ``%`` that is followed by anything else stays."""
    first, *rest = path.split(b"%")
    known = _known()
    pieces = [first]
    for piece in rest:
        byte = known.get(piece[:2])
        pieces.append(b"%" + piece if byte is None else byte + piece[2:])
    return b"".join(pieces)


@cache
def _known() -> dict[bytes, bytes]:
    """The byte of each two digits."""
    return {(first + second).encode(): bytes.fromhex(first + second) for first in _DIGITS for second in _DIGITS}
