"""How ``bicorn reload``, ``stop``, ``status``, ``scale`` and ``dump`` find a running server.

By its control socket, which answers; or by its pid file, which is good for signals only, and then the command says
what it cannot know. Either is named on the command line, or found where ``serve`` would find it: in the environment or
in the configuration file of this directory.
"""

from __future__ import annotations

import os
from typing import Any

import click

from ..config.given import Given
from ..config.settings import OPTIONS
from ..config.shorthands import SHORTHANDS
from ..errors import ConfigError
from ..process.remote import Remote, pid_in

NOT_FOUND = """\
which server? Name its control socket or its pid file:

    bicorn {0} --control-socket /run/site/control.sock
    bicorn {0} --pid /run/site/site.pid

or give the server one of the two in a bicorn.toml, a gunicorn.conf.py or the environment, and run this in the same
place."""


def options() -> list[click.Parameter]:
    """What finds the server, for every one of the commands."""
    names = ("control_socket", "pidfile", "config", "chdir")
    found: list[click.Parameter] = []
    for name in names:
        option = OPTIONS.get(name) or SHORTHANDS[name]
        found.append(click.Option([name, *option.flags], metavar=option.kind.metavar, help=_HELP[name]))
    return found


_HELP = {
    "control_socket": "The server's control socket.",
    "pidfile": "The server's pid file.",
    "config": "The server's configuration file.",
    "chdir": "The server's directory.",
}


def find(ctx: click.Context) -> Remote:
    """The server that the command line, the environment or the configuration file means.

    Raises:
        ConfigError: none of them says.
        RemoteError: it is not running.
    """
    typed = {name: ctx.params.get(name) for name in _HELP}
    path, pidfile = typed["control_socket"] or "", typed["pidfile"] or ""
    if not path and not pidfile:
        from ..config.sources import resolve

        flags = {name: (OPTIONS.get(name) or SHORTHANDS[name]).flags[-1] for name in _HELP}
        config = resolve([Given(name, value, flags[name]) for name, value in typed.items() if value]).config
        folder = config.chdir or ""
        path = os.path.join(folder, config.control_socket) if config.control_socket else ""
        pidfile = os.path.join(folder, config.pidfile) if config.pidfile else ""
        if not path and not pidfile:
            raise ConfigError(NOT_FOUND.format(ctx.info_name.split()[-1] if ctx.info_name else "status"))
    if path and pidfile and not os.path.exists(path):
        path = ""  # where it could not be written, the pid file is what there is
    return Remote(path, 0 if path else pid_in(pidfile))


class Command(click.Command):
    """One of the commands: its name, what it does with the server, and its own parameters."""

    def __init__(self, name: str, run: Any, about: str, extra: list[click.Parameter] | None = None) -> None:
        # Without a server's own option parser: these take no settings but those that find it.
        super().__init__(
            name,
            callback=run,
            help=about,
            params=[*(extra or []), *options()],
            context_settings={"help_option_names": ["-h", "--help"]},
        )
