"""Requests made up by hypothesis: what is meant, and the bytes that say it."""

from __future__ import annotations

import re

from hypothesis import strategies as st

from bicorn.wire.fields import STEERING, TARGET_BYTE, TCHAR, VALUE_BYTE
from tests.wire.readings import Request

Field = tuple[bytes, bytes]
Sent = tuple[Request, bytes]

_targets = [c for c in range(256) if TARGET_BYTE[c] and c != ord("?")]
_values = [c for c in range(256) if VALUE_BYTE[c]]


def _bytes_of(alphabet: bytes | list[int], *, least: int = 0, most: int = 12) -> st.SearchStrategy[bytes]:
    return st.lists(st.sampled_from(sorted(alphabet)), min_size=least, max_size=most).map(bytes)


tokens = _bytes_of(TCHAR, least=1)
spaces = st.sampled_from([b"", b" ", b"\t", b" \t "])
values = _bytes_of(_values, most=20).map(lambda value: value.strip(b" \t"))
hosts = st.sampled_from([b"a", b"a.example:8000", b"[::1]:80", b"127.0.0.1"])
methods = st.sampled_from([b"GET", b"POST", b"HEAD", b"OPTIONS"]) | tokens.filter(lambda name: name != b"CONNECT")
names = tokens.filter(lambda name: name.lower() not in STEERING)
field_lists = st.lists(st.tuples(names, values), max_size=5)
quoted = _bytes_of([c for c in _values if c not in b'"\\'], most=6).map(lambda text: b'"' + text + b'\\""')
extensions = st.lists(st.tuples(spaces, tokens, st.none() | tokens | quoted), max_size=2).map(
    lambda all_: b"".join(gap + b";" + gap + name + (b"=" + value if value else b"") for gap, name, value in all_)
)
allowed_trailers = st.lists(st.tuples(tokens.map(lambda name: b"x-" + name), values), max_size=3)


@st.composite
def lines(draw: st.DrawFn, fields: list[Field]) -> bytes:
    """Field lines with white space where it may be."""
    return b"".join(name + b":" + draw(spaces) + value + draw(spaces) + b"\r\n" for name, value in fields)


@st.composite
def chunks(draw: st.DrawFn, trailers: list[Field]) -> tuple[bytes, bytes]:
    """A body, and its chunked form."""
    pieces = draw(st.lists(st.binary(min_size=1, max_size=40), max_size=4))
    wire = b""
    for piece in [*pieces, b""]:
        size = draw(st.sampled_from([b"%x", b"%X", b"%04x"])) % len(piece)
        wire += size + draw(extensions) + b"\r\n" + (piece + b"\r\n" if piece else b"")
    return b"".join(pieces), wire + draw(lines(trailers)) + b"\r\n"


@st.composite
def requests(draw: st.DrawFn) -> Sent:
    """One request and its bytes."""
    method = draw(methods)
    path = b"/" + draw(_bytes_of(_targets))
    query = draw(st.none() | _bytes_of([*_targets, ord("?")]))
    minor = draw(st.sampled_from([1, 1, 1, 0]))
    fields = draw(field_lists)
    framing = draw(st.sampled_from(["none", "length", "chunked" if minor else "length"]))
    body, after, size = b"", b"", 0
    trailers: list[Field] = []
    if framing == "length":
        after = body = draw(st.binary(max_size=60))
        size = len(body)
        fields.append((b"Content-Length", draw(st.sampled_from([b"%d", b"%05d"])) % size))
    elif framing == "chunked":
        trailers = draw(allowed_trailers)
        body, after = draw(chunks(trailers))
        size = -1
        fields.append((b"Transfer-Encoding", draw(st.sampled_from([b"chunked", b"Chunked"]))))
    connection = draw(st.sampled_from([b"", b"close", b"Keep-Alive"]))
    if connection:
        fields.append((b"Connection", connection))
    fields = draw(st.permutations([*fields, (b"Host", draw(hosts))]))
    first = method + b" " + path + (b"" if query is None else b"?" + query) + b" HTTP/1.%d\r\n" % minor
    meant = Request(
        method=method.decode(),
        path=path,
        query=query or b"",
        escaped=b"%" in path,
        minor=minor,
        headers=tuple((name.lower(), value) for name, value in fields),
        content_length=size,
        keep_alive=connection != b"close" and (minor == 1 or connection == b"Keep-Alive"),
        expect_continue=False,
        upgrade=None,
        body=body,
        trailers=tuple((name.lower(), value) for name, value in trailers),
    )
    empty = b"\r\n" * draw(st.sampled_from([0, 0, 0, 1, 4]))
    return meant, empty + first + draw(lines(list(fields))) + b"\r\n" + after


streams = st.lists(requests(), min_size=1, max_size=4)

# What is known to make servers disagree: line ends, white space, controls, and pieces of framing.
_SPICE = [
    b"\r", b"\n", b"\r\n", b"\r\n\r\n", b" ", b"\t", b"\x0b", b"\x00", b"\x7f", b"\x80", b":", b";", b",", b"0", b"-",
    b"_",
    b"#", b"?", b"%", b'"', b"\\", b"0\r\n\r\n", b"Host: b\r\n", b"Content-Length: 1\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Connection: close\r\n", b"Expect: 100-continue\r\n", b" HTTP/1.1\r\n", b"HTTP/1.1", b"ffffffffffffffff",
]  # fmt: skip


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Valid requests with a few things put in, taken out or doubled."""
    data = b"".join(wire for _, wire in draw(st.lists(requests(), min_size=1, max_size=2)))
    for _ in range(draw(st.integers(1, 3))):
        marks = [match.end() for match in re.finditer(rb"[\r\n:; ,]", data)]
        at = draw(st.integers(0, len(data)) | st.sampled_from(marks or [0]))
        what = draw(st.sampled_from(["put", "put", "cut", "double"]))
        until = min(len(data), at + draw(st.integers(1, 20)))
        if what == "put":
            data = data[:at] + draw(st.sampled_from(_SPICE)) + data[at:]
        elif what == "cut":
            data = data[:at] + data[until:]
        else:
            data = data[:until] + data[at:]
    return data


rubbish = st.lists(
    st.sampled_from([*_SPICE, b"GET", b" / ", b"a", b"5", b"PRI * HTTP/2", b"\x16\x03"]), max_size=30
).map(b"".join)
