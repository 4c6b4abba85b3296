from __future__ import annotations

import pytest

from bicorn.cli.help_text import complete, short
from bicorn.cli.main import COMMANDS
from bicorn.config.gunicorn_names import GUNICORN
from bicorn.config.settings import GROUPS, OPTIONS
from bicorn.config.shorthands import SHORTHANDS
from bicorn.config.uvicorn_names import UVICORN
from bicorn.config.values import Flag
from bicorn.config.worker_classes import WORKER_CLASSES


@pytest.mark.parametrize("text", [short(), complete()], ids=["short", "complete"])
def test_under_a_hundred_columns(text: str) -> None:
    assert max(map(len, text.splitlines())) < 100
    assert "  \n" not in text


def test_the_ten_options_people_use_first_come_first() -> None:
    first = short().partition("Options people use first:")[2].partition("\n\n")[0]
    entries = [line for line in first.splitlines() if line.startswith("  -")]
    assert len(entries) == 10
    assert entries[0].startswith("  -b, --bind ADDRESS")
    assert "[127.0.0.1:8000]" in first


def test_the_short_one_stays_short_and_names_everything() -> None:
    text = short()
    assert len(text.splitlines()) <= 80
    for option in (*SHORTHANDS.values(), *OPTIONS.values()):
        flag = option.flags[-1]
        assert option.name == "app" or (f"--[no-]{flag[2:]}" in text and option.first) or flag in text
    assert all(f"\n  {name} " in text for name in (*GROUPS, *COMMANDS))


def test_the_complete_one_has_every_flag_of_the_three_servers() -> None:
    text = complete().replace("--[no-]", "--")
    for row in (*GUNICORN, *UVICORN):
        assert all(flag in text for flag in row.flags if flag not in ("--check-config", "--print-config"))
    for option in (*SHORTHANDS.values(), *OPTIONS.values()):
        if option.name != "app":
            assert f"{option.flags[-1]}" in text
            assert isinstance(option.kind, Flag) or f"{option.flags[-1]} {option.kind.metavar}" in text
    assert all(name in text for name in WORKER_CLASSES)


def test_defaults_and_zeros() -> None:
    text = " ".join(complete().split())
    assert "Largest request body. 0: unlimited. [1g]" in text
    assert "above it the answer is 503. [0, unlimited]" in text
    assert "Log every response. [in a terminal]" in text
