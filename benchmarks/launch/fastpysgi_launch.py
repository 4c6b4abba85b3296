"""Serve an app with FastPySGI: `fastpysgi_launch.py module:attribute host port workers [certfile keyfile]`.

Its own command line has no option for workers; everything else is its default. With FASTPYSGI_LOOP=uvloop in the
environment it borrows a uvloop loop, which its settings allow.
"""

from __future__ import annotations

import importlib
import os
import sys

import fastpysgi


def main() -> None:
    target, host, port, workers, *certificate = sys.argv[1:]
    module, _, attribute = target.partition(":")
    if certificate:
        fastpysgi.server.tls_list = [(certificate[0], certificate[1], None)]
    if os.environ.get("FASTPYSGI_LOOP") == "uvloop":
        import uvloop

        fastpysgi.server.loop = uvloop.new_event_loop()
    fastpysgi.run(getattr(importlib.import_module(module), attribute), host, int(port), workers=int(workers))


if __name__ == "__main__":
    main()
