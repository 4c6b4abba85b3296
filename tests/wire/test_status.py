"""Status lines."""

from __future__ import annotations

import re

import pytest

from bicorn.wire.status import STATUS_LINES, status_line


@pytest.mark.parametrize(
    ("status", "line"),
    [
        (200, b"HTTP/1.1 200 OK\r\n"),
        (404, b"HTTP/1.1 404 Not Found\r\n"),
        (503, b"HTTP/1.1 503 Service Unavailable\r\n"),
        (299, b"HTTP/1.1 299 \r\n"),
        (999, b"HTTP/1.1 999 \r\n"),
    ],
)
def test_a_line_has_the_registered_phrase_or_none(status: int, line: bytes) -> None:
    assert status_line(status) == line


def test_every_line_is_well_formed() -> None:
    """RFC 9112 §4: status-line = HTTP-version SP status-code SP [ reason-phrase ]; the last space is not optional."""
    assert {200, 304, 500} <= STATUS_LINES.keys()
    for status, line in STATUS_LINES.items():
        assert re.fullmatch(rb"HTTP/1\.1 %d [A-Za-z' -]+\r\n" % status, line), line
