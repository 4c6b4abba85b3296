"""``bicorn reload``: load new code and settings; 0 when the new code serves, 1 when it was rolled back."""

from __future__ import annotations

import signal
import sys

import click

from . import remote


@click.pass_context
def _run(ctx: click.Context, /, **_: object) -> int:
    server = remote.find(ctx)
    if not server.socket:
        server.signal(signal.SIGHUP)
        click.echo(
            f"bicorn: process {server.pid} was told to reload. Whether the new code serves is in its log; with"
            " --control-socket this command waits and says so."
        )
        return 0
    answer = server.ask("reload")
    print(f"bicorn: {answer.get('text', '')}", file=sys.stdout if answer["ok"] else sys.stderr)
    return 0 if answer["ok"] else 1


command = remote.Command(
    "reload",
    _run,
    "Load new code and settings without losing a request. Waits until the new code serves (exit status 0) or was rolled"
    " back (1, with the reason).",
)
