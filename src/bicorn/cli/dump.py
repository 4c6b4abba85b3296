"""``bicorn dump``: print what every worker is doing, the stacks of its threads and of its asyncio tasks."""

from __future__ import annotations

import click

from . import remote


@click.pass_context
def _run(ctx: click.Context, /, **_: object) -> int:
    server = remote.find(ctx)
    remote.needs_socket(server, "no stacks come back from a signal")
    answer = server.ask("dump")
    if not answer["ok"]:
        raise remote.RemoteError(answer["text"])
    for worker in answer["workers"]:
        click.echo(f"--- worker {worker['number']}")
        click.echo((worker["stacks"] or "(it did not answer)").rstrip())
    return 0


command = remote.Command("dump", _run, "Print the stacks of every worker: its threads, and its asyncio tasks.")
