"""A WSGI response's status, from PEP 3333's native string to a code."""

from __future__ import annotations

from bicorn.errors import AppProtocolError

# It learns, and is bounded.
_KNOWN_LIMIT = 1024
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


def _learn_status(status: str) -> int:
    if not isinstance(status, str) or len(status) < 3 or not status[:3].isascii() or not status[:3].isdigit():
        raise AppProtocolError(f"the status must be a string like '200 OK', not {status!r}")
    if len(status) > 3 and status[3] != " ":
        raise AppProtocolError(f"the status must be a three-digit code, a space and a reason, not {status!r}")
    code = int(status[:3])
    if len(_statuses) < _KNOWN_LIMIT and len(status) <= 64:
        _statuses[status] = code
    return code
