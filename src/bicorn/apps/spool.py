"""A request's body until it is complete: in memory, or in a temporary file where it is large."""

from __future__ import annotations

import io
from typing import IO, Any

# A body up to this size stays in memory.
SPOOL_SIZE = 1 << 20


class Spool:
    """A body that comes piece by piece; most have only one, which costs no copy."""

    __slots__ = ("_file", "_first")

    def __init__(self) -> None:
        self._first = b""
        self._file: Any = None

    def write(self, data: bytes) -> None:
        """Add a piece.

        Raises:
            OSError: the disk takes no more.
        """
        if self._file is not None:
            self._file.write(data)
        elif not self._first:
            self._first = data
        else:
            import tempfile  # here, for it takes long and most bodies are one piece

            self._file = tempfile.SpooledTemporaryFile(SPOOL_SIZE, prefix="bicorn-body-")  # noqa: SIM115
            self._file.write(self._first)
            self._first = b""
            self._file.write(data)

    def size(self) -> int:
        """Bytes so far."""
        size: int = len(self._first) if self._file is None else self._file.tell()
        return size

    def open(self) -> IO[bytes]:
        """The body as a file at its beginning; nothing can be added any more."""
        if self._file is None:
            return io.BytesIO(self._first)
        self._file.seek(0)
        file: IO[bytes] = self._file
        return file

    def close(self) -> None:
        """Drop it."""
        self._first = b""
        if self._file is not None:
            self._file.close()
            self._file = None
