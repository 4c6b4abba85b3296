"""The kinds of WebSocket frames, by their opcodes (RFC 6455 §11.8), and of what `bicorn.wire.websocket.Reader` gives.

They are numbers, since the compiled modules compare them for every message.
"""

from __future__ import annotations

NOTHING = 0  # no event: more bytes are needed
TEXT = 1
BINARY = 2
CLOSE = 8
PING = 9
PONG = 10
