"""Unix sockets: the file, who may use it, and the care not to remove anybody else's."""

from __future__ import annotations

import errno
import os
import socket
import stat
from typing import TYPE_CHECKING

from ..errors import BindError
from ..server.listener import UnixFile
from . import privileges

if TYPE_CHECKING:
    from ..config.settings import Config

_UNCHANGED = -1  # what chown() takes for "leave it"


def bind_unix(path: str, config: Config) -> tuple[socket.socket, UnixFile]:
    """Listen on ``path`` with the mode, user and group of the settings, all in place before the first client.

    A file left by a server that has gone is replaced; the socket of one that still answers is not.

    Raises:
        BindError: the path is in use, cannot be made, or the permissions cannot be set.
    """
    return listen_at(path, _mode(config), config.backlog, *_owner(config))


def listen_at(
    path: str, mode: int | None, backlog: int, user: int = _UNCHANGED, group: int = _UNCHANGED
) -> tuple[socket.socket, UnixFile]:
    """The same for a mode, a user and a group by their numbers.

    Raises:
        BindError: as above.
    """
    _make_way(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _bind(sock, path)
        made = os.stat(path)
        file = UnixFile(os.path.abspath(path), made.st_dev, made.st_ino, os.getpid())
    except BaseException:
        sock.close()
        raise
    try:
        # Between bind and listen: until the permissions are right every client is refused.
        _protect(path, stat.S_IMODE(made.st_mode), mode, user, group)
        sock.listen(backlog)
        sock.setblocking(False)
    except BaseException:
        remove_unix_file(file)
        sock.close()
        raise
    return sock, file


def protect(file: UnixFile, config: Config) -> None:
    """Give the file of a socket that is in use already what the settings say now.

    Raises:
        BindError: the permissions cannot be set.
    """
    given = stat.S_IMODE(os.stat(file.path).st_mode)
    _protect(file.path, given, _mode(config), *_owner(config))


def is_in_place(file: UnixFile) -> bool:
    """Whether the file is there, and is the one that was bound."""
    try:
        now = os.lstat(file.path)
    except OSError:
        return False
    return (now.st_dev, now.st_ino) == (file.device, file.inode)


def remove_unix_file(file: UnixFile) -> None:
    """Remove the file if this process made it and nobody has put another in its place. Never fails."""
    if file.owner == os.getpid() and is_in_place(file):
        try:
            os.unlink(file.path)
        except OSError:
            pass  # gone just now, or the folder is no longer ours to write to


def _make_way(path: str) -> None:
    """Remove a socket nobody listens on; refuse to touch anything else."""
    try:
        mode = os.lstat(path).st_mode
    except OSError:
        return  # nothing there; if something else is wrong bind() says it better
    if not stat.S_ISSOCK(mode):
        raise BindError(
            f"unix:{path} cannot be used: a file that is not a socket is there; move it or choose another path"
        )
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        answer = probe.connect_ex(path)
    if answer == errno.ENOENT:
        return
    if answer in (0, errno.EAGAIN, errno.EINPROGRESS):
        raise BindError(f"address unix:{path} is already in use; stop the other server or choose another path")
    if answer != errno.ECONNREFUSED:
        raise BindError(
            f"unix:{path} is a socket already, and whether it is in use cannot be found out ({os.strerror(answer)});"
            " remove it if it is not"
        )
    try:
        os.unlink(path)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise BindError(f"unix:{path} was left by another server and cannot be removed ({error.strerror})") from None


def _bind(sock: socket.socket, path: str) -> None:
    folder = os.path.dirname(os.path.abspath(path))
    try:
        sock.bind(path)
    except OSError as error:
        match error.errno:
            case None:  # raised by Python itself, before the kernel is asked
                size = len(os.fsencode(path))
                message = f"the path has {size} bytes, the kernel takes about a hundred; choose a shorter one"
            case errno.ENOENT:
                message = f"the folder {folder} does not exist; create it"
            case errno.ENOTDIR:
                message = f"{folder} is not a folder"
            case errno.EACCES | errno.EPERM | errno.EROFS:
                message = f"the folder {folder} is not writable for this user ({error.strerror})"
            case errno.EADDRINUSE:
                message = "another server has just taken it"
            case _:
                message = error.strerror or str(error)
        raise BindError(f"unix:{path} cannot be created: {message}") from None


def _protect(path: str, given: int, mode: int | None, user: int, group: int) -> None:
    try:
        if user != _UNCHANGED or group != _UNCHANGED:
            os.chown(path, user, group)
        # bind() has applied the umask to 777; to execute a socket means nothing.
        os.chmod(path, given & 0o666 if mode is None else mode)
    except OSError as error:
        raise BindError(
            f"unix:{path}: its user, group or mode cannot be set ({error.strerror}); only root may give a file away,"
            " and only to a group one is in"
        ) from None


def _mode(config: Config) -> int | None:
    if config.unix_mode is None and config.umask is not None:
        return 0o666 & ~config.umask
    return config.unix_mode


def _owner(config: Config) -> tuple[int, int]:
    """Whose file it is: as the settings say, else the workers', as with Gunicorn."""
    user = group = _UNCHANGED
    if workers := privileges.identity(config):
        user, group = workers.user, workers.group
    try:
        if config.unix_user is not None:
            user = privileges.user_id(config.unix_user)
    except KeyError:
        raise BindError(f"unix_user {config.unix_user!r} is not a user of this machine") from None
    try:
        if config.unix_group is not None:
            group = privileges.group_id(config.unix_group)
    except KeyError:
        raise BindError(f"unix_group {config.unix_group!r} is not a group of this machine") from None
    return user, group
