from __future__ import annotations

import copy
import pickle
import sys

import pytest

from bicorn.record import Record


class Point(Record):
    """A point."""

    x: int
    y: int = 0


class Named(Record, kw_only=True):
    """Keywords only."""

    name: str = "nobody"

    def __post_init__(self) -> None:
        vars(self)["name"] = self.name.title()


class Counter(Record, frozen=False):
    """One that counts."""

    count: int = 0


def test_fields_and_defaults() -> None:
    assert (Point(1).x, Point(1).y) == (1, 0)
    assert (Point(1, y=2).x, Point(x=1, y=2).y) == (1, 2)
    assert repr(Point(1, 2)) == "Point(x=1, y=2)"
    assert Named(name="ada").name == "Ada"


@pytest.mark.parametrize(
    ("values", "named", "problem"),
    [
        ((), {}, r"Point\(\) needs x"),
        ((1, 2, 3), {}, r"Point\(\) takes 2 positional arguments"),
        ((1,), {"x": 1}, r"Point\(\): x is given twice"),
        ((1,), {"z": 1}, r"Point\(\): z is no field"),
    ],
)
def test_wrong_arguments(values: tuple[int, ...], named: dict[str, int], problem: str) -> None:
    with pytest.raises(TypeError, match=problem):
        Point(*values, **named)


def test_keywords_only() -> None:
    with pytest.raises(TypeError, match="takes 0 positional"):
        Named("ada")  # type: ignore[misc]


def test_equal_where_class_and_values_are() -> None:
    class Other(Record):
        x: int
        y: int = 0

    assert Point(1) == Point(1, 0)
    assert hash(Point(1)) == hash(Point(1, 0))
    assert Point(1) != Point(2)
    assert Point(1) != Other(1)
    assert Point(1) != (1, 0)


def test_it_does_not_change() -> None:
    point = Point(1)
    with pytest.raises(AttributeError, match="cannot set x: a Point does not change"):
        point.x = 2  # type: ignore[misc]
    with pytest.raises(AttributeError, match="cannot delete x"):
        del point.x
    assert point.replace(y=5) == Point(1, 5)
    assert pickle.loads(pickle.dumps(point)) == copy.deepcopy(point) == point


@pytest.mark.skipif(sys.version_info < (3, 13), reason="copy.replace is new in Python 3.13")
def test_the_standard_library_replaces_too() -> None:
    assert copy.replace(Point(1), x=3) == Point(3)  # type: ignore[attr-defined, unused-ignore]


def test_unless_it_may() -> None:
    counter = Counter()
    counter.count += 1
    assert counter == Counter(1)
    with pytest.raises(TypeError, match="no hash"):
        hash(counter)


def test_it_matches_by_place() -> None:
    match Point(1, 2):
        case Point(x, y):
            assert (x, y) == (1, 2)
        case _:
            pytest.fail("no match")
