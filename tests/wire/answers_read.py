"""Answers in a few words, and a client that is not ours: what h11 makes of their bytes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import h11

from bicorn.wire.response import Defaults, Response
from bicorn.wire.states import IDLE

Fields = list[tuple[bytes, bytes]]


class Answer(NamedTuple):
    """An answer as h11 reads it.

    Attributes:
        status: its code.
        fields: its fields, in order, names in lower case.
        body: its body.
        trailers: its trailers.
        goes_on: whether the connection can carry another request.
    """

    status: int
    fields: Fields
    body: bytes
    trailers: Fields
    goes_on: bool

    def field(self, name: bytes) -> list[bytes]:
        """Every value of a field."""
        return [value for key, value in self.fields if key == name]


def _client(method: str) -> h11.Connection:
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method=method, target="/", headers=[("host", "a")]))
    client.send(h11.EndOfMessage())
    return client


def read(data: bytes, *, method: str = "GET", closed: bool = False) -> Answer:
    """Read a complete answer that `data` is exactly; where `closed`, the connection has ended behind it."""
    client = _client(method)
    client.receive_data(data)
    if closed:
        client.receive_data(b"")
    response = client.next_event()
    assert isinstance(response, h11.Response), response
    body = b""
    while isinstance(event := client.next_event(), h11.Data):
        body += event.data
    assert isinstance(event, h11.EndOfMessage), event
    assert client.trailing_data[0] == b""
    goes_on = client.their_state is h11.DONE
    return Answer(response.status_code, list(response.headers), body, list(event.headers), goes_on)


def is_complete(data: bytes, *, method: str = "GET") -> bool:
    """Whether a client takes `data`, which begins an answer, for all of it."""
    client = _client(method)
    client.receive_data(data)
    while True:
        event = client.next_event()
        if event is h11.NEED_DATA:
            return False
        if isinstance(event, h11.EndOfMessage):
            return True


def joined(data: bytes | list[bytes]) -> bytes:
    """What is written, as one."""
    return data if isinstance(data, bytes) else b"".join(data)


def begun(minor: int = 1, *, head: bool = False, keep_alive: bool = True, defaults: Defaults | None = None) -> Response:
    """A response to a request of this kind."""
    response = Response(defaults or Defaults(server=b""))
    response.begin(minor, head, keep_alive)
    return response


def answer(
    *pieces: bytes, status: int = 200, fields: Iterable[Any] = (), trailers: Fields | None = None, **request: Any
) -> tuple[Response, bytes]:
    """A whole answer, its last piece the one behind which nothing follows."""
    response = begun(**request)
    response.start(status, fields, trailers is not None)
    wire = b""
    for i, piece in enumerate(pieces):
        wire += joined(response.body(piece, i < len(pieces) - 1))
    if trailers is not None:
        wire += response.trailers(trailers, False)
    assert response.state == IDLE
    return response, wire
