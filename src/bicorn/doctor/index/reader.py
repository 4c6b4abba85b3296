"""A file of an index as a file to read in, fetched piece by piece where the server can (RFC 9110 §14).

To know what is in a wheel takes its last few kilobytes, and of a source archive mostly the first: neither is ever
fetched whole for it, or written anywhere.
"""

from __future__ import annotations

import errno
import io
import os
import re
import stat
from collections import OrderedDict
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol
from urllib.parse import unquote, urlsplit

from ...errors import DoctorError
from .pages import shown

if TYPE_CHECKING:
    from .web import Answer, Web

MAX_FETCHED = 96 << 20
"""Of one file, in all."""

MAX_AT_ONCE = 8 << 20
"""For one ``read()``: what an archive says of its sizes is not believed."""

_FIRST = 48 << 10
_LONGEST = 2 << 20
_KEPT = 16 << 20


class Unreadable(DoctorError):
    """This one file cannot be read: it is broken, too large or not there. Of the index itself it says nothing."""


class Absent(Unreadable):
    """The index does not have this file, though it lists it."""


class Source(Protocol):
    """Where bytes come from."""

    size: int

    def fetch(self, start: int, length: int) -> bytes:
        """That many bytes, fewer only at the end."""


class Reader(io.BufferedReader):
    """Seekable; one ``read()`` gives :data:`MAX_AT_ONCE` at most, all together :data:`MAX_FETCHED`.

    Attributes:
        url: to be shown.
        size: of the whole file.
    """

    def __init__(self, source: Source, url: str) -> None:
        self.url, self.size = shown(url), source.size
        super().__init__(_Raw(source, self.url), 1 << 14)

    def read(self, size: int | None = -1, /) -> bytes:
        """As of any file.

        Raises:
            DoctorError: that is more than is allowed, or the server does not answer.
        """
        wanted = self.size - self.tell() if size is None or size < 0 else min(size, self.size - self.tell())
        if wanted > MAX_AT_ONCE:
            raise Unreadable(f"{self.url} has a part of {wanted >> 20} MB where {MAX_AT_ONCE >> 20} MB are allowed.")
        return super().read(size)


class _Raw(io.RawIOBase):
    def __init__(self, source: Source, shown: str) -> None:
        super().__init__()
        self._source, self._shown = source, shown
        self._place = self._fetched = self._behind = 0
        self._step = _FIRST
        self._kept: OrderedDict[int, bytes] = OrderedDict()  # start → bytes

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        place = offset + (0, self._place, self._source.size)[whence]
        if place < 0:
            raise OSError(errno.EINVAL, "before the beginning")  # as of any file, which zipfile counts on
        self._place = place
        return place

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        if self._place >= self._source.size or not len(buffer):
            return 0
        piece = self._at(self._place, len(buffer))
        count = min(len(piece), len(buffer))
        buffer[:count] = piece[:count]
        self._place += count
        return count

    def _at(self, place: int, wanted: int) -> memoryview:
        for start, piece in self._kept.items():
            if start <= place < start + len(piece):
                self._kept.move_to_end(start)
                return memoryview(piece)[place - start :]
        # Longer and longer steps where it is read on and on, a short one after a leap.
        self._step = min(self._step * 2, _LONGEST) if place == self._behind else _FIRST
        length = min(max(self._step, wanted), self._source.size - place)
        self._fetched += length
        if self._fetched > MAX_FETCHED:
            raise Unreadable(f"{self._shown} is not looked at further: {MAX_FETCHED >> 20} MB of it have been read.")
        piece = self._source.fetch(place, length)
        if not piece:
            raise Unreadable(f"{self._shown} ends before it should. Try again, or check the index.")
        self._behind = place + len(piece)
        self._keep(place, piece)
        return memoryview(piece)

    def _keep(self, place: int, piece: bytes) -> None:
        self._kept[place] = piece
        while sum(map(len, self._kept.values())) > _KEPT and len(self._kept) > 1:
            self._kept.popitem(last=False)


class _Ranges:
    """A server's file, by byte ranges; the first answer is kept."""

    def __init__(self, web: Web, url: str, size: int, first: Answer) -> None:
        self._web, self._url, self.size = web, url, size
        self._tag = first.headers.get("etag", "")
        start = _content_range(first)[0]
        self._first = (start, first.body)

    def fetch(self, start: int, length: int) -> bytes:
        known, body = self._first
        if known <= start < known + len(body):
            return body[start - known : start - known + length]
        condition = {"If-Range": self._tag} if self._tag.startswith('"') else {}
        headers = {"Range": f"bytes={start}-{start + length - 1}", "Accept-Encoding": "identity", **condition}
        answer = self._web.get(self._url, headers, limit=length, most=length)
        if answer.status != 206 or _content_range(answer)[0] != start:
            raise Unreadable(f"{shown(self._url)} changed while it was read, or its server cannot send parts of it.")
        return answer.body


class _Bytes:
    """A file that had to be fetched whole."""

    def __init__(self, body: bytes) -> None:
        self._body, self.size = body, len(body)

    def fetch(self, start: int, length: int) -> bytes:
        return self._body[start : start + length]


class _Local:
    """A file of this machine, of an index that is a folder."""

    def __init__(self, path: str) -> None:
        try:
            self._file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
            facts = os.fstat(self._file)
        except (OSError, ValueError) as error:
            raise Unreadable(f"{path} cannot be read: {error}")
        self.size = facts.st_size
        if not stat.S_ISREG(facts.st_mode):
            os.close(self._file)
            self._file = -1
            raise Unreadable(f"{path} is no file")

    def __del__(self) -> None:
        if getattr(self, "_file", -1) >= 0:
            os.close(self._file)

    def fetch(self, start: int, length: int) -> bytes:
        return os.pread(self._file, length, start)


def open_url(web: Web, url: str, *, from_end: bool) -> Reader:
    """Opens a file of an index.

    Args:
        from_end: whether its end is what will be read first, as a wheel's; one request is enough then.

    Raises:
        DoctorError: there is no such file, or its server does not answer.
    """
    if url.startswith("file:"):
        return Reader(_Local(local_path(url)), url)
    span = f"bytes=-{_FIRST}" if from_end else f"bytes=0-{_FIRST * 2 - 1}"
    answer = web.get(url, {"Range": span, "Accept-Encoding": "identity"}, limit=MAX_FETCHED, most=_most(from_end))
    if answer.status in (416, 501) and from_end:  # a suffix range is more than some servers can
        return open_url(web, url, from_end=False)
    if answer.status == 206:
        start, size = _content_range(answer)
        if size >= start + len(answer.body):
            return Reader(_Ranges(web, url, size, answer), url)
    elif answer.status == 200:
        return _whole(web, url, answer)
    kind = Absent if answer.status in (404, 410) else Unreadable
    raise kind(f"{shown(url)} cannot be fetched: the index answers with status {answer.status}.")


def _most(from_end: bool) -> int:
    """A server without ranges sends all of it: enough to see that, and the connection is closed."""
    return _FIRST if from_end else _FIRST * 2


def _whole(web: Web, url: str, answer: Answer) -> Reader:
    length = answer.headers.get("content-length", "")
    if length.isascii() and length.isdigit() and int(length[:18]) > MAX_FETCHED:
        size = int(length[:18]) >> 20
        raise Unreadable(f"{shown(url)} has {size} MB, and its server sends it only whole: it is not looked into.")
    answer = web.get(url, {"Accept-Encoding": "identity"}, limit=MAX_FETCHED)
    if answer.status != 200:
        raise Unreadable(f"{shown(url)} cannot be fetched: the index answers with status {answer.status}.")
    return Reader(_Bytes(answer.body), url)


def _content_range(answer: Answer) -> tuple[int, int]:
    """Where the answer starts, and how long the whole is."""
    match = re.fullmatch(r"bytes (\d{1,18})-(\d{1,18})/(\d{1,18})", answer.headers.get("content-range", "").strip())
    return (int(match[1]), int(match[3])) if match else (-1, -1)


def local_path(url: str) -> str:
    """The path in a ``file:`` URL."""
    return unquote(urlsplit(url).path).replace("\0", "")


Opener = Callable[[str], Reader]
