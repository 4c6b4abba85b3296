"""How long it took and how it ended, in words. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from .states import Cause

CRASHES = frozenset({"SIGSEGV", "SIGBUS", "SIGILL", "SIGFPE", "SIGABRT", "SIGSYS", "SIGTRAP"})
_NAMED = 20  # requests, in a line of the log


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


def size(amount: int) -> str:
    """``"412 MiB"``."""
    return f"{amount / 2**20:.0f} MiB"


def several(count: int, noun: str) -> str:
    """``"1 worker"``, ``"4 workers"``."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def how_it_ended(code: int, signal: str, out_of_memory: bool = False) -> str:
    """The end of a process as the second half of a sentence that begins with the worker's name."""
    if out_of_memory:
        return f"was killed by the kernel ({signal or 'SIGKILL'}), because memory ran out"
    if signal == "SIGKILL":
        return "was killed by SIGKILL from outside (another process, or the kernel because memory ran out)"
    if signal in CRASHES:
        return f"crashed with {signal}, in native code"
    if signal:
        return f"was ended by {signal} from outside"
    if code == 0:
        return "left by itself with exit code 0"
    return f"left with exit code {code}"


def why_it_ended(signal: str, out_of_memory: bool) -> Cause:
    """The same in one word."""
    if out_of_memory:
        return Cause.OUT_OF_MEMORY
    if not signal:
        return Cause.EXIT
    return Cause.CRASH if signal in CRASHES else Cause.KILL


def facts(cause: Cause, age: float, held: Sequence[str]) -> str:
    """The other half of the line about a death, always in this form: cause, age, the requests that died with it."""
    named = ", ".join(held[:_NAMED])
    if len(held) > _NAMED:
        named += f" and {len(held) - _NAMED} more"
    return f"[cause: {cause.value}; age: {duration(age)}; requests: {named or 'none'}]"
