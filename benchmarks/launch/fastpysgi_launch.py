"""Serve an app with FastPySGI: `fastpysgi_launch.py module:attribute host port workers [certfile keyfile]`.

Its own command line has no option for workers; everything else is its default.
"""

from __future__ import annotations

import importlib
import sys

import fastpysgi


def main() -> None:
    target, host, port, workers, *certificate = sys.argv[1:]
    module, _, attribute = target.partition(":")
    if certificate:
        fastpysgi.server.tls_list = [(certificate[0], certificate[1], None)]
    fastpysgi.run(getattr(importlib.import_module(module), attribute), host, int(port), workers=int(workers))


if __name__ == "__main__":
    main()
