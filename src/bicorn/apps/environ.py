"""PEP 3333's environ: what a WSGI application is told of a request."""

from __future__ import annotations

import logging
import sys
from typing import IO, TYPE_CHECKING, Any

from bicorn.apps.exchange import SHUTDOWN, Channel, Origin
from bicorn.apps.files import FileWrapper
from bicorn.types import Environ
from bicorn.wire.escapes import unescape
from bicorn.wire.head import Head

if TYPE_CHECKING:
    import asyncio

logger = logging.getLogger("bicorn.error")

# Field names as environ has them; it learns, and is bounded.
_KNOWN_LIMIT = 1024
_keys: dict[bytes, str] = {b"content-type": "CONTENT_TYPE", b"content-length": "CONTENT_LENGTH"}
_told: set[bytes] = set()


class EnvironBuilder:
    """Builds the environ of one application's requests.

    Args:
        prefix: where the application is mounted.
        root_path: what a proxy in front has stripped from every path.
        multithread: whether several threads call the application.
        multiprocess: whether other workers run the same application.
        errors: ``wsgi.errors``; standard error where None.
        shutdown: ``bicorn.shutdown``, whose ``is_set()`` says that the worker begins to stop; None leaves it out.
    """

    __slots__ = ("_environ", "_origin", "_strip", "_template")

    def __init__(
        self,
        *,
        prefix: str,
        root_path: str,
        multithread: bool,
        multiprocess: bool,
        errors: IO[str] | None = None,
        shutdown: asyncio.Event | None = None,
    ) -> None:
        self._strip = len(prefix.encode("utf-8"))
        self._origin: Origin | None = None
        self._environ: dict[str, Any] = {}
        self._template: dict[str, Any] = {
            "REQUEST_METHOD": "GET",
            "SCRIPT_NAME": (root_path + prefix).encode("utf-8").decode("latin-1"),
            "PATH_INFO": "/",
            "QUERY_STRING": "",
            "RAW_URI": "/",
            "SERVER_NAME": "",
            "SERVER_PORT": "",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "SERVER_SOFTWARE": "bicorn",
            "REMOTE_ADDR": "",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": None,
            "wsgi.errors": errors if errors is not None else sys.stderr,
            "wsgi.multithread": multithread,
            "wsgi.multiprocess": multiprocess,
            "wsgi.run_once": False,
            "wsgi.input_terminated": True,
            "wsgi.file_wrapper": FileWrapper,
        }
        if shutdown is not None:
            self._template[SHUTDOWN] = shutdown

    def build(self, channel: Channel, head: Head) -> Environ:
        """PEP 3333's environ of one request, without ``wsgi.input``."""
        memory = head.memory
        environ = memory.made_by(self) if head.is_repeat else None
        if environ is None:
            environ = self._repeated(channel, head)
            if head.is_repeat:
                memory.keep(self, environ)
        environ["REQUEST_METHOD"] = head.method
        # PEP 3333, "Unicode Issues": native strings carry the bytes as latin-1.
        path = head.path
        uri = path.decode("latin-1")
        if head.escaped or self._strip:
            if head.escaped:
                path = unescape(path)
            environ["PATH_INFO"] = path[self._strip :].decode("latin-1")
        else:
            environ["PATH_INFO"] = uri
        if head.query:
            query = head.query.decode("latin-1")
            environ["QUERY_STRING"] = query
            uri = uri + "?" + query
        environ["RAW_URI"] = uri
        if head.minor == 0:
            environ["SERVER_PROTOCOL"] = "HTTP/1.0"
        return environ

    def _repeated(self, channel: Channel, head: Head) -> Environ:
        """The part of environ that is the same for all requests of one connection that have the same fields."""
        if channel.origin is not self._origin:
            self._use_origin(channel.origin)
        environ = self._environ.copy()
        client = channel.client
        if client is not None:
            environ["REMOTE_ADDR"] = client[0]
            if channel.client_port is None:
                channel.client_port = str(client[1])
            environ["REMOTE_PORT"] = channel.client_port
        lines = head.memory.lines
        known = len(lines)
        at = -1
        size = len(environ)
        for field in head.headers:
            at += 1
            line = lines[at] if at < known and lines[at].field is field else None
            if line is not None and line.native is not None:
                key, text = line.key, line.native
            else:
                name, value = field
                key = _keys.get(name)
                if key is None:
                    key = _learn_key(name)
                text = value.decode("latin-1")
                if line is not None:
                    line.key, line.native = key, text
            if not key:
                continue
            environ.setdefault(key, text)  # one look-up for the common case, where it is new
            if len(environ) == size:
                _join_field(environ, key, text)
            else:
                size += 1
        if channel.tls is not None:
            environ["HTTPS"] = "on"
            client_name = channel.tls.get("client_cert_name")
            if client_name is not None:
                environ["SSL_CLIENT_S_DN"] = client_name
        return environ

    def _use_origin(self, origin: Origin) -> None:
        """The part of environ that all requests to one address share."""
        self._environ = self._template.copy()
        self._environ["wsgi.url_scheme"] = origin.scheme
        host, port = origin.server or ("", None)
        if port is None:  # a unix socket; PEP 3333: neither "can ... be empty strings"
            host, port = "localhost", 443 if origin.scheme == "https" else 80
        self._environ["SERVER_NAME"] = host
        self._environ["SERVER_PORT"] = str(port)
        # A dict keeps the room it once had, and so do its copies: with this, a browser's fields fit without a resize.
        for key in ("a", "b", "c"):
            self._environ[key] = None
        for key in ("a", "b", "c"):
            del self._environ[key]
        self._origin = origin


def _learn_key(name: bytes) -> str:
    """The environ key of a field, or "" where it must not get one."""
    if b"_" in name:
        # "X_Forwarded_For" and "X-Forwarded-For" would be one key, so a client could slip past a proxy's filter.
        if name not in _told and len(_told) < 64:
            _told.add(name)
            logger.warning(
                "the header %r is dropped: its underscore would make it look like another one", name.decode()
            )
        return ""
    if name == b"proxy":
        return ""  # HTTP_PROXY would steer HTTP clients in the application (CVE-2016-5385, "httpoxy")
    key = "HTTP_" + name.decode("ascii").upper().replace("-", "_")
    if len(_keys) < _KNOWN_LIMIT and len(name) <= 64:
        _keys[name] = key
    return key


def _join_field(environ: Environ, key: str, value: str) -> None:
    """Repeated fields become one (RFC 9110 §5.3); cookies by RFC 6265 §5.4's separator."""
    environ[key] += ("; " if key == "HTTP_COOKIE" else ",") + value
