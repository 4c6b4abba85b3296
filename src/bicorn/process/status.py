"""What a worker tells the supervisor over its status pipe: one JSON object on each line."""

from __future__ import annotations

import json

from .events import BootFailed, Event, Ready, Stopping


def ready(app: str) -> bytes:
    """The worker accepts connections; ``app`` describes what it serves."""
    return _line(event="ready", app=app)


def failed(code: int, message: str) -> bytes:
    """The worker cannot start and will exit with ``code``."""
    return _line(event="failed", code=code, message=message)


def stopping(closing: float | None) -> bytes:
    """The worker has begun to stop; see :class:`.events.Stopping`."""
    return _line(event="stopping", closing=closing)


def _line(**fields: object) -> bytes:
    return json.dumps(fields).encode() + b"\n"


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
            match json.loads(line):
                case {"event": "ready", "app": str(app)}:
                    return Ready(self._number, app)
                case {"event": "failed", "code": int(code), "message": str(message)}:
                    return BootFailed(self._number, code, message)
                case {"event": "stopping", "closing": float() | int() | None as closing}:
                    return Stopping(self._number, closing)
        except ValueError:
            pass
        return None  # the application has the descriptor too, in the end, and may have written to it
