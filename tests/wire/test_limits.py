"""The most a peer may send."""

from __future__ import annotations

import pytest

from bicorn.wire.limits import Limits

NAMES = ("request_line", "fields", "field_size", "head", "body")


def test_the_defaults_are_safe() -> None:
    limits = Limits()
    assert {name: getattr(limits, name) for name in NAMES} == {
        "request_line": 8190,
        "fields": 100,
        "field_size": 8190,
        "head": 65536,
        "body": 1 << 30,
    }


@pytest.mark.parametrize("name", NAMES)
def test_each_limit_is_its_own(name: str) -> None:
    limits = Limits(**{name: 7})
    for other in NAMES:
        assert getattr(limits, other) == (7 if other == name else getattr(Limits(), other))


@pytest.mark.parametrize("name", NAMES)
def test_zero_is_no_limit(name: str) -> None:
    assert getattr(Limits(**{name: 0}), name) >= 1 << 60
