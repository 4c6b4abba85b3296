"""What hostile WebSocket clients do: each attack is bounded in time and size, and says how it ended.

An attack gets an open connection and sends until the server ends it, or until it is through. `outcome` says what a
server has done about it, and an attack says which of that is right.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from .raw import BINARY, PING, TEXT, Raw, frame, head

SECONDS = 8.0
"""The longest an attack sends."""
WRITE_TIMEOUT = 2.0
"""What Bicorn is told, so that who does not read is cut off while the attack still lasts."""
MAX_SIZE = 1 << 20
"""What Bicorn is told, so that a flood of small pieces gets there within the time; the peers keep their 16 MiB."""
BLOCK = 1 << 18
BOMB = 256 << 20
"""What the bomb would be, inflated."""


@dataclass(frozen=True, slots=True)
class Attack:
    """One way of being hostile.

    Attributes:
        right: what the server may do about it: a close code, `cut` (the connection ended without one), `pong`, `echo`.
    """

    title: str
    path: str
    run: Callable[[Raw], None]
    right: frozenset[str]
    deflate: bool = False


def outcome(client: Raw) -> str:
    """What became of the connection."""
    if client.close_code is not None:
        return str(client.close_code)
    if client.dropped or client.is_cut():
        return "cut"
    return "echo" if client.messages else "open"


def _never_reads(client: Raw) -> None:
    """The application sends without end, nobody reads."""
    _await_cut(client)


def _await_cut(client: Raw) -> None:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline and not client.is_cut():
        time.sleep(0.05)


def _bomb(client: Raw) -> None:
    packer = zlib.compressobj(9, wbits=-15)
    zeros = bytes(1 << 20)
    packed = b"".join(packer.compress(zeros) for _ in range(BOMB >> 20)) + packer.flush(zlib.Z_SYNC_FLUSH)
    _all(client, frame(BINARY, packed.removesuffix(b"\x00\x00\xff\xff"), compressed=True))
    client.listen(SECONDS)


def _two_gibibytes(client: Raw) -> None:
    """A head that announces 2 GiB, and the first MiB of it."""
    _all(client, head(BINARY, 1 << 31) + bytes(1 << 20))
    client.listen(SECONDS)


def _no_length(client: Raw) -> None:
    """A length with its highest bit set, which there is not (RFC 6455, section 5.2)."""
    _all(client, b"\x82\xff" + b"\xff" * 8 + bytes(4))
    client.listen(SECONDS)


def _pings_unread(client: Raw) -> None:
    """Pings as fast as they are taken; the pongs are not read."""
    _flood(client, frame(PING, b"x" * 125))
    _await_cut(client)


def _pings_read(client: Raw) -> None:
    """Pings as fast as they are taken, and the pongs are read."""
    _flood(client, frame(PING, b"x" * 125), reads=True)
    _echo(client)


def _empty_fragments(client: Raw) -> None:
    """One message whose fragments are empty, and at last its end."""
    _all(client, frame(TEXT, b"a", final=False))
    _flood(client, frame(0, b"", final=False), reads=True)
    _all(client, frame(0, b"z"))
    client.listen(SECONDS, until_message=True)


def _tiny_fragments(client: Raw) -> None:
    """One message of one byte a fragment, until it is too large."""
    _all(client, frame(TEXT, b"a", final=False))
    _flood(client, frame(0, b"x", final=False), reads=True)
    _all(client, frame(0, b"z"))
    client.listen(SECONDS, until_message=True)


def _tiny_messages(client: Raw) -> None:
    """Messages of one byte as fast as they are taken; the echoes are not read.

    The kernel keeps a few MiB of echoes for who does not read: it may take longer than this lasts until they are full.
    """
    _flood(client, frame(TEXT, b"x"))
    _await_cut(client)


def _tiny_messages_read(client: Raw) -> None:
    """Messages of one byte as fast as they are taken, and the echoes are read."""
    _flood(client, frame(TEXT, b"x"), reads=True)
    _echo(client)


def _echo(client: Raw) -> None:
    """Somebody who was served all the time still is; the counter says so and nothing of before."""
    client.listen(0.3)
    client.messages = 0
    _all(client, frame(TEXT, b"still there"))
    client.listen(SECONDS, until_message=True)


def _flood(client: Raw, one: bytes, reads: bool = False) -> None:
    """The same frame over and over, in blocks of many, until the time is over or the connection."""
    block = one * (BLOCK // len(one))
    deadline = time.monotonic() + SECONDS / 2
    left = block
    while time.monotonic() < deadline and not client.dropped and client.close_code is None:
        left = left[client.send(left, 0.05) :] or block
        if reads:
            client.listen(0.001)
    # A frame that was begun is ended, so that what follows is understood.
    _all(client, left[: len(left) % len(one)])


def _all(client: Raw, data: bytes) -> None:
    """All of it, as long as the server takes it."""
    deadline = time.monotonic() + SECONDS
    while data and not client.dropped and time.monotonic() < deadline:
        data = data[client.send(data, 0.2) :]


ATTACKS = {
    "unread": Attack("stops reading, the app sends without end", "/endless", _never_reads, frozenset({"cut"})),
    "bomb": Attack("256 MiB in a compressed message", "/", _bomb, frozenset({"1009"}), deflate=True),
    "2gib": Attack("a frame head of 2 GiB", "/", _two_gibibytes, frozenset({"1009"})),
    "length": Attack("a length of 64 bits", "/", _no_length, frozenset({"1002"})),
    "pings-unread": Attack("pings, pongs not read", "/", _pings_unread, frozenset({"cut", "open", "1008", "1009"})),
    "pings": Attack("pings, pongs read", "/", _pings_read, frozenset({"echo", "1008"})),
    "empty": Attack("empty fragments", "/", _empty_fragments, frozenset({"echo", "1002", "1008", "1009"})),
    "fragments": Attack("one-byte fragments", "/", _tiny_fragments, frozenset({"1009"})),
    "messages-unread": Attack("one-byte messages, not read", "/", _tiny_messages, frozenset({"cut", "open"})),
    "messages": Attack("one-byte messages, read", "/", _tiny_messages_read, frozenset({"echo", "1008"})),
}
