"""What the records say of themselves."""

from __future__ import annotations

from packaging.tags import Tag
from packaging.version import Version

from bicorn.doctor.facts import File, Verdict


def test_only_the_first_three_verdicts_install() -> None:
    assert [verdict.name for verdict in Verdict if verdict.installs] == ["WHEEL", "PURE_SOURCE", "BUILDS"]


def test_a_wheel_has_tags() -> None:
    source = File("a", "a-1.tar.gz", Version("1"), "https://x/a-1.tar.gz")
    assert not source.is_wheel
    assert source.replace(tags=frozenset({Tag("py3", "none", "any")})).is_wheel
