"""What every command does before its own work: read the settings, say what there is to say, enter the directory."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from ..config.given import Given
from ..config.settings import Config
from ..config.sources import Resolved, resolve
from ..errors import AppBootError, ConfigError
from .blame import blame
from .options import given

NO_APP = """\
which application? Name it as MODULE or MODULE:ATTRIBUTE, for example:

    bicorn main:app                 app in main.py, or in the package main
    bicorn myproject.wsgi           the app or application of a module
    bicorn 'main:create_app()'      what a function returns

`bicorn demo` serves a built-in one, `bicorn --help` lists the options."""


def settings(ctx: click.Context, fixed: Sequence[Given] = ()) -> Resolved:
    """The settings of this command line; notices go to standard error.

    Args:
        ctx: click's, with what was typed.
        fixed: what the command itself decides.

    Raises:
        ConfigError: they cannot be used.
    """
    AppBootError.explain = blame
    names = {item.name for item in fixed}
    resolved = resolve([*(item for item in given(ctx) if item.name not in names), *fixed])
    for notice in resolved.notices:
        print(f"bicorn: note: {notice}", file=sys.stderr)
    return resolved


def again(ctx: click.Context) -> Config:
    """The settings of this command line once more, for a reload. The notices have been given.

    Raises:
        ConfigError: they cannot be used.
    """
    from ..process.sharing import forget_users_modules

    forget_users_modules()
    config = resolve(given(ctx)).config
    application(config)
    return config


def application(config: Config) -> str:
    """The application's name.

    Raises:
        ConfigError: there is none.
    """
    if config.app is None:
        raise ConfigError(NO_APP, setting="app")
    return config.app
