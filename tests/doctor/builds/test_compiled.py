from __future__ import annotations

import pytest

from bicorn.doctor.archive import Insides
from bicorn.doctor.builds.compiled import compiled


def found(setup: str, *paths: str, **texts: str) -> dict[str, bool]:
    all_texts = {"setup.py": setup} | {name.replace("_toml", ".toml"): text for name, text in texts.items()}
    return compiled(Insides(paths, all_texts, outlines=dict.fromkeys(paths, "")))


@pytest.mark.parametrize(
    ("setup", "expected"),
    [
        ("Extension('m', ['src/a.c'])", {"src/a.c": True}),
        ("Extension('m', [os.path.join('src', 'a.c')])", {"src/a.c": True}),
        ("Extension('m', ['.\\\\src\\\\a.c'])", {"src/a.c": True}),
        ("def main():\n  Extension('m', [SRC + 'a.c'])", {"src/a.c": True}),
        ("if not PYPY:\n  Extension('m', ['src/a.c'])", {"src/a.c": True}),
        ("if __name__ == '__main__':\n  Extension('m', ['src/a.c'])", {"src/a.c": True}),
        ("if sys.platform == 'win32':\n  Extension('m', ['src/a.c'])", {"src/a.c": False}),
        ("try:\n  Extension('m', ['src/a.c'])\nexcept E: pass", {"src/a.c": False}),
        ("x = ['src/a.c'] if USE else []", {"src/a.c": False}),
        ("sources.remove('src/a.c')", {"src/a.c": False}),
        ("Extension('m', ['b.pyx'], depends=['src/a.c'])", {}),
        ("Extension('m', glob('src/*.c'))", {}),
        ("print 'python 2'; ['src/a.c']", {}),
        ("Extension('m', ['other.c'])", {}),
    ],
)
def test_what_setup_py_names(setup: str, expected: dict[str, bool]) -> None:
    assert found(setup, "src/a.c") == expected


def test_a_name_that_several_files_have_is_not_sure() -> None:
    assert found("['a.c']", "x/a.c", "y/a.c") == {"x/a.c": False, "y/a.c": False}
    assert found("['x/a.c']", "x/a.c", "y/x/a.c") == {"x/a.c": True}


@pytest.mark.parametrize("path", ["tests/a.c", "src/pypy/a.c"])
def test_what_is_aside_is_not_sure(path: str) -> None:
    assert found(f"['{path}']", path) == {path: False}


def test_what_pyproject_names() -> None:
    text = '[[tool.setuptools.ext-modules]]\nname = "m"\nsources = ["src/a.c", 3]\n'
    assert found("", "src/a.c", pyproject_toml=text) == {"src/a.c": True}
    assert found("", "src/a.c", pyproject_toml="[tool]\nsetuptools = 3") == {}
    assert found("", "src/a.c", pyproject_toml="not toml") == {}
