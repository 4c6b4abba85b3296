"""Compressed messages: permessage-deflate (RFC 7692)."""

from __future__ import annotations

from typing import NamedTuple


class Agreed(NamedTuple):
    """What both ends agreed on."""

    server_no_context_takeover: bool
    client_no_context_takeover: bool
    server_max_window_bits: int
    client_max_window_bits: int
    response: bytes


def negotiate(offers: bytes) -> Agreed | None:
    """The first acceptable offer in a Sec-WebSocket-Extensions value, or None."""
    raise NotImplementedError


class Inflate:
    """The receiving half: give it to `Reader`."""

    def __init__(self, agreed: Agreed, limit: int) -> None:
        raise NotImplementedError

    def rest(self) -> None:
        """Give back what an idle connection need not keep."""


class Deflate:
    """The sending half."""

    def __init__(self, agreed: Agreed) -> None:
        raise NotImplementedError

    def message(self, payload: bytes | str) -> bytes | None:
        """The compressed payload, to be framed with ``compressed=True``; None to send it as it is."""
        raise NotImplementedError

    def rest(self) -> None:
        """Give back what an idle connection need not keep: even with context takeover a sender may start anew."""
