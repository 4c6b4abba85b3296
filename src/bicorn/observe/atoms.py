"""Gunicorn's access log format: ``%(h)s "%(r)s" %(s)s``, taken apart once, so that a line costs a few look-ups."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from functools import lru_cache

from ..errors import ConfigError

Fields = list[tuple[bytes, bytes]]


class AccessRecord:
    """One finished exchange: what a line of the access log is made of.

    Args:
        client: the peer's address without the port; empty for a unix socket.
        target: the request target, as it was received.
        http_version: ``"1.1"``.
        response_bytes: of the body, as sent.
        duration: seconds from the request's head to the last byte of the answer.
        messages: of a WebSocket that has ended: messages that came, messages sent, bytes that came.
    """

    __slots__ = (
        "client",
        "duration",
        "http_version",
        "messages",
        "method",
        "request_headers",
        "response_bytes",
        "response_headers",
        "scheme",
        "status",
        "target",
    )

    def __init__(
        self,
        client: str,
        method: str,
        target: str,
        http_version: str,
        status: int,
        response_bytes: int,
        duration: float,
        request_headers: Fields,
        response_headers: Fields,
        scheme: str,
        messages: tuple[int, int, int] | None = None,
    ) -> None:
        self.client = client
        self.method = method
        self.target = target
        self.http_version = http_version
        self.status = status
        self.response_bytes = response_bytes
        self.duration = duration
        self.request_headers = request_headers
        self.response_headers = response_headers
        self.scheme = scheme
        self.messages = messages


Text = Callable[[AccessRecord], str]
"""Makes a line, without its end, of a record."""

Getter = Callable[[AccessRecord, dict[bytes, bytes], dict[bytes, bytes]], object]
"""Gets one value from a record, its request fields and its response fields."""

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_ESCAPES = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))} | {ord('"'): '\\"', ord("\\"): "\\\\"}


def quoted(text: str) -> str:
    """``text`` as it may stand in a line, between quotes or not: a client cannot end the field or the line with it."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return text
    return text.translate(_ESCAPES).encode("ascii", "backslashreplace").decode("ascii")


class Clock:
    """The time as text, made once a second.

    Args:
        form: of `time.strftime`; ``%b`` is English whatever the locale, as log readers expect.
    """

    def __init__(self, form: str) -> None:
        self._form = form
        self._second = -1
        self._text = ""

    def text(self) -> str:
        """The local time, now."""
        second = int(time.time())
        if second != self._second:
            moment = time.localtime(second)
            self._text = time.strftime(self._form.replace("%b", _MONTHS[moment.tm_mon - 1]), moment)
            self._second = second
        return self._text


def path_of(target: str) -> str:
    """The decoded path of a request target, origin-form or absolute-form."""
    path = target.partition("?")[0]
    if not path.startswith("/") and "://" in path:
        path = "/" + path.partition("://")[2].partition("/")[2]
    if "%" not in path:
        return path
    from urllib.parse import unquote  # here, for few paths need it and it takes long to import

    return unquote(path)


def query_of(target: str) -> str:
    """What follows the question mark."""
    return target.partition("?")[2]


def user_of(authorization: bytes | None) -> str:
    """The user name of Basic credentials (RFC 7617), or ``-``."""
    if authorization is None or authorization[:6].lower() != b"basic ":
        return "-"
    from binascii import a2b_base64  # here, for few requests have credentials

    try:
        return quoted(a2b_base64(authorization[6:].strip()).partition(b":")[0].decode("utf-8")) or "-"
    except ValueError:  # neither base64 nor UTF-8
        return "-"


@lru_cache(256)  # the same few user agents and referers come again and again
def _field(value: bytes | None) -> str:
    return "-" if value is None else quoted(value.decode("latin-1"))


def _atoms() -> dict[str, Getter]:
    clock = Clock("[%d/%b/%Y:%H:%M:%S %z]")
    return {
        "h": lambda r, i, o: quoted(r.client) or "-",
        "l": lambda r, i, o: "-",
        "u": lambda r, i, o: user_of(i.get(b"authorization")),
        "t": lambda r, i, o: clock.text(),
        "r": lambda r, i, o: quoted(f"{r.method} {r.target} HTTP/{r.http_version}"),
        "m": lambda r, i, o: quoted(r.method),
        "U": lambda r, i, o: quoted(path_of(r.target)),
        "q": lambda r, i, o: quoted(query_of(r.target)),
        "H": lambda r, i, o: f"HTTP/{r.http_version}",
        "s": lambda r, i, o: r.status,
        "B": lambda r, i, o: r.response_bytes,
        "b": lambda r, i, o: r.response_bytes or "-",
        "f": lambda r, i, o: _field(i.get(b"referer")),
        "a": lambda r, i, o: _field(i.get(b"user-agent")),
        "T": lambda r, i, o: int(r.duration),
        "M": lambda r, i, o: int(r.duration * 1e3),
        "D": lambda r, i, o: int(r.duration * 1e6),
        "L": lambda r, i, o: f"{r.duration:.6f}",
        "p": lambda r, i, o: f"<{os.getpid()}>",
        "wi": lambda r, i, o: r.messages[0] if r.messages else "-",
        "wo": lambda r, i, o: r.messages[1] if r.messages else "-",
        "wb": lambda r, i, o: r.messages[2] if r.messages else "-",
    }


NUMBERS = frozenset("sBTMD")
"""The atoms that are whole numbers, so that ``%(D)d`` works."""

_READS_REQUEST = frozenset("ufa")

_ENVIRON: dict[str, Getter] = {
    "request_method": lambda r, i, o: quoted(r.method),
    "raw_uri": lambda r, i, o: quoted(r.target),
    "path_info": lambda r, i, o: quoted(path_of(r.target)),
    "query_string": lambda r, i, o: quoted(query_of(r.target)),
    "server_protocol": lambda r, i, o: f"HTTP/{r.http_version}",
    "remote_addr": lambda r, i, o: quoted(r.client) or "-",
    "wsgi.url_scheme": lambda r, i, o: r.scheme,
    "content_type": lambda r, i, o: _field(i.get(b"content-type")),
    "content_length": lambda r, i, o: _field(i.get(b"content-length")),
}


def _variable(name: str) -> Getter:
    """``{NAME}e``: what the WSGI environ would say, for ASGI as well; ``-`` for what is not in the request."""
    if name in _ENVIRON:
        return _ENVIRON[name]
    if not name.startswith("http_"):
        return lambda r, i, o: "-"
    key = name[5:].replace("_", "-").encode("latin-1", "replace")
    return lambda r, i, o: _field(i.get(key))


def _header(name: str, *, request: bool) -> Getter:
    key = name.encode("latin-1", "replace")
    return (lambda r, i, o: _field(i.get(key))) if request else (lambda r, i, o: _field(o.get(key)))


_PIECE = r"%%|%(?:\((?P<name>[^)]*)\)(?P<shape>[-+ #0]*\d*(?:\.\d+)?)(?P<kind>[a-zA-Z]))?"
_BRACED = r"\{(?P<name>[^{}]+)\}(?P<where>[ioe])"
KNOWN = "h l u t r m U q H s B b f a T M D L p wi wo wb, {header}i, {header}o and {variable}e"


def compile_format(form: str, *, origin: str = "") -> Text:
    """The function that writes records in ``form``.

    Args:
        form: Gunicorn's format; a repeated header counts with its last value.
        origin: where it came from, for the error.

    Raises:
        ConfigError: it names unknown atoms, or is not a format.
    """

    def refuse(problem: str) -> ConfigError:
        message = f"the access log's format {problem}; the atoms are {KNOWN}, each as %(NAME)s"
        return ConfigError(message, setting="access_logformat", value=form, origin=origin)

    atoms = _atoms()
    getters: list[Getter] = []
    unknown: list[str] = []
    reads_request = reads_response = False
    for piece in re.finditer(_PIECE, form):
        name, kind = piece["name"], piece["kind"]
        if name is None:
            if piece[0] != "%%":
                raise refuse(f"has a lone % at {form[piece.start() :][:10]!r} (write %% for a percent sign)")
            continue
        if kind != "s" and not (kind in "dixX" and name in NUMBERS):
            raise refuse(f"cannot show %({name}) as {kind!r}")
        braced = re.fullmatch(_BRACED, name)
        if name in atoms:
            getters.append(atoms[name])
            reads_request |= name in _READS_REQUEST
        elif braced is None:
            unknown.append(f"%({name})s")
        elif braced["where"] == "e":
            getters.append(_variable(braced["name"].lower()))
            reads_request = True
        else:
            request = braced["where"] == "i"
            getters.append(_header(braced["name"].lower(), request=request))
            reads_request, reads_response = reads_request or request, reads_response or not request
    if unknown:
        raise refuse(f"has unknown atoms: {', '.join(unknown)}")
    template = re.sub(_PIECE, lambda piece: f"%{piece['shape']}{piece['kind']}" if piece["kind"] else "%%", form)
    return _writer(template, getters, reads_request, reads_response)


def _writer(template: str, getters: list[Getter], reads_request: bool, reads_response: bool) -> Text:
    nothing: dict[bytes, bytes] = {}

    def write(record: AccessRecord) -> str:
        request = dict(record.request_headers) if reads_request else nothing
        response = dict(record.response_headers) if reads_response else nothing
        return template % tuple([get(record, request, response) for get in getters])

    return write
