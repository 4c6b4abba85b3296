"""How long it took and how it ended, in words. Pure."""

from __future__ import annotations

_CRASHES = frozenset({"SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE", "SIGABRT", "SIGSYS", "SIGTRAP"})


def duration(seconds: float) -> str:
    """``"0.25 s"``, ``"12 s"``, ``"3 min 20 s"``, ``"2 h 5 min"``: two figures are enough for a person."""
    if seconds < 10:
        return f"{max(seconds, 0.0):.2g} s"
    if round(seconds) < 60:
        return f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"


def how_it_ended(code: int, signal: str) -> str:
    """The end of a process as the second half of a sentence that begins with the worker's name."""
    if signal == "SIGKILL":
        return "was killed by SIGKILL from outside (another process, or the kernel because memory ran out)"
    if signal in _CRASHES:
        return f"crashed with {signal}, in native code"
    if signal:
        return f"was ended by {signal} from outside"
    if code == 0:
        return "left by itself with exit code 0"
    return f"left with exit code {code}"
