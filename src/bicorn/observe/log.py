"""The server's own log, and nothing but its own.

Three loggers belong to Bicorn: ``bicorn`` and ``bicorn.error`` for everything that happens, ``bicorn.access`` for the
access log. `configure` gives them handlers. It never touches the root logger or the application's loggers.

To take the log over, attach handlers to these loggers: they are used beside Bicorn's own.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from . import access
from .output import LineHandler, Output, is_colored

if TYPE_CHECKING:
    from ..config.settings import Config

TRACE = 5
"""The level below DEBUG: what happens to every connection. Its name is ours alone, not registered with logging."""

LEVELS = {
    "critical": logging.CRITICAL,
    "error": logging.ERROR,
    "warning": logging.WARNING,
    "info": logging.INFO,
    "debug": logging.DEBUG,
    "trace": TRACE,
}
_COLORS = {"CRITICAL": "\x1b[1;31m", "ERROR": "\x1b[31m", "WARNING": "\x1b[33m", "INFO": "\x1b[32m"}
_DIM, _RESET = "\x1b[2m", "\x1b[0m"


class OwnLogger(logging.Logger):
    """A logger that the application cannot silence by accident.

    ``dictConfig`` and ``fileConfig`` disable every logger they do not name, unless told otherwise; an Alembic run at
    start-up is enough. Errors of the server have to be seen all the same.
    """

    @property
    def disabled(self) -> bool:
        """Never."""
        return False

    @disabled.setter
    def disabled(self, value: bool) -> None:
        """Ignored: to silence the server, set its log level."""


class LineFormatter(logging.Formatter):
    """``[2026-11-22 20:00:00 +0000] [1234] [INFO] message``, which is also what Gunicorn writes."""

    def __init__(self, *, colored: bool = False) -> None:
        super().__init__()
        self._colored = colored

    def format(self, record: logging.LogRecord) -> str:
        moment = time.localtime(record.created)
        level = "TRACE" if record.levelno == TRACE else record.levelname
        head = f"[{time.strftime('%Y-%m-%d %H:%M:%S %z', moment)}] [{record.process}]"
        if self._colored:
            line = f"{_DIM}{head}{_RESET} {_COLORS.get(level, _DIM)}[{level}]{_RESET} {record.getMessage()}"
        else:
            line = f"{head} [{level}] {record.getMessage()}"
        if record.exc_info:
            line += "\n" + self.formatException(record.exc_info)
        if record.stack_info:
            line += "\n" + self.formatStack(record.stack_info)
        return line


def configure(config: Config) -> None:
    """Set the three loggers up; calling it again replaces what the last call did and nothing else.

    Raises:
        ConfigError: a log file cannot be opened, or the access log's format cannot be used.
    """
    errors = Output(config.error_logfile, "stderr", setting="error_logfile")
    responses = access.open_output(config)
    _install("bicorn", LineHandler(errors, LineFormatter(colored=is_colored(config, errors))), LEVELS[config.log_level])
    _install("bicorn.error", None, logging.NOTSET, propagate=True)
    _install("bicorn.access", None if responses is None else LineHandler(responses), logging.INFO)


def reopen() -> None:
    """Open the log files anew, after rotation moved them away.

    Raises:
        ConfigError: a file cannot be opened; the old one stays in use.
    """
    for name in ("bicorn", "bicorn.access"):
        for handler in logging.getLogger(name).handlers:
            if isinstance(handler, LineHandler):
                handler.output.reopen()


def _install(name: str, handler: LineHandler | None, level: int, *, propagate: bool = False) -> None:
    logger = logging.getLogger(name)
    logger.__class__ = OwnLogger
    for old in list(logger.handlers):
        if isinstance(old, LineHandler):
            logger.removeHandler(old)
            old.dismiss()
    if handler is not None:
        logger.addHandler(handler)
    logger.setLevel(level)
    logger.propagate = propagate
