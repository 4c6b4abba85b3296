"""Contexts from files that trustme makes, and handshakes through memory: no sockets, no processes."""

from __future__ import annotations

import logging
import ssl
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from bicorn.config.settings import Config
from bicorn.errors import TLSConfigError
from bicorn.server import tls
from bicorn.server.certificate import first_pem, read_pem
from bicorn.server.tls import build_context, tls_extension
from bicorn.server.tls_context import ServerContext, match_name
from tests.server.tls_files import Files, handshake


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def refused(config: Config) -> TLSConfigError:
    with pytest.raises(TLSConfigError) as caught:
        build_context(config)
    assert caught.value.exit_code == 2
    return caught.value


def test_a_certificate_and_its_key_make_a_context_with_safe_defaults(files: Files) -> None:
    context = build_context(Config(certfile=(files.cert,), keyfile=(files.key,)))
    assert isinstance(context, ServerContext)
    assert context.minimum_version is ssl.TLSVersion.TLSv1_2
    assert context.options & ssl.OP_NO_COMPRESSION
    assert context.options & ssl.OP_NO_RENEGOTIATION
    assert context.verify_mode is ssl.CERT_NONE
    client = files.client()
    client.set_alpn_protocols(["h2", "http/1.1"])
    ours, theirs = handshake(context, client, "a.example")
    assert theirs.selected_alpn_protocol() == ours.selected_alpn_protocol() == "http/1.1"


def test_the_key_may_be_in_the_certificates_file(files: Files) -> None:
    both = files.write("both.pem", Path(files.key).read_bytes() + Path(files.cert).read_bytes())
    context = build_context(Config(certfile=(both,)))
    assert context is not None
    handshake(context, files.client(), "localhost")


def test_an_encrypted_key_needs_its_password(files: Files) -> None:
    key = files.encrypted_key(b"secret")
    context = build_context(Config(certfile=(files.cert,), keyfile=(key,), keyfile_password="secret"))
    assert context is not None
    handshake(context, files.client(), "localhost")
    assert "cannot be decrypted: keyfile_password is wrong" in str(
        refused(Config(certfile=(files.cert,), keyfile=(key,), keyfile_password="wrong"))
    )
    error = refused(Config(certfile=(files.cert,), keyfile=(key,)))
    assert "BICORN_KEYFILE_PASSWORD" in str(error)
    assert error.setting == "keyfile"


def test_a_missing_password_is_never_asked_for_on_the_terminal(files: Files) -> None:
    """In a process of its own, whose terminal would be the place to ask: it must end, not wait."""
    key = files.encrypted_key(b"secret")
    code = (
        "from bicorn.config.settings import Config; from bicorn.server.tls import build_context\n"
        f"build_context(Config(certfile=({files.cert!r},), keyfile=({key!r},)))"
    )
    done = subprocess.run([sys.executable, "-c", code], stdin=subprocess.DEVNULL, capture_output=True, timeout=30)
    assert b"pass phrase" not in (done.stdout + done.stderr).lower().replace(b"password", b"")
    assert b"TLSConfigError" in done.stderr


def test_a_key_of_another_certificate_is_named(files: Files) -> None:
    _, other = files.pair("other.example")
    error = refused(Config(certfile=(files.cert,), keyfile=(other,), origins={"keyfile": "--keyfile"}))
    assert str(error).startswith(f"keyfile {other} is not the key of the certificate in {files.cert}")
    assert (error.setting, error.value, error.origin) == ("keyfile", other, "--keyfile")


@pytest.mark.parametrize("setting", ["certfile", "keyfile", "ca_certs"])
def test_a_missing_file_is_named(files: Files, setting: str) -> None:
    given: dict[str, object] = {
        "certfile": (files.cert,),
        "keyfile": (files.key,),
        "ca_certs": files.ca_file,
        "cert_reqs": 2,
    }
    missing = str(files.folder / "missing.pem")
    given[setting] = missing if setting == "ca_certs" else (missing,)
    message = str(refused(Config(**given)))  # type: ignore[arg-type]
    assert message == f"{setting} {missing} cannot be read (No such file or directory): check the path"


def test_an_unreadable_file_is_named(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)  # root may read everything, so the mode alone proves nothing
    assert "(Permission denied): make it readable" in str(refused(Config(certfile=(files.cert,))))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "holds no PEM certificate"),
        (b"hello", "holds no PEM certificate"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\n", "OpenSSL"),
        (b"-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\n", "OpenSSL"),
    ],
)
def test_a_file_that_is_no_certificate_is_named(files: Files, content: bytes, words: str) -> None:
    bad = files.write("bad.pem", content)
    message = str(refused(Config(certfile=(bad,))))
    assert message.startswith(f"certfile {bad} ")
    assert words in message


def test_der_is_recognised(files: Files) -> None:
    der = files.write("x.der", ssl.PEM_cert_to_DER_cert(Path(files.cert).read_text()))
    assert "looks like DER: openssl x509 -inform der" in str(refused(Config(certfile=(der,), keyfile=(files.key,))))


def test_a_missing_key_is_named(files: Files) -> None:
    assert "holds no private key, and keyfile is not set" in str(refused(Config(certfile=(files.cert,))))
    wrong = refused(Config(certfile=(files.cert,), keyfile=(files.ca_file,)))
    assert str(wrong) == f"keyfile {files.ca_file} holds no PEM private key"


def test_a_weak_key_is_named(files: Files) -> None:
    key = rsa.generate_private_key(65537, 1024)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "weak.example")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=90))
    pem = made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    pem += key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    weak = files.write("weak.pem", pem)
    assert str(refused(Config(certfile=(weak,)))).startswith(f"certfile {weak} is too weak for OpenSSL")


def test_unknown_ciphers_are_refused_and_known_ones_chosen(files: Files) -> None:
    pair = {"certfile": (files.cert,), "keyfile": (files.key,)}
    assert "'NONSENSE' names no cipher" in str(refused(Config(ciphers="NONSENSE", **pair)))  # type: ignore[arg-type]
    chosen = "ECDHE-ECDSA-CHACHA20-POLY1305"
    context = build_context(Config(ciphers=chosen, **pair))  # type: ignore[arg-type]
    assert context is not None
    names = [each["name"] for each in context.get_ciphers()]
    assert [name for name in names if not name.startswith("TLS_")] == [chosen]


def test_the_oldest_version_is_a_setting(files: Files) -> None:
    context = build_context(Config(certfile=(files.cert,), keyfile=(files.key,), tls_min_version="1.3"))
    assert context is not None
    old = files.client()
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError):
        handshake(context, old, "localhost")


def test_dates_that_clients_will_refuse_are_warned_about(files: Files, caplog: pytest.LogCaptureFixture) -> None:
    past = files.pair("past.example", not_after=datetime.now(UTC) - timedelta(days=1))
    future = files.pair("future.example", not_before=datetime.now(UTC) + timedelta(days=1))
    soon = files.pair("soon.example", not_after=datetime.now(UTC) + timedelta(days=3))
    logging.getLogger("bicorn").propagate = True
    with caplog.at_level("WARNING"):
        for cert, key in (past, future, soon, (files.cert, files.key)):
            build_context(Config(certfile=(cert,), keyfile=(key,)))
    words = [record.getMessage().partition(" ")[2] for record in caplog.records]
    assert [text.split(" on ")[0].split(" before ")[0] for text in words] == [
        f"{past[0]} expired",
        f"{future[0]} is not valid",
        f"{soon[0]} expires",
    ]


# -- Client certificates


def test_an_authority_file_without_certificates_is_named(files: Files) -> None:
    bad = files.write("bad-ca.pem", b"-----BEGIN CERTIFICATE-----\n")
    given = Config(certfile=(files.cert,), keyfile=(files.key,), ca_certs=bad, cert_reqs=2)
    assert f"ca_certs {bad} holds no usable PEM certificate" in str(refused(given))


def test_authorities_may_be_a_folder(files: Files) -> None:
    context = build_context(
        Config(certfile=(files.cert,), keyfile=(files.key,), ca_certs=str(files.folder), cert_reqs=2)
    )
    assert context is not None
    assert context.verify_mode is ssl.CERT_REQUIRED


@pytest.mark.parametrize(
    ("mode", "with_certificate", "allowed"), [(2, True, True), (2, False, False), (1, False, True)]
)
def test_client_certificates_are_checked(files: Files, mode: int, with_certificate: bool, allowed: bool) -> None:
    context = build_context(
        Config(certfile=(files.cert,), keyfile=(files.key,), ca_certs=files.ca_file, cert_reqs=mode)
    )
    assert context is not None
    if not allowed:
        with pytest.raises(ssl.SSLError, match="PEER_DID_NOT_RETURN_A_CERTIFICATE"):
            handshake(context, files.client(certificate=with_certificate), "localhost")
        return
    ours, _ = handshake(context, files.client(certificate=with_certificate), "localhost")
    facts = tls_extension(ours)
    assert facts["client_cert_error"] is None
    names = [read_pem(pem).subject for pem in facts["client_cert_chain"]]
    if not with_certificate:
        assert facts["client_cert_name"] is None
        assert names == []
        return
    assert facts["client_cert_name"] == names[0]
    assert names[0].startswith("CN=alice,")
    assert "O=A\\, B" in names[0]
    assert len(set(names)) == len(names)


# -- Several certificates


def test_the_certificate_is_chosen_by_the_name_the_client_asks_for(files: Files) -> None:
    pairs = [(files.cert, files.key), files.pair("b.example"), files.pair("*.c.example")]
    context = build_context(Config(certfile=tuple(c for c, _ in pairs), keyfile=tuple(k for _, k in pairs)))
    assert context is not None
    for name, index in [("a.example", 0), ("B.Example", 1), ("x.c.example", 2)]:
        ours, _ = handshake(context, files.client(), name)
        assert tls_extension(ours)["server_cert"] == first_pem(Path(pairs[index][0]).read_text())
    for name in ("d.example", "c.example", "x.y.c.example", None):
        client = files.client()
        client.check_hostname = False
        ours, _ = handshake(context, client, name)
        assert tls_extension(ours)["server_cert"] == first_pem(Path(files.cert).read_text())


def test_a_certificate_that_can_never_be_chosen_is_warned_about(files: Files, caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("bicorn").propagate = True
    with caplog.at_level("WARNING"):
        build_context(Config(certfile=(files.cert,) * 2, keyfile=(files.key,) * 2))
    assert "is never chosen" in caplog.text


def test_names_match_by_themselves_or_by_one_label() -> None:
    exact, wild = ServerContext(ssl.PROTOCOL_TLS_SERVER), ServerContext(ssl.PROTOCOL_TLS_SERVER)
    table = {"a.example": exact, "*.a.example": wild}
    assert match_name("A.EXAMPLE.", table) is exact
    assert match_name("x.a.example", table) is wild
    assert match_name("y.x.a.example", table) is None
    assert match_name(None, table) is None


# -- The user's own context


def hook_module(monkeypatch: pytest.MonkeyPatch, **functions: object) -> None:
    module = ModuleType("my_tls")
    vars(module).update(functions)
    monkeypatch.setitem(sys.modules, "my_tls", module)


def test_a_hook_gets_the_settings_and_the_usual_context(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    def hook(config: Config, default_factory: object) -> ssl.SSLContext:
        assert callable(default_factory)
        context = default_factory()
        assert isinstance(context, ServerContext)
        assert config.certfile == (files.cert,)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        return context

    hook_module(monkeypatch, hook=hook)
    given = Config(certfile=(files.cert,), keyfile=(files.key,), ssl_context="my_tls:hook")
    tls.prepare(given)  # must not run the hook
    context = build_context(given)
    assert context is not None
    assert context.minimum_version is ssl.TLSVersion.TLSv1_3


def test_a_hook_may_load_the_certificate_itself(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    def hook(config: Config, default_factory: object) -> ssl.SSLContext:
        assert callable(default_factory)
        context = default_factory()
        context.load_cert_chain(files.cert, files.key)
        assert isinstance(context, ssl.SSLContext)
        return context

    hook_module(monkeypatch, hook=hook)
    context = build_context(Config(ssl_context="my_tls:hook"))
    assert context is not None
    ours, _ = handshake(context, files.client(), "localhost")
    assert tls_extension(ours)["server_cert"] is None


def broken(config: object, default_factory: object) -> None:
    raise RuntimeError("no vault today")


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("no_such_module:f", "cannot be imported"),
        ("my_tls:missing", "cannot be imported"),
        ("my_tls:broken", "no vault today"),
        ("my_tls:nothing", "must return an ssl.SSLContext (got NoneType)"),
        ("my_tls:relays", "certfile missing.pem cannot be read"),
    ],
)
def test_a_hook_that_fails_is_a_settings_error(monkeypatch: pytest.MonkeyPatch, target: str, words: str) -> None:
    hook_module(monkeypatch, broken=broken, nothing=lambda *_: None, relays=lambda _, factory: factory())
    certfile = ("missing.pem",) if target == "my_tls:relays" else ()
    assert words in str(refused(Config(ssl_context=target, certfile=certfile)))
