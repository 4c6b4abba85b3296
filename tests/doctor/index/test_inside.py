from __future__ import annotations

import gzip
import io
import struct
import tarfile
import time
import tracemalloc
import zipfile

import pytest

from bicorn.doctor.index import inside
from bicorn.doctor.index.reader import Reader, Unreadable

from ..serving import metadata, tarred, zipped


class Bytes:
    def __init__(self, body: bytes) -> None:
        self.body, self.size = body, len(body)

    def fetch(self, start: int, length: int) -> bytes:
        return self.body[start : start + length]


def reader(body: bytes) -> Reader:
    return Reader(Bytes(body), "https://x/a-1.zip")


def requires(body: bytes) -> list[str] | None:
    found = inside.of_source(reader(body), "a")
    return None if found is None else [str(item) for item in found.requires]


def test_a_wheel_and_one_that_only_looks_like_it() -> None:
    text = metadata("a", "1", "b")
    found = inside.of_wheel(reader(zipped({"x-1.dist-info/METADATA": "Name: x", "a-1.dist-info/METADATA": text})), "a")
    assert [str(item) for item in found.requires] == ["b"]
    for files in ({"a-1.dist-info/sub/METADATA": text}, {"b-1.dist-info/METADATA": text}, {}):
        with pytest.raises(Unreadable, match="has no METADATA"):
            inside.of_wheel(reader(zipped(dict(files))), "a")
    for body in (b"", b"PK\x03\x04", b"x" * 1000, zipped({"a-1.dist-info/METADATA": text})[:-30]):
        with pytest.raises(Unreadable, match="broken wheel"):
            inside.of_wheel(reader(body), "a")


def test_what_a_source_archive_says() -> None:
    old, new = metadata("a", "1"), "Metadata-Version: 2.2\nName: a\nVersion: 1\nRequires-Dist: b\n"
    project = (
        '[project]\nname = "a"\ndependencies = ["c"]\n[project.optional-dependencies]\nx = ["d; os_name == \'nt\'"]'
    )
    assert requires(tarred({"a-1/PKG-INFO": new})) == ["b"]
    assert requires(zipped({"a-1/PKG-INFO": new})) == ["b"]
    assert requires(tarred({"a-1/PKG-INFO": old})) is None
    assert requires(tarred({"a-1/PKG-INFO": old, "a-1/pyproject.toml": project})) == [
        "c",
        'd; os_name == "nt" and extra == "x"',
    ]
    dynamic = project.replace("name =", 'dynamic = ["dependencies"]\nname =')
    assert requires(tarred({"a-1/PKG-INFO": old, "a-1/pyproject.toml": dynamic})) is None
    assert requires(tarred({"a-1/PKG-INFO": metadata("a", "1", "e")})) == ["e"]
    eggs = {"a-1/src/a.egg-info/PKG-INFO": old, "a-1/src/a.egg-info/requires.txt": "f>1\n[x:os_name == 'nt']\ng\n"}
    assert requires(tarred({"a-1/PKG-INFO": old, **eggs})) == ["f>1", 'g; os_name == "nt" and extra == "x"']
    assert requires(tarred({"a-1/PKG-INFO": old, "a-1/tests/deep/down/x.egg-info/PKG-INFO": old})) is None


@pytest.mark.slow
def test_a_zip_bomb_in_a_wheel() -> None:
    bomb = zipped({"a-1.dist-info/METADATA": bytes(200 << 20)})
    assert len(bomb) < 1 << 20
    with bounded(), pytest.raises(Unreadable, match="too large"):
        inside.of_wheel(reader(bomb), "a")


@pytest.mark.slow
def test_a_bomb_in_a_source_archive() -> None:
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", compresslevel=1) as file:
        info = tarfile.TarInfo("a-1/big")
        info.size = 4 << 30
        file.write(info.tobuf())
        for _ in range(40):
            file.write(bytes(10 << 20))
    with bounded(), pytest.raises(Unreadable, match="unpacks to more than 256 MB"):
        inside.of_source(reader(buffer.getvalue()), "a")


@pytest.mark.parametrize("kind", [tarfile.GNUTYPE_LONGNAME, tarfile.XHDTYPE, tarfile.GNUTYPE_LONGLINK])
def test_a_header_that_asks_for_gigabytes(kind: bytes) -> None:
    info = tarfile.TarInfo("a-1/x")
    info.type, info.size = kind, 5 << 30
    with bounded(), pytest.raises(Unreadable):
        inside.of_source(reader(gzip.compress(info.tobuf() + bytes(4096))), "a")


def test_a_directory_that_asks_for_gigabytes() -> None:
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 65535, 65535, 60 << 20, 0, 0)
    body = bytes(60 << 20) + end
    with bounded(), pytest.raises(Unreadable, match="60 MB where 8 MB are allowed"):
        inside.of_wheel(reader(body), "a")


def test_unusual_packing_is_left_alone() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("a-1.dist-info/METADATA", "Name: a")
    with pytest.raises(Unreadable, match="packed unusually"):
        inside.of_wheel(reader(buffer.getvalue()), "a")
    with pytest.raises(Unreadable, match="neither a zip nor a gzip"):
        inside.of_source(reader(b"BZh91AY"), "a")


def test_links_out_of_the_archive_are_not_followed() -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
            info = tarfile.TarInfo("a-1/PKG-INFO")
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    assert requires(buffer.getvalue()) is None


def test_too_many_entries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inside, "MAX_ENTRIES", 10)
    with pytest.raises(Unreadable, match="more than 10 entries"):
        inside.of_source(reader(tarred({f"a-1/{number}": "" for number in range(20)})), "a")


class bounded:
    """At most 40 MB and 5 seconds."""

    def __enter__(self) -> None:
        tracemalloc.start()
        self.start = time.monotonic()

    def __exit__(self, *_: object) -> None:
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 40 << 20
        assert time.monotonic() - self.start < 5
