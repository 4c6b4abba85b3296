"""The table of request field names: it must change what a name costs, never which name it is."""

from __future__ import annotations

from types import ModuleType

import pytest

from bicorn.wire import names
from bicorn.wire.fields import HOST_FIELD, PLAIN
from bicorn.wire.names import field_name
from tests.wire.corpus import fields
from tests.wire.readings import READINGS


def interpreted() -> ModuleType:
    """A module of its own, whose table can be looked at."""
    found: ModuleType = READINGS["scan"].names
    return found


def test_a_name_is_lower_case_and_says_what_it_steers() -> None:
    assert field_name(b"GET Host: a", 4, 8) == (b"host", HOST_FIELD)
    assert field_name(b"X-A: 1", 0, 3) == (b"x-a", PLAIN)
    assert field_name(b"n", 0, 1) == (b"n", PLAIN)


def test_a_name_is_one_object_each_time() -> None:
    """Not a promise, but what makes a field cheap."""
    assert field_name(b"X-Well-Known", 0, 12)[0] is field_name(b"X-WELL-KNOWN", 0, 12)[0]


def test_names_that_share_a_place_are_not_mixed_up() -> None:
    """A thousand places, 3000 names: most are thrown out of theirs again and again."""
    many = [b"X-%x" % i for i in range(3000)]
    for reading in READINGS.values():
        for _ in range(2):
            for at in range(0, len(many), 90):
                some = many[at : at + 90]
                parsed = reading.head.scan_head(fields(*[name + b":" for name in some]), 0, reading.limits.Limits())
                assert [name for name, _ in parsed.headers[1:]] == [name.lower() for name in some]


@pytest.mark.parametrize(
    ("known", "data", "size", "same"),
    [
        (b"accept", b"ACCEPT:", 6, True),
        (b"accept", b"accept-encoding:", 6, True),
        (b"accept", b"accept-encoding:", 15, False),
        (b"accept-encoding", b"accept:", 6, False),
        (b"accept", b"accepT2", 7, False),
        (b"accept", b"axcept:", 6, False),
    ],
)
def test_a_remembered_name_is_the_same_in_all_its_length(known: bytes, data: bytes, size: int, same: bool) -> None:
    compare = interpreted()._is_same
    assert compare(known, data, 0, size) is same
    assert compare(known, b"xy" + data, 2, size) is same


def test_names_are_remembered_within_bounds() -> None:
    module = interpreted()
    for name in (b"n" * 48, b"m" * 49):
        assert module.field_name(name, 0, len(name)) == (name, PLAIN)
    kept = [entry[0] for entry in module._names if entry is not None]
    assert b"n" * 48 in kept
    assert max(map(len, kept)) == 48
    assert len(module._names) == 1024
    assert names.field_name(b"m" * 49, 0, 49) == (b"m" * 49, PLAIN)
