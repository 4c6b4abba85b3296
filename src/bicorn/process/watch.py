"""Reload for development: a process of its own sees files change, and the supervisor hears of it through a pipe.

It is forked from the supervisor before the workers, and ends with it. watchfiles, where it is installed, tells of
changes within milliseconds; it brings threads, and an import that the supervisor can do without: hence the process.

What it writes are items that end with NUL, which no path contains: one letter, then a path or a sentence for the log.
Changes of one moment come in one piece, and a piece ends with an empty item.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, NoReturn

from ..apps.failure import short_path
from . import spawn
from .poller import PAUSE, Poller
from .signals import HEARD
from .watched import Rules, absolute, anchored

if TYPE_CHECKING:
    from ..config.settings import Config

logger = logging.getLogger("bicorn.error")

QUIET = 0.01
"""Seconds without another change after which a piece is complete: the files of one save follow faster."""

MOMENT = 0.05
"""Seconds that a piece may wait at most: for more of the same moment, and for a file that has gone or is empty, as one
is in the middle of being saved."""

_LONGEST_WAIT = 0.1  # between two looks at extra files, in seconds
_CHANGED, _INFO, _WARNING = "c", "i", "w"
_NAMED = 3  # files, in a line of the log


class Watcher:
    """The supervisor's end: readable when there is something to hear.

    Attributes:
        has_ended: the process is no more, and nothing will be heard.
    """

    def __init__(self, config: Config) -> None:
        self.has_ended = False
        self._rest = b""
        self._held: list[str] = []
        self._lifeline, self._lifeline_writer = os.pipe()
        rules = rules_of(config)
        try:
            self._pid, self._reader = spawn.fork(lambda tell: _live(rules, config.reload_engine, tell, self._lifeline))
        except OSError as error:
            os.close(self._lifeline_writer)
            raise error
        finally:
            os.close(self._lifeline)

    def fileno(self) -> int:
        """For the selector."""
        return self._reader

    def changes(self) -> list[str]:
        """The files that have changed since the last time, as seen from the working directory."""
        data = b""
        while not self.has_ended:
            try:
                read = os.read(self._reader, 65536)
            except BlockingIOError:
                break
            data += read
            self.has_ended = not read
        return list(dict.fromkeys(self._take(data)))

    def _take(self, data: bytes) -> Iterator[str]:
        *items, self._rest = (self._rest + data).split(b"\0")
        for item in map(os.fsdecode, items):
            kind, text = item[:1], item[1:]
            if kind == _CHANGED:
                self._held.append(short_path(text))
            elif kind:
                logger.log(logging.INFO if kind == _INFO else logging.WARNING, "%s", text)
            else:
                yield from self._held
                self._held = []

    def forget(self) -> None:
        """In a worker, right after the fork: let go of the supervisor's ends."""
        os.close(self._reader)
        os.close(self._lifeline_writer)

    def close(self) -> None:
        """End the process."""
        try:
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
        except (ProcessLookupError, ChildProcessError):
            pass  # it has ended, and process 1 reaps whatever has
        self.forget()


def describe(changes: list[str]) -> str:
    """Who asks for the reload: ``"main.py changed"``."""
    more = len(changes) - _NAMED
    names = [*changes[:_NAMED], f"{more} more"] if more > 0 else changes
    return f"{', '.join(names[:-1])} and {names[-1]} changed" if len(names) > 1 else f"{names[0]} changed"


def roots_of(config: Config) -> list[str]:
    """The directories to watch: those that are named, or the working directory and the application's."""
    here = os.getcwd()
    named = config.reload_dirs or (here, config.app_dir)
    included = [pattern for pattern in config.reload_includes if os.path.isdir(pattern)]
    return [absolute(directory, here) for directory in (*named, *included)]


def rules_of(config: Config) -> Rules:
    """Which files count, by the settings."""
    here = os.getcwd()
    return Rules(
        roots_of(config),
        [anchored(pattern, here) for pattern in config.reload_includes if not os.path.isdir(pattern)],
        [anchored(pattern, here) for pattern in config.reload_excludes],
        [absolute(pattern, here) for pattern in config.reload_extra_files],
        lambda directory: os.path.exists(os.path.join(directory, "pyvenv.cfg")),
    )


# -- The process ------------------------------------------------------------------------------------------------


def _live(rules: Rules, engine: str, tell: int, lifeline: int) -> NoReturn:
    """Watch until the supervisor has gone."""
    _let_go((tell, lifeline))
    # Ctrl-C and TERM are for the supervisor, also where the whole group gets them.
    signal.set_wakeup_fd(-1)
    for number in HEARD:
        signal.signal(number, signal.SIG_DFL if number is signal.SIGCHLD else signal.SIG_IGN)
    spawn.unblock()
    say = _Say(tell)
    if engine != "poll":
        try:
            _watch(rules, say, lifeline)
        except ImportError:
            if engine == "watchfiles":
                say(_WARNING, ["reload_engine is watchfiles, which is not installed (pip install watchfiles): polling"])
        except (OSError, RuntimeError) as error:  # too many files for inotify, a file system that has no events
            say(_WARNING, [f"watchfiles cannot watch ({error}): polling"])
    _poll(rules, say, lifeline)


def _let_go(kept: Iterable[int]) -> None:
    """Hold nothing open that is the supervisor's: its sockets would outlive it, its workers' pipes would not end.

    The numbers stay taken, so that nothing which is closed by a finalizer later is somebody else's by then.
    """
    null = os.open(os.devnull, os.O_RDWR)
    for name in os.listdir("/dev/fd"):
        number = int(name)
        if number > 2 and number != null and number not in kept:
            try:
                os.fstat(number)  # the one the directory was listed with has gone
                os.dup2(null, number, inheritable=False)
            except OSError:
                pass


class _Say:
    """Writes to the supervisor; where there is none any more, ends this process."""

    def __init__(self, tell: int) -> None:
        self._tell = tell

    def __call__(self, kind: str, texts: Iterable[str]) -> None:
        data = b"".join(os.fsencode(f"{kind}{text}") + b"\0" for text in texts)
        if kind == _CHANGED:
            data += b"\0"
        try:
            while data:
                data = data[os.write(self._tell, data) :]
        except OSError:
            _leave()


def _poll(rules: Rules, say: _Say, lifeline: int) -> NoReturn:
    poller = Poller(rules)
    say(_INFO, [f"watching {', '.join(rules.roots)} for changes, by polling (watchfiles, once installed, is quicker)"])
    while True:
        if select.select([lifeline], [], [], PAUSE)[0]:
            _leave()
        if changed := poller.look():
            # Where one file has changed others have: not each in its turn.
            say(_CHANGED, _settled(changed, poller.look_at_all))


def _watch(rules: Rules, say: _Say, lifeline: int) -> None:
    from watchfiles import watch

    threading.Thread(target=_leave_with, args=(lifeline,), daemon=True).start()
    outside = Poller(Rules((), extra=rules.extra)) if rules.extra else None
    changes = watch(
        *rules.roots,
        watch_filter=lambda _, path: rules.wants(path),
        step=int(QUIET * 1000),
        debounce=int(MOMENT * 1000),
        rust_timeout=int(_LONGEST_WAIT * 1000),
        yield_on_timeout=True,
        ignore_permission_denied=True,
        raise_interrupt=False,
    )
    is_known = False
    for batch in changes:
        if not is_known:  # before the first turn nothing is watched yet
            is_known = True
            say(_INFO, [f"watching {', '.join(rules.roots)} for changes, with watchfiles"])
        changed = sorted(path for _, path in batch)
        if outside is not None:
            changed += outside.look_at_all()
        if changed:
            say(_CHANGED, _settled(changed, list))


def _settled(changed: list[str], look: Callable[[], list[str]]) -> list[str]:
    """``changed``, when none of it looks unfinished, or after a moment."""
    end = time.monotonic() + MOMENT
    while any(_is_unfinished(path) for path in changed) and time.monotonic() < end:
        time.sleep(QUIET / 2)
    return list(dict.fromkeys([*changed, *look()]))


def _is_unfinished(path: str) -> bool:
    try:
        return not os.path.getsize(path)
    except OSError:
        return True


def _leave_with(lifeline: int) -> NoReturn:
    while os.read(lifeline, 1):
        pass
    _leave()


def _leave() -> NoReturn:
    os._exit(0)
