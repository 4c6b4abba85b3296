"""Where log lines go: a standard stream, or a file."""

from __future__ import annotations

import logging
import os
import sys
from typing import TYPE_CHECKING, Literal, TextIO

from ..errors import ConfigError

if TYPE_CHECKING:
    from ..config.settings import Config


class Output:
    """A place to write lines to. Several processes may write to one file: each call is one append.

    Writing never raises: a full disk or a reader that went away must not take requests down with it. What cannot be
    written is dropped, and ``error`` says why until a write succeeds again.

    Args:
        path: a file, opened for appending and created if need be, or ``"-"``.
        standard: the stream that ``"-"`` means.
        setting: named in the error.

    Raises:
        ConfigError: the file cannot be opened.
    """

    def __init__(self, path: str, standard: Literal["stdout", "stderr"], *, setting: str = "") -> None:
        # Absolute, because the application may change the directory before `reopen`.
        self.path = path if path == "-" else os.path.abspath(path)
        self.error: Exception | None = None
        self._standard = standard
        self._setting = setting
        self._file: int | None = None
        self.reopen()

    def reopen(self) -> None:
        """Open the file anew, after log rotation moved it away.

        Raises:
            ConfigError: the file cannot be opened; the old one stays in use.
        """
        if self.path == "-":
            return
        try:
            opened = os.open(self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError as error:
            message = f"cannot open the log file {self.path}: {error.strerror}"
            raise ConfigError(message, setting=self._setting, value=self.path) from error
        self.close()
        self._file = opened

    def close(self) -> None:
        """Close the file; what is written from now on is dropped."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def is_terminal(self) -> bool:
        """Whether a person is looking."""
        stream = self._stream()
        return self.path == "-" and stream is not None and not stream.closed and stream.isatty()

    def write(self, text: str) -> None:
        """Write whole lines."""
        try:
            if self.path == "-":
                self._write_stream(text)
            elif self._file is not None:
                data = text.encode("utf-8", "backslashreplace")
                while data:  # one write(2), unless the disk is full or the file is a pipe
                    data = data[os.write(self._file, data) :]
            self.error = None
        except (OSError, ValueError) as error:  # ValueError: the stream is closed
            self.error = error

    def _write_stream(self, text: str) -> None:
        stream = self._stream()
        if stream is None:
            return
        try:
            stream.write(text)
        except UnicodeEncodeError:
            stream.write(text.encode("ascii", "backslashreplace").decode("ascii"))
        stream.flush()

    def _stream(self) -> TextIO | None:
        # Looked up each time: sys.stderr may be replaced, and is None without a console.
        stream: TextIO | None = getattr(sys, self._standard)
        return stream


class LineHandler(logging.Handler):
    """logging's way to an `Output`."""

    def __init__(self, output: Output, formatter: logging.Formatter | None = None) -> None:
        super().__init__()
        self.output = output
        self.setFormatter(formatter)

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self.output.write(self.format(record) + "\n")
        except Exception:  # a message that does not fit its arguments
            self.handleError(record)

    def close(self) -> None:
        # Not by dictConfig(), which closes every handler there is: `dismiss` does it.
        return

    def dismiss(self) -> None:
        """Close for good."""
        super().close()
        self.output.close()


def is_colored(config: Config, output: Output) -> bool:
    """Whether to colour what goes to ``output``."""
    return output.is_terminal() if config.use_colors is None else config.use_colors
