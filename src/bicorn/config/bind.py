"""Addresses to listen on: text in, :class:`BindAddress` out. Pure: nothing is resolved, opened or checked on disk.

What is understood (``8000`` is the port when none is given, as with Gunicorn and Uvicorn):

=============================  =====================================================
``HOST``, ``HOST:PORT``        a name or an IPv4 address; port 0 lets the kernel choose
``:PORT``                      every IPv4 address of the machine, as Gunicorn reads it
``[IPV6]``, ``[IPV6]:PORT``    an IPv6 address, with ``%interface`` if it needs one
``IPV6``                       the whole text is the address: ``::1:80`` is not port 80
``tcp://`` and any of these    the same
``unix:PATH``                  also ``unix://PATH`` and ``unix:///ABSOLUTE``
``fd://N``, ``fd:N``           a socket that was opened by whoever started us
=============================  =====================================================
"""

from __future__ import annotations

import re
from typing import Literal

from ..errors import ConfigError
from ..record import Record

DEFAULT_PORT = 8000

# Text, here and in the rest of config/: a pattern takes long to compile, and few starts need any of them.
_HOST_NAME = r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?\.?"


class BindAddress(Record):
    """One address to listen on. ``str()`` gives the canonical text, which parses to an equal value.

    Args:
        kind: ``"tcp"`` uses ``host`` and ``port``, ``"unix"`` uses ``path``, ``"fd"`` uses ``fd``.
        host: a name, an IPv4 or an IPv6 address without brackets.
        port: 0 to 65535; 0 means any free port.
        path: the unix socket's path, possibly relative to the working directory.
        fd: the number of an inherited descriptor.
    """

    kind: Literal["tcp", "unix", "fd"]
    host: str = ""
    port: int = 0
    path: str = ""
    fd: int = -1

    def __str__(self) -> str:
        if self.kind == "unix":
            return f"unix:{self.path}"
        if self.kind == "fd":
            return f"fd://{self.fd}"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse(text: str, *, setting: str = "bind", origin: str = "") -> BindAddress:
    """Reads one address.

    Args:
        text: the address, see the table at the top of this file.
        setting, origin: named in the error.

    Raises:
        ConfigError: the text is none of the known forms; the message says which part is wrong.
    """
    try:
        return _parse(text.strip())
    except ValueError as error:
        source = f" from {origin}" if origin else ""
        message = f"{setting} must be HOST:PORT, [IPV6]:PORT, unix:PATH or fd://N: {error} (got {text!r}{source})"
        raise ConfigError(message, setting=setting, value=text, origin=origin) from None


def _parse(text: str) -> BindAddress:
    if not text:
        raise ValueError("it is empty")
    scheme, separator, rest = text.partition(":")
    scheme = scheme.lower()
    if separator and scheme == "unix":
        return _unix(rest)
    if separator and scheme == "fd":
        return BindAddress("fd", fd=_number(rest.removeprefix("//"), "a descriptor"))
    if rest.startswith("//"):
        if scheme == "tcp":
            return _tcp(rest[2:])
        if scheme in ("http", "https"):
            plain = rest[2:].split("/", 1)[0]
            certificate = "; certfile turns TLS on" if scheme == "https" else ""
            raise ValueError(f"an address has no {scheme}://, write {plain!r}{certificate}")
        raise ValueError(f"{scheme}:// is not known")
    return _tcp(text)


def _unix(rest: str) -> BindAddress:
    path = rest.removeprefix("//")
    if path.startswith("//"):
        # "//x" would come back from str() as "unix://x", which is the relative path "x".
        path = "/" + path.lstrip("/")
    if not path or path.endswith("/"):
        raise ValueError("the path of the unix socket is missing")
    if "\0" in path or path.startswith("@"):
        raise ValueError("abstract unix sockets are not supported, give a path")
    return BindAddress("unix", path=path)


def _tcp(text: str) -> BindAddress:
    if text.startswith("["):
        address, closed, port = text[1:].partition("]")
        if not closed:
            raise ValueError("the closing ] is missing")
        if port and not port.startswith(":"):
            raise ValueError("only :PORT may follow the ]")
        host = _ipv6(address)
        port = port[1:] if port else str(DEFAULT_PORT)
    elif text.count(":") > 1:
        host, port = _ipv6(text), str(DEFAULT_PORT)
    else:
        name, colon, port = text.partition(":")
        host = _host(name) if name else "0.0.0.0"
        port = port if colon else str(DEFAULT_PORT)
    return BindAddress("tcp", host=host, port=_port(port))


def _host(name: str) -> str:
    if name == "*":
        raise ValueError("write 0.0.0.0 for every IPv4 address, [::] for every address")
    if name.isascii() and name.isdigit():
        raise ValueError(f"a number alone is not a host, write ':{name}' or '127.0.0.1:{name}'")
    if not name.strip("0123456789."):
        parts = name.split(".")
        # "010" is octal 8 to some resolvers and 10 to others, so a leading zero is never right.
        if len(parts) != 4 or any(not part or int(part) > 255 or part != str(int(part)) for part in parts):
            raise ValueError(f"{name!r} is not an IPv4 address")
    elif not re.fullmatch(_HOST_NAME, name):
        raise ValueError(f"{name!r} is not a host name")
    return name.lower()


def _ipv6(text: str) -> str:
    import ipaddress  # only here: most command lines have no IPv6 address

    try:
        return str(ipaddress.IPv6Address(text))
    except ValueError:
        raise ValueError(f"{text!r} is not an IPv6 address") from None


def _port(text: str) -> int:
    port = _number(text, "a port")
    if port > 65535:
        raise ValueError("a port is at most 65535")
    return port


def _number(text: str, what: str) -> int:
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        raise ValueError(f"{text!r} is not {what} number")
    return int(text)
