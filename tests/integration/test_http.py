"""HTTP over real sockets: both kinds of applications, inline and in threads, plain and through TLS, on both loops."""

from __future__ import annotations

import concurrent.futures
import hashlib
import importlib.util
import itertools
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import trustme

from tests.driving import Answer, read_answers
from tests.integration.running import PATIENCE, Running
from tests.integration.sites.http_site import CONTENT, piece

pytestmark = [pytest.mark.slow, pytest.mark.timeout(60)]

SITES = Path(__file__).parent / "sites"
SHA256 = hashlib.sha256(CONTENT).hexdigest()
LOOPS = ["asyncio", "uvloop"] if importlib.util.find_spec("uvloop") else ["asyncio"]


class Site:
    """A running server with the site of ``sites/http_site.py``: ASGI at the root, WSGI at ``/wsgi``."""

    def __init__(self, folder: Path, loop: str, threads: int, ca: trustme.CA | None, *arguments: str) -> None:
        more: tuple[str, ...] = ("--loop", loop, "--threads", str(threads), *arguments)
        self.context: ssl.SSLContext | None = None
        if ca is not None:
            made = ca.issue_cert("localhost")
            made.private_key_and_cert_chain_pem.write_to_path(folder / "both.pem")
            self.context = ssl.create_default_context()
            ca.configure_trust(self.context)
            more += ("--certfile", str(folder / "both.pem"), "--keyfile", str(folder / "both.pem"))
        app = ("http_site:asgi", "--mount", "/wsgi=http_site:wsgi", "--app-dir", str(SITES))
        self.running = Running(folder, *app, "--bind", "127.0.0.1:0", *more).ready()
        self.port = self.running.port
        self.loop, self.threads = loop, threads

    @property
    def url(self) -> str:
        return f"{'https' if self.context else 'http'}://localhost:{self.port}"

    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, verify=self.context or False, timeout=PATIENCE, trust_env=False)

    def connect(self, buffer: int = 0) -> socket.socket:
        sock = socket.socket()
        if buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        sock.settimeout(PATIENCE)
        sock.connect(("127.0.0.1", self.port))
        return self.context.wrap_socket(sock, server_hostname="localhost") if self.context else sock

    def exchange(self, *requests: bytes) -> bytes:
        """Send, and read to the end."""
        with self.connect() as sock:
            for request in requests:
                sock.sendall(request)
            return read(sock)


def read(sock: socket.socket, limit: int = 1 << 30) -> bytes:
    """Everything until the peer closes, or `limit` bytes."""
    data = bytearray()
    while len(data) < limit and (more := sock.recv(65536)):
        data += more
    return bytes(data)


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


# Loop, threads, TLS: each with each, if not all with all.
KINDS = [("asyncio", 1, False), ("asyncio", 4, True)]
if "uvloop" in LOOPS:
    KINDS += [("uvloop", 1, False), ("uvloop", 1, True), ("uvloop", 4, False)]


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: f"{kind[0]}-{kind[1]}-{'tls' if kind[2] else 'plain'}")
def site(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, ca: trustme.CA) -> Iterator[Site]:
    loop, threads, tls = request.param
    made = Site(tmp_path_factory.mktemp("site"), loop, threads, ca if tls else None)
    try:
        yield made
        assert made.running.stop() == 0
    finally:
        made.running.clean_up()
    log = made.running.log()
    # Every traceback in the log is one that a test asked for.
    assert log.count("Traceback (most recent call last)") == log.count("RuntimeError: on purpose"), log
    for word in ("Fatal error", "socket.send() raised", "never retrieved", "never awaited", "ResourceWarning"):
        assert word not in log, log


both = pytest.mark.parametrize("prefix", ["", "/wsgi"], ids=["asgi", "wsgi"])


def get(path: str, *fields: str, method: str = "GET", close: bool = True) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *fields, *(["Connection: close"] if close else []), "", ""]
    return "\r\n".join(lines).encode()


def answer(data: bytes, *, head: bool = False) -> Answer:
    [only] = read_answers(data, head=head)
    return only


def read_answer(sock: socket.socket) -> Answer:
    """One answer that says how long it is, whether the connection is closed after it or not."""
    data = b""
    while b"\r\n\r\n" not in data:
        data += sock.recv(65536)
    head, _, body = data.partition(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
    return answer(data + (read(sock, length - len(body)) if len(body) < length else b""))


# -- Requests and answers


@both
def test_many_requests_on_one_connection(site: Site, prefix: str) -> None:
    with site.client() as client:
        for n in range(100):
            response = client.get(f"{prefix}/{n}")
            assert (response.status_code, response.text) == (200, f"GET /{n}")
        assert client.head(f"{prefix}/x").headers["content-length"] == "7"
        assert client.options(f"{prefix}/x").text == "OPTIONS /x"
        assert client.delete(f"{prefix}/x").text == "DELETE /x"


@both
@pytest.mark.parametrize("size", [0, 1, 70_000, 1 << 20, 3 << 20])
def test_a_body_there_and_back(site: Site, prefix: str, size: int) -> None:
    data = (b"0123456789abcdef" * (size // 16 + 1))[:size]
    with site.client() as client:
        for _ in range(2):
            response = client.post(f"{prefix}/echo", content=data)
            assert response.content == data
            assert response.headers["x-sha256"] == hashlib.sha256(data).hexdigest()


@both
def test_a_chunked_upload(site: Site, prefix: str) -> None:
    pieces = [piece(n, size) for n, size in enumerate((1, 10, 1000, 100_000, 7))]
    with site.client() as client:
        assert client.post(f"{prefix}/echo", content=iter(pieces)).content == b"".join(pieces)
        assert client.get(f"{prefix}/x").status_code == 200


@both
@pytest.mark.parametrize(("count", "size"), [(5, 10), (1000, 1000), (30, 100_000)])
def test_a_stream(site: Site, prefix: str, count: int, size: int) -> None:
    expected = b"".join(piece(n, size) for n in range(count))
    with site.client() as client:
        for _ in range(2):
            assert client.get(f"{prefix}/stream?count={count}&size={size}").content == expected


@both
def test_pieces_arrive_as_they_are_made(site: Site, prefix: str) -> None:
    name = f"drip{prefix.replace('/', '-')}"
    with site.client() as client, client.stream("GET", f"{prefix}/drip?{name}") as response:
        for n, data in enumerate(response.iter_raw()):
            assert data == b"%d" % n
            (site.running.folder / f"{name}-{n}").touch()


@both
@pytest.mark.parametrize("path", ["/content", "/file"])
def test_a_large_answer_arrives_whole(site: Site, prefix: str, path: str) -> None:
    with site.client() as client:
        for _ in range(3):
            response = client.get(prefix + path)
            assert response.headers["content-length"] == str(len(CONTENT))
            assert hashlib.sha256(response.content).hexdigest() == SHA256
        head = client.head(prefix + path)
        assert (head.headers["content-length"], head.content) == (str(len(CONTENT)), b"")


@both
@pytest.mark.parametrize("path", ["/content", "/file", "/stream?count=32&size=50000"])
def test_a_large_answer_to_a_client_with_small_buffers(site: Site, prefix: str, path: str) -> None:
    with site.connect(buffer=4096) as sock:
        sock.sendall(get(prefix + path))
        time.sleep(0.05)  # the server's buffers fill up
        body = answer(read(sock)).body
    assert len(body) == len(CONTENT)
    if "stream" not in path:
        assert hashlib.sha256(body).hexdigest() == SHA256


def test_what_write_is_given_arrives(site: Site) -> None:
    with site.client() as client:
        expected = b"".join(b"%d" % n * 100_000 for n in range(3)) + b"end"
        assert client.get("/wsgi/write").content == expected


@both
def test_errors(site: Site, prefix: str) -> None:
    with site.client() as client:
        for _ in range(2):
            response = client.get(f"{prefix}/error")
            assert (response.status_code, response.text) == (500, "Internal Server Error\n")
        with pytest.raises(httpx.HTTPError):
            client.get(f"{prefix}/half")
        assert client.get(f"{prefix}/x").status_code == 200


@both
def test_requests_at_once(site: Site, prefix: str) -> None:
    def ask(n: int) -> str:
        with site.client() as client:
            return client.get(f"{prefix}/{n}").text

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, range(40))) == [f"GET /{n}" for n in range(40)]


def test_requests_that_wait_do_so_together(site: Site) -> None:
    def ask(path: str) -> str:
        with site.client() as client:
            return client.get(path).text

    paths = ["/sleep"] * 4 + (["/wsgi/sleep"] * 4 if site.threads == 4 else [])
    began = time.monotonic()
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        assert list(pool.map(ask, paths)) == ["slept"] * len(paths)
    assert time.monotonic() - began < 0.2 * len(paths)


# -- On the wire


@both
def test_1000_pipelined_requests_are_answered_in_order(site: Site, prefix: str) -> None:
    requests = b"".join(get(f"{prefix}/{n}", close=n == 999) for n in range(1000))
    answers = read_answers(site.exchange(requests))
    assert [each.body for each in answers] == [b"GET /%d" % n for n in range(1000)]


@both
def test_pipelined_uploads(site: Site, prefix: str) -> None:
    bodies = [b"%03d" % n * 1000 for n in range(100)]
    requests = [get(f"{prefix}/echo", "Content-Length: 3000", method="POST", close=n == 99) for n in range(100)]
    data = site.exchange(b"".join(head + body for head, body in zip(requests, bodies, strict=True)))
    assert [each.body for each in read_answers(data)] == bodies


@both
def test_a_request_that_comes_byte_by_byte(site: Site, prefix: str) -> None:
    request = get(f"{prefix}/echo", "Content-Length: 5", method="POST") + b"hello"
    with site.connect() as sock:
        if not site.context:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in request:
            sock.sendall(bytes([byte]))
        assert answer(read(sock)).body == b"hello"


@both
def test_100_continue(site: Site, prefix: str) -> None:
    with site.connect() as sock:
        sock.sendall(get(f"{prefix}/echo", "Expect: 100-continue", "Content-Length: 5", method="POST"))
        assert read(sock, 25) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(b"hello")
        assert answer(read(sock)).body == b"hello"


@both
@pytest.mark.parametrize("fields", [(), ("Connection: keep-alive",)])
def test_http_1_0(site: Site, prefix: str, fields: tuple[str, ...]) -> None:
    request = "\r\n".join([f"GET {prefix}/stream HTTP/1.0", *fields, "", ""]).encode()
    first = answer(site.exchange(request))
    assert first.headers["connection"] == "close"
    assert first.body == b"".join(piece(n, 10) for n in range(5))


@both
def test_unread_bodies(site: Site, prefix: str) -> None:
    """Small ones let the connection go on; large ones close it, and the answer still arrives."""
    small = get(f"{prefix}/x", "Content-Length: 1000", method="POST", close=False) + bytes(1000)
    assert len(read_answers(site.exchange(small, small, get("/y")))) == 3
    if not prefix:
        with site.connect() as sock:
            sock.sendall(get("/x", "Content-Length: 100000000", method="POST", close=False))
            try:
                for _ in range(10):
                    sock.sendall(bytes(100_000))
            except OSError:
                pass
            assert read_answer(sock).body == b"POST /x"


def test_a_body_over_the_limit_is_refused_and_the_answer_arrives(site: Site) -> None:
    with site.connect() as sock:
        sock.sendall(get("/echo", "Content-Length: 9999999999", method="POST", close=False))
        sock.sendall(bytes(200_000))
        refused = read_answer(sock)
    assert (refused.status, refused.headers["connection"]) == (413, "close")


def test_a_refusal_arrives_though_the_client_goes_on_sending(site: Site) -> None:
    with site.connect() as sock:
        sock.sendall(b"nonsense\r\n\r\n" + bytes(300_000))
        assert read_answer(sock).status == 400


def test_early_hints_and_trailers(site: Site) -> None:
    only = answer(site.exchange(get("/hints", "TE: trailers")))
    assert only.informational == [(103, {"link": "</a.css>; rel=preload"})]
    assert (only.body, only.trailers) == (b"hello", {"x-sum": "5"})


def test_a_client_that_sends_no_more_still_gets_its_answers(site: Site) -> None:
    if site.context:
        pytest.skip("TLS has no half-close")
    with site.connect() as sock:
        sock.sendall(b"".join(get(f"/wsgi/{n}", close=False) for n in range(100)))
        sock.shutdown(socket.SHUT_WR)
        answers = read_answers(read(sock))
    assert [each.body for each in answers] == [b"GET /%d" % n for n in range(100)]
    with site.connect() as sock:
        sock.sendall(get("/wsgi/stream?count=100&size=50000", close=False))
        sock.shutdown(socket.SHUT_WR)
        assert len(answer(read(sock)).body) == 5_000_000


def test_clients_that_go_away_hurt_nobody(site: Site) -> None:
    """At every step of a request and of its answer, politely and by a reset."""
    request = get("/stream?count=1000&size=50000", close=False)
    for prefix, linger in itertools.product((b"/", b"/wsgi/"), (None, b"\1\0\0\0\0\0\0\0")):
        for step in range(4):
            sock = site.connect()
            if linger:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            if step:
                sock.sendall(request.replace(b"/", prefix, 1)[: (0, 10, 1000, 1000)[step]])
            if step == 3:
                sock.recv(100)
            sock.close()
    with site.client() as client:
        assert client.get("/x").status_code == 200
        assert client.get("/wsgi/x").status_code == 200


# -- Slow readers: each has a server of its own, with a short deadline that must not hit it


def read_slowly(sock: socket.socket, seconds: float, size: int) -> bytes:
    """Everything, at such a pace."""
    data = bytearray()
    began = time.monotonic()
    while more := sock.recv(32768):
        data += more
        pause = began + seconds * len(data) / size - time.monotonic()
        if pause > 0:
            time.sleep(pause)
    return bytes(data)


def test_slow_readers_get_their_whole_answer(tmp_path: Path, ca: trustme.CA) -> None:
    """Neither the keep-alive deadline nor the write deadline nor the end of the connection may cut them off."""
    deadlines = ("--timeout-keep-alive", "1", "--timeout-write", "1")
    ways = [prefix + way for prefix in ("", "/wsgi") for way in ("/content", "/file", "/stream?count=160&size=10000")]
    requests = [get(way, close=close) for way in ways for close in (False, True)]
    sites: list[Site] = []

    def ask(asked: tuple[Site, bytes]) -> int:
        site, request = asked
        with site.connect(buffer=4096) as sock:
            sock.sendall(request)
            return len(answer(read_slowly(sock, 3.0, len(CONTENT))).body)

    try:
        for number, (loop, tls) in enumerate(itertools.product(LOOPS, (None, ca))):
            (tmp_path / str(number)).mkdir()
            sites.append(Site(tmp_path / str(number), loop, 1, tls, *deadlines))
        asked = list(itertools.product(sites, requests))
        with concurrent.futures.ThreadPoolExecutor(len(asked)) as pool:
            assert list(pool.map(ask, asked)) == [len(CONTENT)] * len(asked)
        for site in sites:
            assert site.running.stop() == 0
            assert "cut" not in site.running.log()
    finally:
        for site in sites:
            site.running.clean_up()
