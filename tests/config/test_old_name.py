from __future__ import annotations

import ssl
from typing import Any

import pytest

from bicorn.config.old_name import Fate, OldName, Takes, becomes, ignored, moot, refused


def test_rows_are_declared_in_one_line() -> None:
    row = becomes("workers -w --workers")
    assert row == OldName("workers", ("-w", "--workers"), Fate.BECOMES, Takes.ONE, "workers")
    assert becomes("loglevel --log-level", "log_level").to == "log_level"
    assert moot("a", "why").fate is Fate.MOOT
    assert ignored("a --a", "why", takes=Takes.FLAG).takes is Takes.FLAG
    assert refused("a", "why").fate is Fate.REFUSED


DEFAULT = ignored("a", "")
LISTED = ignored("a", "", nothing="16 h1 off")
ASKED = refused("a", "", nothing=lambda value: value == "me")
NEVER = refused("a", "", nothing="")


@pytest.mark.parametrize(
    ("row", "value", "nothing"),
    [
        *[(row, value, True) for row in (DEFAULT, LISTED, ASKED, NEVER) for value in (None, "", [], (), {})],
        *[(DEFAULT, value, True) for value in (False, 0, "0", "False", " off ", "none", "NO")],
        *[(DEFAULT, value, False) for value in (True, 1, "1", "true", "x", ["a"], {"a": 1})],
        *[(LISTED, value, True) for value in (16, "16", "h1", "OFF", ssl.PROTOCOL_TLS_CLIENT)],
        *[(LISTED, value, False) for value in (False, 0, 15, "h1,h2")],
        (ASKED, "me", True),
        (ASKED, "you", False),
        (NEVER, False, False),
    ],
)
def test_values_that_ask_for_nothing(row: OldName, value: Any, nothing: bool) -> None:
    assert row.asks_nothing(value) is nothing
