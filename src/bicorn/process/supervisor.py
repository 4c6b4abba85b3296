"""The supervisor: binds, waits, and carries out what ``policy.plan`` decides.

It decides nothing, never imports the application, and has neither threads nor an event loop: only one selector that
waits for signals, for what its processes say and for what is asked of it, until the next deadline.
"""

from __future__ import annotations

import gc
import logging
import os
import selectors
import sys
import time
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from .. import __version__
from ..config import sources
from ..errors import BicornError
from ..observe import log
from ..server.listener import Listener
from . import reread, sharing, signals, warm
from .policy.events import (
    Action,
    Asked,
    Discard,
    Dump,
    Dumped,
    End,
    Event,
    Log,
    Outcome,
    Prepare,
    Ready,
    ReopenLogs,
    Reread,
    Resized,
    Settings,
    SettingsRefused,
    Share,
    Signal,
    Spawn,
    StopListening,
    Tick,
    Upgrade,
)
from .policy.fleet import Fleet
from .policy.plan import decide
from .policy.states import RUNNING, Ask, Phase
from .reread import Edition, Editions, Read
from .sight import Sight
from .signals import ASKS, SignalPipe
from .sockets import bind_all, close_all, left_over
from .staff import Staff
from .surroundings import Surroundings

if TYPE_CHECKING:
    from ..config.settings import Config
    from .daemon import Detached
    from .hooks import Hooks
    from .upgrade import Predecessor
    from .warm import Warmth
    from .watch import Watcher

logger = logging.getLogger("bicorn.error")


def run(config: Config, *, reread: Read | None = None, start: sources.Start | None = None) -> int:
    """Serve until told to stop; the exit code.

    Args:
        reread: reads the settings again, in the directory and the environment of the start.
        start: how the process was started; None: then settings are not read again, and there are no upgrades.

    Raises:
        BicornError: it cannot start: an address, a certificate, a log file. Nothing is left open.
    """
    handed = sources.take_handed_over()
    predecessor: Predecessor | None = None
    if "BICORN_LISTENERS" in handed:
        from . import upgrade

        predecessor = upgrade.predecessor(handed)
    serve = partial(_serve, config, reread, start, handed, predecessor)
    if config.daemon and predecessor is None:
        from .daemon import detach

        return detach(serve)
    return serve(None)


def _serve(
    config: Config,
    read: Read | None,
    start: sources.Start | None,
    handed: dict[str, str],
    predecessor: Predecessor | None,
    detached: Detached | None,
) -> int:
    config, counted = _count(config)
    reread.prepare(config)
    hooks = _hooks(config)
    inherited = list(predecessor.listeners) if predecessor is not None else []
    if "LISTEN_FDS" in handed and not inherited:
        from . import systemd

        inherited = systemd.listeners(handed, config)
    listeners = bind_all(config, inherited)
    close_all(left_over(inherited, listeners), keep_files=True)
    editions = Editions(Edition(1, config, listeners), start, read)
    surroundings = Surroundings(start, handed, predecessor, detached)
    try:
        surroundings.open(config)
        for line in (*start_up_lines(config, listeners), counted, surroundings.name(config)):
            if line:
                logger.info("%s", line)
        if hooks is not None:
            hooks.ready(listeners)
        return Supervisor(editions, surroundings, hooks).run()
    finally:
        editions.close(shared=surroundings.shares_sockets())
        surroundings.close()


def _count(config: Config) -> tuple[Config, str]:
    """Put a number in the place of ``auto``; and how it was counted."""
    if config.workers:
        return config, ""
    from .capacity import resolve

    return resolve(config)


def _hooks(config: Config) -> Hooks | None:
    if not config.hooked:
        return None
    from .hooks import Hooks

    hooks = Hooks(config, config.workers)
    hooks.starting()
    return hooks


def start_up_lines(config: Config, listeners: Sequence[Listener]) -> list[str]:
    """What is known before the first worker is ready: where, and with what."""
    from ..server.loop import loop_name

    where = " and ".join(listener.url for listener in listeners)
    workers = f"{config.workers} worker{'s' * (config.workers > 1)}"
    threads = f", {config.threads} threads each" if config.threads > 1 else ""
    implementation = {"cpython": "CPython", "pypy": "PyPy"}.get(sys.implementation.name, sys.implementation.name)
    python = f"{implementation} {sys.version.split()[0]}"
    loop = loop_name(config.loop)
    return [f"Bicorn {__version__} on {where} (Press Ctrl+C to stop)", f"{workers}{threads}, {loop}, {python}"]


_AT_A_START = ("daemon", "pidfile", "control_socket", "proc_name", "reload", "reload_dirs", "reload_engine")
"""Settings that a reload does not change."""


class Supervisor:
    """The shell around the plan.

    Args:
        editions: the settings, and the sockets that are shared by all workers; closed when the stop begins.
        surroundings: whom to tell how things are.
        hooks: the user's, if there are any.
    """

    def __init__(self, editions: Editions, surroundings: Surroundings, hooks: Hooks | None = None) -> None:
        self._editions = editions
        self._surroundings = surroundings
        self._hooks = hooks
        self._fleet = Fleet(reread.want(editions.entered.config))
        self._sight = Sight()
        self._watcher: Watcher | None = None
        self._warmth: Warmth | None = None
        self._counts_kills = False
        self._code: int | None = None
        self._began = time.monotonic()

    def run(self) -> int:
        """Until the plan says the end; the exit code."""
        self._signals = SignalPipe()
        lifeline, self._lifeline_writer = os.pipe()
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._signals, selectors.EVENT_READ)
        self._staff = Staff(self._selector, self._editions, self._sight, lifeline, self._let_go, lambda: self._hooks)
        control = self._surroundings.control
        if control is not None:
            control.register(self._selector)
        try:
            sharing.share_server()
            self._decide([Tick()])
            if self._editions.entered.config.reload:
                self._watch()
            while self._code is None:
                self._decide(self._wait() or [Tick()])
        finally:
            self._staff.close()
            if self._watcher is not None:
                self._watcher.close()
            if self._hooks is not None:
                self._hooks.ended()
            os.close(lifeline)
            os.close(self._lifeline_writer)  # whoever is left hears of it here
            self._signals.close()
            self._surroundings.close()
            self._selector.close()
            gc.unfreeze()
        return self._code

    # -- Wait

    def _wait(self) -> list[Event]:
        """Sleep until something happens or is due; what has happened."""
        now = time.monotonic()
        staff = self._staff
        times = (
            self._fleet.deadline(),
            staff.deadline(),
            staff.templates.deadline(),
            self._surroundings.deadline(now),
        )
        deadline = min([due for due in times if due is not None], default=None)
        ready = self._selector.select(None if deadline is None else max(0.0, deadline - now))
        now = time.monotonic()
        events: list[Event] = [*self._sight.look(self._fleet, now)]
        # What a worker said comes before its death. So does what was asked: where TERM goes to the whole group at once,
        # a worker that has obeyed has not left by itself.
        known = self._selector.get_map()
        for key, _ in ready:
            # What one process says may be the end of another, which was about to be heard.
            if key.data is not None and known.get(key.fd) is key:
                events += key.data()
        events += [Asked(ASKS[number], signals.name_of(number)) for number in self._signals.read() if number in ASKS]
        if (control := self._surroundings.control) is not None:
            events += control.events(now, self._fleet.phase in RUNNING, partial(self._report, now))
        staff.templates.give_up(now)
        return [*events, *staff.dumped(now), *staff.reap()]

    def _report(self, now: float) -> dict[str, Any]:
        """What ``bicorn status`` shows."""
        edition = self._editions.entered
        server = {
            "version": __version__,
            "pid": os.getpid(),
            "age": round(now - self._began, 3),
            "app": edition.config.app,
            "listeners": [listener.url for listener in edition.listeners],
        }
        return {**server, **self._sight.report(self._fleet, now)}

    def _watch(self) -> None:
        """See when files change."""
        from .warm import Warmth
        from .watch import Watcher

        self._warmth = Warmth()
        try:
            watcher = self._watcher = Watcher(self._editions.entered.config)
        except OSError as error:
            logger.error("Files are not watched: %s", error.strerror or error)
            return
        self._selector.register(watcher, selectors.EVENT_READ, partial(self._changed, watcher))

    def _changed(self, watcher: Watcher) -> list[Event]:
        from .watch import describe

        changes = watcher.changes()
        if watcher.has_ended:
            self._selector.unregister(watcher)
        if self._warmth is not None and (packages := self._warmth.changed()):
            logger.warning("%s: installed anew; a new start uses that", ", ".join(packages))
        return [Asked(Ask.RELOAD, describe(changes), grace=0.0)] if changes else []

    # -- Decide and act

    def _decide(self, events: list[Event]) -> None:
        """Ask the plan about each event, act, and ask about what came of that."""
        now = time.monotonic()
        while events:
            event = events.pop(0)
            if isinstance(event, Dumped) and self._surroundings.control is not None:
                self._surroundings.control.dumped(event.number, event.text)
            now = time.monotonic()
            for action in decide(self._fleet, event, now):
                events += self._act(action, now)
            if self._warmth is not None and isinstance(event, Ready):
                self._warmth.share(event.modules)
        if self._code is None:
            self._settle(now)

    def _settle(self, now: float) -> None:
        """All has been decided: what follows from how things are now."""
        fleet = self._fleet
        wanted = {fleet.generation} | ({fleet.roll.generation} if fleet.roll is not None else set())
        self._settle_editions(wanted)
        self._surroundings.follow(fleet, now)
        if self._surroundings.control is not None:
            self._surroundings.control.settle()
        if not self._counts_kills and fleet.phase is Phase.SERVING and fleet.ready() >= fleet.target():
            self._counts_kills = True  # the start is over: there is time
            self._sight.count_kills()

    def _settle_editions(self, wanted: set[int]) -> None:
        """Let go of what a reload has left behind, whichever way it ended."""
        editions = self._editions
        if editions.entered.generation not in wanted:
            editions.enter(editions[self._fleet.generation])
            if self._hooks is not None:
                self._hooks.use(editions.entered.config)
        editions.keep(wanted)
        self._staff.templates.keep(wanted)

    def _act(self, action: Action, now: float) -> list[Event]:
        match action:
            case Spawn():
                is_alone = self._fleet.trial() != action.generation
                return self._staff.spawn(action.number, action.generation, is_alone)
            case Share():
                self._share(action, now)
            case Signal():
                self._staff.signal(action.pid, action.name, action.alone)
            case Log():
                logger.log(log.LEVELS[action.level], "%s", action.text)
            case Dump():
                return self._dump(action, now)
            case ReopenLogs():
                self._reopen_logs()
            case Reread():
                return [self._reread(action.generation)]
            case Prepare():
                return self._staff.templates.prepare(action.generation, now)
            case Discard():
                self._staff.templates.discard(action.generation, now)
            case Upgrade():
                return self._upgrade()
            case Outcome():
                if self._surroundings.control is not None:
                    self._surroundings.control.outcome(action.ok, action.text)
            case Resized():
                if self._hooks is not None and self._hooks.server.num_workers != action.new:
                    self._hooks.resized(action.new, action.old)
            case StopListening():
                self._staff.templates.keep(set())
                self._editions.close(shared=self._surroundings.shares_sockets())
            case End():
                self._code = action.code
        return []

    def _share(self, action: Share, now: float) -> None:
        """What all Python programs have is had from here; libraries, from a process that goes with its generation."""
        sharing.share_modules(action.modules)
        config = self._editions[action.generation].config
        # Their hook may count on being called here, and on what it leaves here.
        is_hooked = self._hooks is not None and self._hooks.has("pre_fork")
        if self._warmth is None and config.share_imports and not is_hooked and warm.names_any(action.modules):
            self._staff.templates.share(action.generation, action.modules, now)

    def _dump(self, action: Dump, now: float) -> list[Event]:
        if action.log and self._surroundings.control is not None:
            self._surroundings.control.dump_asked(action.number)
        worker = self._fleet.workers.get(action.number)
        if not action.log and worker is not None and self._hooks is not None:
            self._hooks.aborting(worker.pid)
        return self._staff.dump(action.number, now)

    def _reopen_logs(self) -> None:
        try:
            log.reopen()
            reread.give_logs(self._editions.entered.config)
        except BicornError as error:
            logger.error("%s; the old file is still in use", error)

    def _reread(self, generation: int) -> Event:
        old = self._editions.entered
        try:
            edition = self._editions.add(generation, lambda config: _count(config)[0])
            if edition.config is not old.config and (self._hooks is not None or edition.config.hooked):
                self._reload_hooks(edition.config)
        except Exception as error:
            return SettingsRefused(reread.reason(error))
        if later := [name for name in _AT_A_START if getattr(edition.config, name) != getattr(old.config, name)]:
            logger.warning("What has changed of %s is for the next start of the server", ", ".join(later))
        return Settings(reread.want(edition.config))

    def _reload_hooks(self, config: Config) -> None:
        from .hooks import Hooks

        if self._hooks is None:
            self._hooks = Hooks(config, self._fleet.target())
            self._hooks.server.LISTENERS = self._editions.entered.listeners
        self._hooks.reloading(config, config.workers)

    def _upgrade(self) -> list[Event]:
        hooks = self._hooks.executing if self._hooks is not None else None
        return self._surroundings.upgrade(
            list(self._editions.entered.listeners), hooks, self._selector, self._staff.children
        )

    def _let_go(self) -> None:
        """In a forked process: of all that is the supervisor's own."""
        self._signals.forget()
        try:
            self._selector.close()
        except OSError:
            pass  # a kqueue does not survive a fork
        os.close(self._lifeline_writer)
        self._surroundings.let_go()
        if self._watcher is not None:
            self._watcher.forget()
