"""Names that are no settings of their own."""

from __future__ import annotations

from bicorn.config.settings import GROUPS, OPTIONS
from bicorn.config.shorthands import SHORTHANDS


def test_no_shorthand_is_a_setting() -> None:
    assert SHORTHANDS.keys() & OPTIONS.keys() == set()


def test_each_is_named_and_in_a_group() -> None:
    for name, option in SHORTHANDS.items():
        assert option.name == name
        assert option.group in GROUPS
