"""``bicorn check main:app``: would it start? Exit code 0, or the one it would have failed with."""

from __future__ import annotations

import click

from ..config.settings import Config
from ..config.sources import enter
from . import prepare
from .options import Command


def check(config: Config) -> int:
    """Loads certificates and applications as a worker would, and says what was found."""
    from ..apps.loader import load, prepare_import_path

    target = prepare.application(config)
    prepare_import_path(config)
    if config.tls:
        from ..server.tls import build_context

        build_context(config)
        click.echo("TLS: certificates and options can be used")
    app = load(target, interface=config.interface, factory=config.factory)
    click.echo(f"{app.name}: {app.kind}")
    for prefix, mounted in config.mount_points:
        app = load(mounted)
        click.echo(f"{app.name}: {app.kind}, mounted under {prefix}")
    return 0


@click.pass_context
def _run(ctx: click.Context, /, **_: object) -> int:
    config = prepare.settings(ctx).config
    prepare.application(config)
    enter(config)
    return check(config)


command = Command("check", _run, "Load the settings and the application, and stop.")
