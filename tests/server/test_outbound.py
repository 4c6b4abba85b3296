"""The sending half of a connection."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bicorn.errors import ClientDisconnected
from bicorn.server.connection import Connection
from tests.driving import Drive, settle, until


async def nothing(scope: Any, receive: Any, send: Any) -> None:
    await asyncio.Event().wait()


def writable(drive: Drive) -> bool:
    return drive.connection.writable


# -- Pieces


async def test_small_pieces_go_out_together_when_the_loop_turns() -> None:
    with Drive(nothing) as drive:
        for piece in (b"one", b"", [b"two", b"three"], b"four"):
            drive.connection.write_piece(piece)
        assert drive.take() == b""
        await settle(1)
        assert drive.transport.writes == [b"onetwothreefour"]


async def test_what_is_written_takes_the_pieces_before_it_along() -> None:
    with Drive(nothing) as drive:
        drive.connection.write_piece(b"one")
        drive.connection.write(b"two")
        assert drive.transport.writes == [b"onetwo"]
        drive.connection.write_piece(b"three")
        drive.connection.write([b"four", b"five"])
        drive.connection.write(b"")
        assert drive.take() == b"onetwothreefourfive"
        await settle()
        assert drive.take() == b""


async def test_an_empty_write_takes_the_pieces_along_too() -> None:
    """A file that follows goes out behind the transport's back."""
    with Drive(nothing) as drive:
        drive.connection.write_piece(b"one")
        drive.connection.write(b"")
        assert drive.take() == b"one"


async def test_pieces_are_collected_up_to_a_size() -> None:
    with Drive(nothing) as drive:
        for _ in range(3):
            drive.connection.write_piece(bytes(30_000))
        assert [len(data) for data in drive.transport.writes] == [90_000]


@pytest.mark.parametrize("piece", [bytes(70_000), [b"1", bytes(70_000)]])
async def test_a_large_piece_goes_alone_and_at_once(piece: Any) -> None:
    with Drive(nothing) as drive:
        drive.connection.write_piece(piece)
        assert len(drive.transport.writes) == 1
        drive.connection.write_piece(b"small")
        drive.connection.write_piece(piece)
        assert len(drive.transport.writes) == 2


async def test_pieces_of_a_lost_connection_are_dropped() -> None:
    with Drive(nothing) as drive:
        drive.connection.write_piece(b"one")
        drive.transport.lose()
        await settle()
        assert drive.take() == b""


async def test_the_loop_has_a_turn_after_so_many_bytes_of_a_stream() -> None:
    """However fast application and client are: others are served, and a client that has gone is noticed."""
    with Drive(nothing) as drive:
        for _ in range(2):
            drive.connection.write_piece(bytes(100_000))
            assert writable(drive)
        drive.connection.write_piece(bytes(100_000))
        assert not writable(drive)
        await drive.connection.drain()
        assert writable(drive)
        drive.connection.write_piece(bytes(100_000))
        assert writable(drive)


async def test_a_turn_of_the_loop_does_not_make_a_slow_client_fast() -> None:
    with Drive(nothing) as drive:
        for _ in range(3):
            drive.connection.write_piece(bytes(100_000))
        drive.transport.hold()
        drive.connection.write(bytes(100_000))
        await settle()
        assert not writable(drive)
        drive.transport.release()
        assert writable(drive)


async def test_pieces_for_a_transport_that_closes_are_dropped_and_the_application_waits_for_the_end() -> None:
    with Drive(nothing) as drive:
        drive.transport.abort()
        drive.connection.write_piece(b"one")
        drive.connection.flush()
        drive.connection.write_piece(bytes(100_000))
        assert drive.take() == b""
        waiting = asyncio.create_task(drive.connection.drain())
        await settle()
        assert not waiting.done()
        drive.transport.lose()
        with pytest.raises(ClientDisconnected):
            await waiting


# -- Through, and blocking


async def test_write_through_is_out_before_it_returns() -> None:
    with Drive(nothing) as drive:
        drive.connection.write_through(b"one")
        assert drive.transport._writes == []  # not by the transport
        assert drive.take() == b"one"
        drive.connection.write_piece(b"two")
        drive.connection.write_through(b"three")
        drive.connection.write_through(b"")
        assert drive.take() == b"twothree"


async def test_write_through_waits_behind_what_waits() -> None:
    with Drive(nothing) as drive:
        drive.transport.hold()
        drive.connection.write(b"one")
        drive.connection.write_through(b"two")
        assert drive.take() == b"onetwo"


async def test_what_the_socket_does_not_take_the_loop_sends() -> None:
    with Drive(nothing) as drive:
        drive.connection.write_through(bytes(5_000_000))
        assert drive.transport.writes
        assert len(drive.take()) == 5_000_000


async def test_write_through_a_full_socket() -> None:
    with Drive(nothing) as drive:
        drive.transport.hold()
        drive.connection.write_through(bytes(100_000))
        assert not drive.connection.writable
        assert len(drive.take()) == 100_000


async def test_write_through_to_a_peer_that_has_gone() -> None:
    with Drive(nothing) as drive:
        drive.transport.break_socket()
        with pytest.raises(ClientDisconnected):
            drive.connection.write_through(b"one")
        assert drive.transport.aborted
        with pytest.raises(ClientDisconnected):  # before the loop has said so, too
            drive.connection.write_through(b"two")
        drive.transport.lose()
        with pytest.raises(ClientDisconnected):
            drive.connection.write_through(b"three")


async def test_write_through_tls_goes_through_the_transport() -> None:
    with Drive(nothing, scheme="https") as drive:
        drive.connection.write_through(b"one")
        assert drive.transport._writes == [b"one"]
        drive.connection.tls = None  # whoever has forgotten it
        drive.connection.write_through(b"two")
        drive.connection.write_blocking(b"three")
        drive.connection.write_piece(b"four")
        drive.connection.flush()
        assert drive.transport._writes == [b"one", b"two", b"three", b"four"]


async def test_write_blocking_waits_for_a_slow_peer() -> None:
    with Drive(nothing) as drive:
        loop = asyncio.get_running_loop()
        received = bytearray()

        def read() -> None:
            theirs = drive.transport._theirs
            theirs.setblocking(True)
            while len(received) < 5_000_000:
                received.extend(theirs.recv(100_000))

        reader = loop.run_in_executor(None, read)
        for _ in range(50):
            drive.connection.write_blocking(bytes(100_000))
        await reader
        assert received == bytes(5_000_000)
        assert drive.transport._writes == []


async def test_write_blocking_gives_a_peer_up_that_takes_nothing() -> None:
    with Drive(nothing, timeout_write=0.01) as drive:
        drive.transport.hold()
        with pytest.raises(ClientDisconnected):
            drive.connection.write_blocking(bytes(100))
        assert drive.transport.aborted
        with pytest.raises(ClientDisconnected):
            drive.connection.write_blocking(bytes(100))


async def test_write_blocking_waits_behind_what_waits() -> None:
    with Drive(nothing) as drive:
        drive.transport.hold()
        drive.connection.write(b"one")
        drive.connection.write_blocking(b"two")
        assert drive.take() == b"onetwo"


async def test_write_blocking_takes_the_pieces_along() -> None:
    with Drive(nothing) as drive:
        drive.connection.write_piece(b"one")
        drive.connection.write_blocking(b"two")
        assert drive.take() == b"onetwo"


# -- Waiting


async def test_drain_waits_until_the_peer_has_caught_up() -> None:
    with Drive(nothing) as drive:
        await drive.connection.drain()
        drive.transport.hold()
        drive.connection.write(bytes(100_000))
        waiting = [asyncio.create_task(drive.connection.drain()) for _ in range(2)]
        waiting[0].cancel()
        await settle()
        assert not waiting[1].done()
        drive.transport.release()
        await asyncio.wait_for(waiting[1], 1)


async def test_drain_says_when_the_peer_goes() -> None:
    with Drive(nothing) as drive:
        drive.transport.hold()
        drive.connection.write(bytes(100_000))
        waiting = asyncio.create_task(drive.connection.drain())
        await settle()
        drive.transport.lose()
        with pytest.raises(ClientDisconnected):
            await waiting
        with pytest.raises(ClientDisconnected):
            await drive.connection.drain()


async def test_unsent_counts_what_the_kernel_holds_too() -> None:
    with Drive(nothing) as drive:
        assert drive.connection.unsent() == 0
        drive.connection.write_through(bytes(1000))
        assert drive.connection.unsent() >= 1000
        drive.take()
        assert drive.connection.unsent() == 0
        drive.transport.hold()
        before = drive.connection.unsent()
        drive.connection.write(bytes(500))
        assert drive.connection.unsent() == before + 500


async def test_without_a_write_deadline_nobody_is_cut() -> None:
    with Drive(nothing, timeout_write=0) as drive:
        drive.transport.hold()
        drive.connection.write(bytes(100_000))
        drive.pass_time(1000, 10)
        assert not drive.transport.aborted


async def test_a_connection_without_a_kernel_buffer_to_ask() -> None:
    """As on systems that do not tell."""
    with Drive(nothing, extra={"socket": None}) as drive:
        assert drive.connection.unsent() == 0


async def test_who_the_peer_is() -> None:
    with Drive(nothing) as drive:
        assert drive.connection.peer() == "127.0.0.1:50000"
        assert isinstance(drive.connection, Connection)
        await until(lambda: True)
