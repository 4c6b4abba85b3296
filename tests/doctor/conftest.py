"""What several of the doctor's tests need."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bicorn.doctor.index.client import Index, connect

from .serving import Shelf, serving

Connect = Callable[..., Index]


@pytest.fixture
def served() -> Iterator[Shelf]:
    """An index that is served on this machine."""
    with serving() as shelf:
        yield shelf


@pytest.fixture
def connected(served: Shelf, tmp_path: Path) -> Iterator[Connect]:
    """Connects to it, with a cache in the test's folder and nothing of this machine's settings."""
    opened: list[Index] = []

    def new(**given: Any) -> Index:
        environ = {"PIP_CONFIG_FILE": "/dev/null", "UV_NO_CONFIG": "1"} | given.pop("environ", {})
        index = connect(**{"environ": environ, "index_url": served.url, "cache": str(tmp_path / "cache")} | given)
        opened.append(index)
        return index

    yield new
    for index in opened:
        index.close()
