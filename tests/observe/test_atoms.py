from __future__ import annotations

import os
import re
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bicorn.errors import ConfigError
from bicorn.observe import atoms
from bicorn.observe.atoms import AccessRecord, Clock, compile_format, quoted

RECORD = AccessRecord(
    client="192.0.2.7",
    method="GET",
    target="/a%20b?q=1&r",
    http_version="1.1",
    status=200,
    response_bytes=512,
    duration=1.2345678,
    request_headers=[
        (b"host", b"example.org"),
        (b"user-agent", b"curl/8"),
        (b"referer", b"http://example.org/"),
        (b"authorization", b"Basic YW5uOnB3"),
        (b"x-id", b"first"),
        (b"x-id", b"last"),
        (b"content-type", b"text/plain"),
    ],
    response_headers=[(b"content-type", b"text/html"), (b"x-cache", b"hit")],
    scheme="https",
)


def line(form: str, **changes: Any) -> str:
    values = {name: getattr(RECORD, name) for name in AccessRecord.__slots__} | changes
    return compile_format(form)(AccessRecord(**values))


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("%(h)s", "192.0.2.7"),
        ("%(l)s", "-"),
        ("%(u)s", "ann"),
        ("%(r)s", "GET /a%20b?q=1&r HTTP/1.1"),
        ("%(m)s", "GET"),
        ("%(U)s", "/a b"),
        ("%(q)s", "q=1&r"),
        ("%(H)s", "HTTP/1.1"),
        ("%(s)s", "200"),
        ("%(B)s %(b)s", "512 512"),
        ("%(f)s", "http://example.org/"),
        ("%(a)s", "curl/8"),
        ("%(T)s", "1"),
        ("%(M)s", "1234"),
        ("%(D)s", "1234567"),
        ("%(L)s", "1.234568"),
        ("%({Host}i)s", "example.org"),
        ("%({X-Id}i)s", "last"),
        ("%({nope}i)s", "-"),
        ("%({X-Cache}o)s", "hit"),
        ("%({nope}o)s", "-"),
        ("%({REQUEST_METHOD}e)s", "GET"),
        ("%({RAW_URI}e)s", "/a%20b?q=1&r"),
        ("%({PATH_INFO}e)s", "/a b"),
        ("%({QUERY_STRING}e)s", "q=1&r"),
        ("%({SERVER_PROTOCOL}e)s", "HTTP/1.1"),
        ("%({REMOTE_ADDR}e)s", "192.0.2.7"),
        ("%({wsgi.url_scheme}e)s", "https"),
        ("%({CONTENT_TYPE}e)s", "text/plain"),
        ("%({CONTENT_LENGTH}e)s", "-"),
        ("%({HTTP_X_ID}e)s", "last"),
        ("%({USER}e)s", "-"),
        ("%(s)5d|%(s)-5d|%(m)6s|%(m).2s|%(s)x", "  200|200  |   GET|GE|c8"),
        ("100%% %(s)s 100%%", "100% 200 100%"),
        ("nothing", "nothing"),
    ],
)
def test_each_atom(form: str, expected: str) -> None:
    assert line(form) == expected


def test_the_process() -> None:
    assert line("%(p)s") == f"<{os.getpid()}>"


def test_gunicorns_default_format() -> None:
    text = line('%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s "%(f)s" "%(a)s"')
    stamp = r"\[\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]"
    rest = '"GET /a%20b?q=1&r HTTP/1.1" 200 512 "http://example.org/" "curl/8"'
    assert re.fullmatch(rf"192\.0\.2\.7 - ann {stamp} {re.escape(rest)}", text)


def test_what_is_missing_is_a_dash() -> None:
    form = "%(h)s %(u)s %(b)s %(B)s %(f)s %(a)s %({REMOTE_ADDR}e)s"
    assert line(form, client="", request_headers=[], response_bytes=0) == "- - - 0 - - -"


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        ("*", "*", ""),
        ("http://example.org/a?b", "/a", "b"),
        ("http://example.org", "/", ""),
        ("/redirect?to=http://example.org/a?b", "/redirect", "to=http://example.org/a?b"),
        ("/http://x", "/http://x", ""),
    ],
)
def test_targets_of_every_form(target: str, path: str, query: str) -> None:
    assert (line("%(U)s", target=target), line("%(q)s", target=target)) == (path, query)


@pytest.mark.parametrize(
    ("value", "user"),
    [
        (b"Basic YW5uOnB3", "ann"),
        (b"basic  YW5uOnB3", "ann"),
        (b"Basic OnB3", "-"),
        (b"Basic !", "-"),
        (b"Basic /w==", "-"),
        (b"Bearer YW5uOnB3", "-"),
        (b"Basic YSJiOng=", 'a\\"b'),
        (None, "-"),
    ],
)
def test_the_user_of_basic_credentials(value: bytes | None, user: str) -> None:
    assert atoms.user_of(value) == user


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("plain text", "plain text"),
        ('a"b', 'a\\"b'),
        ("a\\b", "a\\\\b"),
        ("a\r\nb", "a\\x0d\\x0ab"),
        ("\x1b[31m", "\\x1b[31m"),
        ("\x7f\x85", "\\x7f\\x85"),
        ("caf\xe9", "caf\\xe9"),
        ("\u2028\U0001f984", "\\u2028\\U0001f984"),
    ],
)
def test_quoting(text: str, safe: str) -> None:
    assert quoted(text) == safe


@given(st.text())
def test_quoting_leaves_one_printable_field_that_can_be_read_back(text: str) -> None:
    safe = quoted(text)
    assert safe.isascii()
    assert safe.isprintable()
    assert not re.search(r'(?<!\\)(?:\\\\)*"', safe)
    unescaped = re.sub(r'\\(["\\])', lambda found: f"\\x{ord(found[1]):02x}", safe)
    assert unescaped.encode("ascii").decode("unicode_escape") == text.encode("utf-16", "surrogatepass").decode(
        "utf-16", "surrogatepass"
    )


EVIL = 'x" 200 1 "-"\n127.0.0.1 - - "GET /forged'


@pytest.mark.parametrize(
    ("form", "change"),
    [
        ("%(r)s", {"target": EVIL}),
        ("%(U)s", {"target": "/%22%0a%1b"}),
        ("%(q)s", {"target": "/?" + EVIL}),
        ("%(m)s %(r)s", {"method": EVIL}),
        ("%(h)s", {"client": EVIL}),
        ("%(a)s", {"request_headers": [(b"user-agent", EVIL.encode())]}),
        ("%(f)s", {"request_headers": [(b"referer", EVIL.encode())]}),
        ("%({x}i)s %({HTTP_X}e)s", {"request_headers": [(b"x", EVIL.encode())]}),
        ("%({x}o)s", {"response_headers": [(b"x", EVIL.encode())]}),
        ("%({RAW_URI}e)s %({QUERY_STRING}e)s", {"target": "/?" + EVIL}),
    ],
)
def test_a_client_cannot_forge_a_line(form: str, change: dict[str, Any]) -> None:
    text = line(form, **change)
    assert text.isprintable()
    assert '"' not in text.replace('\\"', "")


@pytest.mark.parametrize(
    ("form", "complaint"),
    [
        (
            "%(x)s %(h)s %(yy)s",
            r"has unknown atoms: %\(x\)s, %\(yy\)s; the atoms are h l u t r m U q H s B b f a T M D L p",
        ),
        ("%({x}z)s", r"unknown atoms: %\({x}z\)s"),
        ("%h", "has a lone % at '%h'"),
        ("50%", "has a lone % at '%'"),
        ("%(h)", r"has a lone % at '%\(h\)'"),
        ("%(h)d", r"cannot show %\(h\) as 'd'"),
        ("%(s)f", r"cannot show %\(s\) as 'f'"),
    ],
)
def test_a_wrong_format_is_refused_with_the_reason(form: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint) as caught:
        compile_format(form, origin="--access-logformat")
    assert caught.value.setting == "access_logformat"
    assert caught.value.value == form
    assert caught.value.origin == "--access-logformat"


def test_the_clock_is_read_once_a_second_and_speaks_english(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [1_795_000_000.5]
    formatted: list[str] = []
    real = time.strftime

    def strftime(form: str, moment: time.struct_time) -> str:
        formatted.append(form)
        return real(form, moment)

    monkeypatch.setattr(time, "time", lambda: now[0])
    monkeypatch.setattr(time, "strftime", strftime)
    clock = Clock("%d/%b/%Y:%H:%M:%S")
    assert clock.text() == clock.text()
    assert len(formatted) == 1
    assert "%b" not in formatted[0]
    before = clock.text()
    now[0] += 1
    assert clock.text() != before
    assert re.fullmatch(r"\d\d/Nov/2026:\d\d:\d\d:\d\d", before)
