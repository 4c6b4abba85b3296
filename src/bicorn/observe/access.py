"""The access log: one line for each response, for a person in a terminal and for a program in a file."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

from .atoms import AccessRecord, Clock, Text, compile_format, quoted
from .output import LineHandler, Output, is_colored

if TYPE_CHECKING:
    from ..config.settings import Config

__all__ = ["AccessLog", "AccessRecord", "human_format", "is_on", "open_access_log", "open_output"]

logger = logging.getLogger("bicorn.access")
error_logger = logging.getLogger("bicorn.error")

_DIM, _RESET = "\x1b[2m", "\x1b[0m"
_STATUS_COLORS = ("", "", "\x1b[32m", "\x1b[36m", "\x1b[33m", "\x1b[31m")


class AccessLog:
    """Writes records; off the request's path, since a line is formatted after the last byte of its response.

    A handler that the application adds to the ``bicorn.access`` logger gets every line too, through logging, with the
    record as its attribute ``access``.

    Args:
        text: makes a line of a record.
        output: where the lines go; None if only through logging.
        schedule: calls a function soon, on this thread (``loop.call_soon``): the lines of one turn of the loop are
            then one write. Without it, each line is written at once.
    """

    def __init__(
        self, text: Text, output: Output | None, schedule: Callable[[Callable[[], None]], object] | None = None
    ) -> None:
        self._text = text
        self._output = output
        self._schedule = schedule
        self._lines: list[str] = []
        self._failed = False
        self._own = [handler for handler in logger.handlers if isinstance(handler, LineHandler)]

    def log(self, record: AccessRecord) -> None:
        """Write one line, at the latest when the loop next comes round."""
        line = self._text(record)
        if self._output is None or logger.handlers != self._own:
            logger.info("%s", line, extra={"access": record})
            return
        self._lines.append(line)
        if self._schedule is None:
            self.flush()
        elif len(self._lines) == 1:
            self._schedule(self.flush)

    def flush(self) -> None:
        """Write what is waiting."""
        if not self._lines or self._output is None:
            return
        self._lines.append("")
        self._output.write("\n".join(self._lines))
        self._lines.clear()
        if self._output.error is None:
            self._failed = False
        elif not self._failed:
            self._failed = True
            error_logger.error("The access log cannot be written, lines are lost: %s", self._output.error)


def is_on(config: Config) -> bool:
    """Whether responses are logged: as asked for, else in a terminal, or where a file was named."""
    if config.access_log is not None:
        return config.access_log
    return config.origin("access_logfile") != "default" or Output("-", "stdout").is_terminal()


def open_output(config: Config) -> Output | None:
    """Where the access log goes, None if it is off.

    Raises:
        ConfigError: the file cannot be opened, or the format cannot be used.
    """
    if not is_on(config):
        return None
    _line_format(config, None)
    return Output(config.access_logfile, "stdout", setting="access_logfile")


def open_access_log(config: Config, schedule: Callable[[Callable[[], None]], object] | None = None) -> AccessLog | None:
    """The access log of a worker, None if it is off; `observe.log.configure` has opened what it writes to.

    Args:
        schedule: see `AccessLog`.
    """
    if not is_on(config):
        return None
    output = next((handler.output for handler in logger.handlers if isinstance(handler, LineHandler)), None)
    return AccessLog(_line_format(config, output), output, schedule)


def _line_format(config: Config, output: Output | None) -> Text:
    """A format that was asked for is used everywhere; without one, people get lines made for people."""
    origin = config.origin("access_logformat")
    if origin == "default" and output is not None and output.is_terminal():
        return human_format(colored=is_colored(config, output))
    return compile_format(config.access_logformat, origin=origin)


def human_format(*, colored: bool) -> Text:
    """Lines for a terminal, in columns: time, status, duration, size, then what was asked for and by whom."""
    clock = Clock("%H:%M:%S")
    dim, reset = (_DIM, _RESET) if colored else ("", "")

    def write(record: AccessRecord) -> str:
        status = record.status
        color, end = (_STATUS_COLORS[status // 100], _RESET) if colored and 200 <= status < 600 else ("", "")
        return (
            f"{dim}{clock.text()}{reset} {color}{status}{end} {duration(record.duration):>8} "
            f"{size(record.response_bytes):>9}  {quoted(record.method)} {quoted(record.target)}"
            f"{messages(record)}  {dim}{quoted(record.client) or '-'}{reset}"
        )

    return write


def messages(record: AccessRecord) -> str:
    """``  3 messages in, 5 out`` for a WebSocket that has ended, else nothing."""
    return f"  {record.messages[0]} messages in, {record.messages[1]} out" if record.messages else ""


def duration(seconds: float) -> str:
    """``0.42 ms``, ``12.3 ms``, ``1.23 s``, ``75 s``: three digits at most."""
    for limit, factor, form, unit in _DURATIONS:
        if seconds < limit:
            return f"{seconds * factor:{form}} {unit}"
    return f"{seconds:.0f} s"


_DURATIONS = (
    (0.00995, 1e3, ".2f", "ms"),
    (0.0995, 1e3, ".1f", "ms"),
    (0.9995, 1e3, ".0f", "ms"),
    (9.995, 1.0, ".2f", "s"),
)


def size(count: int) -> str:
    """``512 B``, ``5.3 KiB``, ``1.2 MiB``."""
    if count < 1024:
        return f"{count} B"
    number = count / 1024
    for unit in ("KiB", "MiB", "GiB"):
        if number < 1023.95:
            return f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} TiB"
