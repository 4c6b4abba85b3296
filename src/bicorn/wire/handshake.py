"""The opening handshake, the server's side (RFC 6455 §4.2)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from bicorn.errors import ProtocolError
from bicorn.wire.deflate import Agreed
from bicorn.wire.head import Head
from bicorn.wire.response import Defaults


class Offer(NamedTuple):
    """What the client asks for."""

    key: bytes
    subprotocols: list[str]
    extensions: bytes


def check(head: Head) -> Offer:
    """Read a handshake.

    Raises:
        ProtocolError: 400, or 426 for another version: `refusal` makes the answer.
    """
    raise NotImplementedError


def refusal(error: ProtocolError, defaults: Defaults) -> bytes:
    """The answer to a handshake that `check` refused; the connection closes after it."""
    raise NotImplementedError


def accept(
    offer: Offer,
    subprotocol: str | None,
    headers: Iterable[Iterable[bytes]],
    agreed: Agreed | None,
    defaults: Defaults,
) -> bytes:
    """The 101 answer.

    Raises:
        AppProtocolError: the application's mistake, named.
    """
    raise NotImplementedError
