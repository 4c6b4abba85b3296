from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from bicorn.doctor.cure.system import System, Way, look, offers, packages_for, way

POLICY = """python3.13:
  Installed: (none)
  Candidate: 3.13.18-1
  Version table:
python3.13-venv:
  Installed: (none)
  Candidate: 3.13.18-1
python3.13-dev:
  Installed: (none)
  Candidate: (none)
"""


def says(**answers: str) -> Callable[[list[str]], str]:
    return lambda command: answers.get(Path(command[0]).name.replace("-", "_"), "")


def program(folder: Path, name: str) -> str:
    (folder / name).write_text("")
    (folder / name).chmod(0o755)
    return str(folder / name)


def test_the_system_is_asked_for_its_name(tmp_path: Path) -> None:
    release = tmp_path / "os-release"
    release.write_text('ID=debian\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\n')
    program(tmp_path, "apt-cache")
    pyenv = program(tmp_path, "pyenv")
    found = look({"PATH": str(tmp_path)}, os_release=str(release))
    assert (found.name, found.manager) == ("Debian GNU/Linux 12 (bookworm)", "apt")
    assert found.programs == {"pyenv": pyenv}


def test_a_system_of_which_nothing_is_known(tmp_path: Path) -> None:
    found = look({"PATH": str(tmp_path)}, os_release=str(tmp_path / "none"))
    assert (found.name, found.manager, way("3.13", found, run=says())) == ("", "", None)


def test_apt_has_it() -> None:
    found = way("3.13", System(manager="apt", sudo="sudo "), run=says(apt_cache=POLICY))
    assert found == Way(
        "python3.13",
        ("sudo apt-get update", "sudo apt-get install -y python3.13 python3.13-venv"),
        "apt-cache policy: python3.13 3.13.18-1",
    )


def test_apt_has_it_without_its_headers() -> None:
    assert way("3.13", System(manager="apt"), headers=True, run=says(apt_cache=POLICY)) is None


@pytest.mark.parametrize(
    ("manager", "answer", "expected"),
    [
        ("dnf", {"dnf": "python3.13.x86_64 3.13.1"}, "dnf install -y python3.13"),
        ("brew", {"brew": "python@3.13: stable"}, "brew install python@3.13"),
        ("pacman", {"pacman": "Name : python\nVersion : 3.13.5-1"}, "pacman -S --noconfirm python"),
        ("apk", {"apk": "python3-3.13.5-r0"}, "apk add python3"),
    ],
)
def test_other_managers(manager: str, answer: dict[str, str], expected: str) -> None:
    found = way("3.13", System(manager=manager), run=says(**answer))
    assert found
    assert found.commands == (expected,)
    assert way("3.14", System(manager=manager), run=says(**answer if manager in ("pacman", "apk") else {})) is None


def test_pyenv_has_it_or_can_get_it() -> None:
    system = System(programs={"pyenv": "/opt/pyenv"})
    listed = "  3.13.0\n  3.13.5\n  3.13.6rc1\n  3.13-dev\n  3.130.1\n  3.13.5t\n"
    found = way("3.13", system, run=lambda command: listed if "install" in command else "")
    assert found
    assert found.commands == ("pyenv install 3.13.5",)
    assert found.python == "$(pyenv root)/versions/3.13.5/bin/python3.13"
    found = way("3.13", system, run=lambda _: "3.13.0\n")
    assert found
    assert found.commands == ()


def test_uv_can_get_it() -> None:
    found = way("3.13", System(programs={"uv": "/opt/uv"}), run=says(uv="cpython-3.13.7-linux-x86_64-gnu <download>"))
    assert found == Way("3.13", (), "uv python list: 3.13.7", uv=True)


def test_it_is_here(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "lib/python3.13/ensurepip").mkdir(parents=True)
    program(tmp_path / "bin", "python3.13")
    system = System(path=str(tmp_path / "bin"))
    found = way("3.13", system, run=lambda _: "Python 3.13.5")
    assert found == Way("python3.13", (), "python3.13 is here (3.13.5)")
    assert way("3.13", system, run=lambda _: "pyenv: no such version") is None


def test_it_is_here_without_venv(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    program(tmp_path / "bin", "python3.13")

    def run(command: list[str]) -> str:
        return POLICY if command[0] == "apt-cache" else "Python 3.13.5"

    found = way("3.13", System(manager="apt", path=str(tmp_path / "bin")), run=run)
    assert found
    assert found.commands == ("apt-get install -y python3.13-venv",)


def test_packages() -> None:
    assert packages_for("rustc >= 1.75", "3.14", "apt") == "rustc cargo"
    assert packages_for("Python.h", "3.14", "apt") == "python3.14-dev"
    assert packages_for("cc", "3.14", "apk") == "build-base"
    assert packages_for("ninja", "3.14", "pacman") == "ninja"
    assert packages_for("mysql.h", "3.14", "apt") == "default-libmysqlclient-dev pkg-config"
    assert packages_for("moon.h", "3.14", "apt") == ""


def test_only_what_the_system_has_is_offered() -> None:
    system = System(manager="apt")
    assert offers("python3.13 python3.13-venv", system, says(apt_cache=POLICY))
    assert not offers("python3.13 python3.13-dev", system, says(apt_cache=POLICY))
    assert not offers("", system, says(apt_cache=POLICY))


def test_other_managers_are_asked_too() -> None:
    assert offers("gcc", System(manager="dnf"), says(dnf="gcc.x86_64 14.2"))
    assert not offers("gcc", System(manager="dnf"), says())


def test_a_python_that_is_here_as_a_script_says_where_its_library_is(tmp_path: Path) -> None:
    program(tmp_path, "python3.13")
    (tmp_path / "lib" / "ensurepip").mkdir(parents=True)
    where = f"{tmp_path}/lib\n{tmp_path}/include\n"

    def run(command: list[str]) -> str:
        return "Python 3.13.0\n" if "--version" in command else where if "-ISc" in command else POLICY

    system = System(manager="apt", path=str(tmp_path))
    assert way("3.13", system, run=run) == Way("python3.13", checked="python3.13 is here (3.13.0)")
    assert way("3.13", system, headers=True, run=run) is None
