from __future__ import annotations

import re

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from bicorn.doctor.cure.install import environment
from bicorn.doctor.cure.pins import Change
from bicorn.doctor.cure.system import Way
from bicorn.doctor.facts import Stated, Wanted

CHANGE = Change("pydantic-core", Version("2.23.4"), Version("2.41.1"), "the first")
WAY = Way("python3.13")


def wanted(source: str, *requirements: str) -> Wanted:
    return Wanted(tuple(Requirement(line) for line in requirements), source=source)


def test_names() -> None:
    found = environment(
        wanted("the command line", "pydantic==2.9.2", "uvicorn[standard]>=0.3; sys_platform == 'linux'"), "3.13", WAY
    )
    assert found == (
        "python3.13 -m venv .venv-3.13",
        ".venv-3.13/bin/python -m pip install pydantic==2.9.2 'uvicorn[standard]>=0.3; sys_platform == \"linux\"'",
    )


def test_names_with_a_change() -> None:
    found = environment(wanted("the command line", "Pydantic_Core==2.23.4", "flask"), "3.14", WAY, [CHANGE])
    assert found[-1] == ".venv-3.14/bin/python -m pip install pydantic-core==2.41.1 flask"


def test_a_requirements_file() -> None:
    assert environment(wanted("requirements.txt"), "3.13", WAY)[-1].endswith("pip install -r requirements.txt")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("pydantic_core==2.23.4", "pydantic_core==2.41.1"),
        ("Pydantic-Core == 2.23.4 ; python_version > '3'", "Pydantic-Core==2.41.1; python_version > '3'"),
        ("pydantic-core[x]>=2,<3  # why", "pydantic-core[x]==2.41.1  # why"),
        ("pydantic-core-more==2.23.4", "pydantic-core-more==2.23.4"),
        ("pydantic==2.9.2", "pydantic==2.9.2"),
    ],
)
def test_the_line_of_a_requirements_file_that_is_changed(line: str, expected: str) -> None:
    command = environment(wanted("requirements.txt"), "3.14", WAY, [CHANGE])[0]
    match = re.search(r"'s/(.*)/(.*)/I'", command)
    assert match
    assert re.sub(match[1], match[2], line, flags=re.IGNORECASE).replace(" ;", ";") == expected


def test_a_project() -> None:
    assert environment(wanted("pyproject.toml"), "3.13", WAY)[-1].endswith("pip install .")


def test_a_lock_file_has_its_own_tool() -> None:
    assert environment(wanted("uv.lock"), "3.13", WAY) == ("uv sync --python 3.13",)
    found = environment(wanted("uv.lock"), "3.14", WAY, [CHANGE])
    assert found[0] == "uv lock --upgrade-package pydantic-core==2.41.1"


def test_an_application_by_the_file_that_says_what_it_needs() -> None:
    assert environment(wanted("main:app, by uv.lock"), "3.13", WAY) == ("uv sync --python 3.13",)
    found = environment(wanted("main:app, by requirements.txt"), "3.13", WAY)
    assert found[-1].endswith("pip install -r requirements.txt")


def test_a_projects_pins_are_changed_before_it_is_installed() -> None:
    found = environment(wanted("sub/pyproject.toml"), "3.14", WAY, [CHANGE])
    assert found[0].endswith("sub/pyproject.toml")
    assert found[-1].endswith("pip install sub/ pydantic-core==2.41.1")


def test_uv_makes_the_environment() -> None:
    found = environment(wanted("requirements.txt"), "3.13", Way("3.13", uv=True))
    assert found == ("uv venv --python 3.13 .venv-3.13", "uv pip install --python .venv-3.13 -r requirements.txt")


def test_names_of_files_are_quoted() -> None:
    assert "'a b.txt'" in environment(wanted("a b.txt"), "3.13", WAY)[-1]


def test_a_project_that_does_not_admit_what_its_lock_is_moved_to() -> None:
    rows = tuple(Stated("pydantic-core", "pyproject.toml", asked=asked) for asked in ("==2.23.4", ">=2"))
    first, second = (environment(wanted("uv.lock").replace(stated=(row,)), "3.14", WAY, [CHANGE]) for row in rows)
    assert first[0].startswith("sed ")
    assert first[1:] == second
    assert second[0] == "uv lock --upgrade-package pydantic-core==2.41.1"
