"""Native strings: statuses and headers of WSGI applications."""

from __future__ import annotations

from typing import Any

import pytest

from bicorn.apps.native import header_fields, status_code
from bicorn.errors import AppProtocolError


class SafeString(str):
    """What template engines give for strings; a ``str`` all the same."""


@pytest.mark.parametrize(("status", "code"), [("200 OK", 200), ("404 Not Found", 404), ("299 ", 299), ("599", 599)])
def test_a_status_is_a_code_and_a_reason(status: str, code: int) -> None:
    assert status_code(status) == code
    assert status_code(SafeString(status)) == code


BAD = ["", "20", "abc", "2000 OK", "200OK", "-20 x", "²00 OK", b"200 OK", 200, None]


@pytest.mark.parametrize("status", BAD, ids=repr)
def test_a_malformed_status_is_named(status: Any) -> None:
    with pytest.raises(AppProtocolError, match=r"the status must be .*, not ") as caught:
        status_code(status)
    assert repr(status) in str(caught.value)


def test_headers_become_bytes() -> None:
    assert header_fields([("Content-Type", "text/plain"), ("X-A", "\xe9")]) == [
        (b"Content-Type", b"text/plain"),
        (b"X-A", b"\xe9"),
    ]
    assert header_fields(()) == []
    assert header_fields([(SafeString("X-B"), SafeString("safe"))]) == [(b"X-B", b"safe")]
    assert header_fields(iter([("X-B", "1")])) == [(b"X-B", b"1")]


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ((b"X-A", "1"), "a header name must be a str, not bytes: b'X-A'"),
        (("X-A", b"1"), "the header X-A must have a str value, not bytes: b'1'"),
        (("X-A", 5), "the header X-A must have a str value, not int: 5"),
        (("X-A", None), "the header X-A must have a str value, not NoneType: None"),
        (("X-A", "€"), "the header 'X-A' has a character outside latin-1: '€'"),
        (("X-€", "1"), "the header 'X-€' has a character outside latin-1: 'X-€'"),
    ],
)
def test_a_malformed_header_is_named(header: Any, message: str) -> None:
    with pytest.raises(AppProtocolError) as caught:
        header_fields([header])
    assert str(caught.value) == message


def test_what_is_learnt_is_bounded() -> None:
    for n in range(1500):
        assert status_code(f"200 Fine {n}") == 200
        assert header_fields([(f"X-Learnt-{n}", "1")]) == [(b"X-Learnt-%d" % n, b"1")]
    assert status_code("200 " + "long" * 100) == 200


class Markup(str):
    """What templates hand out."""


def test_subclasses_of_str_are_strings() -> None:
    assert header_fields([(Markup("x-a"), Markup("é"))]) == [(b"x-a", "é".encode("latin-1"))]
    with pytest.raises(AppProtocolError, match="outside latin-1"):
        header_fields([("x-a", Markup("€"))])
