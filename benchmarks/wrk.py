"""Run wrk and read what it prints."""

from __future__ import annotations

import os
import re
import subprocess
from dataclasses import dataclass

from servers import HOST
from workloads import Workload

CONNECTIONS = 64

INSTALL = "wrk is missing. Debian, Ubuntu: apt-get install wrk; Fedora: dnf install wrk; macOS: brew install wrk"

_UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}
_REQUESTS = re.compile(r"^\s*(\d+) requests in", re.MULTILINE)
_RATE = re.compile(r"^Requests/sec:\s+([\d.]+)", re.MULTILINE)
_PERCENTILE = re.compile(r"^\s+(\d+)%\s+([\d.]+)(us|ms|s|m)\s*$", re.MULTILINE)
_SOCKET_ERRORS = re.compile(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)")
_BAD_STATUS = re.compile(r"Non-2xx or 3xx responses: (\d+)")


class WrkError(Exception):
    """wrk failed or printed something this file does not understand."""


@dataclass(frozen=True, slots=True)
class WrkResult:
    requests: int
    rate: float
    p50_ms: float
    p99_ms: float
    socket_errors: dict[str, int]
    bad_status: int
    cpu_seconds: float
    """wrk's own CPU time: near the length of the run means that wrk was the limit, not the server."""


def run(workload: Workload, port: int, seconds: int, cpu: str) -> WrkResult:
    """`seconds` of closed-loop load from one thread with 64 connections, on the core `cpu`."""
    scheme = "https" if workload.tls else "http"
    command = ["taskset", "-c", cpu, "wrk", "-t1", f"-c{CONNECTIONS}", f"-d{seconds}s", "--latency"]
    for name, value in workload.fields:
        command += ["-H", f"{name}: {value}"]
    if workload.script is not None:
        command += ["-s", str(workload.script)]
    command.append(f"{scheme}://{HOST}:{port}{workload.path}")
    before = os.times()
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 20, check=False)
    except subprocess.TimeoutExpired:
        raise WrkError(f"wrk did not end within {seconds + 20} s") from None
    after = os.times()
    if done.returncode != 0:
        raise WrkError(f"wrk ended with {done.returncode}: {(done.stderr or done.stdout).strip()[-300:]}")
    cpu_seconds = after.children_user + after.children_system - before.children_user - before.children_system
    return parse(done.stdout, cpu_seconds)


def parse(text: str, cpu_seconds: float) -> WrkResult:
    requests, rate = _REQUESTS.search(text), _RATE.search(text)
    percentiles = {int(p): float(value) * _UNITS[unit] for p, value, unit in _PERCENTILE.findall(text)}
    if requests is None or rate is None or not {50, 99} <= percentiles.keys():
        raise WrkError(f"cannot read wrk's output: {text[-300:]!r}")
    errors = _SOCKET_ERRORS.search(text)
    names = ("connect", "read", "write", "timeout")
    counts = [int(value) for value in errors.groups()] if errors else [0, 0, 0, 0]
    bad = _BAD_STATUS.search(text)
    return WrkResult(
        requests=int(requests[1]),
        rate=float(rate[1]),
        p50_ms=percentiles[50],
        p99_ms=percentiles[99],
        socket_errors=dict(zip(names, counts, strict=True)),
        bad_status=int(bad[1]) if bad else 0,
        cpu_seconds=cpu_seconds,
    )


def version() -> str:
    """wrk's version; raises WrkError with the way to install it when it is missing."""
    try:
        done = subprocess.run(["wrk", "-v"], capture_output=True, text=True, timeout=10, check=False)
    except FileNotFoundError:
        raise WrkError(INSTALL) from None
    return (done.stdout or done.stderr).splitlines()[0].split("[")[0].strip()
