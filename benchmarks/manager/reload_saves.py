"""Proof: saves in a row with ``--reload``. No request is lost, and new code answers sooner than with the others.

A save replaces the application's file, as editors do. Its time runs until the first answer of the new code, to clients
that ask all the while: one on new connections, one on a kept one. One worker each, watchfiles installed, the file
notices of Gunicorn's ``inotify`` too.
"""

from __future__ import annotations

import random
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

from running import BenchmarkError

from .client import Answer, Clients, Tally
from .report import Row
from .sites import Kind, Site
from .started import Ground, folder, serving

NAME = "saves"
TITLE = "50 saves in a row with --reload, one worker, light load"
LIMIT = 30.0  # for new code to answer
PAUSE = (0.25, 0.6)  # between two saves, in seconds; chance keeps it out of step with whoever looks now and then

PEERS: dict[Kind, tuple[str, ...]] = {
    "fastapi": ("uvicorn", "gunicorn-uvicorn"),
    "flask": ("gunicorn-gthread",),
    "asgi": ("uvicorn",),
}
WATCHERS = ("watchfiles", "inotify")


@dataclass
class Save:
    """The version that is waited for."""

    version: str = ""
    seen: float = 0.0
    answered: threading.Event = field(default_factory=threading.Event)

    def watch(self, answer: Answer, now: float) -> None:
        if answer.version == self.version and not self.answered.is_set():
            self.seen = now
            self.answered.set()


def prove(ground: Ground) -> Iterator[Row]:
    python = ground.environment.bin_dir / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", "--disable-pip-version-check", *WATCHERS], check=True)
    for kind, peers in PEERS.items():
        medians: dict[str, float] = {}
        for server in (*peers, "bicorn"):
            if ground.wants(server):
                yield _prove(ground, server, kind, medians)


def _prove(ground: Ground, server: str, kind: Kind, medians: dict[str, float]) -> Row:
    count = ground.times(50, 10)
    problems: list[str] = []
    took: list[float] = []
    with folder() as home:
        site = Site(home, kind)
        save = Save()
        with serving(ground, server, site, workers=1, options=["--reload"], keep_log=f"{NAME}-{kind}") as started:
            time.sleep(1.0)  # whoever watches has to begin
            with Clients(started.address, new=1, kept=1, pause=0.005, watch=save.watch) as clients:
                for number in range(count):
                    time.sleep(random.uniform(*PAUSE))
                    save.answered.clear()
                    save.version = f"v{number + 2}"
                    began = time.monotonic()
                    if site.write() != save.version:
                        raise BenchmarkError("the versions have lost step")
                    if not save.answered.wait(LIMIT):
                        problems.append(f"save {number + 1} was not seen in {LIMIT:.0f} s")
                        break
                    took.append(save.seen - began)
            tally = clients.tally
    return _row(server, site.title, tally, took, problems, medians)


def _row(
    server: str, title: str, tally: Tally, took: list[float], problems: list[str], medians: dict[str, float]
) -> Row:
    took.sort()
    if tally.failures:
        problems.insert(0, f"{len(tally.failures)} failed ({tally.why()})")
    if took:
        medians[server] = median = took[len(took) // 2]
        if server == "bicorn":
            problems += [f"{peer} is quicker" for peer, other in medians.items() if other < median]
    facts = {
        "saves": str(len(took)),
        "median": _milliseconds(took, 0.5),
        "90 %": _milliseconds(took, 0.9),
        "longest": _milliseconds(took, 1.0),
        "requests": f"{tally.requests:,}",
        "failed": str(len(tally.failures)),
        "longest wait": f"{tally.longest * 1000:.0f} ms",
    }
    return Row(NAME, server, title, facts, tuple(problems))


def _milliseconds(took: list[float], share: float) -> str:
    return f"{took[min(int(len(took) * share), len(took) - 1)] * 1000:.0f} ms" if took else "-"
