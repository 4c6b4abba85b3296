"""The readings of the wire protocol, side by side, and a way to run one over bytes that come in pieces.

``match`` and ``scan`` are the interpreted modules with either way to read a head; ``compiled`` is there where the tests
run on compiled modules (``make compiled``). Each has module objects of its own, so none can lean on another's caches.
"""

from __future__ import annotations

import importlib
import itertools
import sys
from collections.abc import Iterable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import bicorn.wire
from bicorn.errors import ProtocolError
from bicorn.wire import diagnose, fields, head, http1, limits, lines, names, response

COMPILED = not head.__file__.endswith(".py")
"""Whether the modules in use are."""

_FOLDER = Path(bicorn.wire.__file__).parent
_NAMES = ("diagnose", "fields", "head", "http1", "limits", "lines", "names", "response")


class Reading(NamedTuple):
    """One set of modules that read and write HTTP/1."""

    name: str
    diagnose: ModuleType
    fields: ModuleType
    head: ModuleType
    http1: ModuleType
    limits: ModuleType
    lines: ModuleType
    names: ModuleType
    response: ModuleType


class Request(NamedTuple):
    """One complete request, as plain values."""

    method: str
    path: bytes
    query: bytes
    escaped: bool
    minor: int
    headers: tuple[tuple[bytes, bytes], ...]
    content_length: int
    keep_alive: bool
    expect_continue: bool
    upgrade: bytes | None
    body: bytes
    trailers: tuple[tuple[bytes, bytes], ...]


class Outcome(NamedTuple):
    """What a connection's bytes come to.

    Attributes:
        requests: the complete ones.
        refusal: status and reason, or None.
        idle: whether nothing is begun.
    """

    requests: tuple[Request, ...]
    refusal: tuple[int, str] | None
    idle: bool


class _SourceOnly(MetaPathFinder):
    """Finds the modules of the wire as sources, whatever compiled twins lie beside them."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not fullname.startswith("bicorn.wire."):
            return None
        return spec_from_file_location(fullname, _FOLDER / (fullname.rpartition(".")[2] + ".py"))


def _interpreted(name: str, parser: str) -> Reading:
    """A new set of the interpreted modules that reads heads with the function called `parser`."""
    taken = {key: sys.modules.pop(key) for key in list(sys.modules) if f"{key}.".startswith("bicorn.wire.")}
    finder = _SourceOnly()
    sys.meta_path.insert(0, finder)
    try:
        reading = Reading(name, *(importlib.import_module(f"bicorn.wire.{module}") for module in _NAMES))
    finally:
        sys.meta_path.remove(finder)
        for key in [key for key in sys.modules if f"{key}.".startswith("bicorn.wire.")]:
            del sys.modules[key]
        sys.modules.update(taken)
        bicorn.wire = taken["bicorn.wire"]
    vars(reading.http1)["parse_head"] = getattr(reading.head, parser)
    return reading


def _own(name: str) -> Reading:
    """The modules the server itself would use."""
    return Reading(name, diagnose, fields, head, http1, limits, lines, names, response)


def _load() -> dict[str, Reading]:
    scan = _interpreted("scan", "scan_head")
    if COMPILED:
        readings = [_own("compiled"), _interpreted("match", "match_head"), scan]
    else:
        readings = [_own("match"), scan]
    return {reading.name: reading for reading in readings}


READINGS = _load()


def request(parsed: Any, body: bytes = b"", trailers: Iterable[tuple[bytes, bytes]] = ()) -> Request:
    """A `Head` and what came after it, as plain values."""
    return Request(
        parsed.method,
        parsed.path,
        parsed.query,
        parsed.escaped,
        parsed.minor,
        tuple(parsed.headers),
        parsed.content_length,
        parsed.keep_alive,
        parsed.expect_continue,
        parsed.upgrade,
        body,
        tuple(trailers),
    )


def run(reading: Reading, pieces: Iterable[bytes], bounds: dict[str, int] | None = None) -> Outcome:
    """Feed `pieces` to a new connection, taking each event and each pipelined request as soon as it is there."""
    http = reading.http1.Http1(reading.limits.Limits(**(bounds or {})))
    requests: list[Request] = []
    present: Any = None
    body: list[bytes] = []
    try:
        for piece in pieces:
            http.receive(piece)
            while True:
                event = http.next_event()
                if event is None:
                    if not http.is_done():
                        break
                elif type(event) is bytes:
                    body.append(event)
                else:
                    present = event
                if http.is_done():
                    requests.append(request(present, b"".join(body), http.trailers))
                    body = []
                    http.next_request()
            assert http.buffered() <= max(http.limits.head, 1024)  # a chunk's line may be longer than a tiny limit
    except ProtocolError as error:
        http.receive(b"more")
        assert (http.buffered(), http.is_done(), http.next_event()) == (0, False, None)
        return Outcome(tuple(requests), (error.status, error.reason), False)
    return Outcome(tuple(requests), None, http.is_idle())


def split(data: bytes, places: Iterable[int]) -> list[bytes]:
    """`data` cut at `places`."""
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[a:b] for a, b in itertools.pairwise(edges) if a < b]


def bytewise(data: bytes) -> list[bytes]:
    """`data` cut at every byte."""
    return [data[i : i + 1] for i in range(len(data))]
