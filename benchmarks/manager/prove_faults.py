"""Proof 2: a HUP to broken code changes nothing but the log; mended code and another HUP take over."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator

from . import processes
from .load import under_load
from .prove_reload import row
from .report import Row
from .sites import Kind, Site
from .started import Ground, Started, folder, peers, serving, wait_for

NAME = "faults"
TITLE = "HUP to broken code, then to mended code"
BOOT_TIMEOUT = 20  # an import under full load takes its time
WATCHED = 4.0  # for so long after the failure has been reported the old code has to go on answering

SAID = {
    "raises": r"^RuntimeError: the new code is broken",
    "exits": r"^SystemExit: the new code gives up|^the new code gives up",
    "hangs": r"(?i)boot-timeout|boot timeout|worker timeout",
    "lifespan": r"^RuntimeError: no database",
}
"""What has to be in the log, once, for each fault."""

CASES: tuple[tuple[Kind, str, bool], ...] = (
    ("fastapi", "raises", False),
    ("fastapi", "exits", False),
    ("fastapi", "hangs", False),
    ("fastapi", "lifespan", False),
    ("flask", "raises", False),
    ("flask", "exits", False),
    ("flask", "hangs", False),
    ("fastapi", "raises", True),
    ("fastapi", "hangs", True),
    ("fastapi", "lifespan", True),
)


def prove(ground: Ground) -> Iterator[Row]:
    for kind, fault, preload in CASES:
        for server in ("bicorn", *peers(kind)[:1]):
            if ground.wants(server) and (server == "bicorn" or not preload):
                yield _prove(ground, server, kind, fault, preload)


def _prove(ground: Ground, server: str, kind: Kind, fault: str, preload: bool) -> Row:
    problems: list[str] = []
    options = ["--preload"] if preload else []
    # Gunicorn has one limit for both; Bicorn's --timeout stays as it is.
    options += ["--boot-timeout" if server == "bicorn" else "--timeout", str(BOOT_TIMEOUT)]
    reported = taken_over = "-"
    case = f"{kind}{', --preload' if preload else ''}: {fault}"
    with folder() as home:
        site = Site(home, kind)
        with (
            serving(ground, server, site, options=options, keep_log=f"{NAME}-{kind}-{fault}-{preload}") as started,
            under_load(started.address) as seen,
        ):
            wait_for(lambda: seen.tally.requests > 50, 10.0)
            mark = started.log_size()
            broken = site.write(fault)
            started.hup()
            seconds = wait_for(lambda: _said(started, mark, fault), BOOT_TIMEOUT + 15.0)
            reported = "never" if seconds is None else f"after {seconds:.1f} s"
            if seconds is None:
                problems.append("nothing in the log says what was wrong")
            time.sleep(WATCHED)
            if seen.tally.versions[broken]:
                problems.append("broken code has answered")
            if not started.alive():
                problems.append(f"the server has ended with {started.process.returncode}")
            elif not started.serves("v1"):
                problems.append(f"the old code does not answer: {started.ask()[:60]}")
            messages = _said(started, mark, fault)
            if messages > 1:
                problems.append(f"said {messages} times")
            if started.alive():
                taken_over = _mend(started, site, problems)
    return row(NAME, server, case, seen, {"said": reported}, problems, {"mended code answers alone": taken_over})


def _said(started: Started, mark: int, fault: str) -> int:
    return len(re.findall(SAID[fault], started.log(mark), re.MULTILINE))


def _mend(started: Started, site: Site, problems: list[str]) -> str:
    before = processes.others(started.pid)
    version = site.write()
    began = time.monotonic()
    started.hup()
    if wait_for(lambda: not before & processes.others(started.pid) and started.serves(version), 40.0) is None:
        problems.append("mended code did not take over")
        return "never"
    return f"after {time.monotonic() - began:.1f} s"
