from __future__ import annotations

import pytest

from bicorn.doctor.targets import parse
from bicorn.doctor.wheels import fits, none_fits, summary

from .shelf import wheel

LINUX = "manylinux_2_17_x86_64"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["cp39", "cp310", "cp311", "cp313"], "cp39-cp311, cp313"),
        (["cp313"], "cp313"),
        (["cp38", "cp39", "pp310"], "cp38-cp39, pp310"),
        (["py2", "py3"], "py2, py3"),
        ([], ""),
    ],
)
def test_summary(names: list[str], expected: str) -> None:
    assert summary(names) == expected


def test_which_wheels_there_are_where_none_fits() -> None:
    files = [wheel("p", "1", f"cp3{minor}-cp3{minor}-{LINUX}") for minor in (12, 13)]
    assert none_fits(files, parse("3.14", LINUX)) == "there is no wheel for cp314 (wheels for cp312-cp313)"


def test_none_for_the_platform() -> None:
    said = none_fits([wheel("p", "1", "cp314-cp314-win_amd64")], parse("3.14", "musllinux"))
    assert said == "there is no wheel for this platform (wheels for win amd64)"


def test_none_for_the_free_threaded_build() -> None:
    files = [wheel("p", "1", f"cp314-cp314-{LINUX}"), wheel("p", "1", f"cp38-abi3-{LINUX}")]
    assert "cp314t, the free-threaded build" in none_fits(files, parse("3.14t", LINUX))
    files.append(wheel("p", "1", f"cp313-cp313t-{LINUX}"))
    assert "free-threaded wheels for cp313t" in none_fits(files, parse("3.14t", LINUX))


def test_none_at_all() -> None:
    assert none_fits([], parse("3.14")) == "there are no wheels"


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("py3-none-any", "a wheel of pure Python"),
        (f"cp38-abi3-{LINUX}", "a wheel for the stable ABI (abi3) from Python 3.8 on"),
        (f"cp314-cp314-{LINUX}", f"a wheel for cp314 on {LINUX}"),
        ("cp313-cp313-win32", ""),
    ],
)
def test_why_one_fits(tag: str, expected: str) -> None:
    assert fits(wheel("p", "1", tag), parse("3.14", LINUX)) == expected
