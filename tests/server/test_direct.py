"""Bytes straight into the kernel, and what it says to them."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from bicorn.server.direct import send_now

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        yield ours, theirs


def test_all_of_it(pair: Pair) -> None:
    assert send_now(pair[0].fileno(), b"hello") == 5
    assert pair[1].recv(100) == b"hello"


def test_as_much_as_there_is_room_for(pair: Pair) -> None:
    ours, theirs = pair
    data = bytes(range(256)) * 50_000
    sent = send_now(ours.fileno(), data)
    assert 0 < sent < len(data)
    assert send_now(ours.fileno(), data) == 0
    received = b""
    while len(received) < sent:
        received += theirs.recv(1 << 20)
    assert received == data[:sent]


def test_the_peer_has_gone(pair: Pair) -> None:
    pair[1].close()
    assert send_now(pair[0].fileno(), b"hello") == -1


def test_no_socket_any_more(pair: Pair) -> None:
    descriptor = pair[0].fileno()
    pair[0].close()
    assert send_now(descriptor, b"hello") == -1
