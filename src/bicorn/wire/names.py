"""The request field names seen lately, so that a name costs no new object (RFC 9110 §5.1).

Each place of the table holds the last name that fell into it, which bounds it whatever clients send.
"""

from __future__ import annotations

from bicorn.wire.fields import PLAIN, STEERING, TOKEN_LOWER

_token_lower = TOKEN_LOWER  # under a local name: the compiled module reads it without a look-up

_PLACES = 1024
_SIZE_LIMIT = 48
_names: list[tuple[bytes, int] | None] = [None] * _PLACES


def field_name(data: bytes, begin: int, end: int) -> tuple[bytes, int]:
    """The name that `data` has from `begin` to `end`, in lower case, and what it steers (`STEERING`, or `PLAIN`).

    Args:
        begin, end: around at least one byte; all are token bytes.
    """
    p = data
    token = _token_lower
    size = end - begin
    # The factors keep the 91 commonest field names in places of their own.
    place = (token[p[begin]] * 172 + token[p[end - 1]] * 199 + token[p[begin + size * 3 // 4]] * 17 + size * 41) & 1023
    entry = _names[place]
    if entry is None or not _is_same(entry[0], data, begin, size):
        entry = _learn(data[begin:end].lower(), place)
    return entry


def _is_same(name: bytes, data: bytes, begin: int, size: int) -> bool:
    """Whether the `size` bytes of `data` from `begin` are `name` but for case."""
    if len(name) != size:
        return False
    p = data
    q = name
    token = _token_lower
    for i in range(size):
        if q[i] != token[p[begin + i]]:
            return False
    return True


def _learn(name: bytes, place: int) -> tuple[bytes, int]:
    entry = (name, STEERING.get(name, PLAIN))
    if len(name) <= _SIZE_LIMIT:
        _names[place] = entry
    return entry
