"""What a connection remembers of its last request must change what reading costs, never what it finds."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bicorn.errors import ProtocolError
from bicorn.wire.head import Head, match_head, scan_head
from bicorn.wire.http1 import Http1
from bicorn.wire.limits import Limits
from bicorn.wire.memory import MEMORY_BLOCK_SIZE, MEMORY_LINE_SIZE, MEMORY_LINES, Memory

LIMITS = Limits()
READINGS = [pytest.param(scan_head, id="scan"), pytest.param(match_head, id="match")]
Read = Callable[..., Head]

LINES = st.sampled_from(
    [
        b"Host: a",
        b"host: b",
        b"Connection: close",
        b"Connection:  keep-alive ",
        b"X-A: 1",
        b"X-A: 12",
        b"x-a: 1",
        b"X-A:",
        b"Content-Length: 3",
        b"Expect: 100-continue",
        b"Transfer-Encoding: chunked",
        b"Bad : 1",
        b" folded",
        b"X-B: \x00",
        b"X-Long: " + b"v" * MEMORY_LINE_SIZE,
    ]
)


def facts(read: Read, data: bytes, memory: Memory | None) -> object:
    try:
        head = read(data, 0, LIMITS, memory)
    except ProtocolError as error:
        return error.status, error.reason
    names = ("method", "path", "query", "minor", "headers", "content_length", "keep_alive", "expect_continue", "end")
    return {name: getattr(head, name) for name in names}


@pytest.mark.parametrize("read", READINGS)
@given(heads=st.lists(st.lists(LINES, max_size=6), min_size=1, max_size=6))
def test_a_memory_changes_nothing(read: Read, heads: list[list[bytes]]) -> None:
    memory = Memory()
    for lines in heads:
        data = b"".join([b"GET / HTTP/1.1\r\n", *(line + b"\r\n" for line in lines), b"\r\n"])
        assert facts(read, data, memory) == facts(read, data, None)


@pytest.mark.parametrize("read", READINGS)
def test_headers_are_each_requests_own(read: Read) -> None:
    memory = Memory()
    data = b"GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\n\r\n"
    first = read(data, 0, LIMITS, memory)
    first.headers.clear()
    second = read(data, 0, LIMITS, memory)
    assert second.headers == [(b"host", b"a"), (b"x-a", b"1")]
    second.headers.append((b"x", b"y"))
    assert read(data, 0, LIMITS, memory).headers == [(b"host", b"a"), (b"x-a", b"1")]


@pytest.mark.parametrize("read", READINGS)
def test_what_is_remembered_is_bounded(read: Read) -> None:
    memory = Memory()
    fields = b"".join(b"X-%d: %s\r\n" % (i, b"v" * 700) for i in range(80))
    head = read(b"GET / HTTP/1.1\r\nHost: a\r\n" + fields + b"\r\n", 0, LIMITS, memory)
    assert len(head.headers) == 81
    assert len(memory.lines) <= MEMORY_LINES
    assert all(len(line.text) <= MEMORY_LINE_SIZE for line in memory.lines)
    assert len(memory.block) <= MEMORY_BLOCK_SIZE


def test_a_resting_connection_keeps_nothing_and_goes_on() -> None:
    http = Http1(LIMITS)
    data = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
    for _ in range(3):
        http.receive(data)
        assert isinstance(http.next_event(), Head)
        http.next_request()
        http.rest()
        assert http.is_idle()
    http.receive(data[:20])
    assert http.next_event() is None
    http.rest()
    http.receive(data[20:])
    assert isinstance(http.next_event(), Head)
