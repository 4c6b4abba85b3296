"""Reading a file that somebody else wrote: in bounds, and what is wrong with it in words."""

from __future__ import annotations

import json
import os
import stat
import tomllib
from typing import Any

from packaging.requirements import InvalidRequirement, Requirement

from ...errors import DoctorError

MAX_BYTES = 32 << 20
"""Of one file; the lock files of the largest projects have some 5 MB."""


def text(path: str) -> str:
    """A text file's content.

    Raises:
        DoctorError: it is not there, no file, too large, or may not be read.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe without a writer would be waited for
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise DoctorError(f"{path} is no file")
            body = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise DoctorError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}")
    if len(body) > MAX_BYTES:
        raise DoctorError(f"{path} is larger than {MAX_BYTES >> 20} MB: it is not read")
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        if body.startswith((b"\xff\xfe", b"\xfe\xff")):  # Windows' PowerShell: pip freeze > requirements.txt
            return body.decode("utf-16", "replace")
        return body.decode("latin-1")


def toml(path: str) -> dict[str, Any]:
    """A TOML file's tables.

    Raises:
        DoctorError: it cannot be read or parsed.
    """
    try:
        return tomllib.loads(text(path))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise DoctorError(f"{path} is not TOML: {str(error)[:200]}")


def json_object(path: str) -> dict[str, Any]:
    """A JSON file's object.

    Raises:
        DoctorError: it cannot be read or parsed, or is no object.
    """
    try:
        found = json.loads(text(path))
    except (ValueError, RecursionError) as error:
        raise DoctorError(f"{path} is not JSON: {str(error)[:200]}")
    if not isinstance(found, dict):
        raise DoctorError(f"{path} has no object in it")
    return found


def requirement(line: str) -> Requirement | None:
    """A requirement as PEP 508 has it; None where it is none."""
    try:
        return Requirement(line)
    except (InvalidRequirement, RecursionError):
        return None


def table(value: object) -> dict[str, Any]:
    """A value if it is a table, else an empty one: nobody's file is trusted to have the right shape."""
    return value if isinstance(value, dict) else {}


def rows(value: object) -> list[dict[str, Any]]:
    """The tables of an array."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def texts(value: object) -> list[str]:
    """The strings of an array."""
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
