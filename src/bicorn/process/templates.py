"""The processes that workers are forked from, where it is not the supervisor: it starts, hears and ends them here.

There are two kinds, and of each at most one for a generation. One has the application (``--preload``): without it there
are no workers, so the policy asks for it and hears how it fares. The other has libraries of the application, those of
:mod:`.warm`, once the first worker has said which: it only makes workers cheaper to start and to keep. The policy knows
nothing of it; a worker that it cannot fork is forked by the supervisor.
"""

from __future__ import annotations

import errno
import logging
import os
import selectors
import socket
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from . import signals, spawn, template
from .children import Child, Children, how
from .dump import Dumps
from .policy.events import Event, ForkFailed, TemplateDied, TemplateFailed, TemplateReady
from .policy.words import how_it_ended
from .reread import Edition, Editions
from .template import Failed, Imported, Template, WorkerForked, WorkerGone

if TYPE_CHECKING:
    from .staff import Staff

logger = logging.getLogger("bicorn.error")

BOOT_ERROR = 3
PATIENCE = 10.0
"""Seconds that the import of libraries may take: it took the first worker less, or there would be no such process."""

_LOST = "the process that workers are forked from has gone"
_NO_PROCESS = "there is no process to import the application"
_ALONE = "Workers import their libraries themselves from now on: %s"


class Templates:
    """All of them.

    Args:
        selector: what the supervisor waits with.
        editions: what each generation is made with.
        dumps: the pipes for stacks; that of a template has the negative number of its generation.
        children: who is waited for.
        lifeline: the reading end of a pipe that only the supervisor can write to.
        staff: who keeps the workers.
    """

    def __init__(
        self,
        selector: selectors.BaseSelector,
        editions: Editions,
        dumps: Dumps,
        children: Children,
        lifeline: int,
        staff: Staff,
    ) -> None:
        self._selector = selector
        self._editions = editions
        self._dumps = dumps
        self._children = children
        self._lifeline = lifeline
        self._staff = staff
        self._templates: dict[int, Template] = {}  # by process id

    # -- Start and end

    def prepare(self, generation: int, now: float) -> list[Event]:
        """Start one that imports the application."""
        try:
            self._start(generation, now)
        except OSError as error:
            return [TemplateFailed(generation, BOOT_ERROR, f"{_NO_PROCESS}: {error.strerror or error}")]
        return []

    def share(self, generation: int, modules: Sequence[str], now: float) -> None:
        """Start one that imports these modules, which the first worker of that generation has imported."""
        try:
            self._start(generation, now, modules)
        except OSError as error:
            logger.warning(_ALONE, f"there is no process to do it for them: {error.strerror or error}")

    def discard(self, generation: int, now: float) -> None:
        """End that of a generation, once its last worker has gone."""
        limit = self._editions[generation].config.boot_timeout
        for each in self._templates.values():
            if each.generation != generation or each.is_discarded:
                continue
            is_stuck = limit > 0 and not each.is_ready and now - each.began >= limit
            if is_stuck and self._dumps.ask(-generation, each.pid, now):
                each.is_discarded = True  # and killed when it has shown where it is stuck
            else:
                each.discard()

    def keep(self, generations: set[int]) -> None:
        """End those with libraries for any other generation. They hold its sockets open, too."""
        for each in self._templates.values():
            if each.has_libraries and not each.is_discarded and each.generation not in generations:
                each.discard()

    def dumped(self, place: int, text: str) -> None:
        """Here are the stacks of one: asked for before its end, while it imports the application, or by hand."""
        for each in self._templates.values():
            if place != -each.generation:
                continue
            if each.is_discarded and not each.is_ready:
                logger.error("The application is still being imported: killed\n%s", text)
                each.kill()
            else:
                logger.info("The process that workers are forked from (pid %d) shows its stacks\n%s", each.pid, text)

    def deadline(self) -> float | None:
        """When :meth:`give_up` is to be called."""
        return min((each.began + PATIENCE for each in self._templates.values() if each.is_sharing()), default=None)

    def give_up(self, now: float) -> None:
        """End those that take too long to import libraries."""
        for each in self._templates.values():
            if each.is_sharing() and each.began + PATIENCE <= now:
                logger.warning(_ALONE, f"the process that does it for them has not finished after {PATIENCE:g} s")
                each.has_failed = True
                each.kill()

    def close(self) -> None:
        """The end of the supervisor: they have nobody to fork for."""
        for each in self._templates.values():
            each.kill()
            try:
                os.waitpid(each.pid, 0)
            except ChildProcessError:
                pass
            each.close()

    def forget(self) -> None:
        """In a forked process: they are the supervisor's."""
        for each in self._templates.values():
            each.close()
        self._templates.clear()

    def _start(self, generation: int, now: float, modules: Sequence[str] = ()) -> None:
        edition, place = self._editions[generation], -generation
        try:
            writer = self._dumps.open(place)
            life = partial(self._become_template, edition, writer, modules)
            made = template.start(generation, now, life, has_libraries=bool(modules))
        except OSError:
            self._dumps.close(place)
            raise
        self._dumps.forked(place)
        self._templates[made.pid] = made
        self._selector.register(made, selectors.EVENT_READ, partial(self._hear, made))
        self._children.expect(made.pid, partial(self._ended, made))

    def _become_template(self, edition: Edition, dump: int, modules: Sequence[str], sock: socket.socket) -> int:
        from . import nursery

        self._staff.let_go(edition, -edition.generation)
        signals.become_template()
        spawn.unblock()
        self._editions.enter(edition)
        before, work = self._staff.life(edition)
        return nursery.run(edition.config, edition.listeners, sock, dump, self._lifeline, before, work, modules)

    # -- Workers

    def of(self, edition: Edition) -> Template | None:
        """Who forks the workers of a generation; None: the supervisor does.

        Raises:
            OSError: nobody can, since only a template has the application, and there is none.
        """
        for each in self._templates.values():
            if each.generation == edition.generation and each.can_be_asked():
                return each
        if edition.config.preload:
            raise OSError(errno.ESRCH, _LOST)
        return None

    def _hear(self, made: Template) -> list[Event]:
        if made.fileno() < 0:
            return []
        said, may_say_more = made.listen()
        if not may_say_more:
            self._selector.unregister(made)
            made.hang_up()
        events: list[Event] = []
        for each in said:
            match each:
                case Imported():
                    if not made.has_libraries:
                        events.append(TemplateReady(made.generation, each.app))
                case Failed():
                    if made.has_libraries:
                        logger.warning(_ALONE, each.message)
                    else:
                        events.append(TemplateFailed(made.generation, each.code, each.message))
                case WorkerForked():
                    events.append(self._born(made, each.number, each.pid))
                case WorkerGone():
                    events += self._staff.ended(each.pid, each.wait_status)
                case ForkFailed():
                    events += self._could_not(made, each)
        return events

    def _born(self, made: Template, number: int, pid: int) -> Event:
        try:
            handle = os.pidfd_open(pid)
        except (AttributeError, OSError):  # not on this system; or it has gone again already
            handle = -1
        order = made.waiting.pop(number)
        return self._staff.born(Child(number, pid, order.reader, template=made.pid, handle=handle), made.generation)

    def _could_not(self, made: Template, event: ForkFailed) -> list[Event]:
        """A worker that was asked for will not come from there; if only libraries are not to be had, then from here."""
        order = made.forget(event.number)
        self._dumps.close(event.number)
        if order is None or made.is_discarded or not (made.has_libraries and made.has_failed):
            return [event]
        return self._staff.spawn(event.number, made.generation, order.is_alone)

    def _ended(self, made: Template, wait_status: int | None) -> list[Event]:
        """It has gone. Its workers have not: from now on their end is seen from here, if less well."""
        events = self._hear(made)
        del self._templates[made.pid]
        self._dumps.close(-made.generation)
        if made.fileno() >= 0:
            self._selector.unregister(made)
        code, name = how(wait_status or 0)
        how_so = how_it_ended(code, name)
        if made.is_discarded or made.has_failed:
            pass
        elif made.has_libraries:
            logger.warning(_ALONE, f"the process that has them {how_so}")
            made.has_failed = True
        elif made.is_ready:
            events.append(TemplateDied(made.generation, how_so))
        else:
            text = f"the process that imports the application {how_so} while it was at it"
            events.append(TemplateFailed(made.generation, code if code in (2, 3, 4) else BOOT_ERROR, text))
        for number in list(made.waiting):
            events += self._could_not(made, ForkFailed(number, _LOST))
        made.close()
        return [*events, *self._staff.orphan(made.pid)]
