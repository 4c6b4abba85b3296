"""``bicorn config``: every setting, its value, and where it comes from. Nothing is loaded or bound."""

from __future__ import annotations

import click

from . import prepare, show
from .options import Command


@click.pass_context
def _run(ctx: click.Context, /, **_: object) -> int:
    resolved = prepare.settings(ctx)
    click.echo(show.settings(resolved.config, resolved.file))
    return 0


command = Command("config", _run, "Show every setting, its value and where it comes from.")
