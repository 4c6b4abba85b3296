"""PEP 3333's native strings: a WSGI response's status and headers, from `str` to what the wire takes."""

from __future__ import annotations

from collections.abc import Iterable

from bicorn.errors import AppProtocolError

# Field names as bytes, and statuses as codes; both learn, and are bounded.
_KNOWN_LIMIT = 1024
_names: dict[str, bytes] = {}
_statuses: dict[str, int] = {}


def status_code(status: str) -> int:
    """The code of ``"404 Not Found"``.

    Raises:
        AppProtocolError: it is none.
    """
    code = _statuses.get(status, 0)
    if code == 0:
        code = _learn_status(status)
    return code


def header_fields(headers: Iterable[tuple[str, str]]) -> list[tuple[bytes, bytes]]:
    """Name and value of each header as bytes.

    Raises:
        AppProtocolError: one is no pair of strings, or cannot be latin-1.
    """
    fields: list[tuple[bytes, bytes]] = []
    for name, value in headers:
        key = _names.get(name)
        if key is None:
            key = _learn_name(name)
        if type(value) is not str:
            value = _exact(name, value)
        fields.append((key, _encode(name, value)))
    return fields


def _exact(name: str, value: object) -> str:
    """A string that is one exactly: a template's ``Markup`` becomes one."""
    if not isinstance(value, str):
        raise AppProtocolError(f"the header {name} must have a str value, not {type(value).__name__}: {value!r}")
    return "".join(value)


def _learn_status(status: str) -> int:
    if not isinstance(status, str) or len(status) < 3 or not status[:3].isascii() or not status[:3].isdigit():
        raise AppProtocolError(f"the status must be a string like '200 OK', not {status!r}")
    if len(status) > 3 and status[3] != " ":
        raise AppProtocolError(f"the status must be a three-digit code, a space and a reason, not {status!r}")
    code = int(status[:3])
    if len(_statuses) < _KNOWN_LIMIT and len(status) <= 64:
        _statuses[status] = code
    return code


def _learn_name(name: str) -> bytes:
    if not isinstance(name, str):
        raise AppProtocolError(f"a header name must be a str, not {type(name).__name__}: {name!r}")
    key = _encode(name, name if type(name) is str else "".join(name))
    if len(_names) < _KNOWN_LIMIT and len(name) <= 64:
        _names[name] = key
    return key


def _encode(name: str, value: str) -> bytes:
    try:
        return value.encode("latin-1")
    except UnicodeEncodeError:
        raise AppProtocolError(f"the header {name!r} has a character outside latin-1: {value!r}") from None
