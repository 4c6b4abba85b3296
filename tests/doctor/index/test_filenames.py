from __future__ import annotations

import pytest
from packaging.version import Version

from bicorn.doctor.index import filenames


@pytest.mark.parametrize(
    ("filename", "project", "version"),
    [
        ("web_app-1.0-py3-none-any.whl", "web-app", "1.0"),
        ("Web.App-1.0-2-cp311-abi3-linux_x86_64.whl", "web-app", "1.0"),
        ("web-app-1.0.tar.gz", "web-app", "1.0"),
        ("web-app-1.0-1.zip", "web-app", "1.0-1"),
        ("web-1.0.tar.gz", "web-app", None),
        ("web_app-1.0.exe", "web-app", None),
        ("web_app-py3-none-any.whl", "web-app", None),
    ],
)
def test_the_version_in_a_name(filename: str, project: str, version: str | None) -> None:
    assert filenames.version_of(filename, project) == version


@pytest.mark.parametrize(
    "name", ["a/b.whl", "..", "a..b-1.zip", "a b", "", "-r", "a\x00", "a" * 256, "é-1.zip", "a-1.zip\n"]
)
def test_unsound_names(name: str) -> None:
    assert not filenames.is_sound(name)


def test_a_wheel_may_not_claim_a_million_tags() -> None:
    many = ".".join(f"cp{number}" for number in range(100))
    assert filenames.tags_of(f"a-1-{many}-{many}-{many}.whl") == frozenset()
    assert {str(tag) for tag in filenames.tags_of("a-1-py2.py3-none-any.whl")} == {"py2-none-any", "py3-none-any"}


def test_a_file_that_stands_alone() -> None:
    assert filenames.split("a_b-1.0-py3-none-any.whl") == ("a-b", Version("1.0"))
    assert filenames.split("a-b-1.0.tar.gz") == ("a-b", Version("1.0"))
    assert filenames.split("main.zip") is None


def test_build_numbers() -> None:
    assert filenames.build_of("a-1-10b-py3-none-any.whl") == (10, "b")
    assert filenames.build_of("a-1-py3-none-any.whl") == (0, "")


@pytest.mark.parametrize(
    ("name", "is_one"), [("a-b2", True), ("a?b", False), ("-a", False), ("", False), ("a" * 201, False)]
)
def test_project_names(name: str, is_one: bool) -> None:
    assert filenames.is_name(name) is is_one
