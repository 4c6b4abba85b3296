"""What surrounds a log's lines is taken off; what it is about is found."""

from __future__ import annotations

import pytest

from bicorn.doctor.logs import journal


@pytest.mark.parametrize(
    "line",
    [
        "error: no moon",
        "\x1b[31merror: no moon\x1b[0m",
        "2026-11-23T03:15:58.1234567Z error: no moon",
        "#12 34.56 error: no moon",
        "  │ error: no moon",
    ],
)
def test_prefixes_and_colours_go(line: str) -> None:
    assert journal.read(line).lines == ("error: no moon",)


@pytest.mark.parametrize(
    ("text", "package", "version"),
    [
        ("Collecting a==1.0\n  ERROR: Failed building wheel for a", "a", "1.0"),
        ("  Downloading py_ab-2.1.tar.gz (1 kB)\nERROR: Failed to build 'py-ab' when getting it", "py-ab", "2.1"),
        ("  × Failed to build `pydantic-core==2.23.4`", "pydantic-core", "2.23.4"),
        ("  × Failed to download and build `x==0.1`", "x", "0.1"),
        ("Note: This error is likely not a problem with poetry but with orjson (3.10.7)", "orjson", "3.10.7"),
        ("Collecting a==1.0\nCollecting b[x]==2.0\nERROR: Exception:", "b", "2.0"),
        ("ERROR: Cannot install a==1 and b==2 because these package versions have conflicting dependencies.", "", ""),
        ("", "", ""),
    ],
)
def test_what_failed(text: str, package: str, version: str) -> None:
    found = journal.read(text)
    assert (found.package, found.version) == (package, version)


@pytest.mark.parametrize(
    ("text", "python"),
    [
        ("the configured Python interpreter version (3.14) is newer", "3.14"),
        ("build/lib.linux-x86_64-cpython-315/x", "3.15"),
        ("copying to /home/user/venv/lib/python3.12/site-packages", "3.12"),
        ("a-1.0-cp313-cp313-linux_x86_64.whl", "3.13"),
        ("nothing", ""),
    ],
)
def test_which_python(text: str, python: str) -> None:
    assert journal.read(text).python == python


def test_the_phase_is_the_last_that_failed() -> None:
    text = "Preparing metadata (x): finished with status 'done'\nBuilding wheel for a (x): finished with status 'error'"
    assert journal.read(text).phase == "building it"


def test_of_a_long_line_both_ends_stay() -> None:
    (line,) = journal.read("ERROR: from versions: " + "1.0, " * 5000 + "9.9)").lines
    assert len(line) <= journal.MAX_LINE + 5
    assert line.startswith("ERROR: from")
    assert line.endswith("9.9)")


def test_of_a_long_log_beginning_and_end_stay() -> None:
    found = journal.read("first\n" + "x" * 80 + "\n" + ("y" * 99 + "\n") * 100_000 + "last")
    assert found.lines[0] == "first"
    assert found.lines[-1] == "last"
    assert sum(map(len, found.lines)) <= journal.MAX_CHARACTERS
