"""Proof 4: a worker that is stuck is found, explained and replaced, and the others go on as if nothing had happened."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

from . import processes
from .client import BadAnswer, exchange
from .load import under_load
from .report import Row
from .sites import Kind, Site
from .started import Ground, Started, folder, peers, serving, wait_for

NAME = "stuck"
TITLE = "A worker is stuck, --timeout 3"
TIMEOUT = 3.0
MARGIN = 2.0
HOWS = {
    "sleep": "time.sleep",
    "spin": "while True",
    "gil": "a C call that holds the GIL",
    "import": "an import that does not end",
}


def prove(ground: Ground) -> Iterator[Row]:
    kinds: tuple[Kind, ...] = ("fastapi", "flask")
    for kind in kinds:
        for how in HOWS:
            for server in ("bicorn", *peers(kind)):
                if ground.wants(server) and server != "granian":  # it has no such limit
                    yield _prove(ground, server, kind, how)


def _prove(ground: Ground, server: str, kind: Kind, how: str) -> Row:
    problems: list[str] = []
    found = replaced = None
    held: set[int] = set()
    with folder() as home:
        site = Site(home, kind)
        with (
            serving(ground, server, site, options=("--timeout", f"{TIMEOUT:.0f}"),
                    keep_log=f"{NAME}-{kind}-{how}") as started,
            under_load(started.address, new=8, kept=8) as seen,
        ):  # fmt: skip
            wait_for(lambda: len(seen.tally.served) >= 4, 10.0)
            mark = started.log_size()
            before = processes.others(started.pid)
            with _stick(started, how) as port:
                victim = _who_has(started, port)
                began = time.monotonic()
                if victim is None:
                    problems.append("nobody got stuck")
                else:
                    while victim in processes.others(started.pid) and time.monotonic() - began < TIMEOUT + 8:
                        with contextlib.suppress(OSError):
                            held |= processes.clients_of(victim, started.address.port)
                        time.sleep(0.05)
                    if victim not in processes.others(started.pid):
                        found = time.monotonic() - began
                        replaced = wait_for(
                            lambda: (processes.others(started.pid) & set(seen.tally.served)) - before, 10.0
                        )
            wait_for(lambda: False, 1.0)
            said = started.log(mark)
    if found is None:
        problems.append(f"not found within {TIMEOUT + 8:.0f} s")
    elif found > TIMEOUT + MARGIN:
        problems.append(f"found after {found:.1f} s")
    if found is not None and replaced is None:
        problems.append("not replaced")
    request_named, stack = f"/stick/{how}" in said, "in stick" in said
    if not request_named:
        problems.append("the request is not in the log")
    if not stack:
        problems.append("the stack is not in the log")
    strangers = [failure for failure in seen.tally.failures if failure.port not in held]
    problems += [f"failed, though the stuck worker did not hold it: {failure}" for failure in strangers[:3]]
    if seen.tally.longest > 1.0:
        problems.append(f"a request to the others took {seen.tally.longest:.1f} s")
    facts = {"found": _after(found), "replaced": _after(replaced), "request named": "yes" if request_named else "no",
             "stack": "yes" if stack else "no", "connections held": str(len(held)), "failed": str(seen.failed),
             "of others": str(len(strangers)), "longest of others": f"{seen.tally.longest:.2f} s"}  # fmt: skip
    return Row(NAME, server, f"{site.title}: {HOWS[how]}", facts, tuple(problems))


@contextlib.contextmanager
def _stick(started: Started, how: str) -> Iterator[int]:
    """Make a worker stuck with a request that nobody else waits for; the client's port."""
    sock = started.address.connect(60.0)

    def ask() -> None:
        with contextlib.suppress(OSError, BadAnswer):
            exchange(sock, f"/stick/{how}")

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    try:
        yield sock.getsockname()[1]
    finally:
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)
        thread.join(5.0)
        sock.close()


def _who_has(started: Started, port: int) -> int | None:
    """The worker that has accepted the connection from this client port."""
    end = time.monotonic() + 5
    while time.monotonic() < end:
        for pid in processes.others(started.pid):
            with contextlib.suppress(OSError):
                if port in processes.clients_of(pid, started.address.port):
                    return pid
        time.sleep(0.01)
    return None


def _after(seconds: float | None) -> str:
    return "never" if seconds is None else f"after {seconds:.1f} s"
