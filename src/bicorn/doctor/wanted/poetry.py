"""Poetry's way to say what is needed (https://python-poetry.org/docs/dependency-specification/), in PEP 508's."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any

from . import text
from .gathered import Gathered


def read(
    table: dict[str, Any], into: Gathered, extras: Collection[str], groups: Collection[str], shown: str, *, plain: bool
) -> None:
    """Reads ``[tool.poetry]``.

    Args:
        plain: whether its own dependencies count; where ``[project]`` has them, they only say where those come from.
    """
    wanted = {name for extra in extras for name in text.texts(text.table(table.get("extras")).get(extra))}
    main = text.table(table.get("dependencies"))
    if plain:
        into.requires_python = into.requires_python or specifier(str(main.get("python", "")))
        _add({name: given for name, given in main.items() if name != "python"}, wanted, into, shown)
    for group in groups:
        named = text.table(text.table(text.table(table.get("group")).get(group)).get("dependencies"))
        _add(named or (text.table(table.get("dev-dependencies")) if group == "dev" else {}), wanted, into, shown)


def _add(dependencies: dict[str, Any], wanted: Collection[str], into: Gathered, shown: str) -> None:
    for name, given in dependencies.items():
        for item in [given] if not isinstance(given, list) else given:
            table = item if isinstance(item, dict) else {"version": str(item)}
            if table.get("optional") is True and name not in wanted:
                continue
            if any(key in table for key in ("git", "path", "file")):
                into.note(f"{shown}: {name} does not come from an index: it is not looked at")
            else:
                into.add(_line(name, table), shown)


def _line(name: str, table: dict[str, Any]) -> str:
    extras = ",".join(text.texts(table.get("extras")))
    url = table.get("url")
    rest = f" @ {url}" if isinstance(url, str) else specifier(str(table.get("version", "")))
    markers = [f"({table['markers']})"] if isinstance(table.get("markers"), str) else []
    if isinstance(table.get("python"), str):
        markers += list(python_marker(table["python"]))
    condition = f" ; {' and '.join(markers)}" if markers else ""
    return f"{name}{f'[{extras}]' if extras else ''}{rest}{condition}"


def specifier(given: str) -> str:
    """``^1.2`` → ``>=1.2,<2``, ``~1.2`` → ``>=1.2,<1.3``, ``1.2.*``, ``*``; of alternatives (``||``) the last."""
    parts = re.sub(r"([<>=!~^])\s+", r"\1", given.rpartition("||")[2]).replace(",", " ").split()
    return ",".join(word for part in parts for word in _words(part))


def _words(part: str) -> Iterator[str]:
    if part in ("*", ""):
        return
    match = re.fullmatch(r"([\^~]?)v?(\d+(?:\.\d+)*)(.*)", part)
    if part.startswith(("~=", "==", "!=", "<", ">")):
        yield part
    elif match and match[1]:
        yield f">={match[2]}{match[3]}"
        yield f"<{_ceiling(match[1], [int(number) for number in match[2].split('.')])}"
    elif part.startswith("="):
        yield f"={part}"
    else:
        yield f"=={part}"


def _ceiling(kind: str, numbers: list[int]) -> str:
    """The first version that is too new: a caret keeps the first number that is not 0, a tilde the second."""
    if kind == "~":
        place = min(1, len(numbers) - 1)
    else:
        place = next((place for place, number in enumerate(numbers) if number), len(numbers) - 1)
    return ".".join(str(number) for number in [*numbers[:place], numbers[place] + 1])


def python_marker(given: str) -> Iterator[str]:
    """``python = ">=3.9,<4"`` of a dependency, as markers."""
    for word in specifier(given).split(","):
        match = re.fullmatch(r"([<>=!~]+)(.+)", word)
        if match:
            name = "python_version" if match[2].count(".") <= 1 or match[2].endswith("*") else "python_full_version"
            yield f"{name} {match[1]} '{match[2]}'"
