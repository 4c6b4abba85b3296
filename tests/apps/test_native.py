"""Statuses of WSGI applications."""

from __future__ import annotations

from typing import Any

import pytest

from bicorn.apps.native import status_code
from bicorn.errors import AppProtocolError


class SafeString(str):
    """What template engines give for strings; a ``str`` all the same."""


@pytest.mark.parametrize(("status", "code"), [("200 OK", 200), ("404 Not Found", 404), ("299 ", 299), ("599", 599)])
def test_a_status_is_a_code_and_a_reason(status: str, code: int) -> None:
    assert status_code(status) == code
    assert status_code(SafeString(status)) == code


BAD = ["", "20", "abc", "2000 OK", "200OK", "-20 x", "²00 OK", b"200 OK", 200, None]


@pytest.mark.parametrize("status", BAD, ids=repr)
def test_a_malformed_status_is_named(status: Any) -> None:
    with pytest.raises(AppProtocolError, match=r"the status must be .*, not ") as caught:
        status_code(status)
    assert repr(status) in str(caught.value)


def test_what_is_learnt_is_bounded() -> None:
    for n in range(1500):
        assert status_code(f"200 Fine {n}") == 200
    assert status_code("200 " + "long" * 100) == 200
