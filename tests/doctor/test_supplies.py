"""What a build misses, as packages."""

from __future__ import annotations

import pytest

from bicorn.doctor import supplies


@pytest.mark.parametrize(
    ("manager", "wanted", "expected"),
    [
        ("apt", ("cc",), "sudo apt install build-essential"),
        ("apk", ("cc", "rust"), "sudo apk add build-base rust cargo"),
        ("dnf", ("Python.h",), "sudo dnf install python3.14-devel"),
        ("apt", ("libpq-fe.h",), "sudo apt install libpq-dev"),
        ("brew", ("pg_config",), "brew install libpq"),
        ("pacman", ("cmake", "cmake"), "sudo pacman -S cmake"),
    ],
)
def test_what_to_type(manager: str, wanted: tuple[str, ...], expected: str) -> None:
    assert supplies.commands(manager, wanted, python="3.14") == (expected,)


@pytest.mark.parametrize(("manager", "wanted"), [("", "cc"), ("zypper", "cc"), ("apt", "moon.h"), ("brew", "cc")])
def test_what_is_not_known_is_not_made_up(manager: str, wanted: str) -> None:
    assert supplies.commands(manager, (wanted,)) == ()


def test_the_project_says_which_library_it_is() -> None:
    assert supplies.package("apt", "pkg-config", project="mysqlclient") == "default-libmysqlclient-dev pkg-config"
    assert supplies.package("apt", "pkg-config") == "pkg-config"
