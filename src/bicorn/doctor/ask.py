"""Programs that only answer: a compiler its version, a package manager what it has.

The one place where the doctor starts another program. None of them changes anything, none is given anything of a
package, and each has a limit of time.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Self

SECONDS = 15.0

Run = Callable[[list[str]], str]
"""Runs a program and gives what it printed; empty where it could not be run or failed."""


def ask(command: list[str]) -> str:
    """Runs a program, and gives what it printed on both streams; empty where it could not be run or failed."""
    with Early(command) as run:
        return run(command)


class Early:
    """A :data:`Run` that asks one question before it is put: its answer takes a while, and may be wanted.

    Any other is asked when it is put. With the ``with`` the program ends, too.
    """

    def __init__(self, command: list[str]) -> None:
        self._command = command
        self._said: str | None = None
        self._process: subprocess.Popen[str] | None = None
        self._until = time.monotonic() + SECONDS
        if command:
            with suppress(OSError):
                self._process = subprocess.Popen(  # noqa: S603 - found on the PATH, asked for --version or for a list
                    command,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    stdin=subprocess.DEVNULL,
                    text=True,
                    errors="replace",
                    # rustup obeys files of a folder
                    cwd="/" if os.path.basename(command[0]) in ("rustc", "cargo") else None,
                )

    def __call__(self, command: list[str]) -> str:
        if command != self._command:
            return ask(command)
        if self._said is None:
            self._said = self._read() if self._process else ""
        return self._said

    def _read(self) -> str:
        assert self._process is not None
        try:
            said, _ = self._process.communicate(timeout=max(self._until - time.monotonic(), 0.0))
        except (OSError, subprocess.SubprocessError):
            return ""
        return said if self._process.returncode == 0 else ""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process:
            self._process.kill()
            with self._process:  # closes its pipe, and waits
                pass
