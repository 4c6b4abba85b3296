"""Where to listen: ``bind``, ``host`` and ``port``, ``uds`` and ``fd`` of every source, folded into addresses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..errors import ConfigError
from .bind import DEFAULT_PORT
from .given import Given
from .settings import OPTIONS
from .shorthands import SHORTHANDS

LOOPBACK = "127.0.0.1"
EVERYWHERE = "0.0.0.0"
PLATFORM_PORT = "PORT"  # a platform that gives a port expects it to be reachable, as Gunicorn does too

_WHOLE = ("bind", "uds", "fd")
_PARTS = ("host", "port")


def fold(layers: Iterable[Mapping[str, Given]]) -> Given | None:
    """The addresses as one ``bind``, or None when no source says anything.

    The strongest source that names a whole address (``bind``, ``uds``, ``fd``) decides, unless a stronger one gives a
    host or a port: then those two decide, each from the strongest source that has it.

    Args:
        layers: what each source gives, strongest first.

    Raises:
        ConfigError: one source says it in two ways, or a value cannot be used.
    """
    parts: dict[str, Given] = {}
    for layer in layers:
        whole = [layer[name] for name in _WHOLE if name in layer]
        halves = [layer[name] for name in _PARTS if name in layer]
        if len(whole) > 1 or (whole and halves):
            said = [item.called for item in whole + halves]
            raise ConfigError(
                f"where to listen is said in {len(said)} ways ({', '.join(said)}): give bind, which is repeatable, "
                "or host and port, or uds, or fd",
                setting="bind",
                origin=said[0],
            )
        if whole and not parts:
            return _address(whole[0])
        if whole:
            break
        for item in halves:
            parts.setdefault(item.name, item)
    return _host_and_port(parts) if parts else None


def _address(given: Given) -> Given:
    if given.name == "bind":
        return given
    value = SHORTHANDS[given.name].convert(given.value, given.called)
    return Given("bind", [f"unix:{value}" if given.name == "uds" else f"fd://{value}"], given.origin, given.label)


def _host_and_port(parts: Mapping[str, Given]) -> Given:
    host, port = parts.get("host"), parts.get("port")
    number = SHORTHANDS["port"].convert(port.value, port.called) if port else DEFAULT_PORT
    if host:
        name = _host(host)
    else:
        name = EVERYWHERE if port and port.origin == PLATFORM_PORT else LOOPBACK
    origin = ", ".join(item.origin for item in (host, port) if item)
    return Given("bind", [f"{name}:{number}"], origin)


def _host(given: Given) -> str:
    """A host as an address has it. Empty means everywhere, as with Uvicorn and Gunicorn."""
    value: Any = given.value
    if value == "":
        return EVERYWHERE
    text = value.strip() if isinstance(value, str) else ""
    if not text or text.startswith("[") or text.count(":") == 1 or "/" in text:
        raise ConfigError(
            f"host must be a name or an address, without a port (got {value!r} from {given.called})",
            setting="host",
            value=value,
            origin=given.origin,
        )
    OPTIONS["bind"].convert([f"[{text}]" if ":" in text else text], given.called)
    return f"[{text}]" if ":" in text else text
