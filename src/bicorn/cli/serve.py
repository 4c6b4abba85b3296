"""``bicorn main:app``: serve an application until a signal says stop."""

from __future__ import annotations

import click

from ..config.sources import enter, start
from . import prepare
from .options import Command


def serve(ctx: click.Context, check_config: bool | None, print_config: bool | None) -> int:
    """Serves; returns the exit code."""
    resolved = prepare.settings(ctx)
    config = resolved.config
    if print_config:
        from . import show  # like each command, imported where it is asked for

        click.echo(show.settings(config, resolved.file))
    prepare.application(config)
    begun = start()
    enter(config)
    if check_config or print_config:
        from . import check

        return check.check(config)
    from ..process.supervisor import run  # the heaviest import, for whoever really serves

    return run(config, start=begun, reread=lambda: prepare.again(ctx))


@click.pass_context
def _run(ctx: click.Context, /, check_config: bool | None, print_config: bool | None, **_: object) -> int:
    return serve(ctx, check_config, print_config)


command = Command(
    "serve",
    _run,
    "Serve an application.",
    [
        click.Option(["--check-config"], is_flag=True, default=None),
        click.Option(["--print-config"], is_flag=True, default=None),
    ],
)
