"""What Bicorn has to reach: ratios of CPU time per request (or of time, or of memory) to named peers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Figure = Literal["cpu_us", "first_answer_ms", "memory"]

UNITS: dict[Figure, str] = {"cpu_us": "µs CPU / request", "first_answer_ms": "ms to the first answer",
                            "memory": "MiB PSS"}  # fmt: skip

_GUNICORNS = ("gunicorn-asgi", "gunicorn-uvicorn")


@dataclass(frozen=True, slots=True)
class Target:
    """`subject`'s figure over the lowest of the peers' is at most `limit`."""

    workload: str
    peers: tuple[str, ...]
    limit: float
    subject: str = "bicorn"
    figure: Figure = "cpu_us"


TARGETS = (
    Target("asgi-small", ("granian", "fastpysgi", "uvicorn", *_GUNICORNS), 0.55),
    Target("asgi-browser", ("granian", "fastpysgi", "uvicorn", *_GUNICORNS), 0.60),
    Target("wsgi-small", ("bjoern", "fastpysgi"), 1.10),
    Target("wsgi-browser", ("bjoern", "fastpysgi"), 1.00),
    Target("wsgi-small", ("granian",), 0.65),
    Target("wsgi-browser", ("granian",), 0.60),
    Target("asgi-post", ("uvicorn",), 0.60),
    Target("asgi-stream", ("gunicorn-asgi",), 0.70),
    Target("asgi-1mib", ("uvicorn",), 0.95),
    Target("fastapi", ("uvicorn",), 0.97),
    Target("flask", ("fastpysgi",), 1.00),
    Target("asgi-small", ("granian",), 0.95, subject="bicorn-pure"),
    Target("start-wsgi", ("gunicorn-sync",), 1.00, figure="first_answer_ms"),
    Target("start-flask", ("gunicorn-sync",), 1.00, figure="first_answer_ms"),
    Target("start-wsgi", ("gunicorn-sync",), 1.00, figure="memory"),
    Target("start-flask", ("gunicorn-sync",), 1.00, figure="memory"),
)
