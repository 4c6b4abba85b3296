"""Complete answers that no application gives: refusals and interim responses."""

from __future__ import annotations

from collections.abc import Iterable

from bicorn.errors import AppProtocolError
from bicorn.wire.fields import VALUE
from bicorn.wire.response import Defaults
from bicorn.wire.status import status_line


def simple_response(
    status: int, reason: str, *, defaults: Defaults, extra: bytes = b"", close: bool = True, is_head: bool = False
) -> bytes:
    """A complete answer of the server's own: `reason` as its short text body, which a HEAD request is not sent."""
    text = reason.encode("utf-8", "replace") + b"\n"
    connection = b"connection: close\r\n" if close else b""
    return b"".join(
        (
            status_line(status),
            defaults.server,
            defaults.date,
            extra,
            b"content-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\n" % len(text),
            connection,
            b"\r\n",
            b"" if is_head else text,
        )
    )


def informational(status: int, fields: Iterable[tuple[bytes, bytes]] = ()) -> bytes:
    """A complete 1xx answer (RFC 9110 §15.2); the final one is still to come.

    Raises:
        AppProtocolError: a field is malformed.
    """
    parts = [status_line(status)]
    for name, value in fields:
        if not isinstance(value, bytes) or not VALUE.fullmatch(value):
            raise AppProtocolError(f"the {name.decode()} field of an informational response is malformed: {value!r}")
        parts += (name, b": ", value, b"\r\n")
    parts.append(b"\r\n")
    return b"".join(parts)
