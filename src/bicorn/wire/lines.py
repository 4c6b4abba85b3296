"""An application's response fields as lines of the wire: checked, and remembered (RFC 9110 §5, RFC 9112 §5).

Applications give the same few fields again and again. A short one that was found good is kept with the line it comes
to, and given again it costs two comparisons. The tables are bounded, whatever applications give: each place holds the
last field that fell into it.

ASGI gives bytes, WSGI native strings (PEP 3333: text that latin-1 can say).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bicorn.errors import AppProtocolError
from bicorn.wire.fields import TOKEN_LOWER, VALUE, VALUE_BYTE, as_bytes, tokens

if TYPE_CHECKING:  # the .pxd's, for the compiled reading
    joined_line: Any

COMPILED = not __file__.endswith(".py")
_value_byte = VALUE_BYTE

PLAIN = 0
CONTENT_LENGTH = 1
DROPPED = 2
CLOSES = 3
# These may be had from the server, too; as bits, since an answer can have several.
DATE = 4
SERVER = 8

_CONNECTION = -1
_KINDS = {
    b"content-length": CONTENT_LENGTH,
    b"transfer-encoding": DROPPED,  # framing is the server's
    b"connection": _CONNECTION,
    b"keep-alive": DROPPED,  # hop-by-hop, and ours to say
    b"date": DATE,
    b"server": SERVER,
}

# Field names that were found good, with their kinds.
_KNOWN_LIMIT = 1024
_names: dict[bytes, int] = {}
_native_names: dict[str, bytes] = {}

_PLACES = 1024
_SIZE_LIMIT = 64
_lines: list[Line | None] = [None] * _PLACES
_native_lines: list[Line | None] = [None] * _PLACES


class Line:
    """One field.

    Attributes:
        name, value: as the application gave them.
        text: the complete line, with its CRLF.
        kind: what it means to the server: one of this module's kinds.
        length: the number in a ``content-length``; -1 for others.
    """

    __slots__ = ("kind", "length", "name", "text", "value")

    def __init__(self, name: object, value: object, text: bytes, kind: int, length: int) -> None:
        self.name = name
        self.value = value
        self.text = text
        self.kind = kind
        self.length = length


def line_of(name: object, value: object, native: bool = False) -> Line:
    """The line of a field.

    Args:
        name, value: bytes, or what looks like them; where `native`, strings.

    Raises:
        AppProtocolError: it is no field, or cannot be latin-1.
    """
    if not native:
        if type(name) is not bytes or type(value) is not bytes:
            name, value = as_bytes(name, value)
    else:
        if type(name) is not str:
            name = _exact("a header name must be a str", name)
        if type(value) is not str:
            value = _exact(f"the header {name} must have a str value", value)
    if len(value) > _SIZE_LIMIT:
        return _read(name, value, native)
    lines = _native_lines if native else _lines
    place = (hash(name) ^ hash(value)) & (_PLACES - 1)
    line = lines[place]
    if line is None or not _is_field(line, name, value):
        line = lines[place] = _read(name, value, native)
    return line


def field_kind(name: bytes) -> int:
    """The kind of the field `name`; that of ``connection`` depends on its value.

    Raises:
        AppProtocolError: it is no token (RFC 9110 §5.1).
    """
    kind = _names.get(name)
    return _learn_name(name) if kind is None else kind


def is_value(value: bytes) -> bool:
    """Whether a field value has no control character; a CR or LF would let it add fields or a whole response."""
    if not COMPILED:
        return VALUE.fullmatch(value) is not None
    p = value
    table = _value_byte
    for i in range(len(value)):
        if not table[p[i]]:
            return False
    return True


def _is_field(line: Line, name: object, value: object) -> bool:
    return (line.value is value or line.value == value) and (line.name is name or line.name == name)


def _read(given_name: Any, given_value: Any, native: bool) -> Line:
    name: bytes = _native_name(given_name) if native else given_name
    value: bytes = _encode(given_name, given_value) if native else given_value
    kind = field_kind(name)
    if not is_value(value):
        raise AppProtocolError(f"the response header {name!r} has a control character in its value: {value!r}")
    length = -1
    if kind == CONTENT_LENGTH:
        length = _content_length(value)
    elif kind == _CONNECTION:
        kind = CLOSES if b"close" in tokens(value) else DROPPED
    text = joined_line(name, value) if COMPILED else b"%b: %b\r\n" % (name, value)  # noqa: F821
    return Line(given_name, given_value, text, kind, length)


def _content_length(value: bytes) -> int:
    """The number; up to 18 digits stay below 2**63."""
    if not 0 < len(value) <= 18 or not value.isdigit():
        raise AppProtocolError(f"the response header content-length is not a number: {value!r}")
    return int(value)


def _learn_name(name: bytes) -> int:
    if not name or any(not TOKEN_LOWER[c] for c in name):
        raise AppProtocolError(f"the response header name {name!r} is not a token")
    kind = _KINDS.get(name.lower(), PLAIN)
    if len(_names) < _KNOWN_LIMIT and len(name) <= _SIZE_LIMIT:
        _names[name] = kind
    return kind


def _exact(rule: str, given: object) -> str:
    """A string that is one exactly: a template's ``Markup`` becomes one."""
    if not isinstance(given, str):
        raise AppProtocolError(f"{rule}, not {type(given).__name__}: {given!r}")
    return "".join(given)


def _native_name(name: str) -> bytes:
    known = _native_names.get(name)
    if known is None:
        known = _encode(name, name)
        if len(_native_names) < _KNOWN_LIMIT and len(name) <= _SIZE_LIMIT:
            _native_names[name] = known
    return known


def _encode(name: str, value: str) -> bytes:
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        raise AppProtocolError(f"the header {name!r} has a character outside latin-1: {value!r}") from None
