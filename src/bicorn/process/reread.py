"""What a generation of workers is made with, and how the next generation's is found: the settings, read again.

They are read as at the start: from the same command line, in the directory and with the environment of then, for what
the old settings have put there is not what the new ones will. Where a deployment's directory is a link that was
changed, it now leads to the new code. The sockets that the new settings want are opened before any old one is let go;
until the new generation is accepted both are there, and if it is not, nothing has happened.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from ..config import sources
from ..errors import BicornError, ConfigError
from ..observe import log
from ..record import Record
from ..server.listener import Listener
from .policy.fleet import Want
from .sockets import bind_all, close_all, left_over, let_nobody_knock

if TYPE_CHECKING:
    from ..config.settings import Config

logger = logging.getLogger("bicorn.error")

Read = Callable[[], "Config"]


class Edition(Record):
    """The settings and the sockets of one generation."""

    generation: int
    config: Config
    listeners: Sequence[Listener]


class Editions:
    """Every generation there are workers of, or may be.

    Args:
        first: of the start.
        start: how the process was started; None: that is not known, and the settings cannot be read again.
        read: reads them.

    Attributes:
        entered: the one whose directory, environment and log files are this process's now.
    """

    def __init__(self, first: Edition, start: sources.Start | None = None, read: Read | None = None) -> None:
        self.entered = first
        self._editions = {first.generation: first}
        self._is_closed = False
        self._start = start
        self._read = read

    def __getitem__(self, generation: int) -> Edition:
        return self._editions[generation]

    def listeners(self) -> list[Listener]:
        """All that are open, each once."""
        if self._is_closed:
            return []
        sockets = {id(listener.sock): listener for edition in self._editions.values() for listener in edition.listeners}
        return list(sockets.values())

    def add(self, generation: int, workers: Callable[[Config], Config]) -> Edition:
        """Read the settings for this generation, on top of those of :attr:`entered`.

        Args:
            workers: puts a number in the place of ``auto``.

        Raises:
            BicornError: they are wrong, or what they want cannot be had. Everything is as it was.
        """
        old = self.entered
        if self._read is None or self._start is None:
            edition = Edition(generation, old.config, old.listeners)
        else:
            try:
                config = self._open(self._start, self._read, workers)
                listeners = bind_all(config, self.listeners())
            except BaseException as error:
                self._go(old.config)
                if isinstance(error, OSError):
                    raise ConfigError(f"the settings cannot be read: {error}") from None
                raise
            edition = Edition(generation, config, listeners)
        self._editions[generation] = self.entered = edition
        return edition

    def enter(self, edition: Edition) -> None:
        """Take over its directory, environment and log files, where they are another one's."""
        if edition.config is not self.entered.config:
            self._go(edition.config)
        self.entered = edition

    def keep(self, generations: set[int]) -> None:
        """Forget all others, and close what only they listened on."""
        if self._editions.keys() <= generations:
            return
        kept = [edition for number, edition in self._editions.items() if number in generations]
        used = [listener for edition in kept for listener in edition.listeners]
        close_all(left_over(self.listeners(), used))
        self._editions = {edition.generation: edition for edition in kept}

    def close(self, *, shared: bool = False) -> None:
        """Close every socket; nobody is to connect any more, unless another server listens on them."""
        if not shared:
            let_nobody_knock(self.listeners())
        close_all(self.listeners(), keep_files=shared)
        self._is_closed = True

    def _go(self, config: Config) -> None:
        """Where we have been before."""
        try:
            if self._start is not None:
                sources.go_back(self._start)
                sources.enter(config)
            if config.umask is not None:
                os.umask(config.umask)
            _configure(config)
        except (OSError, BicornError) as error:
            logger.error("the directory, the environment or the log files of before are not to be had: %s", error)

    def _open(self, start: sources.Start, read: Read, workers: Callable[[Config], Config]) -> Config:
        sources.go_back(start)
        config = workers(read())
        sources.enter(config)
        prepare(config, self.entered.config)
        return config


def prepare(config: Config, beside: Config | None = None) -> None:
    """Everything but the sockets that a server with these settings needs before its first worker.

    Args:
        beside: settings that stay in use, too.

    Raises:
        BicornError: it cannot be had.
    """
    from ..server import tls  # here, because it brings ssl, and who only imports this module does not want it
    from ..server.loop import loop_name

    if config.user is not None or config.group is not None or config.umask is not None:
        from . import privileges

        privileges.prepare(config)
    _configure(config)
    tls.prepare(config, beside)
    loop_name(config.loop)


def _configure(config: Config) -> None:
    log.configure(config)
    give_logs(config)


def give_logs(config: Config) -> None:
    """Where workers run as somebody else, the log files are theirs too: after each time they were opened."""
    if config.user is not None or config.group is not None:
        from . import privileges

        privileges.give_logs(config)


def want(config: Config) -> Want:
    """What the policy has to know."""
    return Want(**{name: getattr(config, name) for name in Want._fields})


def reason(error: BaseException) -> str:
    """Why settings were refused, for the log."""
    if isinstance(error, BicornError):
        return str(error)
    from ..apps.failure import user_traceback

    return f"the settings cannot be read\n{user_traceback(error)}"
