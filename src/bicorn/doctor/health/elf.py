"""What a compiled module asks of the system, read from its ELF headers; nothing is loaded, and ``ldd`` is not asked.

``ldd`` may run what it examines (ldd(1), Security). The format: https://refspecs.linuxfoundation.org/elf/gabi4+/contents.html,
with the dynamic section's DT_NEEDED, DT_RPATH and DT_RUNPATH.
"""

from __future__ import annotations

import re
import struct
from typing import BinaryIO

from ...record import Record

MACHINES = {3: "i686", 40: "armv7l", 62: "x86_64", 183: "aarch64", 243: "riscv64", 21: "ppc64le", 22: "s390x"}
MAX_HEADERS = 64
MAX_DYNAMIC = 64 * 1024
MAX_STRINGS = 4 * 1024 * 1024

_LOAD, _DYNAMIC = 1, 2
_NEEDED, _STRTAB, _STRSZ, _RPATH, _RUNPATH = 1, 5, 10, 15, 29


class Elf(Record):
    """A shared object.

    Args:
        machine: as ``platform.machine()`` says it; ``"?"`` for others.
        bits: 32 or 64.
        needed: the libraries it wants to be loaded with.
        paths: where it says that those are; may hold ``$ORIGIN``.
        glibc: the newest version of glibc whose symbols it uses; None where it uses none.
    """

    machine: str
    bits: int
    needed: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    glibc: tuple[int, int] | None = None


def read(file: BinaryIO) -> Elf | None:
    """The headers of a file; None where it is no ELF file, or a damaged one."""
    try:
        return _read(file)
    except (struct.error, OSError, ValueError, OverflowError):
        return None


def _read(file: BinaryIO) -> Elf | None:
    head = file.read(64)
    if head[:4] != b"\x7fELF" or len(head) < 52 or head[4] not in (1, 2) or head[5] not in (1, 2):
        return None
    wide, order = head[4] == 2, "<" if head[5] == 1 else ">"
    machine = MACHINES.get(struct.unpack_from(order + "H", head, 18)[0], "?")
    if wide:
        start, size, count = (*struct.unpack_from(order + "Q", head, 32), *struct.unpack_from(order + "HH", head, 54))
    else:
        start, size, count = (*struct.unpack_from(order + "I", head, 28), *struct.unpack_from(order + "HH", head, 42))
    found = Elf(machine, 64 if wide else 32)
    segments = _segments(_at(file, start, size * min(count, MAX_HEADERS)), size, order, wide)
    dynamic = next((segment for segment in segments if segment[0] == _DYNAMIC), None)
    if dynamic is None:
        return found
    entries = _entries(_at(file, dynamic[1], min(dynamic[3], MAX_DYNAMIC)), order, wide)
    values = dict(entries)
    if _STRTAB not in values:
        return found
    loads = [segment for segment in segments if segment[0] == _LOAD]
    offset = next(
        (values[_STRTAB] - at + where for _, where, at, length in loads if at <= values[_STRTAB] < at + length), 0
    )
    strings = _at(file, offset, min(values.get(_STRSZ, 0), MAX_STRINGS))
    needed = tuple(_string(strings, value) for tag, value in entries if tag == _NEEDED)
    paths = [_string(strings, value) for tag, value in entries if tag in (_RPATH, _RUNPATH)]
    split = tuple(path for joined in paths for path in joined.split(":") if path)
    return found.replace(needed=needed, paths=split, glibc=_glibc(strings))


def _segments(data: bytes, size: int, order: str, wide: bool) -> list[tuple[int, int, int, int]]:
    """Type, offset in the file, address, length in the file."""
    found = []
    for at in range(0, len(data) - size + 1, size) if size else ():
        if wide:
            kind, _, offset, address, _, length = struct.unpack_from(order + "IIQQQQ", data, at)
        else:
            kind, offset, address, _, length = struct.unpack_from(order + "IIIII", data, at)
        found.append((kind, offset, address, length))
    return found


def _entries(data: bytes, order: str, wide: bool) -> list[tuple[int, int]]:
    form = order + ("QQ" if wide else "II")
    whole = len(data) - len(data) % struct.calcsize(form)
    return [(tag, value) for tag, value in struct.iter_unpack(form, data[:whole]) if tag]


def _at(file: BinaryIO, offset: int, length: int) -> bytes:
    file.seek(offset)
    return file.read(max(length, 0))


def _string(strings: bytes, start: int) -> str:
    end = strings.find(b"\0", start)
    return strings[start : end if end >= 0 else start + 255].decode("utf-8", "replace")


def _glibc(strings: bytes) -> tuple[int, int] | None:
    """Versions of symbols are named in the string table, too (DT_VERNEED points there)."""
    versions = [(int(major), int(minor)) for major, minor in re.findall(rb"\0GLIBC_(\d{1,2})\.(\d{1,3})", strings)]
    return max(versions, default=None)
