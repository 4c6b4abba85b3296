"""A WebSocket client on a stand-in for a socket: `tests.driving.Drive` after the handshake."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bicorn.wire.opcodes import BINARY, CLOSE, PING, PONG, TEXT
from tests.driving import Drive, settle
from tests.wire.frames import masked

Frame = tuple[int, bytes]
HANDSHAKE = (
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
)
FINAL = 0x80


class Client(Drive):
    """A client that asks for a WebSocket; frames in, frames out.

    Attributes:
        answer_head: the 101 answer's head, once it was there.
    """

    answer_head = b""

    def handshake(self, target: str = "/ws", *fields: str) -> None:
        """Ask for a WebSocket."""
        self.get(target, *HANDSHAKE, *fields)

    async def open(self, target: str = "/ws", *fields: str) -> None:
        """Ask for a WebSocket, and get it."""
        self.handshake(target, *fields)
        await settle()
        head, end, rest = self.take().partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 101 "), head
        assert end
        self.answer_head = head
        if rest:
            self.transport.write(rest)

    @property
    def socket(self) -> Any:
        """The server's side of it."""
        return self.transport.get_protocol()

    def feed(self, data: bytes) -> None:
        """Bytes come, in one piece, for whoever has the transport."""
        self.socket.data_received(data)

    def text(self, *texts: str) -> None:
        """Messages come, in one piece."""
        self.feed(b"".join(masked(FINAL | TEXT, text.encode()) for text in texts))

    def binary(self, data: bytes) -> None:
        """A message comes."""
        self.feed(masked(FINAL | BINARY, data))

    def ping(self, payload: bytes = b"") -> None:
        """A ping comes."""
        self.feed(masked(FINAL | PING, payload))

    def pong(self) -> None:
        """A pong comes."""
        self.feed(masked(FINAL | PONG))

    def close(self, code: int | None = 1000, reason: str = "") -> None:
        """A close frame comes."""
        self.feed(masked(FINAL | CLOSE, b"" if code is None else code.to_bytes(2, "big") + reason.encode()))

    def frames(self) -> list[Frame]:
        """The frames that were sent since it was last asked for; each whole and final."""
        data = self.take()
        frames = []
        while data:
            assert data[0] & FINAL, data
            size, start = data[1], 2
            assert not size & 128, "a server masks nothing"
            if size > 125:
                start = 4 if size == 126 else 10
                size = int.from_bytes(data[2:start], "big")
            assert len(data) >= start + size, "a part of a frame"
            frames.append((data[0] & 0x4F, data[start : start + size]))
            data = data[start + size :]
        return frames

    async def said(self) -> list[Frame]:
        """The same, a few turns of the loop later."""
        await settle()
        return self.frames()


def closing(code: int, reason: str = "") -> Frame:
    """A close frame, as `Client.frames` gives it."""
    return CLOSE, code.to_bytes(2, "big") + reason.encode()


async def listen(receive: Any, send: Any) -> None:
    """For `App`: keep what comes, and say nothing."""
    raise NotImplementedError


class App:
    """An ASGI application that accepts, and keeps what it is told; ``then`` goes on from there."""

    def __init__(self, then: Callable[..., Any] | None = None, **accept: Any) -> None:
        self.then = then
        self.accept = accept
        self.scope: Any = None
        self.messages: list[Any] = []
        self.errors: list[BaseException] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.scope = scope
        assert await receive() == {"type": "websocket.connect"}
        await send({"type": "websocket.accept", **self.accept})
        then = self.echo if self.then is None else self.listen if self.then is listen else self.then
        try:
            await then(receive, send)
        except Exception as error:
            self.errors.append(error)
            raise

    async def echo(self, receive: Any, send: Any) -> None:
        """Send everything back, until the client goes."""
        while (message := await self.next(receive))["type"] == "websocket.receive":
            await send({**message, "type": "websocket.send"})

    async def listen(self, receive: Any, send: Any) -> None:
        """Keep what comes, until the client goes."""
        while (await self.next(receive))["type"] == "websocket.receive":
            pass

    async def next(self, receive: Any) -> Any:
        """The next message, kept."""
        message = await receive()
        self.messages.append(message)
        return message
