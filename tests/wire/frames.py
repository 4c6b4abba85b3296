"""A WebSocket client's side for tests: masked frames, and every reading of the module under test."""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from bicorn.errors import WebSocketError
from bicorn.wire import websocket
from bicorn.wire.deflate import Inflate, negotiate

KEY = b"\x37\xfa\x21\x3d"
TEXT, BINARY, CLOSE, PING, PONG = 0x81, 0x82, 0x88, 0x89, 0x8A
CONTINUED, LAST = 0x00, 0x80

Event = tuple[Any, ...]


def _interpreted() -> ModuleType:
    """The module as source, beside the compiled one."""
    path = Path(websocket.__file__).with_name("websocket.py")
    spec = spec_from_file_location("bicorn.wire.websocket_interpreted", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


READINGS: dict[str, ModuleType] = (
    {"compiled": websocket, "interpreted": _interpreted()} if websocket.COMPILED else {"interpreted": websocket}
)


def masked(first: int, payload: bytes = b"", key: bytes = KEY, *, size: int | None = None) -> bytes:
    """A client's frame; `size` announces another length than the payload's."""
    length = len(payload) if size is None else size
    if length < 126:
        head = bytes((first, 128 | length))
    elif length < 65536:
        head = bytes((first, 254)) + length.to_bytes(2, "big")
    else:
        head = bytes((first, 255)) + length.to_bytes(8, "big")
    return head + key + bytes(byte ^ key[i & 3] for i, byte in enumerate(payload))


def deflated(payload: bytes) -> bytes:
    """A compressed message's payload (RFC 7692 §7.2.1)."""
    stream = zlib.compressobj(wbits=-15)
    return (stream.compress(payload) + stream.flush(zlib.Z_SYNC_FLUSH))[:-4]


def reader(module: Any = websocket, *, max_size: int = 0, deflate: bytes | None = None) -> Any:
    """A `Reader` of `module`; `deflate` is the offer it agreed to."""
    inflate = None
    if deflate is not None:
        agreed = negotiate(deflate, 15)
        assert agreed is not None
        inflate = Inflate(agreed, max_size)
    return module.Reader(max_size, inflate)


def drain(source: Any) -> list[Event]:
    """Every event that is there; a violation is the last."""
    events: list[Event] = []
    try:
        while kind := source.next():
            events.append((kind, source.payload) if kind != CLOSE & 15 else (kind, source.code, source.reason))
    except WebSocketError as error:
        events.append(("refused", error.code, error.reason))
        source.receive(masked(TEXT, b"more"))
        assert (source.next(), source.payload, source.buffered()) == (0, None, 0)
    return events


def run(source: Any, pieces: Iterable[bytes]) -> list[Event]:
    """The events that `pieces` come to, each taken as soon as it is there."""
    events: list[Event] = []
    for piece in pieces:
        source.receive(piece)
        events += drain(source)
    return events
