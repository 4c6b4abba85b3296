from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.process.shops import Shop


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    shop = Shop(monkeypatch)
    yield shop
    shop.close()


@pytest.fixture
def preloading(monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    shop = Shop(monkeypatch, preload=True)
    yield shop
    shop.close()
