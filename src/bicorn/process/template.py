"""A process that imports once what all workers need, and from which they are forked: the application, with
``--preload``, or libraries of it.

The supervisor forks it and never imports the application itself: so a reload is another template, and the old one's
memory goes with its last worker. Between the two is a pair of sockets. The supervisor asks for a worker and hands over
the ends of its pipes (SCM_RIGHTS, unix(7)); the template says who was forked and who has died, for only a parent hears
of that. When the supervisor ends, both ends of everything end: no template outlives it.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Sequence

from ..record import Record
from . import spawn, status
from .policy.events import ForkFailed

# -- What a template says ------------------------------------------------------------------------------------------


class Imported(Record):
    """The application is there; ``app`` names it."""

    app: str


class Failed(Record):
    """It is not, and will not be."""

    code: int
    message: str


class WorkerForked(Record):
    """A worker was forked."""

    number: int
    pid: int


class WorkerGone(Record):
    """A worker has ended; ``wait_status`` as of waitpid(2)."""

    pid: int
    wait_status: int


Said = Imported | Failed | WorkerForked | WorkerGone | ForkFailed


# -- The supervisor's side -----------------------------------------------------------------------------------------


class Order(Record):
    """A worker that was asked for; ``reader`` is the supervisor's end of its status pipe."""

    reader: int
    is_alone: bool


class Template:
    """The supervisor's end.

    Attributes:
        began: when it was started.
        has_libraries: and not the application.
        is_ready: it has imported what it is to have.
        is_discarded: no more workers are wanted from it; it ends with its last one.
        has_failed: it has said why it cannot import that.
        waiting: the workers it was asked for and that it has not forked yet, by number.
    """

    def __init__(
        self, generation: int, pid: int, sock: socket.socket, began: float = 0.0, *, has_libraries: bool = False
    ) -> None:
        self.generation = generation
        self.began = began
        self.pid = pid
        self.has_libraries = has_libraries
        self.is_ready = self.is_discarded = self.has_failed = False
        self.waiting: dict[int, Order] = {}
        self._sock = sock
        self._rest = b""

    def fileno(self) -> int:
        """For the selector; -1 once it is closed."""
        return self._sock.fileno()

    def can_be_asked(self) -> bool:
        """Workers are to be had from it. If they have to wait for its libraries, they do what they would do without."""
        return not self.is_discarded and not self.has_failed and (self.is_ready or self.has_libraries)

    def is_sharing(self) -> bool:
        """It is still importing libraries, for which it has not all the time it likes."""
        return self.has_libraries and not (self.is_ready or self.has_failed)

    def order(self, number: int, dump: int, is_alone: bool, age: int) -> None:
        """Ask for a worker, with a status pipe.

        Args:
            dump: the worker's end of the pipe for its stacks; the supervisor's copy is to be closed after this.
            is_alone, age: as for :meth:`ask`.

        Raises:
            OSError: the template does not listen, or there is no descriptor to have.
        """
        reader, tell = os.pipe()
        os.set_blocking(reader, False)
        try:
            self.ask(number, reader, (tell, dump), is_alone, age)
        except OSError:
            os.close(reader)
            raise
        finally:
            os.close(tell)

    def ask(self, number: int, reader: int, ends: Sequence[int], is_alone: bool, age: int = 0) -> None:
        """Ask for a worker.

        Args:
            reader: the supervisor's end of its status pipe; kept in :attr:`waiting` until there is an answer.
            ends: the worker's ends of its pipes; the supervisor's copies are to be closed after this.
            is_alone: see :func:`.worker.run`.
            age: how many workers have been started, for hooks.

        Raises:
            OSError: the template does not listen.
        """
        socket.send_fds(
            self._sock, [status.line("fork", str(number), "alone" if is_alone else "", str(age))], list(ends)
        )
        self.waiting[number] = Order(reader, is_alone)

    def listen(self) -> tuple[list[Said], bool]:
        """What it has said since the last time, and whether it may say more."""
        said: list[Said] = []
        while self._sock.fileno() >= 0:
            try:
                data = self._sock.recv(65536)
            except BlockingIOError:
                return said, True
            except OSError:
                data = b""
            if not data:
                return said, False
            *lines, self._rest = (self._rest + data).split(b"\n")
            said += [each for line in lines if (each := self._understand(line)) is not None]
        return said, False

    def discard(self) -> None:
        """No more workers; one that is still importing has none, and need not go on."""
        self.is_discarded = True
        if not self.is_ready:
            self.kill()
            return
        try:
            self._sock.send(status.line("discard"))
        except OSError:
            pass  # it has gone

    def kill(self) -> None:
        """End it at once. Workers that were forked from it live on."""
        try:
            os.kill(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def forget(self, number: int) -> Order | None:
        """A worker that it was asked for will not come; how it was asked for, if it was."""
        order = self.waiting.pop(number, None)
        if order is not None:
            os.close(order.reader)
        return order

    def hang_up(self) -> None:
        """It says no more."""
        self._sock.close()

    def close(self) -> None:
        """In the supervisor, when it has gone; in a forked process, to which it is nothing."""
        self._sock.close()
        for order in self.waiting.values():
            os.close(order.reader)
        self.waiting.clear()

    def _understand(self, line: bytes) -> Said | None:
        try:
            match status.fields(line):
                case ["imported", app]:
                    self.is_ready = True
                    return Imported(app)
                case ["failed", code, message]:
                    self.has_failed = True
                    return Failed(int(code), message)
                case ["forked", number, pid]:
                    return WorkerForked(int(number), int(pid))
                case ["unforked", number, reason]:
                    return ForkFailed(int(number), reason)
                case ["gone", pid, wait_status]:
                    return WorkerGone(int(pid), int(wait_status))
        except ValueError:
            pass
        return None  # the application has the socket too, and may have written to it


def start(
    generation: int, now: float, life: Callable[[socket.socket], int], *, has_libraries: bool = False
) -> Template:
    """Fork a template.

    Args:
        has_libraries: and not the application.
        life: runs in the new process, with its end of the pair; returns the exit code.

    Raises:
        OSError: there is no process, or no descriptor, to have.
    """
    ours, theirs = socket.socketpair()

    def live() -> int:
        ours.close()
        return life(theirs)

    try:
        pid = spawn.fork_silent(live)
    except OSError:
        ours.close()
        raise
    finally:
        theirs.close()
    ours.setblocking(False)
    return Template(generation, pid, ours, now, has_libraries=has_libraries)
