"""ELF headers: of files made here byte by byte, of a damaged one, of what is none."""

from __future__ import annotations

import io
import struct

import pytest

from bicorn.doctor.health import elf


def shared_object(
    *needed: str, runpath: str = "", machine: int = 62, versions: tuple[str, ...] = (), strings_at: int = 0x1000
) -> bytes:
    """A 64-bit little-endian shared object with only what the reader looks at."""
    strings, places = b"\0", []
    for name in (*needed, runpath, *versions):
        places.append(len(strings))
        strings += name.encode() + b"\0"
    entries = [(1, place) for place in places[: len(needed)]]
    if runpath:
        entries.append((29, places[len(needed)]))
    offset = 64 + 2 * 56
    size = 16 * (len(entries) + 3)
    entries += [(5, strings_at + offset + size), (10, len(strings)), (0, 0)]
    dynamic = b"".join(struct.pack("<QQ", *entry) for entry in entries)
    whole = offset + len(dynamic) + len(strings)
    head = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    head += struct.pack("<HHIQQQIHHHHHH", 3, machine, 1, 0, 64, 0, 0, 64, 56, 2, 0, 0, 0)
    load = struct.pack("<IIQQQQQQ", 1, 5, 0, strings_at, strings_at, whole, whole, 4096)
    dynamics = struct.pack("<IIQQQQQQ", 2, 6, offset, strings_at + offset, 0, len(dynamic), len(dynamic), 8)
    return head + load + dynamics + dynamic + strings


def test_what_it_needs() -> None:
    content = shared_object(
        "libc.so.6", "libpq.so.5", runpath="$ORIGIN/../x.libs:/opt", versions=("GLIBC_2.2.5", "GLIBC_2.38")
    )
    read = elf.read(io.BytesIO(content))
    assert read == elf.Elf("x86_64", 64, ("libc.so.6", "libpq.so.5"), ("$ORIGIN/../x.libs", "/opt"), (2, 38))


def test_the_machine() -> None:
    found = elf.read(io.BytesIO(shared_object(machine=183)))
    assert found is not None
    assert found.machine == "aarch64"


@pytest.mark.parametrize("content", [b"", b"MZ" + bytes(100), b"\x7fELF", b"\x7fELF" + bytes(60)])
def test_what_is_none(content: bytes) -> None:
    assert elf.read(io.BytesIO(content)) is None


def test_a_damaged_one_does_no_harm() -> None:
    whole = shared_object("libc.so.6", runpath="/opt")
    for length in range(len(whole)):
        elf.read(io.BytesIO(whole[:length]))
    for position in range(16, len(whole)):
        elf.read(io.BytesIO(whole[:position] + b"\xff" + whole[position + 1 :]))
