"""Fetching over HTTP, with a bound on everything: bytes, seconds, redirections, connections.

A server may be slow, wrong or hostile. A socket's time-out starts anew with every byte it sends, so that there are
deadlines besides.
"""

from __future__ import annotations

import netrc
import os
import socket
import ssl
import threading
import time
from base64 import b64encode
from collections.abc import Mapping
from typing import Any, Self
from urllib.parse import unquote, urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    HTTPError,
    MaxRetryError,
    NameResolutionError,
    NewConnectionError,
    ReadTimeoutError,
    SSLError,
)
from urllib3.util import Retry, Timeout

from ...errors import DoctorError
from ...record import Record
from .pages import shown
from .settings import CONNECTIONS, Settings
from .watch import Watch

HEAD_SECONDS = 20.0  # until the head of an answer is complete
BODY_SECONDS = 90.0
SLOW_SECONDS = 15.0  # from then on a body is given up that comes at less than
SLOWEST = 1024  # bytes a second

_PIECE = 1 << 16
_AGENT = "bicorn-doctor"
_WATCH = Watch()


class Answer(Record):
    """An answer.

    Args:
        url: where it came from in the end.
        headers: by lower-case name.
    """

    status: int
    url: str
    headers: dict[str, str]
    body: bytes = b""


class Web:
    """Fetches, over as few connections as it can. Its methods may be called from any thread."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._timeout = Timeout(connect=min(settings.timeout, 10.0), read=settings.timeout)
        self._managers: dict[str, urllib3.PoolManager] = {}
        self._lock = threading.Lock()
        self._unreachable: dict[str, str] = {}
        self._netrc = _netrc(settings.netrc)

    def get(self, url: str, headers: Mapping[str, str] = {}, *, limit: int, most: int = 0) -> Answer:
        """Fetches a URL.

        Args:
            limit: bytes that the body may have.
            most: where the body is longer than that, the rest is not wanted; 0 for all of it.

        Raises:
            DoctorError: no answer, or too long a one. A status, whatever it is, is an answer.
        """
        host = urlsplit(url).netloc.rpartition("@")[2]
        if host in self._unreachable:
            raise DoctorError(self._unreachable[host])
        try:
            response = self._manager(url).request(
                "GET",
                _without_user(url),
                headers={"User-Agent": _AGENT, **self._credentials(url), **headers},
                preload_content=False,
                timeout=self._timeout,
                retries=_Retry(
                    3,
                    connect=1,
                    read=2,
                    redirect=5,
                    status=2,
                    status_forcelist=(429, 500, 502, 503, 504),
                    backoff_factor=0.2,
                    respect_retry_after_header=False,  # it may say a year
                    raise_on_status=False,
                ),
            )
            body = _body(response, url, limit, most)
        except MaxRetryError as error:
            raise self._given_up(url, host, error.reason or error)
        except (HTTPError, OSError, ValueError) as error:
            raise self._given_up(url, host, error)
        final = response.url or url
        named = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status, final if "://" in final else url, named, body)

    def close(self) -> None:
        """Closes its connections."""
        for manager in self._managers.values():
            manager.clear()

    def _manager(self, url: str) -> urllib3.PoolManager:
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
        trusted = any(
            host == name.rpartition("@")[2].partition(":")[0].lower() for name in self._settings.trusted_hosts
        )
        proxy = (
            ""
            if _bypassed(host, self._settings.proxies.get("no", ""))
            else self._settings.proxies.get(parts.scheme, "")
        )
        key = f"{proxy} {trusted}"
        with self._lock:
            if key not in self._managers:
                self._managers[key] = self._new_manager(proxy, trusted)
            return self._managers[key]

    def _new_manager(self, proxy: str, trusted: bool) -> urllib3.PoolManager:
        given: dict[str, Any] = {"num_pools": 8, "maxsize": CONNECTIONS, "ssl_context": self._context(trusted)}
        if proxy:
            parts = urlsplit(proxy)
            if parts.scheme not in ("http", "https"):
                raise DoctorError(f"the proxy {shown(proxy)} cannot be used: only http:// and https:// are known")
            given["proxy_headers"] = _basic(parts.username or "", parts.password or "", "Proxy-Authorization")
            manager: urllib3.PoolManager = urllib3.ProxyManager(_without_user(proxy), **given)
        else:
            manager = urllib3.PoolManager(**given)
        manager.pool_classes_by_scheme = {"http": _Pool, "https": _SecurePool}
        return manager

    def _context(self, trusted: bool) -> ssl.SSLContext:
        context = ssl.create_default_context()
        if trusted:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        path = self._settings.cert
        try:
            if path:
                context.load_verify_locations(**{"capath" if os.path.isdir(path) else "cafile": path})
            elif (
                not trusted and not context.cert_store_stats()["x509_ca"] and not ssl.get_default_verify_paths().capath
            ):
                _certifi(context)  # Python of python.org on macOS comes without any
            if self._settings.client_cert:
                context.load_cert_chain(self._settings.client_cert)
        except (OSError, ValueError) as error:
            path = path or self._settings.client_cert
            raise DoctorError(f"the certificates in {path} cannot be used ({error}): see pip's cert and SSL_CERT_FILE")
        return context

    def _credentials(self, url: str) -> dict[str, str]:
        parts = urlsplit(url)
        if parts.username or parts.password:
            return _basic(parts.username or "", parts.password or "")
        for index in self._settings.index_urls:  # files beside the index, which its pages link to without the user
            known = urlsplit(index)
            if known.username and (known.scheme, known.hostname, known.port) == (
                parts.scheme,
                parts.hostname,
                parts.port,
            ):
                return _basic(known.username, known.password or "")
        login = self._netrc.authenticators(parts.hostname or "") if self._netrc else None
        return _basic(login[0], login[2] or "") if login else {}

    def _given_up(self, url: str, host: str, error: BaseException) -> DoctorError:
        why, cure = _reason(error)
        message = f"{shown(url)} cannot be fetched: {why}. {cure}"
        if isinstance(error, (NewConnectionError, SSLError)) or "timed out" in why:
            self._unreachable[host] = message  # the next hundred requests would find the same
        return DoctorError(message)


def _body(response: urllib3.BaseHTTPResponse, url: str, limit: int, most: int) -> bytes:
    start = time.monotonic()
    found = bytearray()
    try:
        while piece := response.read1(_PIECE, decode_content=True):
            found += piece
            if most and len(found) >= most:
                break
            if len(found) > limit:
                raise DoctorError(f"{shown(url)} is larger than {limit >> 20} MB, which no sound answer is; given up.")
            took = time.monotonic() - start
            if took > BODY_SECONDS or (took > SLOW_SECONDS and len(found) < took * SLOWEST):
                raise TimeoutError(f"{len(found)} bytes after {took:.0f} seconds")
    except BaseException:
        response.close()
        raise
    if most and len(found) >= most:
        response.close()  # the rest is on its way
        return bytes(found[:most])
    response.release_conn()
    return bytes(found)


def _reason(error: BaseException) -> tuple[str, str]:
    """Why there is no answer, and what can be done."""
    if isinstance(error, NameResolutionError):
        return "its name is not known here", "Is there a network? With --offline only the cache is used."
    if isinstance(error, SSLError) or isinstance(error.__cause__, ssl.SSLError):
        text = str(error.args[-1] if error.args else error)[:200]
        return f"no trust in its certificate ({text})", "Set SSL_CERT_FILE or pip's cert to your organisation's."
    if isinstance(error, urllib3.exceptions.ProxyError):
        return f"the proxy does not do it ({str(error)[:160]})", "Check HTTPS_PROXY and pip's proxy."
    if isinstance(error, NewConnectionError):
        return f"no connection ({str(error).rpartition(': ')[2][:120]})", "Is there a network? See --offline."
    if isinstance(error, (urllib3.exceptions.TimeoutError, TimeoutError)):
        return "it timed out", "Try again, or --offline."
    return f"{type(error).__name__}: {str(error)[:160]}", "Try again, or check the index URL."


class _Retry(Retry):
    """Again where a connection broke, not where a server let us wait: it would do so three times."""

    def increment(
        self,
        method: str | None = None,
        url: str | None = None,
        response: urllib3.BaseHTTPResponse | None = None,
        error: Exception | None = None,
        *rest: Any,
        **named: Any,
    ) -> Self:
        """The retries that are left."""
        if isinstance(error, ReadTimeoutError):
            raise error
        return super().increment(method, url, response, error, *rest, **named)


class _Patience:
    """Hangs up on a head that trickles in."""

    sock: Any
    _late = False

    def getresponse(self) -> Any:
        """The answer's head."""
        number = _WATCH.begin(HEAD_SECONDS, self._hang_up)
        try:
            response = super().getresponse()  # type: ignore[misc]
        finally:
            _WATCH.end(number)
        if self._late:  # a head that was cut off may look like a short one
            response.close()
            raise TimeoutError(f"no answer after {HEAD_SECONDS:.0f} seconds")
        return response

    def _hang_up(self) -> None:
        self._late = True
        try:
            socket.socket.shutdown(self.sock, socket.SHUT_RDWR)  # the reader wakes up; TLS's own is another thread's
        except (OSError, AttributeError, TypeError):
            pass


class _Connection(_Patience, HTTPConnection):
    """Without TLS."""


class _SecureConnection(_Patience, HTTPSConnection):
    """With TLS."""


class _Pool(urllib3.HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


def _basic(user: str, word: str, header: str = "Authorization") -> dict[str, str]:
    if not user and not word:
        return {}
    return {header: "Basic " + b64encode(f"{unquote(user)}:{unquote(word)}".encode()).decode()}


def _without_user(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _bypassed(host: str, names: str) -> bool:
    """Whether ``NO_PROXY`` lists the host, or a domain it is in."""
    for name in names.lower().replace(",", " ").split():
        bare = name.rpartition(":")[0] if name.count(":") == 1 else name
        if name == "*" or host == bare.lstrip(".") or host.endswith("." + bare.lstrip(".")):
            return True
    return False


def _certifi(context: ssl.SSLContext) -> None:
    try:
        import certifi
    except ImportError:
        return
    context.load_verify_locations(certifi.where())


def _netrc(path: str) -> netrc.netrc | None:
    try:
        return netrc.netrc(path) if path else None
    except (OSError, netrc.NetrcParseError, UnicodeDecodeError):
        return None
