"""TLS: the context a server needs, and from a connection to ASGI's ``tls`` extension.

A certificate that cannot be used stops the start, always: a server that falls back to plain text, or that answers
every handshake with an error, is worse than one that is not there.

What makes contexts and reads certificates is imported when there is one: most servers have none, and start sooner.
"""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..config.settings import Config

_prepared: list[tuple[Config, ssl.SSLContext | None]] = []


def prepare(config: Config, beside: Config | None = None) -> None:
    """Build the context now, for :func:`build_context` to return for this very ``config`` from here on.

    The supervisor calls this before it forks. A bad certificate is then reported once, the keys are read while the
    process may still read them, and every worker shares one session-ticket key: a client resumes its session
    whichever worker it meets. The user's own hook is not run here: it is code of the application's.

    Args:
        beside: settings that stay in use, too, as long as a reload tries other ones.

    Raises:
        TLSConfigError: see :func:`build_context`.
    """
    _prepared[:] = [known for known in _prepared if known[0] is beside]
    if not config.ssl_context:
        _prepared.append((config, build_context(config)))


def build_context(config: Config) -> ssl.SSLContext | None:
    """The server's TLS context, or None where no certificate and no hook is configured.

    Raises:
        TLSConfigError: a file is missing, unreadable, of the wrong kind or does not fit its key; an option cannot be
            used; the hook failed. The message names the file and says what to do.
    """
    for known, context in _prepared:
        if known is config:
            return context
    if config.tls:
        from .tls_context import from_hook, standard

        return from_hook(config) if config.ssl_context else standard(config)
    return None


# -- ASGI's tls extension (version 0.2) ------------------------------------------------------------------------

_TLS_VERSIONS = {"TLSv1": 0x0301, "TLSv1.1": 0x0302, "TLSv1.2": 0x0303, "TLSv1.3": 0x0304}
_suites: dict[str, int] = {}  # OpenSSL's name of a cipher: its number at IANA


def tls_extension(connection: ssl.SSLObject) -> dict[str, Any]:
    """What ASGI's ``tls`` extension says about a connection whose handshake is done. Call it once, share the result.

    ``client_cert_error`` is always None: OpenSSL has refused a client whose certificate could not be verified.
    """
    version = connection.version()
    chain = _client_chain(connection)
    return {
        "server_cert": getattr(connection.context, "certificate_pem", None),
        "client_cert_chain": [ssl.DER_cert_to_PEM_cert(der) for der in chain],
        "client_cert_name": _subject(chain[0]) if chain else None,
        "client_cert_error": None,
        "tls_version": _TLS_VERSIONS.get(version) if version else None,
        "cipher_suite": _cipher_suite(connection),
    }


def _client_chain(connection: ssl.SSLObject) -> list[bytes]:
    certificate = connection.getpeercert(binary_form=True)
    if certificate is None:
        return []
    whole = getattr(connection, "get_unverified_chain", None)  # Python 3.13
    return list(whole()) if whole else [certificate]


def _subject(der: bytes) -> str | None:
    from .certificate import read_der

    try:
        return read_der(der).subject
    except ValueError:
        return None


def _cipher_suite(connection: ssl.SSLObject) -> int | None:
    cipher = connection.cipher()
    if cipher is None:
        return None
    if cipher[0] not in _suites:
        # OpenSSL's id is the suite's two bytes with a prefix for the protocol family.
        _suites.update((each["name"], each["id"] & 0xFFFF) for each in connection.context.get_ciphers())
    return _suites.get(cipher[0])
