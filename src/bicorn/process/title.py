"""Titles: what ``ps`` and ``top`` show of each process.

setproctitle sets them, where it is installed (``pip install bicorn[title]``). Without it nothing is done.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from .policy.words import several

if TYPE_CHECKING:
    from ..config.settings import Config
    from ..observe.slot import Slot

NO_SETPROCTITLE = "proc_name (from {}) has no effect: it needs setproctitle (pip install 'bicorn[title]')"
EVERY = 1.0
"""Seconds between two titles of a worker that serves."""

_MODULE = "setproctitle"


class Title:
    """The title of this process; a forked child makes its own.

    Args:
        role: ``"supervisor"``, ``"worker 3"``, ``"template"``.
    """

    def __init__(self, config: Config, role: str) -> None:
        name = config.proc_name or "bicorn"
        self._head = f"{name}: {role} [{config.app or 'no application'}]"
        self._shown: str | None = None
        self._set = _setter()

    def show(self, text: str = "") -> None:
        """Show ``text`` behind the name and the role: ``"ready, 1234 requests"``. Cheap when it is what is shown."""
        if self._set is not None and text != self._shown:
            self._shown = text
            self._set(f"{self._head} {text}" if text else self._head)


class WorkerTitle(Title):
    """The title of a worker: its number, what it is at, and how many requests it has had."""

    def __init__(self, config: Config, number: int, slot: Slot | None) -> None:
        super().__init__(config, f"worker {number}")
        self._slot = slot
        self._state = ""

    def enter(self, state: str) -> None:
        """It is at something else now: ``"importing"``, ``"serving"``, ``"stopping"``."""
        self._state = state
        self._count()

    def follow(self, later: Callable[[float, Callable[[], None]], object]) -> None:
        """Keep the number of requests up to date; ``later`` is the loop's ``call_later``."""

        def again() -> None:
            self._count()
            later(EVERY, again)

        if self._set is not None and self._slot is not None:
            again()

    def _count(self) -> None:
        requests = self._slot.requests() if self._slot is not None else 0
        self.show(f"{self._state}, {several(requests, 'request')}" if requests else self._state)


def available() -> bool:
    """Whether titles can be set. The supervisor asks before the first fork; its children find what it has found."""
    if _MODULE not in sys.modules:
        try:
            import_module(_MODULE)
        except ImportError:
            return False
    return _setter() is not None


def notice(config: Config) -> str:
    """What to say once at the start about a name that cannot be shown; empty for nothing."""
    return NO_SETPROCTITLE.format(config.origin("proc_name")) if config.proc_name and not available() else ""


def _setter() -> Any:
    # On macOS the library asks a system service, which a forked process must not do.
    module = None if sys.platform == "darwin" else sys.modules.get(_MODULE)
    return getattr(module, "setproctitle", None)
