"""How much a process takes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bicorn.process import memory


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells")
def test_of_this_process() -> None:
    before = memory.proportional()
    assert before == pytest.approx(memory.proportional(os.getpid()), rel=0.3)
    ballast = bytearray(os.urandom(1024)) * (32 << 10)
    assert 16 << 20 < memory.proportional() - before < 48 << 20
    del ballast


def test_of_one_that_has_gone() -> None:
    assert memory.proportional(2**22 + 1) == 0


def test_shared_memory_is_counted_by_its_share_where_the_kernel_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = {
        "smaps_rollup": "55d0-7ffc ---p 00000000 00:00 0 [rollup]\nRss:   40960 kB\nPss:   10240 kB\nPss_Anon: 1 kB\n",
        "status": "Name:\tbicorn\nVmRSS:\t   40960 kB\n",
    }
    for name, text in tables.items():
        (tmp_path / name).write_text(text)
    assert memory._sum(str(tmp_path / "smaps_rollup"), b"Pss:") == 10 << 20
    assert memory._sum(str(tmp_path / "status"), b"VmRSS:") == 40 << 20
    (tmp_path / "odd").write_text("Pss:\nPss: many kB\n")
    assert memory._sum(str(tmp_path / "odd"), b"Pss:") == 0

    def refused(path: str, field: bytes) -> int:
        return 0 if path.endswith("smaps_rollup") else 40 << 20

    monkeypatch.setattr(memory, "_sum", refused)
    assert memory.proportional(1) == 40 << 20
