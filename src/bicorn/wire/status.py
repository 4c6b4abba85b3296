"""Status lines (RFC 9112 §4)."""

from __future__ import annotations

import http


def status_line(status: int) -> bytes:
    """The complete line; without a phrase where the number has none registered."""
    try:
        phrase = http.HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    return f"HTTP/1.1 {status} {phrase}\r\n".encode()


STATUS_LINES: dict[int, bytes] = {status.value: status_line(status) for status in http.HTTPStatus}
