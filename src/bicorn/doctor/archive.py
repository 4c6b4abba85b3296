"""A source archive, looked into: which files it has, and the few that say how it is built.

What an archive says of itself is not to be trusted, and it may be huge, or small and unpack to gigabytes. It is read
as a stream, in memory, with a bound on everything; nothing of it is ever written or run.
"""

from __future__ import annotations

import bz2
import json
import lzma
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import IO

from ..errors import DoctorError
from ..record import Record
from . import tar
from .builds import imports
from .builds.outline import CUT, HEADERS, LONGEST, SOURCES, outline

CHUNK = 64 * 1024
MOST_NAMES = 20_000
MOST_PACKED = 48 * 1024 * 1024
MOST_UNPACKED = 512 * 1024 * 1024
MOST_TEXT = 2 * 1024 * 1024
MOST_TEXTS = 200
MOST_HEADS = 400
MOST_OUTLINED = 24 * 1024 * 1024
"""Of C and C++ that is read through; and a tenth of it may be kept."""
MOST_NAME = 4096
MOST_SECONDS = 6.0
HEAD = 300
"""A generated C file says in its first line what generated it."""

TEXTS = frozenset(
    [
        "pyproject.toml",
        "setup.py",
        "setup.cfg",
        "versioneer.py",
        "ez_setup.py",
        "PKG-INFO",
        "Cargo.toml",
        "Cargo.lock",
        "CMakeLists.txt",
        "meson.build",
    ]
)
DEEPEST = 5
EDITION = 2
"""Of what is kept of an archive; another's is not read."""
MOST_PYTHON = 24 * 1024 * 1024
"""Of Python that is searched for what it imports."""
MOST_OWN = 30
LONGEST_OWN = 200_000


class Insides(Record):
    """What an archive holds.

    Args:
        names: its files, without the folder that all of them are in.
        texts: the files that say how it is built.
        heads: the first bytes of its C and C++ sources.
        outlines: of those and their headers, what may matter (``builds/outline.py``); not of what Cython wrote.
        imports: of its Python files, what they import that some Python no longer has (``builds/imports.py``); of a zip
            nothing, for that would have to be fetched.
        stopped: why it was not read to its end; empty where it was.
    """

    names: tuple[str, ...]
    texts: dict[str, str] = {}
    heads: dict[str, str] = {}
    stopped: str = ""
    outlines: dict[str, str] = {}
    imports: dict[str, tuple[str, ...]] = {}


def to_json(insides: Insides) -> str:
    """As text, for a cache."""
    return json.dumps([insides.names, insides.texts, insides.heads, insides.stopped, insides.outlines, insides.imports])


def from_json(text: str) -> Insides:
    """From such text."""
    names, texts, heads, stopped, outlines, imported = json.loads(text)
    return Insides(tuple(names), texts, heads, stopped, outlines, {path: tuple(row) for path, row in imported.items()})


class _Bound(Exception):
    """More than is read; the message says more of what."""


def look(file: IO[bytes], filename: str, *, clock: Callable[[], float] = time.monotonic) -> Insides:
    """Looks into an archive.

    Args:
        file: its bytes; read from the start, and for a ``.zip`` seekable.
        filename: tells how it is packed.

    Raises:
        DoctorError: it is no archive, or a broken one from its first bytes on.
    """
    name = filename.lower()
    shelf = _Shelf(clock, streamed=not name.endswith(".zip"))
    try:
        if name.endswith(".zip"):
            _zip(file, shelf)
        else:
            _tar(_Stream(file, _unpacker(name), shelf), shelf)
    except _Bound as bound:
        if not shelf.names:
            raise DoctorError(f"{filename} is not read: {bound}") from None
        shelf.stopped = str(bound)
    except (
        zipfile.BadZipFile,
        zlib.error,
        lzma.LZMAError,
        EOFError,
        ValueError,
        OSError,
        NotImplementedError,
    ) as error:
        if not shelf.names:
            raise DoctorError(f"{filename} cannot be read as an archive: {error or type(error).__name__}") from None
        shelf.stopped = f"it is broken: {error or type(error).__name__}"
    if not shelf.names:
        raise DoctorError(f"{filename} cannot be read as an archive: it is empty")
    return shelf.done()


class _Shelf:
    """What was found so far, and the bounds that hold for all kinds of archives."""

    def __init__(self, clock: Callable[[], float], *, streamed: bool) -> None:
        self.names: list[str] = []
        self.texts: dict[str, str] = {}
        self.heads: dict[str, str] = {}
        self.outlines: dict[str, str] = {}
        self.imports: dict[str, tuple[str, ...]] = {}
        self.stopped = ""
        self._read = self._kept = self._own = 0
        self._python = MOST_PYTHON if streamed else 0
        self._clock = clock
        self._until = clock() + MOST_SECONDS

    def tick(self) -> None:
        if self._clock() > self._until:
            raise _Bound(f"it takes longer than {MOST_SECONDS:g} seconds to read")

    def add(self, path: str, size: int) -> int:
        """Notes a file; says how many of its bytes are wanted."""
        self.tick()
        if len(self.names) >= MOST_NAMES:
            raise _Bound(f"it has more than {MOST_NAMES} files")
        self.names.append(path)
        parts = path.split("/")
        if parts[-1] in TEXTS and len(parts) <= DEEPEST + 1 and len(self.texts) < MOST_TEXTS and size <= MOST_TEXT:
            return size
        if path.endswith((*SOURCES, *HEADERS)):
            self._read += min(size, LONGEST)
            if self._read <= MOST_OUTLINED and self._kept <= MOST_OUTLINED // 10:
                return min(size, LONGEST + 1)
            self.outlines[path] = CUT
        if path.endswith(SOURCES) and len(self.heads) < MOST_HEADS:
            return min(size, HEAD)
        return self._of_python(path, parts, size)

    def _of_python(self, path: str, parts: list[str], size: int) -> int:
        if self._is_own(parts, size):
            self._own += 1
            return size
        if path.endswith(".py") and size <= min(imports.LONGEST, self._python):
            self._python -= size
            return size
        return 0

    def _is_own(self, parts: list[str], size: int) -> bool:
        """Whether it may be a module that the setup.py beside it imports."""
        beside = len(parts) == 2 and parts[-1].endswith(".py")
        below = len(parts) == 3 and parts[-1] == "__init__.py"
        return (beside or below) and size <= LONGEST_OWN and self._own < MOST_OWN

    def put(self, path: str, content: bytes) -> None:
        text = content.decode("utf-8", "replace")
        parts = path.split("/")
        if path.endswith(".py") and parts[-1] not in TEXTS:
            if found := imports.scan(text):
                self.imports[path] = found
            if not self._is_own(parts, len(content)):
                return
        if not path.endswith((*SOURCES, *HEADERS)):
            self.texts[path] = text
            return
        if path.endswith(SOURCES) and len(self.heads) < MOST_HEADS:
            self.heads[path] = text[:HEAD]
        if path not in self.outlines and "Generated by Cython" not in text[:HEAD]:
            self.outlines[path] = outline(text)
            self._kept += len(self.outlines[path])

    def done(self) -> Insides:
        tops = {name.split("/", 1)[0] for name in self.names}
        cut = len(tops.pop()) + 1 if len(tops) == 1 and any("/" in name for name in self.names) else 0
        return Insides(
            tuple(name[cut:] for name in self.names),
            {name[cut:]: text for name, text in self.texts.items()},
            {name[cut:]: text for name, text in self.heads.items()},
            self.stopped,
            {name[cut:]: text for name, text in self.outlines.items()},
            {name[cut:]: found for name, found in self.imports.items()},
        )


def _unpacker(name: str) -> Callable[[], object] | None:
    if name.endswith((".tar.gz", ".tgz")):
        return lambda: zlib.decompressobj(wbits=31)
    if name.endswith((".tar.bz2", ".tbz")):
        return bz2.BZ2Decompressor
    if name.endswith((".tar.xz", ".txz", ".tar.lzma")):
        return lambda: lzma.LZMADecompressor(memlimit=256 * 1024 * 1024)
    if name.endswith(".tar"):
        return None
    raise DoctorError(f"{name} is packed in a way that is not known: expected .tar.gz, .tar.bz2, .tar.xz or .zip")


class _Stream:
    """The unpacked bytes, one after the other."""

    def __init__(self, file: IO[bytes], unpacker: Callable[[], object] | None, shelf: _Shelf) -> None:
        self._file = file
        self._make = unpacker
        self._unpack = unpacker() if unpacker else None
        self._shelf = shelf
        self._left = b""
        self._at = 0  # where in it
        self._rest = b""  # packed bytes that wait
        self._packed = self._unpacked = 0

    def read(self, size: int) -> bytes:
        """That many bytes, fewer at the end."""
        found = self._take(size)
        if len(found) == size:
            return found
        whole = bytearray(found)
        while len(whole) < size and self._more():
            whole += self._take(size - len(whole))
        return bytes(whole)

    def _take(self, size: int) -> bytes:
        found = self._left[self._at : self._at + size]
        self._at += len(found)
        return found

    def skip(self, size: int) -> None:
        """Passes over that many bytes."""
        while size > 0:
            taken = min(size, len(self._left) - self._at)
            self._at += taken
            size -= taken
            if size and not self._more():
                raise EOFError("it ends in the middle")

    def _more(self) -> bool:
        """Unpacks some, where all that was is taken."""
        self._shelf.tick()
        self._at = 0
        if not self._unpack:
            self._left = self._fetch()
        elif isinstance(self._unpack, bz2.BZ2Decompressor | lzma.LZMADecompressor):
            self._left = self._bz2_or_xz(self._unpack)
        else:
            self._left = self._gzip(self._unpack)
        self._unpacked += len(self._left)
        if self._unpacked > MOST_UNPACKED:
            raise _Bound(f"it unpacks to more than {MOST_UNPACKED >> 20} MB")
        return bool(self._left)

    def _gzip(self, unpack: object) -> bytes:
        assert isinstance(unpack, type(zlib.decompressobj()))
        while True:
            if unpack.eof:
                return b""  # whatever follows a gzip stream is no part of an sdist
            packed = unpack.unconsumed_tail or self._fetch()
            if not packed:
                raise EOFError("it ends in the middle")
            if found := unpack.decompress(packed, CHUNK):
                return found

    def _bz2_or_xz(self, unpack: bz2.BZ2Decompressor | lzma.LZMADecompressor) -> bytes:
        while not unpack.eof:
            packed = self._fetch() if unpack.needs_input else b""
            if unpack.needs_input and not packed:
                raise EOFError("it ends in the middle")
            if found := unpack.decompress(packed, CHUNK):
                return found
        return b""

    def _fetch(self) -> bytes:
        packed = self._file.read(CHUNK)
        self._packed += len(packed)
        if self._packed > MOST_PACKED:
            raise _Bound(f"it is larger than {MOST_PACKED >> 20} MB")
        return packed


def _tar(stream: _Stream, shelf: _Shelf) -> None:
    try:
        for member in tar.members(stream):
            if member.plain:
                path = _clean(member.name)
                if wanted := shelf.add(path, member.size):
                    shelf.put(path, member.read(wanted))
    except tar.TooLong as error:
        raise _Bound(str(error)) from None


def _clean(path: str) -> str:
    return "/".join(part for part in path[:MOST_NAME].replace("\\", "/").split("/") if part not in ("", ".", ".."))


def _zip(file: IO[bytes], shelf: _Shelf) -> None:
    with zipfile.ZipFile(_Small(file)) as archive:
        for info in archive.infolist():
            if info.is_dir():
                continue
            path = _clean(info.filename)
            if wanted := shelf.add(path, info.file_size):
                with archive.open(info) as member:
                    shelf.put(path, member.read(wanted))


class _Small(BytesIO):
    """A file of which no large piece is read at once: a zip's directory says itself how large it is."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__()
        self._file = file

    def read(self, size: int | None = -1) -> bytes:
        if size is None or size < 0:
            here = self.tell()
            size = self.seek(0, 2) - here
            self.seek(here)
        if size > MOST_NAMES * 512:
            raise _Bound("its list of files is longer than any list")
        return self._file.read(size)

    def seek(self, position: int, whence: int = 0) -> int:
        return self._file.seek(position, whence)

    def tell(self) -> int:
        return self._file.tell()


def entries(insides: Insides, name: str) -> Iterator[tuple[str, str]]:
    """The files of that name with their text, those nearest to the top first."""
    found = [(path, text) for path, text in insides.texts.items() if path.rsplit("/", 1)[-1] == name]
    return iter(sorted(found, key=lambda entry: (entry[0].count("/"), entry[0])))
