"""Request bodies that are not complete yet."""

from __future__ import annotations

import io
import tempfile
from typing import Any

import pytest

from bicorn.apps.spool import SPOOL_SIZE, Spool


def spool(*pieces: bytes) -> Spool:
    made = Spool()
    for piece in pieces:
        made.write(piece)
    return made


SHAPES = {
    "nothing": [],
    "one piece": [b"one\ntwo\nthree"],
    "two pieces": [b"one\nt", b"wo\nthree"],
    "a file": [b"line" * 20_000 + b"\n", (b"line" * 10_000 + b"\n") * 30, b"end"],
}


@pytest.mark.parametrize("pieces", SHAPES.values(), ids=SHAPES)
def test_what_was_put_in_comes_out(pieces: list[bytes]) -> None:
    made = spool(*pieces)
    whole = b"".join(pieces)
    assert made.size() == len(whole)
    file = made.open()
    assert file.read() == whole
    assert file.read(10) == b""
    made.close()


@pytest.mark.parametrize("pieces", SHAPES.values(), ids=SHAPES)
def test_the_file_has_all_that_an_input_must_have(pieces: list[bytes]) -> None:
    """PEP 3333: read(size), readline(), readlines(hint) and __iter__(); applications use more than that."""
    made, twin = spool(*pieces), io.BytesIO(b"".join(pieces))
    file: Any = made.open()
    for call in (
        lambda f: f.read(2),
        lambda f: f.readline(),
        lambda f: f.readline(3),
        lambda f: f.tell(),
        lambda f: f.readlines(5),
        lambda f: next(iter(f), b"none"),
        lambda f: f.seek(0),
        lambda f: list(f),
        lambda f: f.read(),
        lambda f: f.seek(-3, 2) if twin.getvalue() else 0,
        lambda f: f.readlines(),
        lambda f: f.seek(1),
        lambda f: f.read(-1),
        lambda f: (f.readable(), f.seekable()),
    ):
        assert call(file) == call(twin)
    buffer = bytearray(4)
    file.seek(0)
    assert bytes(buffer[: file.readinto(buffer)]) == twin.getvalue()[:4]
    made.close()
    assert file.closed == (len(pieces) > 1)  # what is only memory may be read for as long as it is held


def test_a_small_body_stays_in_memory_and_a_large_one_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    files: list[Any] = []

    def keep(*arguments: Any, **named: Any) -> Any:
        files.append(original(*arguments, **named))
        return files[-1]

    original = tempfile.SpooledTemporaryFile
    monkeypatch.setattr(tempfile, "SpooledTemporaryFile", keep)
    spool(bytes(10 * SPOOL_SIZE)).close()  # it is here already, so a file would only be one more copy
    assert files == []
    small, large = spool(b"x", bytes(SPOOL_SIZE - 1)), spool(b"x", bytes(SPOOL_SIZE))
    assert [file._rolled for file in files] == [False, True]
    small.close()
    large.close()


def test_closing_twice_is_fine() -> None:
    made = spool(b"a", b"b")
    made.close()
    made.close()
    assert made.size() == 0
