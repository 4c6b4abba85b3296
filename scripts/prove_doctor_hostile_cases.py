"""What a hostile index sends, for ``prove_doctor_hostile.py``: the archives, the pages, and the server of both.

Each archive has a ``setup.py`` and a build backend that would leave a mark if they were run.
"""

from __future__ import annotations

import gzip
import json
import re
import tarfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from typing import NamedTuple

BIG = 500 << 20
MANY = 100_000
PIECE = 1 << 20
NASTY = "\x1b[2J\x07\r\n"
PROJECT = '[build-system]\nrequires = []\nbuild-backend = "own"\nbackend-path = ["."]\n'


class Case(NamedTuple):
    """What the index does when it is asked for the project of that name.

    Args:
        file: the one file on its page; ``{}`` is the project's name.
        make: writes that file.
        page: answers in place of a page with that file.
        url: the index's where it is another.
        version: asked for; without it what was withdrawn is not taken.
    """

    shown: str
    file: str = ""
    make: Callable[[Path], object] = Path.touch
    ranges: bool = True
    page: Callable[[Handler], object] | None = None
    url: str = ""
    version: str = ""


class Handler(BaseHTTPRequestHandler):
    """Sends what the case says."""

    folder: Path
    cases: dict[str, Case]
    mark: str

    def do_GET(self) -> None:
        """Pages and files."""
        try:
            if match := re.fullmatch(r"/files/(\w+)", self.path):
                self._file(self.folder / match[1], self.cases[match[1]].ranges)
            elif (match := re.match(r"/simple/(\w+)", self.path)) and (case := self.cases.get(match[1])):
                case.page(self) if case.page else self._page(match[1], case)
            else:
                self.send_error(404)
        except OSError:
            pass  # the client has seen enough
        self.close_connection = True

    def _page(self, name: str, case: Case) -> None:
        facts = {
            "filename": case.file.format(name),
            "url": f"/files/{name}",
            "hashes": {"sha256": NASTY},
            "requires-python": NASTY,
        }
        page = {
            "meta": {"api-version": "1.1"},
            "name": name,
            "files": [facts | {"yanked": NASTY if case.version else False}],
        }
        self.says(json.dumps(page).encode())

    def head(self, status: int = 200, **headers: str) -> None:
        """The head of an answer."""
        self.send_response(status)
        for key, value in ({"Content-Type": "application/vnd.pypi.simple.v1+json"} | headers).items():
            self.send_header(key.replace("_", "-"), value)
        self.end_headers()

    def says(self, body: bytes, **headers: str) -> None:
        """An answer."""
        self.head(200, **headers)
        self.wfile.write(body)

    def drips(self, body: Iterable[bytes], pause: float) -> None:
        """An answer without a head, piece by piece."""
        for piece in body:
            self.wfile.write(piece)
            time.sleep(pause)

    def _file(self, path: Path, ranges: bool) -> None:
        size = path.stat().st_size
        start, length = 0, size
        match = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", "")) if ranges else None
        if match:
            start = int(match[1]) if match[1] else max(size - int(match[2]), 0)
            length = min(int(match[2]), size - 1) - start + 1 if match[1] and match[2] else size - start
            self.head(206, Content_Range=f"bytes {start}-{start + length - 1}/{size}", Content_Length=str(length))
        else:
            self.head(Content_Length=str(size))
        with path.open("rb") as file:
            file.seek(start)
            while length and (piece := file.read(min(PIECE, length))):
                self.wfile.write(piece)
                length -= len(piece)

    def log_message(self, *_: object) -> None:
        """Nothing is logged."""


class Server(ThreadingHTTPServer):
    """One thread to a connection, given up at the end."""

    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_: object) -> None:
        """The client has hung up."""


def _build_files() -> dict[str, bytes]:
    """What would leave a mark if it were run; the dependencies are dynamic, so that an installer would run it."""
    script = f"open({Handler.mark!r}, 'w').close()\nfrom setuptools import setup\nsetup(name='x')\n".encode()
    about = b"Metadata-Version: 2.1\nName: x\nVersion: 1.0\nSummary: " + NASTY.encode()
    return {"setup.py": script, "own.py": script, "pyproject.toml": PROJECT.encode(), "PKG-INFO": about}


def _info(name: str, size: int = 0, kind: bytes = tarfile.REGTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = size, kind, "../../../etc" if kind == tarfile.SYMTYPE else ""
    return info


def _tar(path: Path, infos: Iterable[tarfile.TarInfo] = (), level: int = 1) -> None:
    """A tar.gz of such entries, with random content, and behind them what would leave a mark."""
    with tarfile.open(path, "w:gz", compresslevel=level) as archive:
        for info in infos:
            with open("/dev/urandom", "rb") as noise:
                archive.addfile(info, noise)
        for name, body in _build_files().items():
            archive.addfile(_info(f"x-1.0/{name}", len(body)), BytesIO(body))


def _big_tar(path: Path) -> None:
    _tar(path, [_info("x-1.0/big.bin", BIG)], level=0)


def _zip(path: Path, names: Iterable[str] = (), big: int = 0) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        if big:
            with archive.open("x-1.0/big.bin", "w") as file, open("/dev/urandom", "rb") as noise:
                for _ in range(big // PIECE):
                    file.write(noise.read(PIECE))
        for name, body in [*dict.fromkeys(names, b"").items(), *_build_files().items()]:
            archive.writestr(f"x-1.0/{name}", body)


def _wheel(path: Path, zeros: int = 0) -> None:
    """With metadata that goes on in zeros, and says that it has 200 bytes."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        with archive.open(f"{path.name}-1.0.dist-info/METADATA", "w", force_zip64=True) as file:
            file.write(f"Metadata-Version: 2.1\nName: {path.name}\nVersion: 1.0\n\n{NASTY}".encode())
            for _ in range(zeros // PIECE):
                file.write(bytes(PIECE))
        for info in archive.infolist():
            info.file_size = 200 if zeros else info.file_size


def _zeros(header: bytes) -> bytes:
    """16 GB in 16 MB: one block that was compressed once, again and again."""
    packer = zlib.compressobj(9, wbits=31)
    start = packer.compress(header) + packer.flush(zlib.Z_FULL_FLUSH)
    return start + (packer.compress(bytes(PIECE)) + packer.flush(zlib.Z_FULL_FLUSH)) * 16384


def _names(path: Path) -> None:
    names = ("../../x/setup.py", "/tmp/hostile/setup.py", f"x-1.0/{NASTY}setup.py", "x-1.0/" + "d/" * 1500 + "setup.py")
    links = [_info("x-1.0/link", kind=tarfile.SYMTYPE), _info("x-1.0/device", kind=tarfile.CHRTYPE)]
    _tar(path, [*(_info(name, 10) for name in names), *links, _info("x-1.0/link/setup.py", 10)])


def _goes_on(handler: Handler, most: int = 1 << 50, pause: float = 0.0, piece: bytes = b" " * PIECE) -> None:
    handler.says(b'{"meta": {"api-version": "1.1"}, "files": [')
    handler.drips((piece for _ in range(most // len(piece))), pause)


def _many_links(handler: Handler) -> None:
    files = b", ".join(b'{"filename": "manylinks-%d.tar.gz", "url": "../%d"}' % (at, at) for at in range(MANY))
    handler.says(b'{"files": [' + files + b"]}")


def cases(closed: str) -> dict[str, Case]:
    """By the name of the project that is asked for.

    Args:
        closed: a URL where nobody answers.
    """
    packed, wheel, zipped = "{}-1.0.tar.gz", "{}-1.0-py3-none-any.whl", "{}-1.0.zip"
    slow = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nX: " + b"y" * 10000
    return {
        "targz": Case("500 MB of noise, tar.gz", packed, _big_tar),
        "targzwhole": Case("the same, from a server without ranges", packed, _big_tar, ranges=False),
        "bigzip": Case("500 MB of noise, zip", zipped, lambda path: _zip(path, big=BIG)),
        "bigzipwhole": Case("the same, from a server without ranges", zipped, lambda path: _zip(path, big=BIG), False),
        "wheel": Case("control characters in a wheel's metadata", wheel, _wheel),
        "yanked": Case("the same in why it was withdrawn", wheel, _wheel, version="==1.0"),
        "wheelbomb": Case("metadata of 4 GB in a wheel, said to be 200 bytes", wheel, lambda p: _wheel(p, 4 << 30)),
        "zeros": Case("16 GB of zeros, tar.gz", packed, lambda p: p.write_bytes(_zeros(b""))),
        "tarbomb": Case(
            "a `setup.py` of 16 GB, tar.gz",
            packed,
            lambda p: p.write_bytes(_zeros(_info("x-1.0/setup.py", 16 << 30).tobuf(tarfile.GNU_FORMAT))),
        ),
        "names": Case("`../../x`, absolute paths, control characters, a symlink, a device", packed, _names),
        "manytar": Case(
            "100,000 files, tar.gz", packed, lambda path: _tar(path, (_info(f"x-1.0/{at}") for at in range(MANY)))
        ),
        "manyzip": Case("100,000 files, zip", zipped, lambda path: _zip(path, map(str, range(MANY)))),
        "filename": Case("a file called `../../x-1.0.tar.gz`", "../../{}-1.0.tar.gz", _tar),
        "endless": Case("a page that never ends", page=_goes_on),
        "page200": Case("a page of 200 MB", page=lambda handler: _goes_on(handler, 200 << 20)),
        "pagebomb": Case(
            "a page of 16 GB in 16 MB of gzip", page=lambda handler: handler.says(_zeros(b"["), Content_Encoding="gzip")
        ),
        "manylinks": Case("a page of 100,000 files", page=_many_links),
        "slowpage": Case("a page at a byte a second", page=lambda handler: _goes_on(handler, pause=1, piece=b" ")),
        "slowhead": Case(
            "headers at a byte a second", page=lambda handler: handler.drips((bytes([byte]) for byte in slow), 1)
        ),
        "silent": Case("no answer at all", page=lambda _: time.sleep(600)),
        "nojson": Case("JSON that is none", page=lambda handler: handler.says(b'{"files": [\x00')),
        "deep": Case("JSON ten million levels deep", page=lambda handler: handler.says(b"[" * 10_000_000)),
        "nogzip": Case(
            "gzip that breaks off", page=lambda h: h.says(gzip.compress(b"{}")[:9], Content_Encoding="gzip")
        ),
        "loop": Case("a redirection to itself", page=lambda handler: handler.head(302, Location=handler.path)),
        "tofile": Case("a redirection to `file:`", page=lambda h: h.head(302, Location="file:///etc/passwd")),
        "refused": Case("no server", url=closed),
        "noname": Case("no such host", url="http://nowhere.invalid/simple"),
    }
