from __future__ import annotations

import json
import os
import sysconfig
import traceback
from pathlib import Path

import pytest

from bicorn.apps.failure import headline, is_library, place_of, short_path, user_stack, user_traceback

LIBRARY = os.path.join(sysconfig.get_paths()["purelib"], "somelib")


def run(source: str, filename: str, **names: object) -> dict[str, object]:
    namespace: dict[str, object] = {"__name__": "made", **names}
    exec(compile(source, filename, "exec"), namespace)
    return namespace


def caught(source: str, filename: str = "/home/me/main.py", **names: object) -> BaseException:
    try:
        run(source, filename, **names)
    except BaseException as error:
        # As if the server had called: this test's own frame is not part of it.
        return error.with_traceback(error.__traceback__.tb_next.tb_next if error.__traceback__ else None)
    raise AssertionError("nothing was raised")


def lines(error: BaseException) -> list[str]:
    """The lines of a traceback that name frames, notes on skipped ones and errors."""
    return [line.strip() for line in user_traceback(error).splitlines() if not line.startswith("    ")]


def library(depth: int, name: str = "a.py") -> dict[str, object]:
    """A library function that calls through ``depth`` frames of its own before it calls what it was given."""
    return run(f"def call(f, n={depth}):\n    return call(f, n - 1) if n > 1 else f()", f"{LIBRARY}/{name}")


def test_only_the_users_frames_before_the_error() -> None:
    error = caught("def view():\n    1 / 0\nview()")
    assert lines(error) == [
        "Traceback (most recent call last):",
        'File "/home/me/main.py", line 3, in <module>',
        'File "/home/me/main.py", line 2, in view',
        "ZeroDivisionError: division by zero",
    ]


def test_library_frames_before_the_users_are_dropped() -> None:
    call = library(5)["call"]
    view = run("def view():\n    1 / 0", "/home/me/main.py")["view"]
    error = caught("call(view)", f"{LIBRARY}/b.py", call=call, view=view)
    assert lines(error) == [
        "Traceback (most recent call last):",
        'File "/home/me/main.py", line 2, in view',
        "ZeroDivisionError: division by zero",
    ]


@pytest.mark.parametrize(
    ("depth", "shown"), [(3, ["in call", "in call", "in call"]), (6, ["in call", "[4 frames", "in call"])]
)
def test_a_long_run_of_library_frames_is_shortened(depth: int, shown: list[str]) -> None:
    call = library(depth)["call"]
    inner = run("def fail():\n    1 / 0", "/home/me/inner.py")["fail"]
    error = caught("call(fail)", call=call, fail=inner)
    frames = lines(error)[2:-2]
    assert len(frames) == len(shown)
    assert all(part in frame for part, frame in zip(shown, frames, strict=True))


def test_libraries_are_shown_where_nothing_is_the_users() -> None:
    error = caught("call(lambda: 1 / 0)", f"{LIBRARY}/b.py", call=library(2)["call"])
    assert len(lines(error)) == 6


def test_the_import_system_and_bicorn_never_show() -> None:
    import bicorn.apps.failure as module

    path = Path(module.__file__).with_name("loader.py")
    error = caught("import importlib\nimportlib.import_module('gone_module')", str(path))
    assert lines(error) == ["ModuleNotFoundError: No module named 'gone_module'"]


def test_chained_errors_are_trimmed_too() -> None:
    error = caught(
        "try:\n    call(lambda: 1 / 0)\nexcept ZeroDivisionError as e:\n    raise ValueError('bad') from e",
        call=library(9)["call"],
    )
    text = user_traceback(error)
    assert "ZeroDivisionError: division by zero" in text
    assert "direct cause" in text
    assert "frames of libraries are not shown" in text
    assert text.endswith("ValueError: bad")


def test_members_of_groups_are_trimmed_too() -> None:
    error = caught(
        "errors = []\ntry:\n    call(fail)\nexcept ZeroDivisionError as e:\n    errors.append(e)\n"
        "raise ExceptionGroup('several', errors)",
        call=library(9)["call"],
        fail=run("def fail():\n    1 / 0", "/home/me/inner.py")["fail"],
    )
    assert "frames of libraries are not shown" in user_traceback(error)


def test_errors_that_are_their_own_context_end() -> None:
    error = caught("1 / 0")
    other = ValueError("other")
    error.__context__, other.__context__ = other, error
    assert "division by zero" in user_traceback(error)


def test_the_pointer_of_a_syntax_error_stays() -> None:
    text = user_traceback(caught("compile('x = = 1', '/home/me/broken.py', 'exec')"))
    assert 'File "/home/me/broken.py", line 1' in text
    assert "    x = = 1\n        ^" in text


def test_a_stack_is_trimmed_alike() -> None:
    error = caught("call(lambda: 1 / 0)", call=library(9)["call"])
    text = user_stack(traceback.extract_tb(error.__traceback__))
    assert text.startswith('  File "/home/me/main.py", line 1')
    assert "frames of libraries" in text


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("raise ValueError('bad value\\nmore')", "ValueError: bad value"),
        ("raise ValueError", "ValueError"),
        ("import sys\nsys.exit(2)", "/home/me/main.py line 2 called sys.exit(2), and an application"),
        ("compile('(', '/home/me/broken.py', 'exec')", "'(' was never closed (/home/me/broken.py line 1)"),
    ],
)
def test_headline(source: str, expected: str) -> None:
    assert headline(caught(source)).startswith(expected)


def test_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # the libraries may lie below where the tests run
    assert place_of(caught("import json\njson.loads('{')")) == "/home/me/main.py line 2"
    assert place_of(caught("1 / 0", f"{LIBRARY}/b.py")) == f"{LIBRARY}/b.py line 1"
    assert place_of(ValueError()) == ""


def test_paths(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert short_path(str(tmp_path / "a" / "main.py")) == "a/main.py"
    assert short_path("/elsewhere/main.py") == "/elsewhere/main.py"
    assert is_library(json.__file__)
    assert is_library("<frozen importlib._bootstrap>")
    assert not is_library(str(tmp_path / "main.py"))
