"""Programs that only answer: a compiler its version, a package manager what it has.

The one place where the doctor starts another program. None of them changes anything, none is given anything of a
package, and each has a limit of time.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable

SECONDS = 15.0

Run = Callable[[list[str]], str]
"""Runs a program and gives what it printed; empty where it could not be run or failed."""


def ask(command: list[str]) -> str:
    """Runs a program, and gives what it printed on both streams; empty where it could not be run or failed."""
    try:
        done = subprocess.run(  # noqa: S603 - found on the PATH, asked for --version or for a list
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            errors="replace",
            timeout=SECONDS,
            check=True,
            cwd="/" if os.path.basename(command[0]) in ("rustc", "cargo") else None,  # rustup obeys files of a folder
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout
