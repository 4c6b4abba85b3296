"""Which wheels there are, in few words: ``"wheels for cp39-cp313"``.

The names of tags are those of PEP 425: ``cp313-cp313-manylinux_2_17_x86_64`` is an interpreter, an ABI and a platform.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from .facts import File, Target


def fits(file: File, target: Target) -> str:
    """Why a wheel fits."""
    tag = min((tag for tag in file.tags if tag in target.ranks), key=target.ranks.__getitem__, default=None)
    if not tag:
        return ""
    if tag.abi == "none" and tag.platform == "any":
        return "a wheel of pure Python"
    if tag.abi.startswith("abi3"):
        since = tag.interpreter.removeprefix("cp")
        return f"a wheel for the stable ABI ({tag.abi}) from Python {since[:1]}.{since[1:]} on"
    return f"a wheel for {tag.abi if tag.abi != 'none' else tag.interpreter} on {tag.platform}"


def none_fits(files: Iterable[File], target: Target) -> str:
    """That none fits, and which there are."""
    wheels = [file for file in files if file.is_wheel]
    wanted = _wanted(target)
    if not wheels:
        return "there are no wheels"
    pythons = {tag.interpreter for file in wheels for tag in file.tags}
    abis = {tag.abi for file in wheels for tag in file.tags}
    platforms = {tag.platform for tag in target.tags}
    here = {tag for file in wheels for tag in file.tags if tag.platform in platforms}
    if not here:
        return f"there is no wheel for this platform (wheels for {summary(platform_kinds(wheels))})"
    if target.free_threaded:
        there = sorted(abi for abi in abis if abi.endswith("t") and abi[-2].isdigit())
        if there:
            return f"there is no wheel for {wanted} (free-threaded wheels for {', '.join(there)})"
        return f"there is no wheel for {wanted}, the free-threaded build (wheels for {summary(pythons)})"
    stable = "abi3" in {tag.abi for tag in here}
    return f"there is no wheel for {wanted} (wheels for {summary(pythons)}{', with the stable ABI' if stable else ''})"


def summary(names: Iterable[str]) -> str:
    """``cp39, cp310, cp311, pp310`` as ``cp39-cp311, pp310``."""
    groups: dict[str, list[int]] = {}
    others = []
    for name in set(names):
        if match := re.fullmatch(r"(cp|pp|py)3(\d+)", name):
            groups.setdefault(f"{match[1]}3", []).append(int(match[2]))
        else:
            others.append(name)
    parts = []
    for group, minors in sorted(groups.items()):
        parts += _ranges(group, sorted(minors))
    return ", ".join([*parts, *sorted(others)])


def platform_kinds(wheels: Iterable[File]) -> set[str]:
    """The platforms of wheels, without their versions: ``{"manylinux x86_64", "macosx arm64"}``."""
    found = set()
    for file in wheels:
        for tag in file.tags:
            match = re.fullmatch(r"(manylinux|musllinux|macosx|linux|win)\d*(?:_\d+_\d+)?_?(\w*)", tag.platform)
            found.add(f"{match[1]} {match[2]}".strip() if match else tag.platform)
    return found


def _ranges(group: str, minors: list[int]) -> list[str]:
    parts: list[str] = []
    first = last = minors[0]
    for minor in [*minors[1:], -1]:
        if minor == last + 1:
            last = minor
            continue
        parts.append(f"{group}{first}" if first == last else f"{group}{first}-{group}{last}")
        first = last = minor
    return parts


def _wanted(target: Target) -> str:
    minor = f"{target.python.major}{target.python.minor}"
    return f"pp{minor}" if target.implementation == "pypy" else f"cp{minor}{'t' if target.free_threaded else ''}"
