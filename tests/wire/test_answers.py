"""Answers that no application gives, read by another implementation."""

from __future__ import annotations

import h11
import pytest

from bicorn.errors import AppProtocolError
from bicorn.wire.answers import informational, simple_response
from bicorn.wire.response import Defaults


def read(data: bytes) -> tuple[h11.Response, bytes, bool]:
    """Response, body and whether the connection goes on."""
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target="/", headers=[("host", "a")]))
    client.send(h11.EndOfMessage())
    client.receive_data(data)
    response = client.next_event()
    assert isinstance(response, h11.Response)
    body = b""
    while isinstance(event := client.next_event(), h11.Data):
        body += event.data
    assert isinstance(event, h11.EndOfMessage)
    assert client.trailing_data == (b"", False)
    return response, body, client.their_state is h11.DONE


def test_a_refusal_says_why_and_closes() -> None:
    defaults = Defaults(server=b"server: me\r\n", extra=b"x: y\r\n")
    defaults.set_date(b"date: today\r\n")
    response, body, goes_on = read(simple_response(431, "too much é", defaults=defaults, extra=b"retry-after: 1\r\n"))
    assert (response.status_code, body, goes_on) == (431, "too much é\n".encode(), False)
    assert dict(response.headers) == {
        b"server": b"me",
        b"date": b"today",
        b"retry-after": b"1",
        b"content-type": b"text/plain; charset=utf-8",
        b"content-length": b"12",
        b"connection": b"close",
    }


def test_a_refusal_may_leave_the_connection_open() -> None:
    response, _, goes_on = read(simple_response(404, "no", defaults=Defaults(), close=False))
    assert goes_on
    assert b"connection" not in dict(response.headers)


def test_a_refusals_reason_cannot_add_to_the_head() -> None:
    response, body, _ = read(simple_response(400, "a\r\nx: y\r\n\r\nb", defaults=Defaults(server=b"")))
    assert b"x" not in dict(response.headers)
    assert body == b"a\r\nx: y\r\n\r\nb\n"


def test_a_reason_that_is_no_text_is_still_sent() -> None:
    assert read(simple_response(400, "\udc80", defaults=Defaults()))[1] == b"?\n"


@pytest.mark.parametrize(
    ("data", "status", "fields"),
    [
        (informational(100), 100, []),
        (informational(103, [(b"link", b"</a>"), (b"link", b"</b>")]), 103, [(b"link", b"</a>"), (b"link", b"</b>")]),
    ],
)
def test_an_interim_answer_leaves_the_final_one_to_come(
    data: bytes, status: int, fields: list[tuple[bytes, bytes]]
) -> None:
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target="/", headers=[("host", "a")]))
    client.receive_data(data)
    event = client.next_event()
    assert isinstance(event, h11.InformationalResponse)
    assert (event.status_code, list(event.headers)) == (status, fields)
    assert client.next_event() is h11.NEED_DATA


@pytest.mark.parametrize("value", [b"a\r\nb: c", b"a\n", b"\x00", b"\x7f", "text", None])
def test_an_interim_answers_field_is_checked(value: bytes) -> None:
    with pytest.raises(AppProtocolError, match="the link field of an informational response"):
        informational(103, [(b"link", value)])
