"""The supervisor's processes: workers, whoever has forked them; those that fork in its place are in ``templates.py``.

They are forked, heard, signalled, asked for their stacks and buried here. Why, is decided elsewhere.
"""

from __future__ import annotations

import errno
import os
import selectors
import signal
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from . import signals, spawn
from .children import Child, Children, how
from .dump import Dumps, name_requests
from .policy.events import Died, Dumped, Event, Forked, ForkFailed, Stopping
from .reread import Edition, Editions
from .sight import Sight
from .templates import Templates

if TYPE_CHECKING:
    from .hooks import Hooks
    from .nursery import Apps, Before, Live

UNKNOWN = -1
"""The exit code of a process whose parent has gone before it."""


class Staff:
    """All of them.

    Args:
        selector: what the supervisor waits with; the data of each key is a function that returns what was heard.
        editions: what each generation is made with.
        sight: the scoreboard.
        lifeline: the reading end of a pipe that only the supervisor can write to.
        let_go: in a forked process: close whatever else is the supervisor's.
        hooks: returns them, if there are any.

    Attributes:
        children: every process the supervisor has forked.
        templates: those that workers are forked from.
    """

    def __init__(
        self,
        selector: selectors.BaseSelector,
        editions: Editions,
        sight: Sight,
        lifeline: int,
        let_go: Callable[[], object],
        hooks: Callable[[], Hooks | None],
    ) -> None:
        self._selector = selector
        self._editions = editions
        self._sight = sight
        self._lifeline = lifeline
        self._let_go_of_the_rest = let_go
        self._hooks = hooks
        self._workers: dict[int, Child] = {}  # by process id
        self._dumps = Dumps(selector)
        self.children = Children()
        self.templates = Templates(selector, editions, self._dumps, self.children, lifeline, self)

    # -- Workers

    def spawn(self, number: int, generation: int, is_alone: bool) -> list[Event]:
        """Fork a worker, or have it forked."""
        edition = self._editions[generation]
        self._sight.clear(number)
        try:
            writer = self._dumps.open(number)
            try:
                template = self.templates.of(edition)
                age = self._announce(number, here=template is None)
                if template is not None:
                    template.order(number, writer, is_alone, age)
                    return []
                pid, status = spawn.fork(partial(self._become_worker, number, edition, is_alone, writer))
            finally:
                self._dumps.forked(number)
        except OSError as error:
            self._dumps.close(number)
            return [ForkFailed(number, error.strerror or errno.errorcode.get(error.errno or 0, str(error)))]
        return [self.born(Child(number, pid, status), generation)]

    def _announce(self, number: int, *, here: bool) -> int:
        """A worker is about to be forked; how many there have been, for hooks."""
        hooks = self._hooks()
        if hooks is None:
            return 0
        hooks.forking(number, here=here)
        return hooks.server.worker_age

    def signal(self, pid: int, name: str, alone: bool = False) -> None:
        """Send a worker a signal; ``alone``: it is to stop, and others serve on."""
        child = self._workers.get(pid)
        if child is not None:
            if alone:
                self._sight.retire(child.number)
            child.kill(signal.Signals[name])

    def reap(self) -> list[Event]:
        """Take leave of whoever has ended."""
        return self.children.reap()

    def close(self) -> None:
        """The end of the supervisor."""
        self.templates.close()
        for child in self._workers.values():
            child.close()

    def born(self, child: Child, generation: int) -> Event:
        """One was forked, here or by a template."""
        self._workers[child.pid] = child
        if not child.template:
            self.children.expect(child.pid, partial(self._ended, child))
        self._selector.register(child.status, selectors.EVENT_READ, partial(self._listen, child))
        self._sight.assign(child.number, child.pid, generation)
        if (hooks := self._hooks()) is not None:
            hooks.forked(child.number, child.pid)
        return Forked(child.number, child.pid)

    def _listen(self, child: Child) -> list[Event]:
        if child.status < 0:
            return []
        events, may_say_more = child.listen()
        child.is_stopping = child.is_stopping or any(type(event) is Stopping for event in events)
        if not may_say_more:
            self._hang_up(child)
            if child.is_orphan and child.handle < 0:  # nothing else tells of its end
                return [*events, *self._ended(child, None)]
        return events

    def _hang_up(self, child: Child) -> None:
        if child.status >= 0:
            self._selector.unregister(child.status)
            os.close(child.status)
            child.status = -1

    def _ended(self, child: Child, wait_status: int | None) -> list[Event]:
        """A worker has gone."""
        if self._workers.pop(child.pid, None) is None:
            return []
        number = child.number
        last_words = self._listen(child)
        self._hang_up(child)  # what it has started may have its end of the pipe, too
        if text := self._dumps.close(number):
            text = name_requests(text, self._sight.requests(number), time.monotonic())
            last_words.append(Dumped(number, text))
        if child.is_orphan and child.handle >= 0:
            self._selector.unregister(child.handle)
        child.close()
        code, name = how(wait_status) if wait_status is not None else (0 if child.is_stopping else UNKNOWN, "")
        held = self._sight.held(number, time.monotonic())
        out_of_memory = name == "SIGKILL" and self._sight.ran_out_of_memory()
        if (hooks := self._hooks()) is not None:
            hooks.exited(number)
        return [*last_words, Died(number, code, name, out_of_memory, held, child.pid)]

    def _become_worker(self, number: int, edition: Edition, is_alone: bool, dump: int, tell: int) -> int:
        self.let_go(edition, number)
        signals.become_worker()
        spawn.unblock()
        self._editions.enter(edition)
        return self._work(edition, number, tell, dump, is_alone, None)

    def _work(self, edition: Edition, number: int, tell: int, dump: int, is_alone: bool, apps: Apps | None) -> int:
        from . import worker  # imported before the fork already; the supervisor itself has no use for it

        hooks = self._hooks()
        return worker.run(
            edition.config,
            edition.listeners,
            tell,
            self._lifeline,
            number=number,
            is_alone=is_alone,
            is_retired=partial(self._sight.is_retired, number),
            life=hooks.life(number) if hooks is not None else None,
            slot=self._sight.slot(number),
            dump=dump,
            imported=apps,
        )

    def let_go(self, edition: Edition, number: int) -> None:
        """In a forked process: of all that is the supervisor's, its siblings' or another generation's."""
        self._let_go_of_the_rest()
        self._dumps.forget(number)
        for child in self._workers.values():
            child.close()
        self.templates.forget()
        kept = {id(listener.sock) for listener in edition.listeners}
        for listener in self._editions.listeners():
            if id(listener.sock) not in kept:
                listener.sock.close()
        self._workers.clear()

    # -- Stacks

    def dump(self, number: int, now: float) -> list[Event]:
        """Ask a worker for its stacks."""
        child = next((child for child in self._workers.values() if child.number == number), None)
        if child is None or not self._dumps.ask(number, child.pid, now):
            return [Dumped(number, "")]
        return []

    def dumped(self, now: float) -> list[Event]:
        """The dumps that are over."""
        complete = self._dumps.complete(now)
        for number, text in complete:
            if number < 0:
                self.templates.dumped(number, text)
        return [
            Dumped(number, name_requests(text, self._sight.requests(number), now))
            for number, text in complete
            if number > 0
        ]

    def deadline(self) -> float | None:
        """When :meth:`dumped` is to be asked."""
        return self._dumps.deadline()

    # -- Workers that a template has forked

    def ended(self, pid: int, wait_status: int | None) -> list[Event]:
        """A template says so; ``wait_status`` as of waitpid(2)."""
        child = self._workers.get(pid)
        return self._ended(child, wait_status) if child is not None else []

    def life(self, edition: Edition) -> tuple[Before, Live]:
        """What precedes the fork of a worker in a template, and what the worker does."""

        def before(number: int, age: int) -> None:
            if (hooks := self._hooks()) is not None:
                hooks.server.worker_age = age - 1
                hooks.forking(number)

        return before, partial(self._work, edition)

    def orphan(self, template: int) -> list[Event]:
        """The template with that process id has gone, and tells of its workers no more."""
        orphans = [child for child in self._workers.values() if child.template == template]
        return [event for child in orphans for event in self._orphan(child)]

    def _orphan(self, child: Child) -> list[Event]:
        child.is_orphan = True
        if child.handle >= 0:
            self._selector.register(child.handle, selectors.EVENT_READ, partial(self._orphan_ended, child))
        elif child.status < 0:
            return self._ended(child, None)
        return []

    def _orphan_ended(self, child: Child) -> list[Event]:
        try:
            done, wait_status = os.waitpid(child.pid, os.WNOHANG)  # as process 1 we have adopted it
        except ChildProcessError:
            return self._ended(child, None)
        return self._ended(child, wait_status) if done else []
