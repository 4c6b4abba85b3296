from __future__ import annotations

import os

import pytest

from bicorn.process.watched import Rules, absolute, anchored, matches

ROOT = "/site"


def rules(*includes: str, excludes: tuple[str, ...] = (), **more: object) -> Rules:
    return Rules([ROOT], includes, excludes, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("path", "pattern", "expected"),
    [
        ("/a/b/main.py", "*.py", True),
        ("/a/b/main.py", "main.*", True),
        ("/a/b/main.py", "b/*.py", True),
        ("/a/b/main.py", "a/*.py", False),
        ("/a/b/main.py", "a/**/*.py", True),
        ("/a/main.py", "a/**/*.py", True),
        ("/a/b/c/main.py", "a/**", True),
        ("/a/main.py", "/a/*.py", True),
        ("/b/a/main.py", "/a/*.py", False),
        ("/b/a/main.py", "/**/*.py", True),
        ("/a/main.py", "MAIN.py", False),
        ("/main.py", "a/main.py", False),
    ],
)
def test_patterns(path: str, pattern: str, expected: bool) -> None:
    assert matches(path.split("/"), pattern.split("/")) is expected


@pytest.mark.parametrize("name", ["main.py", "a/b/c.py", "venvs/x.py", "__init__.py"])
def test_python_files_count(name: str) -> None:
    assert rules().wants(f"{ROOT}/{name}")


@pytest.mark.parametrize(
    "name",
    [
        *("main.html", "main.pyc", "main", "sub/style.css"),
        *(".main.py", ".git/hooks/x.py", ".venv/lib/x.py", "~main.py"),
        *("__pycache__/x.py", "node_modules/a/b.py", "lib/python3.13/site-packages/flask/app.py"),
    ],
)
def test_others_do_not(name: str) -> None:
    assert not rules().wants(f"{ROOT}/{name}")


def test_nothing_outside_counts() -> None:
    assert not rules().wants("/elsewhere/main.py")
    assert not rules().wants("/site2/main.py")
    assert not rules("/elsewhere/*.yaml").wants("/elsewhere/a.yaml")


@pytest.mark.parametrize(
    "name", ["4913", "main.py~", "#main.py#", ".#main.py", ".main.py.swp", "x.swo", "a___jb_tmp___", "a.tmp", "x.pyc"]
)
def test_what_editors_write_never_counts(name: str) -> None:
    assert not rules("*", ".*").wants(f"{ROOT}/{name}")
    assert rules("*").wants(f"{ROOT}/page.html")


def test_includes_are_added() -> None:
    assert rules("*.html").wants(f"{ROOT}/page.html")
    assert rules("*.html").wants(f"{ROOT}/main.py")
    assert rules("templates/*").wants(f"{ROOT}/templates/page.txt")
    assert not rules("templates/*").wants(f"{ROOT}/page.txt")


def test_a_default_that_is_given_on_the_other_side_is_dropped() -> None:
    assert not rules("*.html", excludes=("*.py",)).wants(f"{ROOT}/main.py")
    assert rules(".*").wants(f"{ROOT}/.env")
    assert not rules("*").wants(f"{ROOT}/.env")


@pytest.mark.parametrize("pattern", ["tests", "tests/*", "tests/**", "/site/tests", "test*"])
def test_directories_are_excluded_with_all_that_is_in_them(pattern: str) -> None:
    excluding = rules(excludes=(pattern,))
    assert not excluding.wants(f"{ROOT}/tests/test_main.py")
    assert not excluding.wants(f"{ROOT}/tests/unit/test_main.py")
    assert excluding.wants(f"{ROOT}/main.py")


def test_a_watched_directory_may_have_any_name() -> None:
    hidden = Rules(["/home/.site/node_modules"])
    assert hidden.wants("/home/.site/node_modules/main.py")
    assert not hidden.wants("/home/.site/node_modules/node_modules/main.py")


def test_virtual_environments_are_not_entered() -> None:
    asked = []

    def is_environment(directory: str) -> bool:
        asked.append(directory)
        return directory == "/site/env"

    some = rules(is_environment=is_environment)
    assert not some.wants("/site/env/lib/x.py")
    assert not some.wants("/site/env/bin/x.py")
    assert some.wants("/site/a/x.py")
    assert some.wants("/site/a/y.py")
    assert sorted(asked) == ["/site/a", "/site/env"]  # each once, and nothing inside


def test_extra_files_count_wherever_they_are() -> None:
    some = rules(extra=("/etc/site.yaml", "/site/conf/*.ini"))
    assert some.wants("/etc/site.yaml")
    assert some.wants("/site/conf/a.ini")
    assert not some.wants("/etc/other.yaml")


def test_a_root_inside_another_is_not_watched_twice() -> None:
    assert set(Rules(["/a/b", "/a", "/ab", "/a"]).roots) == {"/a", "/ab"}
    assert Rules(["/", "/a"]).roots == ("/",)
    assert Rules(["/"]).wants("/a/main.py")


def test_patterns_are_anchored_where_they_say_so() -> None:
    assert anchored("*.py", "/x") == "*.py"
    assert anchored("templates/*.html", "/x") == "templates/*.html"
    assert anchored("tests/", "/x") == "tests"
    assert anchored("./a/*.py", "/nowhere/x") == "/nowhere/x/a/*.py"
    assert anchored("../a", "/nowhere/x") == "/nowhere/a"
    assert absolute("a", "/nowhere") == "/nowhere/a"
    assert absolute("~/x", "/nowhere").startswith(os.path.realpath(os.path.expanduser("~")))
