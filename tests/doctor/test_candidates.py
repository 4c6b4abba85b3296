from __future__ import annotations

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from bicorn.doctor.candidates import Finder, pins
from bicorn.doctor.facts import Wanted
from bicorn.doctor.resolve import Need
from bicorn.doctor.targets import parse

from .conftest import Connect
from .serving import Shelf


@pytest.mark.parametrize(
    ("line", "version"),
    [("a==1.0", "1.0"), ("a===1.0", "1.0"), ("a==1.*", None), ("a>=1", None), ("a", None), ("a>0,==2", "2")],
)
def test_what_pins(line: str, version: str | None) -> None:
    assert pins(Requirement(line)) == (Version(version) if version else None)


def test_the_order_of_candidates(served: Shelf, connected: Connect) -> None:
    for version in ("1", "2", "3b1", "10"):
        served.wheel("a", version)
    finder = Finder(Wanted(()), parse("3.14", "manylinux_2_28_x86_64"), connected())

    def found(line: str) -> list[str]:
        need = Need("a", frozenset(), Requirement(line), "it", direct=True)
        return [str(candidate.version) for candidate in finder.matching("a", frozenset(), [need])]

    assert found("a") == ["10", "2", "1"]
    assert found("a>=3b1,<10") == ["3b1"]
    assert found("a>2,<10") == ["3b1"], "nothing else"
    assert found("a==2") == ["2"]


def test_the_best_build_of_a_wheel(served: Shelf, connected: Connect) -> None:
    for build in ("", "1-", "10-", "9-"):
        served.wheel("a", "1", tag=f"{build}py3-none-any")
    finder = Finder(Wanted(()), parse("3.14", "manylinux_2_28_x86_64"), connected())
    first = finder.first("a", frozenset(), [Need("a", frozenset(), Requirement("a"), "it")])
    assert first is not None
    assert first.chosen is not None
    assert first.chosen.filename == "a-1-10-py3-none-any.whl"


def test_the_last_of_equal_archives_as_with_pip(served: Shelf, connected: Connect) -> None:
    for ending in (".tar.gz", ".zip"):
        served.add(f"a-1{ending}")
    finder = Finder(Wanted(()), parse("3.14", "manylinux_2_28_x86_64"), connected())
    first = finder.first("a", frozenset(), [Need("a", frozenset(), Requirement("a"), "it")])
    assert first is not None
    assert first.chosen is not None
    assert first.chosen.filename == "a-1.zip"
