"""Every WebSocket workload, and what Bicorn has to reach in it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["echo", "broadcast", "idle"]

PEERS = ("uvicorn-sansio", "uvicorn-websockets", "granian", "gunicorn-asgi", "hypercorn")
SERVERS = ("bicorn", "bicorn-pure", *PEERS)


@dataclass(frozen=True, slots=True)
class Workload:
    """One row of the comparison.

    Attributes:
        size: of a message in bytes, before compression.
        at_most: Bicorn's figure over that of the best peer.
    """

    name: str
    title: str
    kind: Kind
    size: int
    connections: int = 64
    deflate: bool = False
    at_most: float = 1.0

    @property
    def figure(self) -> Literal["cpu_us", "memory"]:
        return "memory" if self.kind == "idle" else "cpu_us"


_TABLE = (
    Workload("echo-20", "Echo, 20 bytes", "echo", 20, at_most=0.55),
    Workload("echo-4k", "Echo, 4 KiB", "echo", 4096, at_most=0.60),
    Workload("echo-64k", "Echo, 64 KiB", "echo", 65536, at_most=0.80),
    Workload("echo-4k-deflate", "Echo, 4 KiB, deflated", "echo", 4096, deflate=True, at_most=0.80),
    Workload("broadcast", "Broadcast of 128 bytes to 1,000", "broadcast", 128, connections=1000, at_most=0.70),
    Workload("idle", "10,000 idle connections", "idle", 128, connections=10_000),
    Workload("idle-deflate", "10,000 idle connections, deflate", "idle", 128, connections=10_000, deflate=True),
)

WORKLOADS: dict[str, Workload] = {workload.name: workload for workload in _TABLE}
