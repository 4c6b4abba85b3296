"""Requests, good and bad, with what a strict reading of RFC 9110 and RFC 9112 makes of each.

A case ends in one of three ways: with requests and nothing else (`good`),
with a refusal of a given status that has a given word in
its reason (`bad`), or with a wait for more (`waits`). Heads are here, bodies and limits in ``corpus_bodies``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

HOST = b"Host: a\r\n"


@dataclass(frozen=True)
class Case:
    """Bytes, and what they come to.

    Attributes:
        name: what it is about.
        data: everything the client sends.
        requests: for each complete request, the attributes it must have.
        status: of the refusal, or 0.
        word: something the refusal's reason says.
        idle: whether nothing is begun at the end.
        limits: other than the default ones.
    """

    name: str
    data: bytes
    requests: tuple[dict[str, Any], ...] = ()
    status: int = 0
    word: str = ""
    idle: bool = True
    limits: tuple[tuple[str, int], ...] = ()

    def __str__(self) -> str:
        return self.name


def good(name: str, data: bytes, *requests: dict[str, Any], **limits: int) -> Case:
    """Nothing but complete requests."""
    return Case(name, data, requests or ({},), limits=tuple(limits.items()))


def bad(name: str, data: bytes, status: int, word: str, *, after: int = 0, **limits: int) -> Case:
    """A refusal, `after` so many complete requests."""
    return Case(name, data, ({},) * after, status, word, False, limits=tuple(limits.items()))


def waits(name: str, data: bytes, *, idle: bool = False) -> Case:
    """The peer must go on before anything happens."""
    return Case(name, data, idle=idle)


def line(request_line: bytes) -> bytes:
    """A request with this first line."""
    return request_line + b"\r\n" + HOST + b"\r\n"


def target(value: bytes, method: bytes = b"GET") -> bytes:
    """A request for this target."""
    return line(method + b" " + value + b" HTTP/1.1")


def fields(*lines: bytes, version: bytes = b"1.1", host: bytes = HOST) -> bytes:
    """A request with these field lines."""
    return b"GET / HTTP/" + version + b"\r\n" + host + b"".join(each + b"\r\n" for each in lines) + b"\r\n"


def post(*lines: bytes, body: bytes = b"", version: bytes = b"1.1") -> bytes:
    """A request with these field lines and this body."""
    return b"POST / HTTP/" + version + b"\r\n" + HOST + b"".join(each + b"\r\n" for each in lines) + b"\r\n" + body


def has(*lines: tuple[bytes, bytes]) -> dict[str, Any]:
    """A request with these fields behind its Host."""
    return {"headers": ((b"host", b"a"), *lines)}


GET = line(b"GET / HTTP/1.1")

REQUEST_LINES = [
    good("plain", GET, {"method": "GET", "path": b"/", "query": b"", "minor": 1, "escaped": False, "keep_alive": True}),
    good("http/1.0", line(b"GET / HTTP/1.0"), {"minor": 0, "keep_alive": False}),
    good("http/1.0 without host", b"GET / HTTP/1.0\r\n\r\n", {"minor": 0, "headers": ()}),
    good("http/1.2 is answered as 1.1", line(b"GET / HTTP/1.2"), {"minor": 1}),
    good("http/1.9", line(b"GET / HTTP/1.9"), {"minor": 1}),
    bad("http/1.10", line(b"GET / HTTP/1.10"), 400, "version"),
    bad("http/2.0", line(b"GET / HTTP/2.0"), 505, "HTTP/2.0"),
    bad("http/2", line(b"GET / HTTP/2"), 400, "version"),
    bad("http/3.0", line(b"GET / HTTP/3.0"), 505, "HTTP/3.0"),
    bad("http/0.9", line(b"GET / HTTP/0.9"), 505, "HTTP/0.9"),
    bad("http/0.9 by silence", line(b"GET /"), 400, "single spaces"),
    bad("http/01.1", line(b"GET / HTTP/01.1"), 400, "version"),
    bad("http/1,1", line(b"GET / HTTP/1,1"), 400, "version"),
    bad("http/1.", line(b"GET / HTTP/1."), 400, "version"),
    bad("http/1", line(b"GET / HTTP/1"), 400, "version"),
    bad("http/1.x", line(b"GET / HTTP/1.x"), 400, "version"),
    bad("http/-1.1", line(b"GET / HTTP/-1.1"), 400, "version"),
    bad("lower-case version", line(b"GET / http/1.1"), 400, "version"),
    bad("mixed-case version", line(b"GET / Http/1.1"), 400, "version"),
    bad("another protocol", line(b"GET / RTSP/1.0"), 400, "version"),
    bad("a word before the slash", line(b"GET / XHTTP/1.1"), 400, "version"),
    bad("version and rubbish", line(b"GET / HTTP/1.1x"), 400, "version"),
    bad("space behind the version", line(b"GET / HTTP/1.1 "), 400, "single spaces"),
    bad("tab behind the version", line(b"GET / HTTP/1.1\t"), 400, "version"),
    bad("two spaces before the target", line(b"GET  / HTTP/1.1"), 400, "single spaces"),
    bad("two spaces before the version", line(b"GET /  HTTP/1.1"), 400, "single spaces"),
    bad("tab before the target", line(b"GET\t/ HTTP/1.1"), 400, "method"),
    bad("tab before the version", line(b"GET /\tHTTP/1.1"), 400, "single spaces"),
    bad("form feed before the version", line(b"GET /\x0cHTTP/1.1"), 400, "single spaces"),
    bad("space in the target", line(b"GET /a b HTTP/1.1"), 400, "single spaces"),
    bad("two requests on one line", line(b"GET / HTTP/1.1 GET /admin HTTP/1.1"), 400, "single spaces"),
    bad("no method", line(b" / HTTP/1.1"), 400, "method"),
    bad("no target", line(b"GET HTTP/1.1"), 400, "single spaces"),
    bad("an empty target", line(b"GET  HTTP/1.1"), 400, "single spaces"),
    bad("only a method", line(b"GET"), 400, "single spaces"),
    bad("only spaces", line(b"   "), 400, "method"),
    bad("only a colon", line(b":"), 400, "method"),
    bad("a leading space", line(b" GET / HTTP/1.1"), 400, "method"),
    bad("a leading tab", line(b"\tGET / HTTP/1.1"), 400, "method"),
    bad("bare lf behind the request line", b"GET / HTTP/1.1\n" + HOST + b"\r\n", 400, "bare LF"),
    bad("bare lf everywhere", b"GET / HTTP/1.1\nHost: a\n\n", 400, "bare LF"),
    bad("bare cr behind the request line", b"GET / HTTP/1.1\r" + HOST + b"\r\n", 400, "bare CR"),
    bad("two cr behind the request line", b"GET / HTTP/1.1\r\r\n" + HOST + b"\r\n", 400, "bare CR"),
    bad("bare cr in the target", line(b"GET /\r HTTP/1.1"), 400, "bare CR"),
    bad("bare cr before the method", line(b"\rGET / HTTP/1.1"), 400, "bare CR"),
    bad("bare cr in the method", line(b"GE\rT / HTTP/1.1"), 400, "bare CR"),
    bad("bare lf in the target", line(b"GET /\n HTTP/1.1"), 400, "bare LF"),
    bad("lf cr", b"GET / HTTP/1.1\n\r" + HOST + b"\r\n", 400, "bare LF"),
    bad("a leading bare lf", b"\n" + GET, 400, "bare LF"),
    bad("tls hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(64), 400, "TLS"),
    bad("tls hello with an empty line in it", b"\x16\x03\x01\x02\x00\r\n\r\n", 400, "TLS"),
    bad("http/2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9), 505, "HTTP/2"),
    bad("http/2 preface later", GET + b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "HTTP/2", after=1),
    good("not quite the preface", line(b"PRI /* HTTP/1.1"), {"method": "PRI"}),
    bad("binary rubbish", bytes(range(128, 160)) + b"\r\n\r\n", 400, "method"),
    bad("nul bytes", bytes(20) + b"\r\n\r\n", 400, "method"),
    bad("socks", b"\x05\x01\x00\r\n\r\n", 400, "method"),
    *(good(f"method {m}", line(m.encode() + b" / HTTP/1.1"), {"method": m}) for m in
      ("HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND", "get", "M-SEARCH",
       "!#$%&'*+-.^_`|~9")),
    *(bad(f"method with {c!r}", line(b"GE" + c + b"T / HTTP/1.1"), 400, "method") for c in
      (b"\x00", b"\x0b", b"\x7f", b"\x80", b'"', b"(", b")", b",", b"/", b":", b";", b"<", b"=", b"@", b"[", b"\\",
       b"{")),
]  # fmt: skip

TARGETS = [
    good("path", target(b"/a/b"), {"path": b"/a/b", "query": b"", "escaped": False}),
    good("path and query", target(b"/a?b=c&d"), {"path": b"/a", "query": b"b=c&d", "escaped": False}),
    good("empty query", target(b"/a?"), {"path": b"/a", "query": b""}),
    good("a second question mark", target(b"/a?b?c"), {"path": b"/a", "query": b"b?c"}),
    good("escaped path", target(b"/%61%2F?x"), {"path": b"/%61%2F", "query": b"x", "escaped": True}),
    good("escaped query alone", target(b"/a?%61"), {"path": b"/a", "query": b"%61", "escaped": False}),
    good("dots are not resolved", target(b"/a/../b//c"), {"path": b"/a/../b//c"}),
    good("two slashes", target(b"//a/b"), {"path": b"//a/b"}),
    good("visible ascii", target(b"/!\"$&'()*+,-.:;<=>@[\\]^_`{|}~"), {"path": b"/!\"$&'()*+,-.:;<=>@[\\]^_`{|}~"}),
    bad("fragment", target(b"/a#b"), 400, "0x23"),
    bad("fragment in the query", target(b"/a?b#c"), 400, "0x23"),
    bad("fragment alone", target(b"#"), 400, "0x23"),
    bad("query alone", target(b"?a"), 400, "no path"),
    bad("question mark alone", target(b"?"), 400, "no path"),
    *(bad(f"target with {c!r}", target(b"/a" + c), 400, f"0x{c[0]:02x}") for c in
      (b"\x00", b"\x01", b"\x0b", b"\x0c", b"\x1f", b"\x7f", b"\x80", b"\xa0", b"\xff")),
    bad("utf-8 in the path", target("/é".encode()), 400, "0xc3"),
    bad("nul in the query", target(b"/?a=\x00"), 400, "0x00"),
    good("absolute form", target(b"http://b.example:80/c?d"),
         {"path": b"/c", "query": b"d", "headers": ((b"host", b"b.example:80"),)}),
    good("absolute form without path", target(b"http://b"), {"path": b"/", "query": b""}),
    good("absolute form with query alone", target(b"http://b?c"), {"path": b"/", "query": b"c"}),
    good("absolute form, upper-case scheme", target(b"HTTP://b/C"), {"path": b"/C"}),
    good("absolute form, https", target(b"https://b/c%20"), {"path": b"/c%20", "escaped": True}),
    good("absolute form, escape in the host alone", target(b"http://a%20b/c"), {"path": b"/c", "escaped": False}),
    good("absolute form, ipv6", target(b"http://[::1]:8000/"), {"headers": ((b"host", b"[::1]:8000"),)}),
    good("absolute form in http/1.0 without host", b"GET http://b/ HTTP/1.0\r\nA: b\r\n\r\n",
         {"headers": ((b"host", b"b"), (b"a", b"b"))}),
    bad("absolute form without host field", b"GET http://b/ HTTP/1.1\r\n\r\n", 400, "Host field is missing"),
    bad("absolute form without host", target(b"http:///a"), 400, "no host"),
    bad("absolute form with userinfo", target(b"http://u:p@b/"), 400, "not a name"),
    bad("absolute form with a bad port", target(b"http://b:80a/"), 400, "not a name"),
    bad("absolute form with two ports", target(b"http://b:80:80/"), 400, "not a name"),
    bad("another scheme", target(b"ftp://b/"), 400, "neither a path nor"),
    bad("a script", target(b"javascript:alert(1)"), 400, "neither a path nor"),
    bad("absolute form with one slash", target(b"http:/b"), 400, "neither a path nor"),
    bad("a relative path", target(b"a/b"), 400, "neither a path nor"),
    bad("a backslash", target(b"\\a"), 400, "neither a path nor"),
    bad("authority form", target(b"a:80"), 400, "neither a path nor"),
    bad("connect", target(b"a:443", b"CONNECT"), 501, "CONNECT"),
    bad("connect to a path", target(b"/", b"CONNECT"), 501, "CONNECT"),
    good("asterisk", target(b"*", b"OPTIONS"), {"path": b"*", "method": "OPTIONS"}),
    bad("asterisk with another method", target(b"*"), 400, "OPTIONS only"),
    bad("asterisk with a query", target(b"*?a", b"OPTIONS"), 400, "neither a path nor"),
    bad("asterisk and more", target(b"**", b"OPTIONS"), 400, "neither a path nor"),
]  # fmt: skip

HOSTS = [
    bad("no host", b"GET / HTTP/1.1\r\n\r\n", 400, "Host field is missing"),
    bad("no host but others", b"GET / HTTP/1.1\r\nA: b\r\n\r\n", 400, "Host field is missing"),
    bad("two hosts", fields(b"Host: b"), 400, "Host field is repeated"),
    bad("two equal hosts", fields(b"Host: a"), 400, "Host field is repeated"),
    bad("two hosts, other case", fields(b"hOST: b"), 400, "Host field is repeated"),
    bad("two hosts in http/1.0", fields(b"Host: b", version=b"1.0"), 400, "Host field is repeated"),
    bad("an empty host", fields(host=b"Host:\r\n"), 400, "Host field is empty"),
    bad("a blank host", fields(host=b"Host: \t \r\n"), 400, "Host field is empty"),
    *(good(f"host {h.decode()}", fields(host=b"Host:" + h + b"\r\n"), {"headers": ((b"host", h),)}) for h in
      (b"a.example", b"a.example.", b"A-1.example:8000", b"a:", b"1.2.3.4:80", b"[::1]", b"[::1]:443",
       b"[2001:db8::1%25eth0]",
       b"a_b", b"xn--bcher-kva.example", b"a%20b", b"a,b")),
    *(bad(f"host {h!r}", fields(host=b"Host: " + h + b"\r\n"), 400, "not a name") for h in
      (b"a b", b"a\tb", b"a/b", b"a?b", b"a#b", b"u@a", b"u:p@a", b"a:80:80", b"a:x", b"a:-1", b"a:123456", b":80",
       b"[::1", b"::1",
       b"[::1]a", b"[zz]", b"[]", b"a\\b", b'"a"', b"<a>", b"\xc3\xa9", b"http://a", b"a\x80")),
]  # fmt: skip

FIELD_LINES = [
    good("no space behind the colon", fields(b"A:b"), has((b"a", b"b"))),
    good("white space around the value", fields(b"A: \t b \t "), has((b"a", b"b"))),
    good("white space inside the value", fields(b"A: b \t c"), has((b"a", b"b \t c"))),
    good("an empty value", fields(b"A:"), has((b"a", b""))),
    good("a blank value", fields(b"A: \t "), has((b"a", b""))),
    good("colons in the value", fields(b"A: :b:c:"), has((b"a", b":b:c:"))),
    good("an upper-case name", fields(b"X-ABC: Def"), has((b"x-abc", b"Def"))),
    good("any token is a name", fields(b"!#$%&'*+-.^_`|~09azAZ: b"), has((b"!#$%&'*+-.^_`|~09azaz", b"b"))),
    good("obs-text in the value", fields(b"A: \x80\xff"), has((b"a", b"\x80\xff"))),
    good("order and repetition are kept", fields(b"B: 1", b"A: 2", b"b: 3"), has((b"b", b"1"), (b"a", b"2"), (b"b",
         b"3"))),
    good("a no-break space is no white space", fields(b"A:\xa0b\xa0"), has((b"a", b"\xa0b\xa0"))),
    bad("space before the colon", fields(b"A : b"), 400, "white space between"),
    bad("tab before the colon", fields(b"A\t: b"), 400, "white space between"),
    bad("space before the colon of content-length", post(b"Content-Length : 5", body=b"hello"), 400,
        "white space between"),
    bad("space before the colon of transfer-encoding", post(b"Transfer-Encoding : chunked"), 400,
        "white space between"),
    bad("obs-fold with a space", fields(b"A: b", b" c"), 400, "obs-fold"),
    bad("obs-fold with a tab", fields(b"A: b", b"\tc: d"), 400, "obs-fold"),
    bad("obs-fold of transfer-encoding", fields(b"Transfer-Encoding:", b" chunked"), 400, "obs-fold"),
    bad("a fold before any field", b"GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400, "obs-fold"),
    bad("a blank line that is not empty", fields(b" "), 400, "obs-fold"),
    bad("no colon", fields(b"A"), 400, "no colon"),
    bad("no name", fields(b": b"), 400, "no name"),
    bad("a colon alone", fields(b":"), 400, "no name"),
    *(bad(f"name with {c!r}", fields(b"A" + c + b"B: c"), 400, "not a token") for c in
      (b"\x00", b"\x0b", b"\x0c", b"\x1f", b" ", b"\t", b"\x7f", b"\x80", b"\xff", b'"', b"(", b",", b"/", b";", b"=",
       b"@", b"{", b"\r")),
    bad("a control byte before the colon", fields(b"A\x0b: b"), 400, "not a token"),
    bad("a no-break space before the colon", fields(b"Content-Length\xa0: 5"), 400, "not a token"),
    bad("a utf-8 name", fields("É: b".encode()), 400, "not a token"),
    *(bad(f"value with {c!r}", fields(b"A: b" + c + b"c"), 400, f"0x{c[0]:02x}") for c in
      (b"\x01", b"\x08", b"\x0b", b"\x0c", b"\x1b", b"\x1f", b"\x7f")),
    bad("value with nul", fields(b"A: b\x00c"), 400, "NUL"),
    bad("nul before the value", fields(b"A:\x00b"), 400, "NUL"),
    bad("bare cr in the value", fields(b"A: b\rc"), 400, "bare CR"),
    bad("bare cr before a field", fields(b"A: b\rContent-Length: 5"), 400, "bare CR"),
    bad("bare cr at the end of the value", fields(b"A: b\r"), 400, "bare CR"),
    bad("bare cr before the empty line", b"GET / HTTP/1.1\r\nHost: a\r\n\r\r\n\r\n", 400, "no colon"),
    bad("bare lf in the value", fields(b"A: b\nC: d"), 400, "bare LF"),
    bad("bare lf behind the last field", b"GET / HTTP/1.1\r\nHost: a\n\r\n\r\n", 400, "bare LF"),
    bad("bare lf as the empty line", b"GET / HTTP/1.1\r\nHost: a\r\n\nX\r\n\r\n", 400, "bare LF"),
    bad("lf lf", b"GET / HTTP/1.1\r\nHost: a\n\n", 400, "bare LF"),
    bad("cr cr lf", b"GET / HTTP/1.1\r\nHost: a\r\r\n\r\n", 400, "bare CR"),
]  # fmt: skip

CONNECTIONS = [
    good("close", fields(b"Connection: close"), {"keep_alive": False}),
    good("close, other case", fields(b"Connection: CLOSE"), {"keep_alive": False}),
    good("close among others", fields(b"Connection: x , ,close"), {"keep_alive": False}),
    good("close in a second field", fields(b"Connection: keep-alive", b"Connection: close"), {"keep_alive": False}),
    good("close wins", fields(b"Connection: close, keep-alive"), {"keep_alive": False}),
    good("closed is not close", fields(b"Connection: closed"), {"keep_alive": True}),
    good("keep-alive", fields(b"Connection: keep-alive"), {"keep_alive": True}),
    good("an empty connection", fields(b"Connection:"), {"keep_alive": True}),
    good("many tokens", fields(b"Connection: " + b"x, " * 40 + b"close"), {"keep_alive": False}),
    good("http/1.0 keep-alive", fields(b"Connection: Keep-Alive", version=b"1.0"), {"keep_alive": True, "minor": 0}),
    good("http/1.0 close", fields(b"Connection: close, keep-alive", version=b"1.0"), {"keep_alive": False}),
    good("http/1.0 something else", fields(b"Connection: te", version=b"1.0"), {"keep_alive": False}),
    good("upgrade", fields(b"Connection: Upgrade", b"Upgrade: websocket"), {"upgrade": b"websocket"}),
    good("upgrade among others", fields(b"Upgrade: h2c", b"Connection: te, upgrade"), {"upgrade": b"h2c"}),
    good("two upgrades", fields(b"Upgrade: a", b"Upgrade: b", b"Connection: upgrade"), {"upgrade": b"a, b"}),
    good("upgrade without connection", fields(b"Upgrade: websocket"), {"upgrade": None}),
    good("connection without upgrade", fields(b"Connection: upgrade"), {"upgrade": None}),
    good("upgrade in http/1.0", fields(b"Connection: upgrade", b"Upgrade: a", version=b"1.0"), {"upgrade": None}),
    good("expect", post(b"Expect: 100-continue", b"Content-Length: 1", body=b"a"), {"expect_continue": True}),
    good("expect, other case", post(b"Expect: 100-Continue", b"Content-Length: 1", body=b"a"),
         {"expect_continue": True}),
    good("expect without a body", fields(b"Expect: 100-continue"), {"expect_continue": False}),
    good("expect with an empty body", post(b"Expect: 100-continue", b"Content-Length: 0"), {"expect_continue": False}),
    good("expect in http/1.0", post(b"Expect: x", b"Content-Length: 1", body=b"a", version=b"1.0"),
         {"expect_continue": False}),
    bad("expect something else", fields(b"Expect: 200-ok"), 417, "expectation"),
    bad("expect two things", fields(b"Expect: 100-continue, x"), 417, "expectation"),
    bad("an empty expect", fields(b"Expect:"), 417, "expectation"),
]  # fmt: skip

SEQUENCES = [
    waits("nothing", b"", idle=True),
    waits("one byte", b"G"),
    waits("an incomplete request line", b"GET / HT"),
    waits("an incomplete head", b"GET / HTTP/1.1\r\nHost: a\r\n"),
    waits("all but the last byte", GET[:-1]),
    waits("a head that ends in cr", b"GET / HTTP/1.1\r\nHost: a\r\n\r"),
    waits("one empty line", b"\r\n", idle=True),
    waits("half an empty line", b"\r"),
    waits("empty lines and a half", b"\r\n\r\n\r"),
    waits("four empty lines", b"\r\n" * 4, idle=True),
    good("an empty line first", b"\r\n" + GET),
    good("four empty lines first", b"\r\n" * 4 + GET),
    bad("five empty lines first", b"\r\n" * 5 + GET, 400, "empty lines"),
    bad("nothing but empty lines", b"\r\n" * 40, 400, "empty lines"),
    good("empty lines between requests", (b"\r\n" * 4 + GET) * 3, {}, {}, {}),
    bad("too many of them later", GET + b"\r\n" * 5, 400, "empty lines", after=1),
    good("pipelined", GET * 5, {}, {}, {}, {}, {}),
    good("pipelined, different", target(b"/1") + target(b"/2", b"PUT"), {"path": b"/1"}, {"path": b"/2",
         "method": "PUT"}),
    bad("pipelined, then rubbish", GET + GET + b"\x00\r\n\r\n", 400, "method", after=2),
    bad("bare lf behind a request", GET + b"\n", 400, "bare LF", after=1),
]  # fmt: skip

HEADS = [*REQUEST_LINES, *TARGETS, *HOSTS, *FIELD_LINES, *CONNECTIONS, *SEQUENCES]
