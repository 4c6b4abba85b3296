"""What is said of an application that cannot be imported: the commands have the doctor asked for it."""

from __future__ import annotations


def blame(error: BaseException) -> str:
    """What the doctor knows of a failure of the application's code; it is imported only then."""
    from ..doctor.blame import message

    return message(error)
