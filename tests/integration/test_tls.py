"""TLS with certificates that trustme makes, over real sockets."""

from __future__ import annotations

import json
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.integration.running import Running, exchange

pytestmark = pytest.mark.slow

Serve = Callable[..., Running]


@pytest.fixture(scope="module")
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(autouse=True)
def certificates(ca: trustme.CA, folder: Path) -> None:
    """``localhost.crt`` and ``.key``, ``other.crt`` and ``.key``, ``ca.pem``."""
    ca.cert_pem.write_to_path(folder / "ca.pem")
    for name, names in (("localhost", ("localhost",)), ("other", ("other.example", "*.other.example"))):
        made = ca.issue_cert(*names)
        made.private_key_pem.write_to_path(folder / f"{name}.key")
        (folder / f"{name}.crt").write_bytes(b"".join(pem.bytes() for pem in made.cert_chain_pems))


@pytest.fixture
def trusting(ca: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    ca.configure_trust(context)
    return context


PAIR = ("--certfile", "localhost.crt", "--keyfile", "localhost.key")


def facts(server: Running, context: ssl.SSLContext, name: str = "localhost") -> dict[str, Any]:
    """What the application is told about a connection."""
    request = b"GET /tls HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
    head, _, body = exchange(server.connect(context, name), request).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), head
    told: dict[str, Any] = json.loads(body)
    return told


def is_refused(server: Running, context: ssl.SSLContext) -> bool:
    """In TLS 1.3 the client learns of the refusal only when it reads."""
    try:
        return exchange(server.connect(context)) == b""
    except (ssl.SSLError, ConnectionResetError):
        return True


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_the_application_is_told_about_the_connection(
    serve: Serve, folder: Path, trusting: ssl.SSLContext, loop: str
) -> None:
    if loop == "uvloop":
        pytest.importorskip("uvloop")
    server = serve(*PAIR, "--loop", loop).ready()
    assert server.urls[0].startswith("https://127.0.0.1:")
    told = facts(server, trusting)
    assert told.pop("server_cert") in (folder / "localhost.crt").read_text()
    assert told.pop("cipher_suite") in (0x1301, 0x1302, 0x1303)
    assert told == {
        "client_cert_chain": [],
        "client_cert_name": None,
        "client_cert_error": None,
        "tls_version": 0x0304,
    }
    assert server.stop() == 0


def test_uvicorns_names_of_the_options_work(serve: Serve, trusting: ssl.SSLContext) -> None:
    server = serve("--ssl-certfile", "localhost.crt", "--ssl-keyfile", "localhost.key").ready()
    assert facts(server, trusting)["tls_version"] == 0x0304


def test_client_certificates_are_required_checked_and_passed_on(
    serve: Serve, ca: trustme.CA, trusting: ssl.SSLContext
) -> None:
    server = serve(*PAIR, "--ca-certs", "ca.pem", "--cert-reqs", "2").ready()
    assert is_refused(server, trusting), "served without a certificate"
    stranger = ssl.create_default_context()
    ca.configure_trust(stranger)
    trustme.CA().issue_cert("mallory@example.org").configure_cert(stranger)
    assert is_refused(server, stranger), "served with a stranger's certificate"
    ca.issue_cert("alice@example.org", common_name="alice").configure_cert(trusting)
    told = facts(server, trusting)
    assert told["client_cert_name"].startswith("CN=alice,")
    assert told["client_cert_chain"][0].startswith("-----BEGIN CERTIFICATE-----")
    assert server.stop() == 0


def test_optional_client_certificates(serve: Serve, ca: trustme.CA, trusting: ssl.SSLContext) -> None:
    server = serve(*PAIR, "--ca-certs", "ca.pem", "--cert-reqs", "1").ready()
    assert facts(server, trusting)["client_cert_name"] is None
    ca.issue_cert("alice@example.org", common_name="alice").configure_cert(trusting)
    assert facts(server, trusting)["client_cert_name"].startswith("CN=alice,")


def test_the_certificate_is_chosen_by_name(serve: Serve, folder: Path, trusting: ssl.SSLContext) -> None:
    server = serve(*PAIR, "--certfile", "other.crt", "--keyfile", "other.key").ready()
    for name, file in (("localhost", "localhost"), ("other.example", "other"), ("www.other.example", "other")):
        assert facts(server, trusting, name)["server_cert"] in (folder / f"{file}.crt").read_text()


def test_old_versions_are_refused(serve: Serve, trusting: ssl.SSLContext) -> None:
    server = serve(*PAIR, "--tls-min-version", "1.3").ready()
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    assert is_refused(server, old)
    assert facts(server, trusting)["tls_version"] == 0x0304


def test_tls_1_2_is_spoken_by_default(serve: Serve, trusting: ssl.SSLContext) -> None:
    server = serve(*PAIR).ready()
    trusting.maximum_version = ssl.TLSVersion.TLSv1_2
    assert facts(server, trusting)["tls_version"] == 0x0303


def test_a_session_is_resumed_whichever_worker_answers(serve: Serve, trusting: ssl.SSLContext) -> None:
    server = serve(*PAIR, "--workers", "3").ready()
    trusting.maximum_version = ssl.TLSVersion.TLSv1_2  # where the ticket comes with the handshake
    session, seen = None, set()
    for _ in range(60):
        plain = socket.create_connection(("127.0.0.1", server.port), timeout=15)
        sock = trusting.wrap_socket(plain, server_hostname="localhost", session=session)
        assert sock.session_reused == (session is not None)
        session = session or sock.session
        seen.add(exchange(sock).partition(b"\r\n\r\n")[2])
        if len(seen) > 1:
            break
    assert server.stop() == 0


@pytest.mark.parametrize(
    "words", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x00" * 100, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]
)
def test_plain_text_on_the_tls_port_is_closed_and_hurts_nobody(
    serve: Serve, trusting: ssl.SSLContext, words: bytes
) -> None:
    server = serve(*PAIR).ready()
    try:
        assert not exchange(server.connect(), words).startswith(b"HTTP/1.1 200")
    except ConnectionResetError:
        pass
    assert facts(server, trusting)["tls_version"] == 0x0304
    assert server.stop() == 0
    assert "Traceback" not in server.log()


def test_tls_on_the_plain_port_is_named_and_hurts_nobody(serve: Serve, trusting: ssl.SSLContext) -> None:
    server = serve().ready()
    assert is_refused(server, trusting)
    server.wait_for("(?i)TLS")
    assert server.get()
    assert server.stop() == 0
    assert "Traceback" not in server.log()


def test_a_client_that_leaves_in_the_handshake_hurts_nobody(serve: Serve, trusting: ssl.SSLContext) -> None:
    server = serve(*PAIR).ready()
    for words in (b"", b"\x16\x03\x01\x02\x00"):
        with server.connect() as sock:
            sock.sendall(words)
    assert facts(server, trusting)["tls_version"] == 0x0304
    assert server.stop() == 0
    assert "Traceback" not in server.log()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--certfile", "missing.crt"), "missing.crt cannot be read (No such file or directory)"),
        (("--certfile", "localhost.crt", "--keyfile", "other.key"), "is not the key of the certificate in"),
        (("--certfile", "localhost.crt"), "holds no private key, and keyfile is not set"),
        (("--certfile", "site_app.py"), "holds no PEM certificate"),
        ((*PAIR, "--cert-reqs", "2"), "ca_certs"),
        ((*PAIR, "--ciphers", "NONSENSE"), "names no cipher"),
    ],
)
def test_a_certificate_that_cannot_be_used_stops_the_start(
    serve: Serve, arguments: tuple[str, ...], words: str
) -> None:
    server = serve(*arguments, "--workers", "2")
    assert server.wait() == 2
    assert words in server.log()
    assert "Traceback" not in server.log()
    assert "imported" not in server.log()


def test_tls_over_a_unix_socket(serve: Serve, folder: Path, trusting: ssl.SSLContext) -> None:
    serve(*PAIR, "--bind", "unix:x.sock").ready()
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(str(folder / "x.sock"))
    assert exchange(trusting.wrap_socket(sock, server_hostname="localhost")).startswith(b"HTTP/1.1 200 ")
