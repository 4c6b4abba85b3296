from __future__ import annotations

from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bicorn.wire.escapes import unescape


@pytest.mark.parametrize(
    ("path", "plain"),
    [
        (b"", b""),
        (b"/a/b", b"/a/b"),
        (b"/a%20b", b"/a b"),
        (b"/%C3%a9", b"/\xc3\xa9"),
        (b"%41%4a%4A", b"AJJ"),
        (b"%2541", b"%41"),  # once, not twice
        (b"100%", b"100%"),
        (b"%4", b"%4"),
        (b"%zz%4z%+1% 1", b"%zz%4z%+1% 1"),
        (b"%%41", b"%A"),
        (b"/%00", b"/\0"),
    ],
)
def test_escapes(path: bytes, plain: bytes) -> None:
    assert unescape(path) == plain


@given(st.lists(st.sampled_from([b"%", b"4", b"f", b"G", b"%2F", b"\xe9", b"/"])).map(b"".join))
def test_as_the_standard_library_has_it(path: bytes) -> None:
    assert unescape(path) == unquote_to_bytes(path)
