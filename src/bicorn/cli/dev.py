"""``bicorn dev main:app``: serve while the code is being written."""

from __future__ import annotations

import click

from .options import Command
from .serve import serve

SETTINGS = {"reload": True, "log_level": "debug", "access_log": True, "warn_blocked": 0.1}
"""Stronger than the environment and the file, which may be a deployment's; what is typed is stronger still."""


@click.pass_context
def _run(ctx: click.Context, /, check_config: bool | None, print_config: bool | None, **_: object) -> int:
    return serve(ctx, check_config, print_config)


command = Command(
    "dev",
    _run,
    "Serve while the code is being written: reload, more log, warnings about a blocked event loop.",
    [
        click.Option(["--check-config"], is_flag=True, default=None),
        click.Option(["--print-config"], is_flag=True, default=None),
    ],
    SETTINGS,
)
