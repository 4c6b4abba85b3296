"""Files that WSGI applications wrap, and which of them the kernel can send."""

from __future__ import annotations

import bz2
import gzip
import io
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bicorn.apps.files import FileWrapper, is_plain_file


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "file"
    file.write_bytes(b"0123456789")
    return file


def test_a_wrapper_reads_blocks() -> None:
    assert list(FileWrapper(io.BytesIO(b"0123456789"), 4)) == [b"0123", b"4567", b"89"]
    assert list(FileWrapper(io.BytesIO(b""))) == []


def test_a_wrapper_can_be_closed_where_its_file_can() -> None:
    file = io.BytesIO()
    FileWrapper(file).close()
    assert file.closed

    class Readable:
        def read(self, size: int) -> bytes:
            return b""

    assert not hasattr(FileWrapper(Readable()), "close")


class DjangoFile:
    """What Django puts around files."""

    def __init__(self, file: Any) -> None:
        self.file = file
        self.fileno, self.tell = file.fileno, file.tell


@pytest.mark.parametrize("mode", ["rb", "rb+"])
@pytest.mark.parametrize("buffering", [-1, 0])
def test_opened_files_are_plain(path: Path, mode: str, buffering: int) -> None:
    with open(path, mode, buffering=buffering) as file:
        assert is_plain_file(file)
        assert is_plain_file(DjangoFile(file))
        file.read(5)
        assert is_plain_file(file)
        file.read()
        assert not is_plain_file(file)  # there is nothing left to send


def test_temporary_files_are_plain() -> None:
    with tempfile.TemporaryFile() as file, tempfile.NamedTemporaryFile() as named:
        for each in (file, named):
            each.write(b"x")
            each.seek(0)
            assert is_plain_file(each)


OTHERS = ["bytes", "gzip", "gzip, buffered", "bz2", "pipe", "proc", "text", "closed", "object", "liar"]


@pytest.fixture(params=OTHERS)
def other(request: pytest.FixtureRequest, path: Path) -> Iterator[Any]:
    """What must be read to be sent."""
    path.with_suffix(".gz").write_bytes(gzip.compress(b"0123456789"))
    path.with_suffix(".bz2").write_bytes(bz2.compress(b"0123456789"))
    reading, writing = os.pipe()
    os.close(writing)
    with (
        open(reading, "rb") as pipe,
        open(path, "rb") as file,
        gzip.open(path.with_suffix(".gz")) as unzipped,
        bz2.open(path.with_suffix(".bz2")) as unzipped_2,
        open(path) as text,
        open("/proc/self/stat" if os.path.exists("/proc/self/stat") else os.devnull, "rb") as proc,
    ):
        with open(path, "rb") as closed:
            pass
        yield {
            "bytes": io.BytesIO(b"0123456789"),
            "gzip": unzipped,
            "gzip, buffered": io.BufferedReader(unzipped),
            "bz2": unzipped_2,
            "pipe": pipe,
            "proc": proc,
            "text": text,
            "closed": closed,
            "object": object(),
            "liar": Liar(file),
        }[request.param]


class Liar:
    """It has a real file in it, and no bytes of its own."""

    def __init__(self, file: Any) -> None:
        self.raw = file.raw

    def fileno(self) -> int:
        raise OSError("no such thing")


def test_what_must_be_read_is_not_plain(other: Any) -> None:
    assert not is_plain_file(other)
