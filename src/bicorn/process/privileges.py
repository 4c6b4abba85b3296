"""Users, groups and permissions: what the workers run as, and that they can still write what they have to.

The supervisor keeps its rights: it binds, reads keys, opens logs and forks. What runs the application never has them.

Two things differ from Gunicorn, whose workers keep what is not mentioned: a user that is given without a group brings
its own group along, not root's, and no worker keeps root's supplementary groups.
"""

from __future__ import annotations

import grp
import os
import pwd
import stat
from typing import TYPE_CHECKING

from ..errors import ConfigError
from ..record import Record

if TYPE_CHECKING:
    from ..config.settings import Config

_LARGEST = 2**32 - 2  # the last number means "unchanged" to setuid(2) and chown(2)


class Identity(Record):
    """Numbers of a user, of its group, and of all its supplementary groups."""

    user: int
    group: int
    groups: tuple[int, ...] = ()


def prepare(config: Config) -> None:
    """Sets the umask, and makes sure that :func:`drop` will work: before anything is opened or bound.

    Raises:
        ConfigError: a user or a group that there is not, or another than this process's own and it is not root's.
    """
    if config.umask is not None:
        os.umask(config.umask)
    identity(config)


def identity(config: Config) -> Identity | None:
    """What the workers have to become; None: they stay what they are.

    Raises:
        ConfigError: see :func:`prepare`.
    """
    if config.user is None and config.group is None:
        return None
    user, group = os.geteuid(), os.getegid()
    account: pwd.struct_passwd | None = None
    if config.user is not None:
        user = _number(config.user, config, "user")
        account = _account(user)
    if config.group is not None:
        group = _number(config.group, config, "group")
    elif account is not None:
        group = account.pw_gid
    elif user != os.geteuid():
        raise _refused(config, "user", "has no account on this machine that says which group it has: give a group too")
    if os.geteuid() != 0:
        for name, wanted, own in (("user", user, os.geteuid()), ("group", group, os.getegid())):
            if wanted != own:
                given = name if getattr(config, name) is not None else "user"
                raise _refused(config, given, f"only root may run workers as another {name} than its own")
        return None
    groups: tuple[int, ...] = (group,)
    if config.initgroups:
        if account is None:
            account = _account(user)
        if account is None:
            raise _refused(config, "user", "has no account on this machine, so initgroups finds no groups of it")
        groups = tuple(os.getgrouplist(account.pw_name, group))
    return Identity(user, group, groups)


def drop(config: Config) -> None:
    """In a worker or a template, right after the fork and the hook ``post_fork``: become it, for good.

    Raises:
        ConfigError: the kernel refuses, as in a container that took the capabilities away.
    """
    wanted = identity(config)
    if wanted is None:
        return
    try:
        # In this order: after the user, there is no right left to change the others. As root each call sets the real,
        # the effective and the saved number, so there is no way back (setuid(2)).
        os.setgroups(wanted.groups)
        os.setgid(wanted.group)
        os.setuid(wanted.user)
    except OSError as error:
        raise _refused(
            config, "user" if config.user is not None else "group", f"the kernel refuses the change: {error.strerror}"
        ) from None


def give_logs(config: Config) -> None:
    """Let the workers' user have the log files, so that a worker can open them again after a rotation.

    To be called whenever the supervisor has opened them. What is no plain file, a pipe or a terminal, stays as it is.
    """
    wanted = identity(config)
    if wanted is None:
        return
    for path in (config.error_logfile, config.access_logfile):
        try:
            if path != "-" and stat.S_ISREG(os.stat(path).st_mode):
                os.chown(path, wanted.user, wanted.group)
        except OSError:
            pass  # on a file system without owners; where it matters the worker says that it cannot open it


def user_id(name: str) -> int:
    """The number of a user, given as a name or as a number.

    Raises:
        KeyError: there is no such user.
    """
    return _digits(name) if name.isdigit() else pwd.getpwnam(name).pw_uid


def group_id(name: str) -> int:
    """The number of a group, given as a name or as a number.

    Raises:
        KeyError: there is no such group.
    """
    return _digits(name) if name.isdigit() else grp.getgrnam(name).gr_gid


def _digits(text: str) -> int:
    if int(text) > _LARGEST:
        raise KeyError(text)
    return int(text)


def _number(name: str, config: Config, setting: str) -> int:
    try:
        return user_id(name) if setting == "user" else group_id(name)
    except KeyError:
        raise _refused(config, setting, f"is not a {setting} of this machine") from None


def _account(user: int) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwuid(user)
    except KeyError:
        return None


def _refused(config: Config, setting: str, problem: str) -> ConfigError:
    value, origin = getattr(config, setting), config.origin(setting)
    source = "" if origin in ("default", "keyword") else f" from {origin}"
    return ConfigError(f"{setting} {value!r}{source}: {problem}", setting=setting, value=value, origin=origin)
