"""``bicorn stop``: end a server, and wait until it has ended."""

from __future__ import annotations

import click

from . import remote


@click.pass_context
def _run(ctx: click.Context, /, now: bool, **_: object) -> int:
    remote.find(ctx).stop(now=now)
    return 0


command = remote.Command(
    "stop",
    _run,
    "Stop the server: requests in progress get graceful-timeout. Returns when it has ended.",
    [click.Option(["--now"], is_flag=True, help="Cut requests in progress off.")],
)
