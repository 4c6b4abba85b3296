from __future__ import annotations

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bicorn.server.date import http_date


@pytest.mark.parametrize(
    ("second", "text"),
    [
        (784111777, "Sun, 06 Nov 1994 08:49:37 GMT"),  # RFC 9110's own example
        (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (951782399.9, "Mon, 28 Feb 2000 23:59:59 GMT"),
        (951782400, "Tue, 29 Feb 2000 00:00:00 GMT"),
        (4102444799, "Thu, 31 Dec 2099 23:59:59 GMT"),
    ],
)
def test_dates(second: float, text: str) -> None:
    assert http_date(second) == text


@given(st.integers(0, 2**33))
def test_as_the_standard_library_has_it(second: int) -> None:
    assert http_date(second) == formatdate(second, usegmt=True)
