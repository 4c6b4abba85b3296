"""Bytes straight into the kernel, past the transport: a call of C's where compiled, of `os` where interpreted.

A transport keeps what it is given until its loop has turned, in a list, with a note to itself, and then makes the very
same call: measured with uvloop that is 3 % of a small answer's instructions, and twice that of a broadcast's message.
"""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    send: Any  # the .pxd's, for the compiled reading

COMPILED = not __file__.endswith(".py")

_NO_ROOM = frozenset({errno.EAGAIN, errno.EWOULDBLOCK, errno.ENOBUFS, errno.EMSGSIZE})


def send_now(descriptor: int, data: bytes) -> int:
    """Send what the socket takes at once.

    Returns:
        How many bytes it took; 0 where it has no room, -1 where the peer has gone.
    """
    if COMPILED:
        return send(descriptor, data, len(data))  # type: ignore[no-any-return]  # noqa: F821
    try:
        return os.write(descriptor, data)
    except OSError as error:
        return 0 if error.errno in _NO_ROOM else -1
