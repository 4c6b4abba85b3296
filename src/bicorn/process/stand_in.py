"""What is served in the place of an application that could not start, while code is reloaded as it is saved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..apps import fresh
from ..apps.failure_page import FailurePage, are_private
from ..apps.loader import LoadedApp
from .watch import roots_of

if TYPE_CHECKING:
    from ..config.settings import Config
    from ..server.listener import Listener

CONFIG_ERROR = 2  # the settings are wrong, not the code: to save a file does not help


def stand_in(
    config: Config, listeners: Sequence[Listener], code: int, message: str, is_alone: bool
) -> list[tuple[str, LoadedApp]] | None:
    """The applications to serve instead; None where the failure is to be one like any other.

    Args:
        code, message: why it could not start.
        is_alone: nothing else serves, and nothing else will.
    """
    is_private = are_private(listener.sock.getsockname() for listener in listeners)
    # Where others can connect they go on with what worked, if something did. Else they are told nothing but to wait.
    if code == CONFIG_ERROR or not (is_private or is_alone):
        return None
    page = FailurePage(message, is_private)
    return [("", LoadedApp(page, "asgi", "a page that says why it could not start", config.app or "the application"))]


def import_afresh(config: Config) -> None:
    """Trust no bytecode that may be older than the source, where sources are watched."""
    fresh.install(roots_of(config))
