"""What the rest of the server asks of TLS; how contexts are made is test_tls_context.py's."""

from __future__ import annotations

import ssl
import subprocess
import sys
from pathlib import Path

import pytest

from bicorn.config.settings import Config
from bicorn.server import certificate, tls
from bicorn.server.tls import build_context, tls_extension
from tests.server.tls_files import Files, handshake


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def test_without_a_certificate_there_is_no_tls() -> None:
    assert build_context(Config(app="main:app")) is None


# -- Sharing, and ASGI's facts


def test_the_supervisors_context_is_the_workers(files: Files) -> None:
    config = Config(certfile=(files.cert,), keyfile=(files.key,))
    tls.prepare(config)
    assert build_context(config) is build_context(config) is not None
    assert build_context(Config(certfile=(files.cert,), keyfile=(files.key,))) is not build_context(config)


@pytest.mark.parametrize(("version", "number"), [(ssl.TLSVersion.TLSv1_2, 0x0303), (ssl.TLSVersion.TLSv1_3, 0x0304)])
def test_version_and_cipher_are_numbers(files: Files, version: ssl.TLSVersion, number: int) -> None:
    context = build_context(Config(certfile=(files.cert,), keyfile=(files.key,)))
    assert context is not None
    client = files.client()
    client.maximum_version = version
    ours, _ = handshake(context, client, "localhost")
    facts = tls_extension(ours)
    known = {"TLS_AES_256_GCM_SHA384": 0x1302, "ECDHE-ECDSA-AES256-GCM-SHA384": 0xC02C}
    cipher = ours.cipher()
    assert cipher is not None
    assert facts["tls_version"] == number
    assert facts["cipher_suite"] == known[cipher[0]]
    assert facts["client_cert_chain"] == []
    assert facts["client_cert_name"] is None


def test_a_client_certificate_that_cannot_be_read_has_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenSSL takes more than this parser does; the application still gets the certificate itself."""

    def fail(_: bytes) -> None:
        raise ValueError("not an X.509 certificate")

    monkeypatch.setattr(certificate, "read_der", fail)
    assert tls._subject(b"") is None


def test_without_a_certificate_nothing_of_it_is_imported() -> None:
    code = """
import sys
from bicorn.config.settings import Config
from bicorn.server import tls
tls.prepare(Config(app="main:app"))
print([name for name in sys.modules if name.startswith("bicorn.server.") and name != "bicorn.server.tls"])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30)
    assert (done.stdout, done.stderr) == ("[]\n", "")
