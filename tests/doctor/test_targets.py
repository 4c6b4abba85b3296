from __future__ import annotations

import pytest

from bicorn.doctor.targets import everything, parse
from bicorn.errors import DoctorError


def tags(label: str, platform: str | None = None) -> set[str]:
    return {str(tag) for tag in parse(label, platform).tags}


def test_a_cpython_takes_its_own_wheels_and_those_of_the_stable_abi() -> None:
    found = tags("3.14", "manylinux_2_28_x86_64")
    assert {"cp314-cp314-manylinux_2_28_x86_64", "cp38-abi3-manylinux2014_x86_64", "py3-none-any"} <= found
    assert "cp313-cp313-manylinux_2_28_x86_64" not in found
    assert "cp314-cp314-manylinux_2_34_x86_64" not in found


def test_its_own_wheel_is_the_best() -> None:
    assert str(parse("3.14", "manylinux_2_28_x86_64").tags[0]) == "cp314-cp314-manylinux_2_28_x86_64"


def test_a_free_threaded_build_takes_no_stable_abi() -> None:
    found = tags("3.14t", "manylinux")
    assert any(tag.startswith("cp314-cp314t-") for tag in found)
    assert not any("-abi3-" in tag or "-cp314-" in tag for tag in found)
    assert parse("3.14t").free_threaded


def test_pypy() -> None:
    target = parse("pp3.11", "manylinux_2_17_x86_64")
    assert "pp311-pypy311_pp73-manylinux_2_17_x86_64" in {str(tag) for tag in target.tags}
    assert (target.implementation, target.markers["implementation_name"]) == ("pypy", "pypy")


@pytest.mark.parametrize(
    ("platform", "expected", "system", "machine"),
    [
        ("musllinux", "musllinux_1_2", "linux", ""),
        ("musllinux_1_1_aarch64", "musllinux_1_1_aarch64", "linux", "aarch64"),
        ("manylinux2014_aarch64", "manylinux2014_aarch64", "linux", "aarch64"),
        ("aarch64", "manylinux_2_17_aarch64", "linux", "aarch64"),
        ("arm64", "manylinux_2_17_aarch64", "linux", "aarch64"),
        ("macos-arm64", "macosx_11_0_arm64", "darwin", "arm64"),
        ("macosx_12_0_x86_64", "macosx_10_9_x86_64", "darwin", "x86_64"),
        ("win_amd64", "win_amd64", "win32", "AMD64"),
        ("windows", "win_amd64", "win32", "AMD64"),
    ],
)
def test_other_platforms(platform: str, expected: str, system: str, machine: str) -> None:
    target = parse("3.13", platform)
    assert any(tag.platform.startswith(expected) for tag in target.tags)
    assert target.markers["sys_platform"] == system
    assert machine in target.markers["platform_machine"]
    assert not target.here
    assert target.label.startswith("3.13 on ")


def test_an_old_manylinux_takes_nothing_newer() -> None:
    assert not any("manylinux_2_28" in tag for tag in tags("3.13", "manylinux2014_x86_64"))


def test_markers_follow_the_version() -> None:
    markers = parse("3.14").markers
    assert markers["python_version"] == "3.14"
    assert markers["python_full_version"].startswith("3.14.")
    assert parse("3.14.1").markers["python_full_version"] == "3.14.1"


@pytest.mark.parametrize("label", ["cp314", "python3.14", " 3.14 ", "3.14"])
def test_other_ways_to_say_it(label: str) -> None:
    assert (parse(label).python.major, parse(label).python.minor) == (3, 14)


@pytest.mark.parametrize("label", ["", "2.7", "3", "four", "3.14x", "pp3.11t", "3.14; rm"])
def test_what_is_no_python(label: str) -> None:
    with pytest.raises(DoctorError, match="is no Python"):
        parse(label)


@pytest.mark.parametrize("platform", ["", "beos", "manylinux_x", "linux_vax"])
def test_what_is_no_platform(platform: str) -> None:
    with pytest.raises(DoctorError, match="is no platform"):
        parse("3.14", platform)


def test_all_are_those_that_are_out() -> None:
    labels = [target.label for target in everything()]
    assert labels[:4] == ["3.11", "3.12", "3.13", "3.14"]
