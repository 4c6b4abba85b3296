"""Lock files: of uv, Poetry, PDM, Pipenv, and the common one (PEP 751). What they settle stays so."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Any

from packaging.utils import canonicalize_name

from . import text, uv
from .edges import conditions
from .gathered import Gathered

Read = Callable[[str, Gathered, Collection[str], Collection[str]], None]
"""Reads a lock file at a path, with these extras and groups, into what is gathered."""


def poetry(path: str, into: Gathered, extras: Collection[str], groups: Collection[str]) -> None:
    """``poetry.lock``: since 2.1 it says of each package in which groups and when; before, only its edges do."""
    document = text.toml(path)
    chosen = {name for extra in extras for name in text.texts(text.table(document.get("extras")).get(extra))}
    wanted = {canonicalize_name(name.partition(" ")[0]) for name in chosen}
    into.requires_python = _python(text.table(document.get("metadata")).get("python-versions"))
    packages = [item for item in text.rows(document.get("package")) if _in_groups(item, groups, "main")]
    packages = [item for item in packages if item.get("optional") is not True or _name(item) in wanted]
    derived = _derived(packages, _poetry_edges)
    for item in packages:
        kind = str(text.table(item.get("source")).get("type", "legacy"))
        if kind != "legacy":
            into.note(f"poetry.lock: {item.get('name')} comes from {kind[:20]}: it is not looked at")
        else:
            given = item.get("markers")
            given = text.table(given).get("main") if isinstance(given, dict) else given
            into.pin(
                str(item.get("name")),
                str(item.get("version")),
                str(given or derived.get(_name(item), "")),
                "poetry.lock",
            )


def pdm(path: str, into: Gathered, extras: Collection[str], groups: Collection[str]) -> None:
    """``pdm.lock``."""
    document = text.toml(path)
    into.requires_python = str(text.table(document.get("metadata")).get("requires_python", ""))
    packages = [item for item in text.rows(document.get("package")) if _in_groups(item, [*groups, *extras], "default")]
    derived = _derived(packages, _pdm_edges)
    for item in packages:
        if any(key in item for key in ("git", "path", "url")):
            into.note(f"pdm.lock: {item.get('name')} does not come from an index: it is not looked at")
        elif not item.get("extras"):  # a second entry of the same package
            marker = str(item.get("marker") or derived.get(_name(item), ""))
            into.pin(str(item.get("name")), str(item.get("version")), marker, "pdm.lock")


def pipenv(path: str, into: Gathered, extras: Collection[str], groups: Collection[str]) -> None:
    """``Pipfile.lock``; its development packages are the group ``dev``."""
    document = text.json_object(path)
    required = text.table(text.table(document.get("_meta")).get("requires"))
    for source in text.rows(text.table(document.get("_meta")).get("sources"))[:10]:
        if isinstance(source.get("url"), str) and "$" not in source["url"]:
            into.options.append(("extra-index-url", source["url"]))
    if "python_version" in required:
        into.requires_python = f"=={required['python_version']}.*"
    for section in ["default", *("develop" if group == "dev" else group for group in groups)]:
        for name, given in text.table(document.get(section)).items():
            version = str(text.table(given).get("version", ""))
            if version.startswith("=="):
                into.pin(name, version.removeprefix("=="), str(text.table(given).get("markers", "")), "Pipfile.lock")
            else:
                into.note(f"Pipfile.lock: {name} does not come from an index: it is not looked at")


def pylock(path: str, into: Gathered, extras: Collection[str], groups: Collection[str]) -> None:
    """``pylock.toml`` (https://packaging.python.org/en/latest/specifications/pylock-toml/)."""
    document = text.toml(path)
    into.requires_python = str(document.get("requires-python", ""))
    chosen = {canonicalize_name(name) for name in [*extras, *groups, *text.texts(document.get("default-groups"))]}
    for item in text.rows(document.get("packages")):
        marker = _settled(str(item.get("marker", "")), chosen)
        if any(key in item for key in ("vcs", "directory", "archive")) or "version" not in item:
            into.note(f"pylock.toml: {item.get('name')} does not come from an index: it is not looked at")
        else:
            into.pin(str(item.get("name")), str(item.get("version")), marker, "pylock.toml")


READERS: dict[str, Read] = {
    "uv.lock": uv.read,
    "poetry.lock": poetry,
    "pdm.lock": pdm,
    "Pipfile.lock": pipenv,
    "pylock.toml": pylock,
}
"""By file name; ``pylock.NAME.toml`` counts as the last."""


def _name(item: dict[str, Any]) -> str:
    return canonicalize_name(str(item.get("name", "")))


def _in_groups(item: dict[str, Any], groups: Collection[str], main: str) -> bool:
    """Whether it is in the main group or one that is asked for; old lock files have a category, very old ones none."""
    found = text.texts(item.get("groups")) or [str(item.get("category", main))]
    return bool({main, *groups} & set(found))


def _derived(
    packages: list[dict[str, Any]], edges: Callable[[dict[str, Any]], list[tuple[str, str]]]
) -> dict[str, str]:
    """Markers from the edges between packages; one that nobody leads to, or only a circle, is wanted always."""
    leads = {_name(item): edges(item) for item in packages}
    led_to = {child for children in leads.values() for child, _ in children}
    found = conditions([(name, "") for name in leads if name not in led_to], leads)
    return {name: found.get(name, "") for name in leads}


def _poetry_edges(item: dict[str, Any]) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for name, given in text.table(item.get("dependencies")).items():
        for way in given if isinstance(given, list) else [given]:
            marker = str(text.table(way).get("markers", ""))
            found.append((canonicalize_name(name), "" if "extra ==" in marker else marker))
    return found


def _pdm_edges(item: dict[str, Any]) -> list[tuple[str, str]]:
    found = [text.requirement(line) for line in text.texts(item.get("dependencies"))]
    return [(str(canonicalize_name(one.name)), str(one.marker or "")) for one in found if one]


def _python(given: object) -> str:
    from .poetry import specifier

    return specifier(given) if isinstance(given, str) else ""


def _settled(marker: str, chosen: Collection[str]) -> str:
    """``'dev' in dependency_groups`` and the like, which older packaging cannot evaluate, as always or never so."""

    def answer(match: re.Match[str]) -> str:
        inside = canonicalize_name(match[2]) in chosen
        return "python_version >= '0'" if inside is not bool(match[3]) else "python_version < '0'"

    return re.sub(r"""(['"])([\w.-]+)\1\s+(not\s+)?in\s+(?:extras|dependency_groups)""", answer, marker)
