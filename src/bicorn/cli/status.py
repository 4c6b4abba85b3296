"""``bicorn status``: what a server and its workers are doing, as a table or as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import click

from ..process.policy.words import duration
from ..process.remote import Remote, RemoteError
from . import remote

COLUMNS = ("worker", "pid", "generation", "state", "age", "requests", "connections", "memory", "in flight")


@click.pass_context
def _run(ctx: click.Context, /, as_json: bool, **_: object) -> int:
    server = remote.find(ctx)
    if not server.socket:
        return _alive(server, as_json)
    answer = server.ask("status")
    if not answer.pop("ok"):
        raise RemoteError(answer["text"])
    click.echo(json.dumps(answer, indent=2) if as_json else table(answer))
    return 0


def _alive(server: Remote, as_json: bool) -> int:
    """All that a pid file can tell."""
    if as_json:
        click.echo(json.dumps({"pid": server.pid}))
    else:
        click.echo(
            f"process {server.pid} is running. More is known where the server has a control socket (--control-socket)."
        )
    return 0


def table(answer: Mapping[str, Any]) -> str:
    """A status for people."""
    workers = answer["workers"]
    ready = sum(worker["state"] == "ready" for worker in workers)
    head = f"bicorn {answer.get('version', '')}: pid {answer.get('pid', '?')}, {answer['state']}, generation"
    lines = [f"{head} {answer['generation']}, {ready} of {answer['wanted']} workers ready"]
    if "age" in answer:
        lines[0] += f", up {duration(answer['age'])}"
    if answer.get("app"):
        lines.append(f"{answer['app']} on {', '.join(answer.get('listeners', []))}")
    if answer.get("reload"):
        lines.append(f"a reload is under way: {answer['reload']}")
    lines += ["", *_aligned([COLUMNS, *map(_row, workers)])]
    lines += [f"worker {worker['number']}: {worker['replaced']}" for worker in workers if worker.get("replaced")]
    held = [
        f"worker {worker['number']}: {request['method']} {request['target']} for {duration(request['age'])}"
        for worker in workers
        for request in worker.get("in_flight", ())
    ]
    return "\n".join([*lines, *([""] if held else []), *held])


def _row(worker: Mapping[str, Any]) -> tuple[str, ...]:
    state = worker["state"]
    if state == "booting" and worker.get("phase"):
        state += f": {worker['phase']}"
    known = "in_flight" in worker
    return (
        str(worker["number"]),
        str(worker["pid"] or "-"),
        str(worker["generation"]),
        state,
        duration(worker["age"]),
        str(worker["requests"]) if known else "-",
        str(worker["connections"]) if known else "-",
        f"{worker['memory'] / 1024**2:.0f} MiB" if worker["memory"] else "-",
        str(worker["running"]) if known else "-",
    )


def _aligned(rows: Sequence[Sequence[str]]) -> Iterable[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


command = remote.Command(
    "status",
    _run,
    "Show the server and its workers: state, age, requests, connections, memory, and the requests in flight.",
    [click.Option(["as_json", "--json"], is_flag=True, help="As JSON.")],
)
