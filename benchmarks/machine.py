"""Where and with what a benchmark was run: the head of the report."""

from __future__ import annotations

import datetime
import os
import platform
import subprocess
from dataclasses import dataclass

import measure
import wrk
from envs import CHECKOUT, Environment

BUSY = 0.5

_SHOWN = ("granian", "uvicorn", "httptools", "uvloop", "gunicorn", "gunicorn_h1c", "uvicorn-worker", "hypercorn",
          "fastpysgi", "bjoern", "waitress", "fastapi", "starlette", "django", "flask")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Machine:
    """Facts that a reader needs to compare two reports."""

    cpu: str
    cores: int
    system: str
    python: str
    wrk: str
    commit: str
    date: str
    load: float
    rounds: int
    seconds: int
    warm_up: int
    connections: int
    server_cpu: str
    client_cpu: str
    versions: dict[str, str]
    notes: tuple[str, ...]


def describe(environment: Environment, pinning: measure.Pinning, *, rounds: int, seconds: int) -> Machine:
    load = os.getloadavg()[0]
    notes = list(environment.notes)
    if load > BUSY:
        notes.append(f"the machine was not quiet: load average {load:.2f} before the start")
    return Machine(
        cpu=cpu_model(),
        cores=os.cpu_count() or 1,
        system=f"{platform.system()} {platform.release().split('-')[0]}",
        python=_output([str(environment.bin_dir / "python"), "-VV"]).split(" (")[0],
        wrk=wrk.version(),
        commit=commit(),
        date=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        load=load,
        rounds=rounds,
        seconds=seconds,
        warm_up=measure.WARM_UP_SECONDS,
        connections=wrk.CONNECTIONS,
        server_cpu=pinning.server,
        client_cpu=pinning.client,
        versions={name: environment.versions[name] for name in _SHOWN if name in environment.versions},
        notes=tuple(notes),
    )


def cpu_model() -> str:
    with open("/proc/cpuinfo") as lines:
        for line in lines:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.machine()


def commit() -> str:
    head = _output(["git", "-C", str(CHECKOUT), "rev-parse", "--short", "HEAD"])
    changed = _output(["git", "-C", str(CHECKOUT), "status", "--porcelain", "--", "src"])
    return (head or "unknown") + (" with changes" if changed else "")


def _output(command: list[str]) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=20, check=False).stdout.strip()
    except FileNotFoundError:
        return ""
