"""The ``bicorn`` command: finds which command is meant, runs it, and turns its errors into a message and an exit code.

``serve`` is the default, so that ``bicorn main:app`` is all there is to know. Each command is one module, imported only
when it is the one: what a server does not need, it does not load.
"""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

from ..errors import BicornError

COMMANDS = {
    "serve": "Serve an application: the default command.",
    "dev": "Serve while the code is being written: reload, more log, blocked loops named.",
    "check": "Load the settings and the application, and stop.",
    "config": "Show every setting, its value and where it comes from.",
    "demo": "Serve a built-in page: ASGI and WSGI on one port.",
    "doctor": "Will it install and run on that Python? If not: why, and what to do.",
    "reload": "Load new code and settings in a running server; wait until it serves.",
    "stop": "End a running server; wait until it has ended.",
    "status": "Show a running server and its workers.",
    "scale": "Run with N workers from now on.",
    "dump": "Print the stacks of a running server's workers.",
}


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Runs one command and exits with its code."""
    # What is imported from here on stays: looking through it for garbage takes a twentieth of a start. The supervisor
    # turns the collector on again.
    gc.disable()
    sys.exit(run(list(sys.argv[1:] if arguments is None else arguments)))


def run(arguments: list[str]) -> int:
    """Runs one command; returns its exit code."""
    if arguments[:1] in (["--version"], ["-v"]):
        from .. import __compiled__, __version__

        print(f"bicorn {__version__} ({'compiled' if __compiled__ else 'interpreted'})")
        return 0
    import click

    name = arguments.pop(0) if arguments and arguments[0] in COMMANDS else "serve"
    program = "bicorn" if name == "serve" else f"bicorn {name}"
    try:
        command = import_module(f"bicorn.cli.{name}").command
        code = command.main(arguments, prog_name=program, standalone_mode=False)
    except BicornError as error:
        print(f"bicorn: {error}", file=sys.stderr)
        return error.exit_code
    except click.ClickException as error:
        print(f"bicorn: {_explain(error)} (bicorn --help lists the options)", file=sys.stderr)
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        return 130
    return code if isinstance(code, int) else 0


def _explain(error: Exception) -> str:
    """click's message; for an unknown option with the nearest of those we have, instead of every similar one."""
    import click

    if not isinstance(error, click.NoSuchOption):
        return str(error.format_message()) if isinstance(error, click.ClickException) else str(error)
    from difflib import get_close_matches

    flags = (
        [name for each in error.ctx.command.params for name in (*each.opts, *each.secondary_opts)] if error.ctx else []
    )
    nearest = get_close_matches(error.option_name, flags, n=1)
    return f"No such option {error.option_name}." + (f" Did you mean {nearest[0]}?" if nearest else "")
