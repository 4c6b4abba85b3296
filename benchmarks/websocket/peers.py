"""The servers of the WebSocket comparison, started as `servers.py` starts them for HTTP."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path

import envs
from servers import HERE, SERVERS, Server
from workloads import HELLO, Workload

REQUIREMENTS = HERE / "websocket" / "requirements.txt"

PLAIN = Workload("websocket", "WebSocket", "asgi", "websocket_plain:app", 13, HELLO, ())
"""The application of all measurements, and what it answers over HTTP once it is there."""


def _with(name: str, base: str, *options: str) -> Server:
    server = SERVERS[base]
    return dataclasses.replace(server, name=name, command=server.command + options)


PEERS: dict[str, Server] = {
    server.name: server
    for server in (
        SERVERS["bicorn"],
        SERVERS["bicorn-pure"],
        _with("uvicorn-sansio", "uvicorn", "--ws", "websockets-sansio"),
        _with("uvicorn-websockets", "uvicorn", "--ws", "websockets"),
        SERVERS["granian"],
        SERVERS["gunicorn-asgi"],
        SERVERS["hypercorn"],
    )
}


def installed(environment: envs.Environment, names: Sequence[str], source: Path | None) -> list[Server]:
    """Those of `names` that can be started, each finding the WebSocket libraries; Bicorn from `source` if given."""
    site = envs.site("websocket", REQUIREMENTS)
    able = []
    for server in (PEERS[name] for name in names):
        from_source = server.distribution == "bicorn" and source is not None
        if from_source or server.distribution in environment.versions:
            folders = [HERE / "apps", site] + ([source] if from_source and source else [])
            variables = {**server.environment, "PYTHONPATH": os.pathsep.join(map(str, folders))}
            able.append(dataclasses.replace(server, environment=variables))
    return able


def websockets_version() -> str:
    """Of the library behind two of Uvicorn's readings, from its own folder."""
    found = list(envs.site("websocket", REQUIREMENTS).glob("websockets-*.dist-info"))
    return found[0].name.removeprefix("websockets-").removesuffix(".dist-info") if found else "?"
