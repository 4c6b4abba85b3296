"""wrk in the background, for as long as it takes, with the small client beside it."""

from __future__ import annotations

import contextlib
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import wrk

from .client import Address, Answer, Clients, Tally

LONGEST = 1800
STALL = 2.0  # seconds after which wrk counts a request as timed out, and we say that somebody waited

_MAX = re.compile(r"^\s+Latency\s+\S+\s+\S+\s+([\d.]+)(us|ms|s|m)\s", re.MULTILINE)
_SECONDS = {"us": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0}


class Wrk:
    """wrk that has been started; ``stop`` makes it print, and reads that."""

    def __init__(self, address: Address, connections: int = wrk.CONNECTIONS, path: str = "/") -> None:
        scheme = "https" if address.link == "tls" else "http"
        self._process = subprocess.Popen(
            ["wrk", "-t1", f"-c{connections}", f"-d{LONGEST}s", "--latency", "--timeout", f"{STALL:.0f}s",
             f"{scheme}://127.0.0.1:{address.port}{path}"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def stop(self) -> tuple[wrk.WrkResult, float]:
        """wrk's figures, and the longest time a completed request took, in seconds."""
        self._process.send_signal(signal.SIGINT)
        try:
            text, said = self._process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise wrk.WrkError("wrk did not stop") from None
        longest = _MAX.search(text)
        if self._process.returncode != 0 or longest is None:
            raise wrk.WrkError(f"wrk ended with {self._process.returncode}: {(said or text).strip()[-300:]}")
        return wrk.parse(text, 0.0), float(longest[1]) * _SECONDS[longest[2]]

    def abandon(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()


@dataclass(slots=True)
class Seen:
    """What both have seen; filled when the load ends."""

    tally: Tally
    wrk_requests: int = 0
    wrk_failed: dict[str, int] = field(default_factory=dict)
    """wrk's errors but those it calls timeouts: connect, read, write, status."""
    wrk_stalled: int = 0
    wrk_longest: float = 0.0

    @property
    def requests(self) -> int:
        return self.tally.requests + self.wrk_requests

    @property
    def failed(self) -> int:
        return len(self.tally.failures) + sum(self.wrk_failed.values())

    @property
    def longest(self) -> float:
        return max(self.tally.longest, self.wrk_longest)

    @property
    def stalled(self) -> bool:
        return bool(self.wrk_stalled) or self.longest > STALL

    def why(self) -> str:
        """Every kind of failure with its count; "" for none."""
        parts = [f"wrk {name} {count}" for name, count in self.wrk_failed.items()]
        parts += [f"{count} x {why}" for why, count in self.tally.why().items()]
        return ", ".join(parts)


@contextlib.contextmanager
def under_load(
    address: Address,
    *,
    connections: int = wrk.CONNECTIONS,
    new: int = 4,
    kept: int = 8,
    pause: float = 0.01,
    watch: Callable[[Answer, float], None] | None = None,
) -> Iterator[Seen]:
    """Load while the block runs. Where wrk cannot go, over a unix socket, there are more of the small clients.

    Args:
        connections: wrk's; 0 to leave wrk out.
    """
    if address.link == "unix" or not connections:
        clients = Clients(address, *((8, 24) if connections else (new, kept)), pause=pause, watch=watch)
        loader = None
    else:
        clients = Clients(address, new, kept, pause, watch)
        loader = Wrk(address, connections)
    seen = Seen(clients.tally)
    try:
        with clients:
            yield seen
        if loader is not None:
            result, seen.wrk_longest = loader.stop()
            seen.wrk_requests = result.requests
            seen.wrk_failed = {name: count for name, count in result.socket_errors.items() if count}
            seen.wrk_stalled = seen.wrk_failed.pop("timeout", 0)
            if result.bad_status:
                seen.wrk_failed["status"] = result.bad_status
    finally:
        if loader is not None:
            loader.abandon()
