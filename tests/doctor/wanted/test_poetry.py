from __future__ import annotations

import pytest

from bicorn.doctor.wanted.gathered import Gathered
from bicorn.doctor.wanted.poetry import read, specifier


@pytest.mark.parametrize(
    ("given", "means"),
    [
        ("^1.2.3", ">=1.2.3,<2"),
        ("^0.2.3", ">=0.2.3,<0.3"),
        ("^0.0.3", ">=0.0.3,<0.0.4"),
        ("^0", ">=0,<1"),
        ("~1.2.3", ">=1.2.3,<1.3"),
        ("~1", ">=1,<2"),
        ("1.2.*", "==1.2.*"),
        ("*", ""),
        ("1.0", "==1.0"),
        (">= 1, <2", ">=1,<2"),
        ("^1 || ^2", ">=2,<3"),
    ],
)
def test_versions(given: str, means: str) -> None:
    assert specifier(given) == means


def test_a_table() -> None:
    table = {
        "dependencies": {
            "python": "^3.11",
            "a": "^1",
            "b": {"version": ">=2", "extras": ["x"], "markers": "os_name == 'nt'"},
            "c": {"version": "*", "optional": True},
            "d": {"git": "https://git.example"},
            "e": {"version": "1", "python": "<3.12"},
        },
        "extras": {"more": ["c"]},
        "group": {"test": {"dependencies": {"f": "*"}}},
    }
    into = Gathered()
    read(table, into, ["more"], ["test"], "pyproject.toml", plain=True)
    assert [str(item) for item in into.requirements] == [
        "a<2,>=1",
        'b[x]>=2; os_name == "nt"',
        "c",
        'e==1; python_version < "3.12"',
        "f",
    ]
    assert into.requires_python == ">=3.11,<4"
