"""A WebSocket connection that does as it is told, also what no client should: frames by hand over a blocking socket."""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from pathlib import Path
from typing import Self

from running import BenchmarkError
from servers import HOST

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
_ESTABLISHED = "01"
"""In /proc/net/tcp, proc(5)."""


def frame(opcode: int, payload: bytes = b"", *, final: bool = True, compressed: bool = False) -> bytes:
    """A client's frame, masked with zeros, which leave the payload as it is (RFC 6455, section 5.2)."""
    return head(opcode, len(payload), final=final, compressed=compressed) + payload


def head(opcode: int, length: int, *, final: bool = True, compressed: bool = False) -> bytes:
    """The head of a client's frame, whatever follows it."""
    first = 0x80 * final | 0x40 * compressed | opcode
    if length < 126:
        return struct.pack("!BBI", first, 0x80 | length, 0)
    if length < 65536:
        return struct.pack("!BBHI", first, 0x80 | 126, length, 0)
    return struct.pack("!BBQI", first, 0x80 | 127, length, 0)


class Raw:
    """One connection, open.

    Attributes:
        close_code: of the close frame that came; None as long as none has.
        dropped: whether the other side has ended the connection.
        messages: whole messages that came.
    """

    def __init__(self, port: int, path: str = "/", *, deflate: bool = False, timeout: float = 5.0) -> None:
        self.port = port
        self.socket = socket.create_connection((HOST, port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.close_code: int | None = None
        self.dropped = False
        self.messages = 0
        self._data = b""
        offer = "Sec-WebSocket-Extensions: permessage-deflate\r\n" if deflate else ""
        self.socket.sendall(
            f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{offer}"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        while b"\r\n\r\n" not in self._data:
            if not (more := self.socket.recv(65536)):
                break
            self._data += more
        answer, _, self._data = self._data.partition(b"\r\n\r\n")
        if not answer.startswith(b"HTTP/1.1 101"):
            raise BenchmarkError(f"the handshake was answered with {answer[:80]!r}")
        if deflate and b"permessage-deflate" not in answer.lower():
            raise BenchmarkError("it does not agree to permessage-deflate")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes, limit: float) -> int:
        """As much of it as is taken within the time; 0 once the connection is dropped."""
        self.socket.settimeout(max(limit, 0.001))
        with contextlib.suppress(TimeoutError):
            try:
                return self.socket.send(data)
            except OSError as error:
                if not isinstance(error, TimeoutError):
                    self.dropped = True
                    return 0
                raise
        return 0

    def listen(self, limit: float, until_message: bool = False) -> None:
        """Read until a close frame, the end of the connection, or the time; or until one message has come."""
        deadline = time.monotonic() + limit
        before = self.messages
        self._read_frames()
        while not self.dropped and self.close_code is None and not (until_message and self.messages > before):
            self.socket.settimeout(max(0.001, deadline - time.monotonic()))
            try:
                more = self.socket.recv(1 << 18)
            except TimeoutError:
                return
            except OSError:
                more = b""
            self.dropped = not more
            self._data += more
            self._read_frames()

    def is_cut(self) -> bool:
        """Whether the server has ended it, by its own kernel's word, which does not reach who does not read."""
        here, there = self.socket.getsockname()[1], self.port
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            local, remote, state = line.split()[1:4]
            if (int(local[9:], 16), int(remote[9:], 16)) == (there, here):
                return state != _ESTABLISHED
        return True

    def _read_frames(self) -> None:
        """Count what is wholly there; a server's frames are not masked."""
        data, at = self._data, 0
        while len(data) - at >= 2:
            length, size = data[at + 1] & 127, 2
            if length > 125:
                size = 4 if length == 126 else 10
                if len(data) - at < size:
                    break
                length = int.from_bytes(data[at + 2 : at + size], "big")
            if len(data) - at < size + length:
                break
            opcode, final = data[at] & 15, data[at] & 0x80
            if opcode == CLOSE:
                self.close_code = int.from_bytes(data[at + 2 : at + 4], "big") if length >= 2 else 1005
            elif opcode < CLOSE and final:
                self.messages += 1
            at += size + length
        self._data = data[at:]
