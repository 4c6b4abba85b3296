"""A socket that is bound and listening, and what to call it."""

from __future__ import annotations

import socket
from typing import Literal

from ..record import Record


class UnixFile(Record):
    """The file a unix socket lives in, remembered so that nobody else's file is ever removed.

    Args:
        path: absolute, so that a later ``chdir`` changes nothing.
        device, inode: what :func:`os.stat` said right after the bind.
        owner: the process that bound it; only that one may remove the file.
    """

    path: str
    device: int
    inode: int
    owner: int


class Listener(Record):
    """One listening socket. The supervisor owns it; every worker accepts from its own copy.

    Args:
        sock: already bound **and** listening, non-blocking.
        url: for people: ``"http://127.0.0.1:8000"``, ``"https://[::1]:8443"``, ``"unix:/run/site.sock"``.
        scheme: ``"https"`` where connections start with a TLS handshake.
        unix_file: set only where Bicorn made the file itself, not for an inherited socket.
        address: what was asked for, in its canonical text (``"localhost:0"``): the same one again, in a reload or by a
            successor, is answered with the same socket. ``"systemd:NAME"`` for one of socket activation.
    """

    sock: socket.socket
    url: str
    scheme: Literal["http", "https"] = "http"
    unix_file: UnixFile | None = None
    address: str = ""
