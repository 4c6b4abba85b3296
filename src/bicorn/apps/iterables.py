"""What a WSGI application returns, piece by piece."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Any

from bicorn.apps.exchange import Exchange, body_bytes
from bicorn.apps.spool import Spool
from bicorn.errors import AppProtocolError

logger = logging.getLogger("bicorn.error")

_KEPT_PIECE = 65536


def iterate(result: Any) -> Iterator[bytes]:
    """Its iterator.

    Raises:
        AppProtocolError: it is no iterable.
    """
    if not hasattr(type(result), "__iter__") and not hasattr(type(result), "__getitem__"):
        raise AppProtocolError(f"the application returned {type(result).__name__}, which is no iterable of bytes")
    return iter(result)


def with_kept(kept: Spool, result: Any) -> Iterator[bytes]:
    """What ``write()`` was given and could not be sent at once, then what the application returned."""
    try:
        file = kept.open()
        while piece := file.read(_KEPT_PIECE):
            yield piece
    finally:
        kept.close()
    yield from iterate(result)


def join(pieces: Sequence[bytes]) -> bytes:
    """A list's pieces as one.

    Raises:
        AppProtocolError: one is not bytes.
    """
    try:
        return b"".join(pieces)
    except TypeError:
        return b"".join([body_bytes(piece) for piece in pieces])  # says which type it is


def close(result: Any, exchange: Exchange) -> None:
    """PEP 3333: "the server or gateway **must** call that method upon completion of the current request"."""
    method = getattr(result, "close", None)
    if method is not None:
        try:
            method()
        except BaseException as error:
            logger.error("error in the WSGI application's close(): %s", exchange.describe(), exc_info=error)
