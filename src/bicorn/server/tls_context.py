"""The TLS context: made of certificate files, or by the user's own hook. Imported only where TLS is on."""

from __future__ import annotations

import importlib
import logging
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..apps.failure import user_traceback
from ..errors import TLSConfigError
from .certificate import Certificate, first_pem, read_pem

if TYPE_CHECKING:
    from ..config.settings import Config

logger = logging.getLogger("bicorn.error")

ALPN = ("http/1.1",)
_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
_SOON = timedelta(days=7)


class ServerContext(ssl.SSLContext):
    """A context that still knows the certificate it serves, which ``ssl`` does not tell."""

    certificate_pem: str | None = None


def standard(config: Config) -> ServerContext:
    """The context of ``certfile`` and its company; see :func:`.tls.build_context`."""
    by_name: dict[str, ServerContext] = {}
    contexts: list[ServerContext] = []
    for index, certfile in enumerate(config.certfile):
        context = _bare(config)
        certificate = _load(context, certfile, config.keyfile[index] if config.keyfile else None, config)
        if contexts and by_name.keys() >= set(certificate.names):
            logger.warning("certfile %s is never chosen: earlier ones have all its names", certfile)
        contexts.append(context)
        for name in certificate.names:
            by_name.setdefault(name, context)
    if len(contexts) > 1:
        contexts[0].sni_callback = _chooser(by_name, contexts[0])
    return contexts[0]


def _bare(config: Config) -> ServerContext:
    """A context with everything but the certificate."""
    context = ServerContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = _VERSIONS[config.tls_min_version]
    # Compression leaks secrets by its length (CRIME). Renegotiation lets a client make the server work for nothing,
    # and asyncio's transports do not expect it.
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(ALPN)
    if config.ciphers:
        try:
            context.set_ciphers(config.ciphers)
        except ssl.SSLError:
            raise TLSConfigError(
                f"ciphers {config.ciphers!r} names no cipher that OpenSSL has: `openssl ciphers -v` lists those it has",
                setting="ciphers",
                value=config.ciphers,
                origin=config.origin("ciphers"),
            ) from None
    _client_certificates(context, config)
    return context


def _client_certificates(context: ssl.SSLContext, config: Config) -> None:
    if not config.ca_certs:
        return
    path = Path(config.ca_certs)
    try:
        if path.is_dir():
            context.load_verify_locations(capath=path)
        else:
            _read(path, "ca_certs", config)
            context.load_verify_locations(cafile=path)
    except ssl.SSLError as error:
        raise _bad_file("ca_certs", path, f"holds no usable PEM certificate ({_reason(error)})", config) from None
    context.verify_mode = ssl.VerifyMode(config.cert_reqs)


def _load(context: ServerContext, certfile: str, keyfile: str | None, config: Config) -> Certificate:
    """Load a certificate and its key, or say exactly what is wrong with which file."""
    path, key_path = Path(certfile), Path(keyfile or certfile)
    text = _read(path, "certfile", config)
    pem = first_pem(text)
    if pem is None:
        what = "holds no PEM certificate (no line says -----BEGIN CERTIFICATE-----)"
        if text[:1] == "0":  # the first byte of any DER sequence
            what += f"; it looks like DER: openssl x509 -inform der -in {path} -out {path.with_suffix('.pem')}"
        raise _bad_file("certfile", path, what, config)
    if "PRIVATE KEY-----" not in _read(key_path, "keyfile" if keyfile else "certfile", config):
        if keyfile is None:
            raise _bad_file("certfile", path, "holds no private key, and keyfile is not set: set keyfile", config)
        raise _bad_file("keyfile", key_path, "holds no PEM private key", config)
    password = _Password(config.keyfile_password)
    try:
        context.load_cert_chain(path, key_path, password)
        certificate = read_pem(pem)
    except _PasswordMissing:
        message = "is encrypted: set keyfile_password, for example in the environment as BICORN_KEYFILE_PASSWORD"
        raise _bad_file("keyfile", key_path, message, config) from None
    except (ssl.SSLError, ValueError) as error:
        raise _explain(error, path, key_path, password, config) from None
    context.certificate_pem = pem
    _warn_about_dates(path, certificate, datetime.now(UTC))
    return certificate


def _explain(error: Exception, path: Path, key_path: Path, password: _Password, config: Config) -> TLSConfigError:
    reason = _reason(error)
    if reason == "KEY_VALUES_MISMATCH":
        message = (
            f"is not the key of the certificate in {path}: give the matching pair (in a chain the server's own"
            " certificate comes first)"
        )
        return _bad_file("keyfile", key_path, message, config)
    if password.asked:
        return _bad_file("keyfile", key_path, f"cannot be decrypted: keyfile_password is wrong ({reason})", config)
    if reason in ("EE_KEY_TOO_SMALL", "CA_KEY_TOO_SMALL", "CA_MD_TOO_WEAK"):
        return _bad_file("certfile", path, f"is too weak for OpenSSL's security level ({reason}): renew it", config)
    return _bad_file("certfile", path, f"or its key {key_path} cannot be read by OpenSSL ({reason})", config)


class _PasswordMissing(Exception):
    """The key is encrypted and there is no password."""


class _Password:
    """OpenSSL asks this, and only for an encrypted key. Without it OpenSSL would ask the terminal."""

    def __init__(self, password: str | None) -> None:
        self._password = password
        self.asked = False

    def __call__(self) -> str:
        self.asked = True
        if self._password is None:
            raise _PasswordMissing
        return self._password


def _read(path: Path, setting: str, config: Config) -> str:
    try:
        return path.read_bytes().decode("latin-1")
    except OSError as error:
        hint = "make it readable for this user" if isinstance(error, PermissionError) else "check the path"
        raise _bad_file(setting, path, f"cannot be read ({error.strerror}): {hint}", config) from None


def _bad_file(setting: str, path: Path, what: str, config: Config) -> TLSConfigError:
    return TLSConfigError(f"{setting} {path} {what}", setting=setting, value=str(path), origin=config.origin(setting))


def _reason(error: Exception) -> str:
    return getattr(error, "reason", None) or str(error)


def _warn_about_dates(path: Path, certificate: Certificate, now: datetime) -> None:
    if certificate.not_after < now:
        logger.warning("certfile %s expired on %s: clients will refuse it", path, certificate.not_after.date())
    elif certificate.not_before > now:
        logger.warning("certfile %s is not valid before %s: clients will refuse it", path, certificate.not_before)
    elif certificate.not_after < now + _SOON:
        logger.warning("certfile %s expires on %s: renew it", path, certificate.not_after.date())


# -- Server name indication (RFC 6066 section 3) ---------------------------------------------------------------


def _chooser(by_name: dict[str, ServerContext], default: ServerContext) -> Callable[[Any, str | None, Any], None]:
    def choose(connection: Any, name: str | None, _: Any) -> None:
        chosen = match_name(name, by_name)
        if chosen is not None and chosen is not default:
            connection.context = chosen

    return choose


def match_name(name: str | None, by_name: dict[str, ServerContext]) -> ServerContext | None:
    """The context for a host name: the name itself, else a wildcard for its first label (RFC 6125 section 6.4.3)."""
    if not name:
        return None
    name = name.lower().rstrip(".")
    return by_name.get(name) or by_name.get("*." + name.partition(".")[2])


# -- The user's own context ------------------------------------------------------------------------------------


def from_hook(config: Config) -> ssl.SSLContext:
    """``f(config, default_factory)``, as Gunicorn's ``ssl_context`` hook and Uvicorn's factory are called."""

    def default_factory() -> ssl.SSLContext:
        return standard(config) if config.certfile else _bare(config)

    target = str(config.ssl_context)

    def wrong(what: str) -> TLSConfigError:
        message = f"ssl_context {target} {what}"
        return TLSConfigError(message, setting="ssl_context", value=target, origin=config.origin("ssl_context"))

    module, _, attribute = target.partition(":")
    try:
        hook = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise wrong(f"cannot be imported ({error}): write it as module:function") from error
    try:
        context = hook(config, default_factory)
    except TLSConfigError:
        raise
    except Exception as error:
        raise wrong(f"failed\n{user_traceback(error)}") from error
    if not isinstance(context, ssl.SSLContext):
        raise wrong(f"must return an ssl.SSLContext (got {type(context).__name__})")
    return context
