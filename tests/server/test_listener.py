from __future__ import annotations

import socket

import pytest

from bicorn.server.listener import Listener


def test_a_listener_is_plain_http_and_not_ours_to_unlink_unless_said() -> None:
    with socket.socket() as sock:
        listener = Listener(sock, "http://127.0.0.1:0")
        assert (listener.scheme, listener.unix_file) == ("http", None)
        with pytest.raises(AttributeError):
            listener.url = ""  # type: ignore[misc]
