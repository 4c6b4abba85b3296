from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from bicorn.doctor.index import reader
from bicorn.doctor.index.reader import Unreadable, open_url
from bicorn.doctor.index.settings import Settings
from bicorn.doctor.index.web import Web

from ..serving import Shelf


@pytest.fixture
def web() -> Iterator[Web]:
    found = Web(Settings(timeout=2.0))
    yield found
    found.close()


def place(served: Shelf, body: bytes) -> str:
    served.bodies["/files/x"] = body
    return served.url.replace("simple", "files/x")


def to_the_end(file: reader.Reader) -> None:
    while file.read(1 << 16):
        pass


@pytest.mark.parametrize("from_end", [True, False])
@pytest.mark.parametrize("ranges", [True, False])
def test_it_reads_like_a_file(served: Shelf, web: Web, ranges: bool, from_end: bool) -> None:
    served.ranges = ranges
    body = os.urandom(300_000)
    file, plain = open_url(web, place(served, body), from_end=from_end), io.BytesIO(body)
    for offset, whence, count in [
        (-22, 2, 22),
        (0, 0, 4),
        (150_000, 0, 100_000),
        (-10, 1, 100),
        (299_999, 0, 50),
        (5, 2, 1),
    ]:
        assert file.seek(offset, whence) == plain.seek(offset, whence)
        assert file.read(count) == plain.read(count)
    file.seek(0)
    assert file.read() == body
    assert file.size == len(body)


def test_only_what_is_read_is_fetched(served: Shelf, web: Web) -> None:
    file = open_url(web, place(served, bytes(5 << 20)), from_end=True)
    file.seek(-100, 2)
    file.read(100)
    assert len(served.asked) == 1
    file.seek(0)
    while file.read(1 << 16):
        pass
    assert len(served.asked) < 12, "longer and longer steps"


def test_there_is_an_end_to_it(served: Shelf, web: Web, monkeypatch: pytest.MonkeyPatch) -> None:
    file = open_url(web, place(served, bytes(9 << 20)), from_end=False)
    with pytest.raises(Unreadable, match="has a part of 9 MB"):
        file.read()
    monkeypatch.setattr(reader, "MAX_FETCHED", 1 << 20)
    with pytest.raises(Unreadable, match="1 MB of it have been read"):
        to_the_end(file)


def test_half_a_gigabyte_without_ranges_is_not_fetched(served: Shelf, web: Web) -> None:
    served.answers["/files/x"] = lambda headers: (200, {"Content-Length": str(500 << 20)}, bytes(1 << 17))
    with pytest.raises(Unreadable, match="has 500 MB, and its server sends it only whole"):
        open_url(web, place(served, b""), from_end=True)


@pytest.mark.parametrize("given", ["", "bytes 0-1", "bytes 5-9/2", "bytes 7-9/99999999999999999999999"])
def test_a_server_that_is_wrong_about_ranges(served: Shelf, web: Web, given: str) -> None:
    served.answers["/files/x"] = lambda headers: (206, {"Content-Range": given}, b"xxxxx")
    with pytest.raises(Unreadable, match="cannot be fetched"):
        open_url(web, place(served, b""), from_end=False)


def test_a_file_that_shrinks(served: Shelf, web: Web) -> None:
    file = open_url(web, place(served, bytes(300_000)), from_end=True)
    place(served, bytes(1000))
    file.seek(0)
    with pytest.raises(Unreadable):
        to_the_end(file)


def test_files_of_this_machine(web: Web, tmp_path: Path) -> None:
    (tmp_path / "a b").write_bytes(b"12345")
    file = open_url(web, (tmp_path / "a b").as_uri(), from_end=True)
    file.seek(-2, 2)
    assert file.read() == b"45"
    os.mkfifo(tmp_path / "pipe")
    for name in ("pipe", "missing", "."):
        with pytest.raises(Unreadable):
            open_url(web, f"file://{tmp_path}/{name}", from_end=False)
