"""From raw runs to Markdown: the glance, the targets, then one table for each workload."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence

from .measure import Run
from .workloads import PEERS, WORKLOADS, Workload

SUBJECT = "bicorn"
Results = dict[str, dict[str, list[Run]]]
"""Good runs by workload and server."""


def summarise(runs: Iterable[Run]) -> Results:
    results: Results = {}
    for run in runs:
        if not run.failure:
            results.setdefault(run.workload, {}).setdefault(run.server, []).append(run)
    return results


def render(head: str, runs: Sequence[Run]) -> str:
    """The whole page."""
    results = summarise(runs)
    parts = ["# WebSocket benchmark", head, "## At a glance", glance(results), "## Targets", targets(results)]
    for workload in WORKLOADS.values():
        if workload.name in results:
            table = _idle_table if workload.kind == "idle" else _load_table
            parts.append(f"## {workload.title} (`{workload.name}`)\n\n{table(results[workload.name])}")
    if failures := sorted({(run.workload, run.server, run.failure) for run in runs if run.failure}):
        lines = [[workload, server, text.replace("|", "/").replace("\n", " ")] for workload, server, text in failures]
        parts.append("## Failed runs\n\n" + _table(["workload", "server", "why"], lines, "---"))
    return "\n\n".join(parts) + "\n"


def sections(head: str, runs: Sequence[Run]) -> dict[str, str]:
    """The parts that other pages quote, by name."""
    results = summarise(runs)
    return {"websocket": glance(results), "websocket-targets": targets(results), "websocket-method": head}


def glance(results: Results) -> str:
    """One row for each workload, one column for each server."""
    servers = list(dict.fromkeys(server for each in results.values() for server in each))
    lines = []
    for workload in WORKLOADS.values():
        found = results.get(workload.name, {})
        if found:
            unit = "bytes each" if workload.kind == "idle" else "µs"
            figures = {server: _median(runs, workload.figure) for server, runs in found.items()}
            shown = [_figure(figures[server], workload) if server in figures else "" for server in servers]
            lines.append([f"{workload.title} ({unit})", *shown])
    return _table(["CPU µs for each message; memory of each connection", *servers], lines)


def targets(results: Results) -> str:
    lines = []
    for workload in WORKLOADS.values():
        figures = {server: _median(runs, workload.figure) for server, runs in results.get(workload.name, {}).items()}
        peers = {server: figure for server, figure in figures.items() if server in PEERS}
        if SUBJECT not in figures or not peers:
            continue
        best = min(peers, key=peers.__getitem__)
        ratio = figures[SUBJECT] / peers[best]
        lines.append([
            workload.title,
            _figure(figures[SUBJECT], workload),
            f"{best} ({_figure(peers[best], workload)})",
            f"{workload.at_most:.2f}",
            f"{ratio:.2f}",
            "met" if ratio <= workload.at_most else "**not met**",
        ])  # fmt: skip
    return _table(["workload", "Bicorn", "best peer", "at most", "measured", ""], lines)


def _load_table(servers: dict[str, list[Run]]) -> str:
    own = _median(servers[SUBJECT], "cpu_us") if SUBJECT in servers else None
    lines = []
    for server, runs in sorted(servers.items(), key=lambda item: _median(item[1], "cpu_us")):
        cpu = _median(runs, "cpu_us")
        values = [run.cpu_us for run in runs]
        lines.append([
            server,
            f"{cpu:.2f}",
            f"{min(values):.2f}-{max(values):.2f}",
            f"{own / cpu:.2f}" if own else "-",
            f"{_median(runs, 'rate'):,.0f}",
            f"{_median(runs, 'p50_ms'):.2f}",
            f"{_median(runs, 'p99_ms'):.2f}",
            *(f"{_median(runs, figure):.0%}" for figure in ("server_core", "load_core", "others")),
            f"{_median(runs, 'wire_bytes'):,.0f}",
        ])  # fmt: skip
    return _table(["server", "CPU µs/message", "min-max", "Bicorn/it", "messages/s", "p50 ms", "p99 ms", "server core",
                   "load core", "others", "bytes/message"], lines)  # fmt: skip


def _idle_table(servers: dict[str, list[Run]]) -> str:
    own = _median(servers[SUBJECT], "memory") if SUBJECT in servers else None
    lines = [
        [server, f"{_median(runs, 'memory'):,.0f}", f"{own / _median(runs, 'memory'):.2f}" if own else "-"]
        for server, runs in sorted(servers.items(), key=lambda item: _median(item[1], "memory"))
    ]
    return _table(["server", "bytes for each connection", "Bicorn/it"], lines)


def _median(runs: Sequence[Run], figure: str) -> float:
    return float(statistics.median(getattr(run, figure) for run in runs))


def _figure(value: float, workload: Workload) -> str:
    return f"{value:,.0f}" if workload.kind == "idle" else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _table(head: Sequence[str], lines: Sequence[Sequence[str]], align: str = "--:") -> str:
    if not lines:
        return "Nothing of it was measured in this run."
    rows = [head, ["---", *[align] * (len(head) - 1)], *lines]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
