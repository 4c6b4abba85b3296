"""The load generator: `load.c`, compiled at first use, and the frames it sends."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import select
import shutil
import struct
import subprocess
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from envs import ENVS, EnvironmentProblem, execute
from running import BenchmarkError

SOURCE = Path(__file__).with_name("load.c")
DEFLATE = "permessage-deflate; client_max_window_bits"
"""What a browser offers (RFC 7692, section 7.1)."""
WINDOW_BITS = 11
"""Small enough for whatever window a server asks a client to keep to."""
VARIANTS = 16
READY_LIMIT = 150.0

_WORDS = (
    "order",
    "shipped",
    "pending",
    "cancelled",
    "customer",
    "invoice",
    "amount",
    "currency",
    "warehouse",
    "returned",
)

Mode = Literal["echo", "broadcast"]


@dataclass(frozen=True, slots=True)
class Load:
    """What one run of it found."""

    messages: int
    seconds: float
    p50_ms: float
    p99_ms: float
    wire_bytes: int
    cpu_seconds: float
    """The generator's own CPU time: near `seconds` means that it was the limit."""


class Generator:
    """A load generator whose connections are open and warm."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, limit: float) -> Load:
        """The load itself; every message that was counted has been answered when this returns."""
        assert self._process.stdin is not None
        before = _cpu_seconds(self._process.pid)
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        found = json.loads(_line(self._process, limit))
        if "error" in found:
            raise BenchmarkError(found["error"])
        used = _cpu_seconds(self._process.pid) - before
        return Load(found["messages"], found["seconds"], found["p50_ms"], found["p99_ms"], found["bytes"], used)


@contextlib.contextmanager
def connected(mode: Mode, port: int, *, connections: int, warm: float, seconds: float, size: int, deflate: bool,
              cpu: str, folder: Path) -> Iterator[Generator]:  # fmt: skip
    """The generator with its connections open; they are closed when the block is left."""
    frames = folder / "frames"
    frames.write_bytes(b"".join(struct.pack("!I", len(frame)) + frame for frame in _frames(size, deflate)))
    command = ["taskset", "-c", cpu, str(_program()), str(port), mode, str(connections), str(warm), str(seconds),
               "0" if deflate else str(size), str(frames), DEFLATE if deflate else ""]  # fmt: skip
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            said = _line(process, READY_LIMIT)
            if said != "ready":
                raise BenchmarkError(json.loads(said)["error"] if said.startswith("{") else f"the load ended: {said}")
            yield Generator(process)
        finally:
            process.kill()


def texts(size: int) -> list[str]:
    """Different messages of `size` bytes that look like what is sent in earnest: JSON with some repetition."""
    chance = random.Random(size)
    made = []
    for _ in range(VARIANTS):
        parts = []
        while sum(map(len, parts)) < size:
            parts.append(json.dumps({chance.choice(_WORDS): chance.randrange(10**6), "state": chance.choice(_WORDS)}))
        made.append("".join(parts)[:size])
    return made


def _frames(size: int, deflate: bool) -> Iterator[bytes]:
    """Text frames as a client sends them (RFC 6455, section 5.2), deflated if wanted (RFC 7692, section 7.2.1)."""
    chance = random.Random(1)
    for text in texts(size):
        payload = text.encode()
        if deflate:
            packer = zlib.compressobj(wbits=-WINDOW_BITS)
            payload = (packer.compress(payload) + packer.flush(zlib.Z_SYNC_FLUSH)).removesuffix(b"\x00\x00\xff\xff")
        mask = chance.randbytes(4)
        length = len(payload)
        if length < 126:
            head = struct.pack("!BB", 0x81 | 0x40 * deflate, 0x80 | length)
        elif length < 65536:
            head = struct.pack("!BBH", 0x81 | 0x40 * deflate, 0x80 | 126, length)
        else:
            head = struct.pack("!BBQ", 0x81 | 0x40 * deflate, 0x80 | 127, length)
        yield head + mask + bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))


def _program() -> Path:
    """The compiled generator; compiled anew when its source has changed."""
    program = ENVS / f"websocket-load-{hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]}"
    if not program.exists():
        compiler = shutil.which("cc") or shutil.which("gcc")
        if compiler is None:
            raise EnvironmentProblem("the load generator needs a C compiler. Debian: apt-get install gcc libc6-dev")
        execute([compiler, "-O2", "-D_GNU_SOURCE", "-o", str(program), str(SOURCE)], "cc")
    return program


def _line(process: subprocess.Popen[str], limit: float) -> str:
    """The next line it says; raises BenchmarkError when it says none in time or has ended."""
    assert process.stdout is not None
    if not select.select([process.stdout], [], [], limit)[0]:
        raise BenchmarkError(f"the load generator said nothing for {limit:.0f} s")
    line = process.stdout.readline().strip()
    if not line:
        raise BenchmarkError(f"the load generator ended with {process.wait(5)}")
    return line


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
