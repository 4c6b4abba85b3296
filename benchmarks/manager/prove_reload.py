"""Proof 1: HUPs in a row under load lose nothing and keep nobody waiting.

A HUP is over when no process is left that was there before it, save the supervisor, and new code answers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from . import processes
from .client import LINKS
from .load import STALL, Seen, under_load
from .report import Row
from .sites import Kind, Site
from .started import Ground, Started, folder, peers, serving, wait_for

NAME = "reload"
TITLE = "20 HUPs in a row, wrk at 64 connections, 4 workers"
LIMIT = 90.0  # for one HUP to be over


@dataclass(frozen=True, slots=True)
class Case:
    kind: Kind
    title: str
    link: LINKS = "tcp"
    import_seconds: float = 0.0
    preload: bool = False
    waits: bool = True
    """Each HUP when the one before is over; otherwise one every half a second."""

    def options(self, server: str) -> list[str]:
        options = ["--preload"] if self.preload else []
        if server.startswith("bicorn") and self.import_seconds:
            options += ["--reload-surge", "4"]
        return options

    def suits(self, server: str) -> bool:
        return server != "granian" or not self.preload


CASES = (
    Case("fastapi", "FastAPI"),
    Case("flask", "Flask"),
    Case("fastapi", "FastAPI, 5 s import", import_seconds=5.0),
    Case("flask", "Flask, 5 s import", import_seconds=5.0),
    Case("fastapi", "FastAPI, --preload", preload=True),
    Case("flask", "Flask, --preload", preload=True),
    Case("fastapi", "FastAPI, TLS", link="tls"),
    Case("flask", "Flask, TLS", link="tls"),
    Case("fastapi", "FastAPI, unix socket", link="unix"),
    Case("flask", "Flask, unix socket", link="unix"),
    Case("fastapi", "FastAPI, a HUP every 0.5 s", waits=False),
    Case("flask", "Flask, a HUP every 0.5 s", waits=False),
)


def prove(ground: Ground) -> Iterator[Row]:
    for case in CASES:
        for server in ("bicorn", *peers(case.kind)):
            if ground.wants(server) and case.suits(server):
                yield _prove(ground, server, case)


def _prove(ground: Ground, server: str, case: Case) -> Row:
    # Granian takes a quarter of a minute for each.
    count = ground.times(5 if server == "granian" else 20, 3)
    problems: list[str] = []
    done = 0
    took: list[float] = []
    with folder() as home:
        site = Site(home, case.kind, case.import_seconds)
        keep = f"{NAME}-{case.title.replace(' ', '_').replace(',', '')}"
        with (
            serving(ground, server, site, link=case.link, options=case.options(server), keep_log=keep) as started,
            under_load(started.address) as seen,
        ):
            wait_for(lambda: seen.tally.requests > 50, 10.0)
            for number in range(count):
                before = processes.others(started.pid)
                version = site.write()
                started.hup()
                if case.waits or number == count - 1:
                    seconds = wait_for(lambda: _is_over(started, before, seen, version), LIMIT)  # noqa: B023
                    if seconds is None:
                        problems.append(f"HUP {number + 1} was not over after {LIMIT:.0f} s")
                        break
                    took.append(seconds)
                else:
                    wait_for(lambda: False, 0.5)
                done += 1
    return row(NAME, server, case.title, seen, {"HUPs": str(done)}, problems, {"one takes": span(took)})


def _is_over(started: Started, before: set[int], seen: Seen, version: str) -> bool:
    return not (before & processes.others(started.pid)) and seen.tally.versions[version] > 0


def span(seconds: list[float]) -> str:
    if not seconds:
        return "-"
    return f"{sorted(seconds)[len(seconds) // 2]:.1f} s (at most {max(seconds):.1f})"


def row(proof: str, server: str, case: str, seen: Seen, first: dict[str, str], problems: list[str],
        last: dict[str, str] | None = None) -> Row:  # fmt: skip
    """A row about requests: none may fail, and none may have to wait as long as an import takes."""
    problems = list(problems)
    if seen.failed:
        problems.insert(0, f"{seen.failed} failed ({seen.why()})")
    if seen.stalled:
        problems.append(f"requests had to wait: {seen.wrk_stalled} of wrk's more than {STALL:.0f} s")
    facts = {**first, "requests": f"{seen.requests:,}", "failed": str(seen.failed),
             "longest": f"{seen.longest:.2f} s", **(last or {})}  # fmt: skip
    return Row(proof, server, case, facts, tuple(problems))
