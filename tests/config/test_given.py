from __future__ import annotations

from bicorn.config.given import Given


def test_it_is_called_by_its_label_or_its_origin() -> None:
    assert Given("workers", "2", "--workers").called == "--workers"
    assert Given("workers", 2, "bicorn.toml", "bicorn.toml: workers").called == "bicorn.toml: workers"
