"""``bicorn.run()``: the server, started from a program instead of a command line."""

from __future__ import annotations

import sys
from typing import Any

from ..config.sources import enter, resolve, start
from ..errors import AppBootError
from .blame import blame


def run(app: Any = None, **settings: Any) -> None:
    """Serve ``app`` until a signal says stop; then return, or exit with the server's code when it failed.

    Args:
        app: ``"main:app"``, as on the command line; or the application itself, which the workers inherit by forking.
        settings: any setting, under Bicorn's, Gunicorn's or Uvicorn's name: ``bind="127.0.0.1:8000"``, ``workers=4``.
            The environment and the configuration file fill in the others, as for the ``bicorn`` command.

    Raises:
        ConfigError: a setting that cannot be used.
        AppBootError: the application's module calls this when the server imports it.
        SystemExit: the server failed; the code is the ``bicorn`` command's.
    """
    loader = sys.modules.get("bicorn.apps.loader")
    if loader is not None and (importing := loader.importing()):
        raise AppBootError(
            f"the module '{importing}' calls bicorn.run() whenever it is imported, and Bicorn has to import it:"
            " put the call under \"if __name__ == '__main__':\""
        )
    if app is not None and not isinstance(app, str):
        from ..apps.loader import hold

        app = hold(app)
    resolved = resolve({**settings, "app": app})
    for notice in resolved.notices:
        print(f"bicorn: note: {notice}", file=sys.stderr)
    AppBootError.explain = blame
    begun = start()
    enter(resolved.config)
    from ..process.supervisor import run as supervise

    code = supervise(resolved.config, start=begun, reread=lambda: resolve({**settings, "app": app}).config)
    if code:
        sys.exit(code)
