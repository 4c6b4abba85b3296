"""Serve an app with bjoern, which has no command line: `bjoern_launch.py module:attribute host port workers`.

Several workers are forked after the bind, the way bjoern's documentation shows it.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys

import bjoern


def main() -> None:
    target, host, port, workers = sys.argv[1:]
    module, _, attribute = target.partition(":")
    bjoern.listen(getattr(importlib.import_module(module), attribute), host, int(port))
    children: list[int] = []
    if int(workers) > 1:
        for _ in range(int(workers)):
            child = os.fork()
            if child == 0:
                bjoern.run()
                return
            children.append(child)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        for child in children:
            os.waitpid(child, 0)
    else:
        bjoern.run()


if __name__ == "__main__":
    main()
