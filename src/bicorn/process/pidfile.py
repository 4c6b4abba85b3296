"""The pid file: never half-written, never of two servers, never left behind, never somebody else's to remove.

It is made complete under another name and then linked to its own, which fails where there is one already (link(2)).
That one is looked at: a live process keeps it, what a dead one left is replaced.
"""

from __future__ import annotations

import errno
import fcntl
import os

from ..errors import BicornError, ConfigError

NEXT = ".2"
"""What a successor adds to the name as long as its predecessor runs, as Gunicorn does."""

_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})


class PidFile:
    """A file with this process's id in it.

    Args:
        path: where; made absolute at once.
    """

    def __init__(self, path: str) -> None:
        self.path = os.path.abspath(path)
        self._owner = 0

    def create(self) -> None:
        """Write it. Mode 644, whatever the umask: other users may look, none may change it.

        Raises:
            BicornError: it belongs to a live process.
            ConfigError: it cannot be written.
        """
        made = f"{self.path}.{os.getpid()}"
        try:
            try:
                _write(made)
                self._put(made)
            finally:
                _remove(made)
        except OSError as error:
            raise ConfigError(
                f"pidfile {self.path} cannot be written: {_why(error, self.path)}", setting="pidfile", value=self.path
            ) from None
        self._owner = os.getpid()

    def rename(self, path: str) -> None:
        """Move it, for a successor whose predecessor has gone; what that one left behind is replaced.

        Raises:
            BicornError: a live process has the new name.
            ConfigError: it cannot be written; the old one stays.
        """
        old, self.path = self.path, os.path.abspath(path)
        try:
            self.create()
        except BicornError:
            self.path = old
            raise
        _remove_own(old)

    def remove(self) -> None:
        """Remove it, if this process has made it and nobody has replaced it. Never fails."""
        if self._owner == os.getpid():
            _remove_own(self.path)
            self._owner = 0

    def _put(self, made: str) -> None:
        """Give the finished file its name."""
        while True:
            try:
                os.link(made, self.path)
                return
            except FileExistsError:
                if _replace(made, self.path):
                    return
            except OSError as error:
                if error.errno not in _NO_LINKS:
                    raise
                # A file system without links: the check and the rename are two steps then.
                _refuse_live(self.path)
                os.replace(made, self.path)
                return


def read(path: str) -> int | None:
    """The process a pid file names; None where there is no file, or no process id in it.

    Raises:
        OSError: there is one, and it cannot be read.
    """
    try:
        with open(path, "rb") as file:
            return _number(file.read(64))
    except FileNotFoundError:
        return None


def is_alive(pid: int) -> bool:
    """Whether there is such a process, and it is more than an entry that nobody has waited for."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass  # another user's
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    except ProcessLookupError:
        return False  # gone just now
    except (OSError, IndexError):
        return True  # a system without /proc


def _replace(made: str, path: str) -> bool:
    """Put ``made`` in the place of a file that a dead process left; False: look again.

    Of two servers that find the same one only one may replace it: whoever holds its lock, while it still has the name.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        try:
            if not os.path.samestat(os.fstat(fd), os.stat(path)):
                return False
        except FileNotFoundError:
            return False
        _refuse_live(path)
        os.replace(made, path)
        return True
    finally:
        os.close(fd)


def _refuse_live(path: str) -> None:
    pid = read(path)
    # Our own number: a container's file system remembers the run before, in which we were process 1 too.
    if pid is None or pid == os.getpid() or not is_alive(pid):
        return
    raise BicornError(
        f"pidfile {path} is in use: process {pid}{_called(pid)} is running; stop it first, or choose another file"
        " (if it is another program, remove this one)"
    )


def _called(pid: int) -> str:
    try:
        with open(f"/proc/{pid}/comm") as file:
            return f" ({file.read().strip()})"
    except OSError:
        return ""


def _write(path: str) -> None:
    _remove(path)  # a run before us, killed in between, with the same process id
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        os.write(fd, b"%d\n" % os.getpid())
        os.fchmod(fd, 0o644)
    finally:
        os.close(fd)


def _remove_own(path: str) -> None:
    try:
        if read(path) == os.getpid():
            os.unlink(path)
    except OSError:
        pass  # gone already, or the folder is no longer ours to write to


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass


def _number(text: bytes) -> int | None:
    text = text.strip()
    return int(text) if text.isdigit() and int(text) > 0 else None


def _why(error: OSError, path: str) -> str:
    folder = os.path.dirname(path)
    if error.errno == errno.ENOENT:
        return f"the folder {folder} does not exist; create it"
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"the folder {folder} is not writable for this user ({error.strerror})"
    return error.strerror or str(error)
