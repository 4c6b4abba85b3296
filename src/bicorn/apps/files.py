"""PEP 3333's ``wsgi.file_wrapper``, and which files the kernel can send by itself."""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterator
from typing import IO, Any

from bicorn.apps.exchange import Channel


class FileWrapper:
    """A file to be sent, by ``os.sendfile`` where it is a real one.

    Args:
        filelike: anything with ``read(size)``.
        block_size: bytes for each read where ``os.sendfile`` cannot be used.
    """

    def __init__(self, filelike: Any, block_size: int = 65536) -> None:
        self.filelike = filelike
        self.block_size = block_size
        if hasattr(filelike, "close"):
            self.close = filelike.close

    def __iter__(self) -> Iterator[bytes]:
        while piece := self.filelike.read(self.block_size):
            yield piece


def is_plain_file(filelike: Any) -> bool:
    """Whether reading a file gives just the bytes behind its descriptor, and there are some.

    What decompresses has a descriptor too, but gives other bytes; what /proc holds has no size until it is read.
    """
    inner = getattr(filelike, "file", filelike)  # Django's File and tempfile's wrappers have one in them
    if not isinstance(getattr(inner, "raw", inner), io.FileIO):
        return False
    try:
        facts = os.fstat(filelike.fileno())
        return stat.S_ISREG(facts.st_mode) and facts.st_size > filelike.tell()
    except (AttributeError, OSError, ValueError):
        return False


async def send_rest(channel: Channel, file: IO[bytes]) -> None:
    """Send the held head and the rest of a file, as much of it as the announced length allows.

    Raises:
        ClientDisconnected: the client has gone.
        OSError: the file cannot be read.
    """
    response = channel.response
    size = max(os.fstat(file.fileno()).st_size - file.tell(), 0)
    if response.length_left() >= 0:
        size = min(size, response.length_left())
    channel.write(response.body_head(size, False))
    if response.has_body() and size:
        await channel.send_file(file, None, size)
