"""What a WSGI application returns, piece by piece."""

from __future__ import annotations

from unittest import mock

import pytest

from bicorn.apps.iterables import close, iterate, join, with_kept
from bicorn.apps.spool import Spool
from bicorn.errors import AppProtocolError


class Indexed:
    """The oldest kind of sequence."""

    def __getitem__(self, index: int) -> bytes:
        return [b"a", b"b"][index]


def test_sequences_of_the_oldest_kind_are_iterables() -> None:
    assert list(iterate(Indexed())) == [b"a", b"b"]


def test_what_is_no_iterable_is_named() -> None:
    with pytest.raises(AppProtocolError, match="returned int, which is no iterable"):
        iterate(7)


def test_pieces_are_joined_and_a_wrong_one_is_named() -> None:
    assert join([b"a", bytearray(b"b")]) == b"ab"
    with pytest.raises(AppProtocolError, match="str"):
        join([b"a", "b"])  # type: ignore[list-item]


def test_what_was_kept_comes_first_and_its_file_is_closed() -> None:
    kept = mock.Mock(wraps=Spool())
    kept.write(b"first" * 50_000)
    assert b"".join(with_kept(kept, [b"second"])) == b"first" * 50_000 + b"second"
    kept.close.assert_called_once()


def test_an_error_in_close_is_logged_with_its_request(caplog: pytest.LogCaptureFixture) -> None:
    exchange = mock.Mock(describe=lambda: "GET / from somebody")
    close([b"a list has none"], exchange)
    assert not caplog.messages
    close(mock.Mock(close=mock.Mock(side_effect=SystemExit)), exchange)
    assert caplog.messages == ["error in the WSGI application's close(): GET / from somebody"]
