"""What a worker tells the supervisor over its status pipe.

One line each: a word and a value, with tabs between them and everything that is not plain ASCII escaped. JSON would
do the same, for one more millisecond of every start.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable

from .policy.events import BootFailed, Broken, Event, Ready, Recycle, Stopping


def ready(app: str, modules: Iterable[str] = ()) -> bytes:
    """The worker accepts connections; see :class:`.events.Ready`."""
    return line("ready", app, " ".join(modules))


def failed(code: int, message: str) -> bytes:
    """The worker cannot start and will exit with ``code``."""
    return line("failed", str(code), message)


def broken(message: str) -> bytes:
    """The application cannot start, and a page that says so takes its place; see :class:`.events.Broken`."""
    return line("broken", message)


def stopping(closing: float | None) -> bytes:
    """The worker has begun to stop; see :class:`.events.Stopping`."""
    return line("stopping", "" if closing is None else str(closing))


def recycle(why: str) -> bytes:
    """The worker asks to be replaced; see :class:`.events.Recycle`."""
    return line("recycle", why)


def line(*fields: str) -> bytes:
    """One line of these fields, whatever is in them."""
    # Not field.encode(): that imports the codec, in each worker.
    return b"\t".join(codecs.unicode_escape_encode(field)[0] for field in fields) + b"\n"


def fields(line: bytes) -> list[str]:
    """What :func:`line` was made of.

    Raises:
        ValueError: it was not.
    """
    return [codecs.unicode_escape_decode(field)[0] for field in line.split(b"\t")]


class StatusReader:
    """Turns one worker's bytes into events, however they are cut up."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._rest = b""

    def feed(self, data: bytes) -> list[Event]:
        """The events that ``data`` completes."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        return [event for line in lines if (event := self._event(line)) is not None]

    def _event(self, line: bytes) -> Event | None:
        try:
            match fields(line):
                case ["ready", app, modules]:
                    return Ready(self._number, app, tuple(modules.split()))
                case ["failed", code, message]:
                    return BootFailed(self._number, int(code), message)
                case ["broken", message]:
                    return Broken(self._number, message)
                case ["stopping", closing]:
                    return Stopping(self._number, float(closing) if closing else None)
                case ["recycle", why]:
                    return Recycle(self._number, why)
        except ValueError:
            pass
        return None  # the application has the descriptor too, in the end, and may have written to it
