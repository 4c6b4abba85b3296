"""The corpus, continued: where a body ends, what its chunks look like, and how much of everything is too much."""

from __future__ import annotations

from tests.wire.corpus import GET, HEADS, HOST, Case, bad, fields, good, post, target

CHUNKED = b"Transfer-Encoding: chunked"
SMUGGLED = b"GET /admin HTTP/1.1\r\nHost: a\r\n\r\n"


def chunked(body: bytes, *more: bytes) -> bytes:
    """A request with this chunked body, as it is on the wire."""
    return post(CHUNKED, *more, body=body)


def length(value: bytes, body: bytes = b"hello") -> bytes:
    """A request with this Content-Length."""
    return post(b"Content-Length:" + value, body=body)


def coded(value: bytes) -> bytes:
    """A request with this Transfer-Encoding, and a body that would be chunked."""
    return post(b"Transfer-Encoding:" + value, body=b"0\r\n\r\n")


LENGTHS = [
    good("length", length(b" 5"), {"content_length": 5, "body": b"hello"}),
    good("length 0", length(b"0", b""), {"content_length": 0, "body": b""}),
    good("length with leading zeros", length(b"005"), {"content_length": 5, "body": b"hello"}),
    good("white space around it", length(b" \t5 \t"), {"content_length": 5, "body": b"hello"}),
    good("a body with a request in it", length(b" %d" % len(SMUGGLED), SMUGGLED), {"body": SMUGGLED}),
    good("a body with get", fields(b"Content-Length: 2") + b"ab", {"method": "GET", "body": b"ab"}),
    good("a length and a request behind it", length(b" 5") + GET, {"body": b"hello"}, {"method": "GET", "body": b""}),
    good("a body and an empty line behind it", length(b" 5") + b"\r\n" + GET, {"body": b"hello"}, {}),
    good("a body of line ends", length(b" 4", b"\r\n\r\n") + GET, {"body": b"\r\n\r\n"}, {}),
    bad("a body that ends in cr, then lf cr lf", length(b" 1", b"\r") + b"\n\r\n", 400, "bare LF", after=1),
    bad("a body that ends in crlfcr, then lf", length(b" 3", b"\r\n\r") + b"\n", 400, "bare LF", after=1),
    good("length in http/1.0", post(b"Content-Length: 5", body=b"hello", version=b"1.0"), {"body": b"hello",
         "minor": 0}),
    *(bad(f"length {v!r}", length(v), 400, "not a number") for v in
      (b" +5", b" -5", b" 5_0", b" 1_0", b" 0x5", b" 0x10", b" 5,5", b" 5, 5", b" 5 5", b" 5;", b' "5"', b"", b"  ",
       b" 5.0", b" 5e0",
       b" five", b" ,5", b" 5,", b" 9999999999999999999", b" 0000000000000000005", b" \xb2", b" \xd9\xa5", b" 5\xa0",
       b" 1" + b"0" * 400)),
    bad("length with nul", length(b" 5\x00"), 400, "NUL"),
    bad("length with vertical tab", length(b"\x0b5"), 400, "0x0b"),
    bad("length with cr", length(b"\r5"), 400, "bare CR"),
    bad("the largest length", length(b" 999999999999999999"), 413, "limit-request-body"),
    bad("length twice", post(b"Content-Length: 5", b"Content-Length: 6", body=b"hello"), 400, "repeated"),
    bad("the same length twice", post(b"Content-Length: 5", b"Content-Length: 5", body=b"hello"), 400, "repeated"),
    bad("length twice, one empty", post(b"Content-Length: 5", b"Content-Length:", body=b"hello"), 400, "repeated"),
    bad("length twice, other case", post(b"Content-Length: 0", b"content-LENGTH: 5", body=b"hello"), 400, "repeated"),
]  # fmt: skip

CODINGS = [
    good("chunked", coded(b" chunked"), {"content_length": -1, "body": b""}),
    good("chunked, other case", coded(b"\tChUnKeD \t"), {"content_length": -1}),
    *(bad(f"coding {v!r}", coded(v), 400, "does not end in a single chunked") for v in
      (b"", b" ", b" gzip", b" identity", b" chunked, gzip", b" chunked, identity", b" chunked, chunked",
       b" gzip, chunked, chunked",
       b" xchunked", b" chunkedx", b" chunked,", b" ,chunked", b" chunked, ,chunked", b" chunked;q=1", b' "chunked"',
       b" chunked chunked",
       b" chunk", b" cow", b" gzip;chunked", b" chunked\xa0", b" \xa0chunked", b" chun ked", b" chunked, ")),
    *(bad(f"coding {v!r}", coded(v), 501, "not supported") for v in
      (b" gzip, chunked", b" identity, chunked", b" GZIP ,\tChunked", b" x,chunked")),
    bad("coding with vertical tab", coded(b"\x0bchunked"), 400, "0x0b"),
    bad("coding with vertical tab behind", coded(b" chunked\x0b"), 400, "0x0b"),
    bad("coding with form feed", coded(b"\x0cchunked"), 400, "0x0c"),
    bad("coding with nul", coded(b" chunked\x00"), 400, "NUL"),
    bad("coding with cr", coded(b" chunked\r"), 400, "bare CR"),
    bad("coding folded", coded(b"\r\n chunked"), 400, "obs-fold"),
    bad("coding in http/1.0", post(CHUNKED, body=b"0\r\n\r\n", version=b"1.0"), 400, "HTTP/1.0"),
    bad("chunked in two fields", post(CHUNKED, CHUNKED, body=b"0\r\n\r\n"), 400, "does not end in a single chunked"),
    bad("two fields, chunked last", post(b"Transfer-Encoding: gzip", CHUNKED), 501, "gzip"),
    bad("two fields, chunked first", post(CHUNKED, b"Transfer-Encoding: identity"), 400, "does not end in"),
    bad("two fields, one empty", post(CHUNKED, b"Transfer-Encoding:"), 400, "does not end in"),
    bad("a long coding", coded(b"x" * 5000), 400, "x' does not end in a single chunked"),
    bad("length and coding", post(b"Content-Length: 5", CHUNKED, body=b"0\r\n\r\n"), 400, "both"),
    bad("coding and length", post(CHUNKED, b"Content-Length: 5", body=b"0\r\n\r\n"), 400, "both"),
    bad("coding and length 0", post(CHUNKED, b"Content-Length: 0", body=b"0\r\n\r\n"), 400, "both"),
    bad("coding and a bad length", post(CHUNKED, b"Content-Length: x", body=b"0\r\n\r\n"), 400, "both"),
    bad("an unknown coding and length", post(b"Transfer-Encoding: x", b"Content-Length: 5", body=b"hello"), 400,
        "both"),
    good("an underscore makes another field", post(b"Transfer_Encoding: chunked", b"Content_Length: 5"),
         {"content_length": 0}),
    good("another field's name in its own", post(b"X-Transfer-Encoding: chunked"), {"content_length": 0}),
]  # fmt: skip

CHUNKS = [
    good("one chunk", chunked(b"5\r\nhello\r\n0\r\n\r\n"), {"body": b"hello", "trailers": ()}),
    good("several", chunked(b"1\r\nh\r\n3\r\nell\r\n1\r\no\r\n0\r\n\r\n"), {"body": b"hello"}),
    good("hexadecimal sizes", chunked(b"a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n"), {"body": b"0123456789" * 2}),
    good("leading zeros", chunked(b"0000000000000005\r\nhello\r\n000\r\n\r\n"), {"body": b"hello"}),
    good("line ends in the data", chunked(b"6\r\n\r\n0\r\n\r\r\n0\r\n\r\n"), {"body": b"\r\n0\r\n\r"}),
    good("a request in the data", chunked(b"%x\r\n%s\r\n0\r\n\r\n" % (len(SMUGGLED), SMUGGLED)), {"body": SMUGGLED}),
    good("pipelined behind chunks", chunked(b"1\r\na\r\n0\r\n\r\n") + GET, {"body": b"a"}, {"body": b"",
         "trailers": ()}),
    good("chunks behind chunks", chunked(b"1\r\na\r\n0\r\n\r\n") + chunked(b"0\r\n\r\n") + length(b" 1", b"b"),
         {"body": b"a"}, {"body": b""}, {"body": b"b"}),
    good("a long way of small chunks", chunked(b"1\r\na\r\n" * 16400 + b"0\r\n\r\n"), {"body": b"a" * 16400}),
    good("extension", chunked(b"5;a\r\nhello\r\n0;b=c\r\n\r\n"), {"body": b"hello"}),
    good("extensions", chunked(b"5;a;b=c;d=\"e\"\r\nhello\r\n0\r\n\r\n"), {"body": b"hello"}),
    good("white space in an extension", chunked(b"5 ; a\t=\t\"b\"\r\nhello\r\n0\r\n\r\n"), {"body": b"hello"}),
    good("a quoted extension", chunked(b"5;a=\"; \\\" \\\\ ,\x80\"\r\nhello\r\n0\r\n\r\n"), {"body": b"hello"}),
    good("an empty quoted extension", chunked(b"5;a=\"\"\r\nhello\r\n0\r\n\r\n"), {"body": b"hello"}),
    *(bad(f"size {s!r}", chunked(s + b"\r\nhello\r\n0\r\n\r\n"), 400, "size line") for s in
      (b"", b"0x5", b"0X5", b"+5", b"-5", b"5_0", b"_5", b" 5", b"5 ", b"\t5", b"5\t", b"5.", b"5h", b"g", b"5,5",
       b"5 5", b"\x005", b"5\x00",
       b"5\x0b", b"\xef\xbc\x95", b"00000000000000005", b"11111111111111111", b"5\r", b"\r5", b"-0", b"0x", b"five",
       b'"5"')),
    *(bad(f"extension {e!r}", chunked(b"5" + e + b"\r\nhello\r\n0\r\n\r\n"), 400, "size line") for e in
      (b";", b"; ", b";;a", b";a=", b";=b", b";a==b", b";a=b=c", b";a b", b";a=\"b", b";a=b\"", b";a=\"b\"c",
       b";a=\"\\\"", b";a\r", b";\rb",
       b";a=\"\r\"", b";a=\"\x00\"", b";a=\"\x7f\"", b";a=\x80", b";\x00", b";a=(b)", b" a", b";a ", b";a=b ", b":a")),
    bad("bare lf behind the size", chunked(b"5\nhello\r\n0\r\n\r\n"), 400, "size line"),
    bad("bare lf behind an extension", chunked(b"5;a\nhello\r\n0\r\n\r\n"), 400, "size line"),
    bad("bare lf in an extension", chunked(b"5;a\nb\r\nhello\r\n0\r\n\r\n"), 400, "size line"),
    bad("bare lf in a quoted extension", chunked(b"5;a=\"\n\"\r\nhello\r\n0\r\n\r\n"), 400, "size line"),
    bad("bare cr behind the size", chunked(b"5\rhello\r\n0\r\n\r\n"), 400, "size line"),
    bad("the last chunk with bare lf", chunked(b"0\n\n"), 400, "size line"),
    bad("data without its end", chunked(b"5\r\nhello0\r\n\r\n"), 400, "does not end in CRLF"),
    bad("data that ends in bare lf", chunked(b"5\r\nhello\n0\r\n\r\n"), 400, "does not end in CRLF"),
    bad("data that ends in bare cr", chunked(b"5\r\nhello\r0\r\n\r\n"), 400, "does not end in CRLF"),
    bad("data that ends in cr cr lf", chunked(b"5\r\nhello\r\r\n0\r\n\r\n"), 400, "does not end in CRLF"),
    bad("more data than its size", chunked(b"4\r\nhello\r\n0\r\n\r\n"), 400, "does not end in CRLF"),
    bad("less data than its size", chunked(b"6\r\nhello\r\n0\r\n\r\n"), 400, "does not end in CRLF"),
    bad("a chunk's end twice", chunked(b"1\r\na\r\n\r\n0\r\n\r\n"), 400, "size line"),
    *(bad(f"huge size {s!r}", chunked(b"1\r\na\r\n" + s + b"\r\na"), 413, "limit-request-body") for s in
      (b"ffffffffffffffff", b"8000000000000000", b"7fffffffffffffff", b"7ffffffffffffffe", b"1000000000000000",
       b"fffffffffffffff",
       b"0fffffffffffffff")),
    *(bad(f"huge size {s!r} without a limit", chunked(b"1\r\na\r\n" + s + b"\r\na"), 413, "limit-request-body", body=0)
      for s in (b"ffffffffffffffff", b"7fffffffffffffff", b"1000000000000000")),
    bad("a size line that is too long", chunked(b"5;" + b"a" * 1022 + b"\r\n"), 400, "over 1024"),
    good("the longest size line", chunked(b"5;" + b"a" * 1020 + b"\r\nhello\r\n0\r\n\r\n"), {"body": b"hello"}),
    bad("a size line without end", chunked(b"5" * 5000), 400, "over 1024"),
    good("extensions are counted for each request", chunked(b"1;%s\r\na\r\n" % (b"b" * 1000) * 16 + b"0\r\n\r\n") * 2,
         {}, {}),
    bad("extensions without end", chunked(b"1;%s\r\na\r\n" % (b"b" * 1000) * 17), 400, "chunk extensions"),
]  # fmt: skip

TRAILERS = [
    good("a trailer", chunked(b"0\r\nA: b\r\n\r\n"), {"trailers": ((b"a", b"b"),)}),
    good("trailers", chunked(b"1\r\nx\r\n0\r\nA: \t b \r\nC:\r\nA: d\r\n\r\n"),
         {"body": b"x", "trailers": ((b"a", b"b"), (b"c", b""), (b"a", b"d"))}),
    good("trailers are of one request", chunked(b"0\r\nA: b\r\n\r\n") + GET + chunked(b"0\r\n\r\n"),
         {"trailers": ((b"a", b"b"),)}, {"trailers": ()}, {"trailers": ()}),
    good("a request behind trailers", chunked(b"0\r\nA: b\r\n\r\n") + target(b"/2"), {}, {"path": b"/2"}),
    *(bad(f"{n.decode()} in trailers", chunked(b"0\r\n" + n + b": 5\r\n\r\n"), 400, "not allowed in trailers") for n in
      (b"Content-Length", b"TRANSFER-ENCODING", b"host", b"Connection", b"Trailer", b"TE", b"Authorization",
       b"Content-Type",
       b"Content-Encoding", b"Content-Range", b"Cookie", b"Set-Cookie", b"Expect", b"Upgrade", b"Range",
       b"Max-Forwards")),
    bad("space before the colon in trailers", chunked(b"0\r\nA : b\r\n\r\n"), 400, "white space between"),
    bad("a fold in trailers", chunked(b"0\r\nA: b\r\n c\r\n\r\n"), 400, "obs-fold"),
    bad("a fold first in trailers", chunked(b"0\r\n A: b\r\n\r\n"), 400, "obs-fold"),
    bad("no colon in trailers", chunked(b"0\r\nA\r\n\r\n"), 400, "no colon"),
    bad("no name in trailers", chunked(b"0\r\n: b\r\n\r\n"), 400, "no name"),
    bad("nul in trailers", chunked(b"0\r\nA: \x00\r\n\r\n"), 400, "NUL"),
    bad("bare lf in trailers", chunked(b"0\r\nA: b\n\r\n\r\n"), 400, "bare LF"),
    bad("bare cr in trailers", chunked(b"0\r\nA: b\rC: d\r\n\r\n"), 400, "bare CR"),
    bad("bare cr instead of trailers", chunked(b"0\r\n\rX\r\n\r\n"), 400, "bare CR"),
    bad("bare lf instead of trailers", chunked(b"0\r\n\nX\r\n\r\n"), 400, "bare LF"),
    bad("the end of chunks forgotten", chunked(b"1\r\na\r\n0\r\n") + GET, 400, "no colon"),
]  # fmt: skip


def at(name: str, status: int, word: str, exact: bytes, above: bytes, **limits: int) -> list[Case]:
    """What is exactly at a limit, and what is one byte above."""
    return [good(f"{name}: at the limit", exact, **limits), bad(f"{name}: above it", above, status, word, **limits)]


def sized(count: int, *, each: int = 10) -> bytes:
    """A request with `count` fields of `each` bytes behind its Host."""
    return fields(*(b"%04d:" % i + b"x" * (each - 5) for i in range(count)))


LIMITS = [
    *at("request line", 414, "limit-request-line", target(b"/" + b"a" * 86), target(b"/" + b"a" * 87),
        request_line=100),
    *at("request line, long method", 414, "limit-request-line", target(b"/", b"M" * 89), target(b"/", b"M" * 90),
        request_line=100),
    *at("default request line", 414, "over 8190", target(b"/" + b"a" * 8176), target(b"/" + b"a" * 8177)),
    bad("request line without end", b"GET /" + b"a" * 200, 414, "limit-request-line", request_line=100),
    bad("request line without end or space", b"a" * 200, 414, "limit-request-line", request_line=100),
    bad("request line with bare lf, too long", b"GET /" + b"a" * 200 + b"\n", 414, "limit-request-line",
        request_line=100),
    bad("request line without end or limit", b"GET /" + b"a" * 500, 414, "over 400 bytes (limit-request-head)",
        request_line=0, head=400),
    bad("a whole request line without limit", target(b"/" + b"a" * 500), 414, "limit-request-head", request_line=0,
        head=400),
    good("no limit on the request line", target(b"/" + b"a" * 9000), request_line=0),
    *at("fields", 431, "limit-request-fields", sized(4), sized(5), fields=5),
    *at("default fields", 431, "more than 100 fields", sized(99), sized(100)),
    good("no limit on fields", sized(200), fields=0),
    *at("field size", 431, "limit-request-field-size", sized(3, each=50), sized(3, each=51), field_size=50),
    good("field size is of each field", sized(20, each=50), field_size=50),
    bad("field size of the last", fields(b"A: b", b"C:" + b"d" * 60), 431, "limit-request-field-size", field_size=50),
    *at("default field size", 431, "over 8190", sized(1, each=8190), sized(1, each=8191)),
    good("no limit on field size", sized(1, each=9000), field_size=0),
    *at("head", 431, "limit-request-head", fields(b"A:" + b"b" * 46), fields(b"A:" + b"b" * 47), head=77),
    bad("head without end", b"GET / HTTP/1.1\r\n" + HOST + b"A: " + b"b" * 500, 431, "limit-request-head", head=300),
    bad("head with many fields without end", sized(99)[:-2] + b"B" * 500, 431, "limit-request-head", head=1200),
    bad("a fault within the limit on the head", fields(b"A : b", b"C: " + b"d" * 500), 400, "white space", head=300),
    bad("a fault beyond the limit on the head", fields(b"C: " + b"d" * 500, b"A : b"), 431, "limit-request-head",
        head=300),
    bad("bare lf beyond the limit on the head", fields(b"C: " + b"d" * 500 + b"\n"), 431, "limit-request-head",
        head=300),
    bad("cr at the limit on the head", fields(b"C: " + b"d" * 271, b"E: f"), 431, "limit-request-head", head=300),
    good("no limit on the head", sized(20, each=8000), head=0),
    *at("body", 413, "limit-request-body", length(b" 5"), length(b" 6", b"hello!"), body=5),
    bad("body of which nothing came", length(b" 6", b""), 413, "limit-request-body", body=5),
    *at("chunked body", 413, "limit-request-body", chunked(b"2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"),
        chunked(b"2\r\nhe\r\n4\r\n"), body=5),
    bad("one large chunk", chunked(b"6\r\n"), 413, "limit-request-body", body=5),
    good("each request has its own body", length(b" 5") + chunked(b"5\r\nhello\r\n0\r\n\r\n") * 2, {}, {}, {}, body=5),
    good("no limit on the body", length(b" 5"), body=0),
    *at("trailers", 431, "limit-request-fields", chunked(b"0\r\n" + b"A: b\r\n" * 5 + b"\r\n"),
        chunked(b"0\r\n" + b"A: b\r\n" * 6 + b"\r\n"), fields=5),
    *at("trailer size", 431, "limit-request-field-size", chunked(b"0\r\nA:" + b"b" * 48 + b"\r\n\r\n"),
        chunked(b"0\r\nA:" + b"b" * 49 + b"\r\n\r\n"), field_size=50),
    *at("trailer section", 431, "limit-request-head", chunked(b"0\r\n" + b"A: bcd\r\n" * 12 + b"X:\r\n\r\n"),
        chunked(b"0\r\n" + b"A: bcd\r\n" * 12 + b"X: \r\n\r\n"), head=102),
    bad("trailer section without end", chunked(b"0\r\n" + b"A: b\r\n" * 40), 431, "limit-request-head", head=100),
    bad("a malformed trailer section without end", chunked(b"0\r\nA" + b" " * 200), 431, "limit-request-head",
        head=100),
]  # fmt: skip

BODIES = [*LENGTHS, *CODINGS, *CHUNKS, *TRAILERS, *LIMITS]
CORPUS = [*HEADS, *BODIES]
