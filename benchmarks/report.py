"""From raw runs to a Markdown page: the glance, the targets, then one table for each workload."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from machine import Machine
from measure import Run
from servers import SERVERS
from targets import TARGETS, UNITS, Figure, Target
from workloads import WORKLOADS

MIB = 1 << 20
SUBJECT = "bicorn"
GLANCE = ("asgi-small", "asgi-browser", "wsgi-small", "wsgi-browser", "fastapi", "flask", "asgi-post", "asgi-stream")
"""The workloads of the first table, and of the one that the README quotes."""


@dataclass(frozen=True, slots=True)
class Summary:
    """The medians of one server's good runs under one workload."""

    runs: tuple[Run, ...]

    def median(self, figure: str) -> float:
        value = float(statistics.median(getattr(run, figure) for run in self.runs))
        return value / MIB if figure == "memory" else value

    def spread(self, figure: str) -> str:
        values = [getattr(run, figure) for run in self.runs]
        return f"{min(values):.1f}-{max(values):.1f}"

    def errors(self) -> str:
        total: dict[str, int] = {}
        for run in self.runs:
            for name, count in run.errors.items():
                total[name] = total.get(name, 0) + count
        return ", ".join(f"{name} {count}" for name, count in total.items()) or "none"


Results = dict[str, dict[str, Summary]]


def summarise(runs: Iterable[Run]) -> Results:
    """Good runs by workload and server."""
    grouped: dict[str, dict[str, list[Run]]] = {}
    for run in runs:
        if not run.failure:
            grouped.setdefault(run.workload, {}).setdefault(run.server, []).append(run)
    return {name: {server: Summary(tuple(good)) for server, good in servers.items()}
            for name, servers in grouped.items()}  # fmt: skip


def render(machine: Machine, runs: Sequence[Run]) -> str:
    """The whole page."""
    results = summarise(runs)
    parts = ["# Benchmark", _header(machine), "## At a glance", _glance(results), "## Targets", _targets(results)]
    for workload in WORKLOADS.values():
        if workload.name in results:
            table = _start_table if workload.kind == "start" else _load_table
            parts.append(f"## {workload.title} (`{workload.name}`)\n\n" + table(results[workload.name]))
    failures = sorted({(run.workload, run.server, run.failure) for run in runs if run.failure})
    if failures:
        rows = [f"| {workload} | {server} | {_cell(text)} |" for workload, server, text in failures]
        parts.append("## Failed runs\n\n" + _rows("| workload | server | why |", rows))
    return "\n\n".join(parts) + "\n"


def sections(machine: Machine, runs: Sequence[Run]) -> dict[str, str]:
    """The parts that other pages quote, by name."""
    results = summarise(runs)
    where = (
        f"CPU microseconds per request, medians of {machine.rounds} interleaved rounds of {machine.seconds} s,"
        f" one worker on one core, {machine.connections} connections; {machine.python}, {machine.cpu},"
        f" {machine.date[:10]}."
    )
    return {"glance": f"{_glance(results)}\n\n{where}", "targets": _targets(results), "method": _header(machine)}


def _glance(results: Results) -> str:
    """CPU per request of every server under the main workloads."""
    columns = [name for name in GLANCE if name in results]
    if not columns:
        return "None of the main workloads was measured in this run."
    rows = []
    for server in SERVERS:
        cells = [
            f"{results[name][server].median('cpu_us'):.1f}" if server in results[name] else "-" for name in columns
        ]
        if set(cells) != {"-"}:
            rows.append(f"| {server} | {' | '.join(cells)} |")
    return _rows(f"| CPU µs / request | {' | '.join(columns)} |", rows)


def _header(machine: Machine) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    lines = [
        f"- Machine: {machine.cpu}, {machine.cores} cores, {machine.system}, {machine.python}, {machine.wrk}",
        f"- Bicorn: commit {machine.commit}; {machine.date}; load average before the start {machine.load:.2f}",
        f"- {versions}",
        f"- {machine.rounds} interleaved rounds of {machine.seconds} s after {machine.warm_up} s of warm-up, medians;"
        f" server on core {machine.server_cpu}, wrk (one thread, {machine.connections} connections) on core"
        f" {machine.client_cpu}; one worker; access log off.",
        "- CPU per request: user + system time of all the server's processes over the requests wrk completed."
        " Ratio: Bicorn's CPU per request over that server's (below 1: Bicorn needs less).",
    ]
    return "\n".join(lines + [f"- Note: {note}" for note in machine.notes])


def _targets(results: Results) -> str:
    rows = [row for target in TARGETS if (row := _target_row(target, results)) is not None]
    head = "| workload | figure | of | against | at most | measured | met |"
    return _rows(head, rows) if rows else "None of them was measured in this run."


def _target_row(target: Target, results: Results) -> str | None:
    servers = results.get(target.workload, {})
    peers = {name: servers[name].median(target.figure) for name in target.peers if name in servers}
    if target.subject not in servers or not peers:
        return None
    own = servers[target.subject].median(target.figure)
    best = min(peers, key=peers.__getitem__)
    ratio = own / peers[best]
    against = f"{best} ({_figure(peers[best], target.figure)})" + (", the best" if len(target.peers) > 1 else "")
    met = "met" if ratio <= target.limit else "**not met**"
    return (f"| {target.workload} | {UNITS[target.figure]} | {target.subject} ({_figure(own, target.figure)})"
            f" | {against} | {target.limit:.2f} | {ratio:.2f} | {met} |")  # fmt: skip


def _figure(value: float, figure: Figure) -> str:
    return f"{value:.0f}" if figure == "first_answer_ms" else f"{value:.1f}"


def _load_table(servers: dict[str, Summary]) -> str:
    own = servers.get(SUBJECT)
    rows = []
    for name, summary in sorted(servers.items(), key=lambda item: item[1].median("cpu_us")):
        cpu = summary.median("cpu_us")
        cells = [
            name,
            f"{cpu:.1f}",
            summary.spread("cpu_us"),
            f"{own.median('cpu_us') / cpu:.2f}" if own else "-",
            f"{summary.median('rate'):,.0f}",
            f"{summary.median('p50_ms'):.2f}",
            f"{summary.median('p99_ms'):.2f}",
            *(f"{summary.median(figure):.0%}" for figure in ("server_core", "load_core", "others")),
            f"{summary.median('memory'):.1f}",
            summary.errors(),
        ]
        rows.append(f"| {' | '.join(cells)} |")
    return _rows(
        "| server | CPU µs/request | min-max | Bicorn/it | requests/s | p50 ms | p99 ms | server core | wrk core"
        " | others | PSS MiB | errors |",
        rows,
    )


def _start_table(servers: dict[str, Summary]) -> str:
    own = servers.get(SUBJECT)
    rows = []
    for name, summary in sorted(servers.items(), key=lambda item: item[1].median("first_answer_ms")):
        first, memory = summary.median("first_answer_ms"), summary.median("memory")
        ratios = (own.median("first_answer_ms") / first, own.median("memory") / memory) if own else None
        cells = [f"{ratio:.2f}" for ratio in ratios] if ratios else ["-", "-"]
        rows.append(
            f"| {name} | {first:.0f} | {summary.spread('first_answer_ms')} | {cells[0]} | {memory:.1f} | {cells[1]} |"
        )
    return _rows("| server | first answer ms | min-max | Bicorn/it | PSS MiB, whole tree | Bicorn/it |", rows)


def _rows(head: str, rows: Sequence[str]) -> str:
    columns = head.count("|") - 1
    return "\n".join([head, "|---" * columns + "|", *rows])


def _cell(text: str) -> str:
    return text.replace("|", "/").replace("\n", " ")
