"""Response fields as lines: what is remembered must change what a field costs, never what it says."""

from __future__ import annotations

from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bicorn.errors import AppProtocolError
from bicorn.wire.lines import (
    CLOSES,
    CONTENT_LENGTH,
    DATE,
    DROPPED,
    PLAIN,
    SERVER,
    field_kind,
    is_value,
    line_of,
)
from tests.wire.readings import READINGS

native_line = partial(line_of, native=True)


class SafeString(str):
    """What template engines give for strings; a ``str`` all the same."""


class Sly(str):
    """Claims to be equal to everything."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return hash("nothing")


@pytest.mark.parametrize(
    ("name", "value", "kind", "length"),
    [
        (b"X-A", b"1", PLAIN, -1),
        (b"X-Empty", b"", PLAIN, -1),
        (b"x-long", b"v" * 1000, PLAIN, -1),
        (b"Content-Length", b"12", CONTENT_LENGTH, 12),
        (b"content-length", b"0" * 17 + b"7", CONTENT_LENGTH, 7),
        (b"Transfer-Encoding", b"chunked", DROPPED, -1),
        (b"Keep-Alive", b"timeout=5", DROPPED, -1),
        (b"Connection", b"keep-alive", DROPPED, -1),
        (b"connection", b"x, Close", CLOSES, -1),
        (b"Date", b"now", DATE, -1),
        (b"SERVER", b"mine", SERVER, -1),
    ],
)
def test_a_line_and_what_it_means(name: bytes, value: bytes, kind: int, length: int) -> None:
    for _ in range(2):
        line = line_of(name, value)
        assert (line.name, line.value) == (name, value)
        assert (line.text, line.kind, line.length) == (name + b": " + value + b"\r\n", kind, length)
        native = native_line(name.decode(), value.decode())
        assert (native.name, native.value) == (name.decode(), value.decode())
        assert (native.text, native.kind, native.length) == (line.text, kind, length)


def test_a_short_field_is_read_once() -> None:
    """Not a promise, but what makes a field cheap."""
    assert line_of(b"X-Known", b"1") is line_of(bytes(bytearray(b"X-Known")), bytes(bytearray(b"1")))
    assert native_line("X-Known", "1") is native_line("".join(["X-", "Known"]), "1")


names = st.sampled_from([b"a", b"b", b"Content-Length", b"connection"])
values = st.sampled_from([b"", b"1", b"close", b"\x80", b"v" * 64, b"v" * 65, b"a\nb"])


@given(st.lists(st.tuples(st.booleans(), names, values), max_size=60))
def test_what_came_before_changes_nothing(given: list[tuple[bool, bytes, bytes]]) -> None:
    for native, name, value in given:
        line: Any = None
        try:
            line = native_line(name.decode(), value.decode("latin-1")) if native else line_of(name, value)
        except AppProtocolError:
            pass
        refused = b"\n" in value or (name == b"Content-Length" and not value.isdigit())
        assert (line is None) == refused
        assert line is None or line.text == b"%b: %b\r\n" % (name, value)


def test_what_only_looks_like_bytes_is_copied() -> None:
    given = bytearray(b"1")
    line = line_of(memoryview(b"x-b"), given)
    given[:] = b"2"
    assert line.text == b"x-b: 1\r\n"


def test_subclasses_of_str_are_strings_and_nothing_more() -> None:
    assert native_line(SafeString("x-a"), SafeString("é")).text == "x-a: é\r\n".encode("latin-1")
    native_line("x-sly", "1")
    assert native_line(Sly("x-other"), Sly("2")).text == b"x-other: 2\r\n"
    with pytest.raises(AppProtocolError, match="outside latin-1"):
        native_line("x-a", SafeString("€"))


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (b"X-A", "1", "a header name must be a str, not bytes: b'X-A'"),
        ("X-A", b"1", "the header X-A must have a str value, not bytes: b'1'"),
        ("X-A", 5, "the header X-A must have a str value, not int: 5"),
        ("X-A", None, "the header X-A must have a str value, not NoneType: None"),
        ("X-A", "€", "the header 'X-A' has a character outside latin-1: '€'"),
        ("X-€", "1", "the header 'X-€' has a character outside latin-1: 'X-€'"),
        ("X-A", "a\r\nb", "the response header b'X-A' has a control character in its value: b'a\\r\\nb'"),
        ("X A", "1", "the response header name b'X A' is not a token"),
        ("Content-Length", "x", "the response header content-length is not a number: b'x'"),
    ],
)
def test_a_malformed_native_field_is_named(name: Any, value: Any, message: str) -> None:
    for _ in range(2):
        with pytest.raises(AppProtocolError) as caught:
            native_line(name, value)
        assert str(caught.value) == message


@pytest.mark.parametrize("value", [b"", b"-1", b"+1", b" 1", b"1 ", b"1_0", b"9" * 19, b"\xb2"])
def test_no_number_is_no_length(value: bytes) -> None:
    with pytest.raises(AppProtocolError, match="content-length is not a number"):
        line_of(b"content-length", value)


def test_every_byte_of_a_value() -> None:
    bad = [byte for byte in range(256) if not is_value(b"a" + bytes([byte]) + b"b")]
    assert bad == [byte for byte in range(256) if (byte < 32 and byte != 9) or byte == 127]


def test_what_is_remembered_is_bounded() -> None:
    lines = READINGS["match"].lines
    for i in range(3000):
        lines.line_of(b"x-%d" % i, b"%d" % i)
        lines.line_of(f"x-{i}", f"{i}", True)
        assert lines.field_kind(b"y" * 65 + b"%d" % i) == PLAIN
    lines.line_of(b"x", b"v" * 65)
    for table in (lines._names, lines._native_names):
        assert 0 < len(table) <= 1024
        assert max(map(len, table)) <= 64
    for table in (lines._lines, lines._native_lines):
        assert len(table) == 1024
        assert max(len(line.value) for line in table if line is not None) <= 64
    assert field_kind(b"connection") not in (PLAIN, DROPPED, CLOSES)
