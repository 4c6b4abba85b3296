"""``bicorn dump``: print what every worker is doing, the stacks of its threads and of its asyncio tasks."""

from __future__ import annotations

import click

from ..process.remote import RemoteError
from . import remote


@click.pass_context
def _run(ctx: click.Context, /, **_: object) -> int:
    server = remote.find(ctx)
    if not server.socket:
        server.signal(_signal())
        click.echo(
            f"bicorn: process {server.pid} was told to write the stacks of its workers to its log; with"
            " --control-socket this command prints them."
        )
        return 0
    answer = server.ask("dump")
    if not answer["ok"]:
        raise RemoteError(answer["text"])
    for worker in answer["workers"]:
        click.echo(f"--- worker {worker['number']}")
        click.echo((worker["stacks"] or "(it did not answer)").rstrip())
    return 0


def _signal() -> int:
    """What asks a supervisor for the stacks of its workers."""
    from ..process.policy.states import Ask
    from ..process.signals import ASKS

    for number, ask in ASKS.items():
        if ask is Ask.DUMP:
            return number
    raise RemoteError("this system has no signal for it: start the server with --control-socket PATH")


command = remote.Command("dump", _run, "Print the stacks of every worker: its threads, and its asyncio tasks.")
