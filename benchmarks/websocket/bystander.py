"""Somebody else's connection: an echo every few milliseconds, timed, while a server is under attack.

A process of its own (`python bystander.py PORT`), so that what the attacker's costs does not show in the times. It says
"ready", and at the end of standard input one line of JSON: the times of all echoes in milliseconds, and the failures.
"""

from __future__ import annotations

import json
import select
import sys
import time
from pathlib import Path

# The folder of the benchmark, whose modules this shares; not this one, whose names are meant as a package.
sys.path[0] = str(Path(__file__).resolve().parents[1])

from websocket.raw import TEXT, Raw, frame  # noqa: E402

EVERY = 0.005
PATIENCE = 10.0


def main() -> None:
    times: list[float] = []
    failure = ""
    with Raw(int(sys.argv[1])) as client:
        message = frame(TEXT, b"0123456789abcdefghij")
        print("ready", flush=True)
        while not select.select([sys.stdin], [], [], EVERY)[0]:
            began = time.perf_counter()
            client.send(message, PATIENCE)
            client.listen(PATIENCE, until_message=True)
            times.append((time.perf_counter() - began) * 1e3)
            if len(times) != client.messages:
                failure = f"no echo within {PATIENCE:.0f} s, closed with {client.close_code}"
                break
    print(json.dumps({"times": times, "failure": failure}), flush=True)


if __name__ == "__main__":
    main()
