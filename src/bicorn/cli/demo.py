"""``bicorn demo``: serve the built-in page, with the options of ``serve``."""

from __future__ import annotations

import click

from ..config import bind
from ..config.given import Given
from ..config.settings import Config
from ..config.sources import enter
from ..errors import ConfigError
from . import prepare
from .options import Command

ORIGIN = "bicorn demo"


@click.pass_context
def _run(ctx: click.Context, /, app: str | None, **_: object) -> int:
    if app is not None:
        raise ConfigError(f"bicorn demo brings its own application; for yours it is: bicorn {app}", setting="app")
    from ..demo import APP, MOUNTS  # nothing else has a use for it

    # All that names an application: a bicorn.toml that happens to lie here is about another one.
    fixed = {"app": APP, "mounts": MOUNTS, "interface": "auto", "factory": False, "root_path": ""}
    config = prepare.settings(ctx, [Given(name, value, ORIGIN) for name, value in fixed.items()]).config
    enter(config)
    click.echo(f"bicorn: {invitation(config)}", err=True)
    from ..process.supervisor import run

    return run(config)


def invitation(config: Config) -> str:
    """What to open: the address where it is known beforehand."""
    scheme = "https" if config.tls else "http"
    for text in config.bind:
        address = bind.parse(text)
        if address.kind == "tcp" and address.port:
            host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(address.host, address.host)
            shown = bind.BindAddress("tcp", host=host, port=address.port)
            return f"open {scheme}://{shown} in a browser: one page, answered by an ASGI and a WSGI application"
    return "open the address below in a browser: one page, answered by an ASGI and a WSGI application"


command = Command("demo", _run, "Serve a built-in page, in which an ASGI and a WSGI application answer on one port.")
