"""``bicorn scale N``: run with so many workers. A reload leaves it so, a restart goes back to the settings."""

from __future__ import annotations

import click

from ..process.remote import RemoteError
from . import remote


@click.pass_context
def _run(ctx: click.Context, /, workers: int, **_: object) -> int:
    server = remote.find(ctx)
    if not server.socket:
        raise RemoteError(
            f"a signal can only add one worker (kill -TTIN {server.pid}) or take one away (kill -TTOU {server.pid}):"
            " start the server with --control-socket PATH"
        )
    answer = server.ask("scale", workers=workers)
    if not answer["ok"]:
        raise RemoteError(answer["text"])
    click.echo(f"bicorn: {answer['workers']} workers, before {answer['before']}")
    return 0


command = remote.Command(
    "scale",
    _run,
    "Run with so many workers. A reload leaves it so.",
    [click.Argument(["workers"], type=click.IntRange(1), metavar="N")],
)
