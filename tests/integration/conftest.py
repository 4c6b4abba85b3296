"""Real servers for the tests of this folder; each is ended when its test is over."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integration.running import Running

SITE = """
import asyncio, os, pathlib, time

HERE = pathlib.Path(__file__).parent
print("imported", flush=True)

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        if (HERE / "lifespan-fails").exists():
            raise RuntimeError("no database")
        await send({"type": "lifespan.startup.complete"})
        await receive()
        print("lifespan over", flush=True)
        await send({"type": "lifespan.shutdown.complete"})
        return
    path = scope["path"]
    if path == "/wait":
        (HERE / "waiting").touch()
        while not (HERE / "go").exists():
            await asyncio.sleep(0.005)
    if path == "/block":
        (HERE / "waiting").touch()
        time.sleep(60)
    if path == "/tls":
        import json
        body = json.dumps(scope["extensions"].get("tls"))
    else:
        body = str(os.getpid())
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
    await send({"type": "http.response.body", "body": body.encode()})
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The working directory of the servers, with an application in ``site_app.py``."""
    (tmp_path / "site_app.py").write_text(SITE)
    return tmp_path


@pytest.fixture
def serve(folder: Path) -> Iterator[Callable[..., Running]]:
    """Start ``bicorn site_app:app`` with more arguments, on a free port unless they bind to something."""
    started: list[Running] = []

    def serve(*arguments: str, app: str = "site_app:app", command: tuple[str, ...] = (), **popen: object) -> Running:
        where = () if "--bind" in arguments else ("--bind", "127.0.0.1:0")
        running = Running(folder, app, *where, *arguments, command=command, **popen)
        started.append(running)
        return running

    yield serve
    for running in started:
        running.clean_up()
