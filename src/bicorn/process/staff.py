"""The supervisor's processes: workers, and the templates that workers are forked from with ``--preload``.

They are forked, heard, signalled, asked for their stacks and buried here. Why, is decided elsewhere.
"""

from __future__ import annotations

import errno
import logging
import os
import selectors
import signal
import socket
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from . import signals, spawn
from .children import Child, Children, how
from .dump import Dumps, name_requests
from .policy.events import (
    Died,
    Dumped,
    Event,
    Forked,
    ForkFailed,
    Stopping,
    TemplateDied,
    TemplateFailed,
    TemplateReady,
)
from .policy.words import how_it_ended
from .reread import Edition, Editions
from .sight import Sight

if TYPE_CHECKING:
    from .hooks import Hooks
    from .nursery import Apps
    from .template import Template

logger = logging.getLogger("bicorn.error")

BOOT_ERROR = 3
UNKNOWN = -1
"""The exit code of a process whose parent has gone before it."""

_LOST = "the process that workers are forked from has gone"


class Staff:
    """All of them.

    Args:
        selector: what the supervisor waits with; the data of each key is a function that returns what was heard.
        editions: what each generation is made with.
        sight: the scoreboard.
        lifeline: the reading end of a pipe that only the supervisor can write to.
        let_go: in a forked process: close whatever else is the supervisor's.
        hooks: returns them, if there are any.
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
        self._templates: dict[int, Template] = {}  # by process id
        self._dumps = Dumps()
        self.children = Children()

    # -- Workers

    def spawn(self, number: int, generation: int, is_alone: bool) -> list[Event]:
        """Fork a worker, or have it forked."""
        edition = self._editions[generation]
        hooks = self._hooks()
        if hooks is not None:
            hooks.forking(number, here=not edition.config.preload)
        self._sight.clear(number)
        try:
            reader, writer = self._dumps.open(number)
            self._selector.register(reader, selectors.EVENT_READ, partial(self._read_dump, number, reader))
            try:
                if edition.config.preload:
                    age = hooks.server.worker_age if hooks is not None else 0
                    self._order(number, edition, writer, is_alone, age)
                    return []
                life = partial(self._become_worker, number, edition, is_alone, writer)
                pid, status = spawn.fork(life)
            finally:
                self._dumps.forked(number)
        except OSError as error:
            self._close_dump(number)
            return [ForkFailed(number, error.strerror or errno.errorcode.get(error.errno or 0, str(error)))]
        return [self._forked(Child(number, pid, status), generation)]

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
        """The end of the supervisor: templates have nobody to fork for."""
        for template in self._templates.values():
            template.kill()
            try:
                os.waitpid(template.pid, 0)
            except ChildProcessError:
                pass
            template.close()
        for child in self._workers.values():
            child.close()

    def _forked(self, child: Child, generation: int) -> Event:
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
        if text := self._close_dump(number):
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
        self._let_go(edition, number)
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

    def _let_go(self, edition: Edition, number: int) -> None:
        """In a forked process: of all that is the supervisor's, its siblings' or another generation's."""
        self._let_go_of_the_rest()
        self._dumps.forget(number)
        for child in self._workers.values():
            child.close()
        for template in self._templates.values():
            template.close()
        kept = {id(listener.sock) for listener in edition.listeners}
        for listener in self._editions.listeners():
            if id(listener.sock) not in kept:
                listener.sock.close()
        self._workers.clear()
        self._templates.clear()

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
        for template in self._templates.values():
            for place, text in complete:
                if place == -template.generation:
                    logger.error("The application is still being imported: killed\n%s", text)
                    template.kill()
        return [
            Dumped(number, name_requests(text, self._sight.requests(number), now))
            for number, text in complete
            if number > 0
        ]

    def deadline(self) -> float | None:
        """When :meth:`dumped` is to be asked."""
        return self._dumps.deadline()

    def _read_dump(self, number: int, reader: int) -> list[Event]:
        if not self._dumps.read(number, time.monotonic()):
            self._selector.unregister(reader)
        return []

    def _close_dump(self, number: int) -> str:
        """No more stacks of this worker; what had come."""
        reader = self._dumps.reader(number)
        if reader >= 0 and reader in self._selector.get_map():
            self._selector.unregister(reader)
        text = self._dumps.close(number)
        return name_requests(text, self._sight.requests(number), time.monotonic()) if text else ""

    # -- Templates

    def prepare(self, generation: int, now: float) -> list[Event]:
        """Start a template."""
        from . import template

        edition, place = self._editions[generation], -generation
        try:
            reader, writer = self._dumps.open(place)
            self._selector.register(reader, selectors.EVENT_READ, partial(self._read_dump, place, reader))
            made = template.start(generation, now, partial(self._become_template, edition, writer))
        except OSError as error:
            self._close_dump(place)
            return [TemplateFailed(generation, BOOT_ERROR, f"{_NO_PROCESS}: {error.strerror or error}")]
        self._dumps.forked(place)
        self._templates[made.pid] = made
        self._selector.register(made, selectors.EVENT_READ, partial(self._hear_template, made))
        self.children.expect(made.pid, partial(self._template_ended, made))
        return []

    def discard(self, generation: int, now: float) -> None:
        """End a template, once its last worker has gone."""
        limit = self._editions[generation].config.boot_timeout
        for template in self._templates.values():
            if template.generation != generation or template.is_discarded:
                continue
            is_stuck = limit > 0 and not template.is_ready and now - template.began >= limit
            if is_stuck and self._dumps.ask(-generation, template.pid, now):
                template.is_discarded = True  # and killed when it has shown where it is stuck
            else:
                template.discard()

    def _order(self, number: int, edition: Edition, writer: int, is_alone: bool, age: int) -> None:
        """Have a worker forked by its template.

        Raises:
            OSError: it does not listen, or there is none.
        """
        template = self._template(edition.generation)
        if template is None:
            raise OSError(errno.ESRCH, _LOST)
        reader, tell = os.pipe()
        os.set_blocking(reader, False)
        try:
            template.ask(number, reader, (tell, writer), is_alone, age)
        except OSError:
            os.close(reader)
            raise
        finally:
            os.close(tell)

    def _template(self, generation: int) -> Template | None:
        return next(
            (
                each
                for each in self._templates.values()
                if each.generation == generation and each.is_ready and not each.is_discarded
            ),
            None,
        )

    def _hear_template(self, template: Template) -> list[Event]:
        if template.fileno() < 0:
            return []
        from .template import Failed, Imported, WorkerForked, WorkerGone

        said, may_say_more = template.listen()
        if not may_say_more:
            self._selector.unregister(template)
            template.hang_up()
        events: list[Event] = []
        for each in said:
            match each:
                case Imported():
                    events.append(TemplateReady(template.generation, each.app))
                case Failed():
                    events.append(TemplateFailed(template.generation, each.code, each.message))
                case WorkerForked():
                    events.append(self._born(template, each.number, each.pid))
                case WorkerGone():
                    if (child := self._workers.get(each.pid)) is not None:
                        events += self._ended(child, each.wait_status)
                case ForkFailed():
                    template.forget(each.number)
                    self._close_dump(each.number)
                    events.append(each)
        return events

    def _born(self, template: Template, number: int, pid: int) -> Event:
        try:
            handle = os.pidfd_open(pid)
        except (AttributeError, OSError):  # not on this system; or it has gone again already
            handle = -1
        status = template.waiting.pop(number)
        return self._forked(Child(number, pid, status, template=template.pid, handle=handle), template.generation)

    def _template_ended(self, template: Template, wait_status: int | None) -> list[Event]:
        """It has gone. Its workers have not: from now on their end is seen from here, if less well."""
        events = self._hear_template(template)
        del self._templates[template.pid]
        self._close_dump(-template.generation)
        if template.fileno() >= 0:
            self._selector.unregister(template)
        code, name = how(wait_status or 0)
        if template.is_discarded or template.has_failed:
            pass
        elif template.is_ready:
            events.append(TemplateDied(template.generation, how_it_ended(code, name)))
        else:
            text = f"the process that imports the application {how_it_ended(code, name)} while it was at it"
            events.append(TemplateFailed(template.generation, code if code in (2, 3, 4) else BOOT_ERROR, text))
        for number in list(template.waiting):
            self._close_dump(number)
            events.append(ForkFailed(number, _LOST))
        template.close()
        for child in [child for child in self._workers.values() if child.template == template.pid]:
            events += self._orphan(child)
        return events

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

    def _become_template(self, edition: Edition, dump: int, sock: socket.socket) -> int:
        from . import nursery

        self._let_go(edition, -edition.generation)
        signals.become_template()
        spawn.unblock()
        self._editions.enter(edition)

        def before(number: int, age: int) -> None:
            if (hooks := self._hooks()) is not None:
                hooks.server.worker_age = age - 1
                hooks.forking(number)

        work = partial(self._work, edition)
        return nursery.run(edition.config, edition.listeners, sock, dump, self._lifeline, before, work)


_NO_PROCESS = "there is no process to import the application"
