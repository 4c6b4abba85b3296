"""When a locked package is installed, where its lock file says so only at the edges that lead to it."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

MAX_WAYS = 8  # alternatives in one marker; more than that, and it is taken for wanted always
MAX_LENGTH = 2000
MAX_STEPS = 200_000

Node = TypeVar("Node", bound=Hashable)


def conditions(roots: Sequence[tuple[Node, str]], edges: Mapping[Node, Sequence[tuple[Node, str]]]) -> dict[Node, str]:
    """A marker for each node that can be reached: empty where it is wanted whatever the target.

    Args:
        roots: where to start, each with a marker or an empty one.
        edges: what each node leads to, likewise.
    """
    ways: dict[Node, set[str]] = {}
    waiting = list(reversed(roots))
    for _ in range(MAX_STEPS):
        if not waiting:
            break
        node, marker = waiting.pop()
        known = ways.setdefault(node, set())
        if "" in known or marker in known:
            continue
        if not marker or len(marker) > MAX_LENGTH or len(known) >= MAX_WAYS:
            known.clear()
            marker = ""
        known.add(marker)
        waiting += [(child, _both(marker, own)) for child, own in edges.get(node, ())]
    return {
        node: " or ".join(f"({marker})" for marker in sorted(known)) if "" not in known else ""
        for node, known in ways.items()
    }


def _both(first: str, second: str) -> str:
    """Both markers; a part that is there already is not said twice, so that circles end."""
    parts = dict.fromkeys([*(first.split(" and ") if first else []), *([f"({second})"] if second else [])])
    return " and ".join(parts)
