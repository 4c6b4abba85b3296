from __future__ import annotations

import io
import tarfile

import pytest

from bicorn.doctor import tar


class Bytes:
    def __init__(self, body: bytes) -> None:
        self.body = io.BytesIO(body)

    def read(self, size: int, /) -> bytes:
        assert size >= 0
        return self.body.read(size)

    def skip(self, size: int, /) -> None:
        if len(self.read(size)) < size:
            raise EOFError


def packed(*members: tuple[str, bytes, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for name, content, kind in members:
            info = tarfile.TarInfo(name)
            info.size, info.type = len(content), kind
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_members_as_tarfile_finds_them(form: int) -> None:
    long = f"a/{'b' * 70}/{'c' * 70}.py"
    body = packed(
        ("a", b"", tarfile.DIRTYPE),
        (long, b"1" * 700, tarfile.REGTYPE),
        ("a/link", b"", tarfile.SYMTYPE),
        ("a/é" if form != tarfile.USTAR_FORMAT else "a/e", b"23", tarfile.REGTYPE),
        form=form,
    )
    found = [(member.name, member.plain, member.read(3)) for member in tar.members(Bytes(body))]
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        assert [(name.rstrip("/"), plain) for name, plain, _ in found] == [
            (info.name, info.isreg()) for info in archive
        ]
    assert [content for _, _, content in found] == [b"", b"111", b"", b"23"]


def test_what_is_not_read_is_passed_over() -> None:
    body = packed(("a", b"1" * 5000, tarfile.REGTYPE), ("b", b"2", tarfile.REGTYPE))
    assert [(member.name, member.size) for member in tar.members(Bytes(body))] == [("a", 5000), ("b", 1)]


@pytest.mark.parametrize("size", [b"-0000000005\0", b"nonsense   \0", b"99999999999\0"])
def test_a_size_that_is_none(size: bytes) -> None:
    header = bytearray(packed(("a", b"", tarfile.REGTYPE))[:512])
    header[124:136] = size
    header[148:156] = b"%06o\0 " % (sum(header) - sum(header[148:156]) + 256)
    with pytest.raises(tar.BadHeader, match="a number that is none"):
        list(tar.members(Bytes(bytes(header) + bytes(1024))))


def test_what_is_no_header() -> None:
    with pytest.raises(tar.BadHeader):
        list(tar.members(Bytes(b"x" * 512)))
    assert list(tar.members(Bytes(b"x" * 511))) == []


def test_a_name_that_is_too_long_and_an_end_too_soon() -> None:
    body = packed(("a" * 300, b"", tarfile.REGTYPE), form=tarfile.GNU_FORMAT)
    with pytest.raises(EOFError):
        list(tar.members(Bytes(packed(("a", b"1" * 5000, tarfile.REGTYPE))[:4000])))
    info = tarfile.TarInfo("a")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, tar.LONGEST + 1
    with pytest.raises(tar.TooLong):
        list(tar.members(Bytes(info.tobuf() + bytes(512))))
    assert [member.name for member in tar.members(Bytes(body))] == ["a" * 300]
