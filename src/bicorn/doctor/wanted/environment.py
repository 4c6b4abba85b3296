"""What is installed somewhere: by its ``.dist-info`` folders, never by running its interpreter."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable
from glob import escape, glob
from importlib.metadata import Distribution, distributions

from packaging.utils import canonicalize_name

from .gathered import Gathered

MAX_DISTRIBUTIONS = 5000
INSTALLERS = frozenset({"pip", "setuptools", "wheel"})  # as pip freeze has it


def folders(path: str) -> list[str]:
    """The site-packages of an environment: of its folder, of its interpreter, or that folder itself; else nothing."""
    interpreter = os.path.isfile(path) and re.fullmatch(r"(python|pypy)[\d.]*t?(\.exe)?", os.path.basename(path))
    if interpreter:
        path = os.path.dirname(os.path.dirname(os.path.abspath(path)))  # .../bin/python, which may be a link
    if os.path.basename(os.path.abspath(path)) in ("site-packages", "dist-packages"):
        return [path]
    if not interpreter and not os.path.isfile(os.path.join(path, "pyvenv.cfg")):
        return []
    shelves = (
        ("lib", "*", "site-packages"),
        ("lib", "*", "dist-packages"),
        ("lib64", "*", "site-packages"),
        ("Lib", "site-packages"),
    )
    found = [match for shelf in shelves for match in sorted(glob(os.path.join(escape(path), *shelf)))]
    return list({os.path.realpath(match): match for match in reversed(found)}.values())


def read(places: list[str] | None, into: Gathered) -> None:
    """Adds every distribution in some folders as settled; of the running environment's where there are none named."""
    search = sys.path if places is None else places
    seen: set[str] = set()
    for number, found in enumerate(distributions(path=search)):
        if number >= MAX_DISTRIBUTIONS:
            into.note(f"more than {MAX_DISTRIBUTIONS} packages are installed: the rest is left out")
            break
        name, version = _named(found)
        if not name or name in seen or name in INSTALLERS:
            continue
        seen.add(name)
        elsewhere = _elsewhere(found)
        if elsewhere:
            into.note(f"{name} is installed from {elsewhere}: it is not looked at")
        else:
            into.pin(name, version, "", name)


def versions(search: Iterable[str] | None = None) -> dict[str, str]:
    """What is installed, by normalized name."""
    found = distributions(path=list(search)) if search is not None else distributions()
    return dict(_named(item) for item in found)


def _named(found: Distribution) -> tuple[str, str]:
    try:
        metadata = found.metadata
        if "Name" not in metadata or "Version" not in metadata:
            return "", ""
        return canonicalize_name(str(metadata["Name"])), str(metadata["Version"])
    except (OSError, ValueError, KeyError, AttributeError, TypeError):  # half removed: health says so
        return "", ""


def _elsewhere(found: Distribution) -> str:
    """Where it was installed from, if that was no index (PEP 610)."""
    try:
        given = json.loads(found.read_text("direct_url.json") or "{}")
    except (OSError, ValueError, RecursionError):
        return ""
    if not isinstance(given, dict) or not given:
        return ""
    kinds = {"vcs_info": "version control", "dir_info": "a folder", "archive_info": "an archive"}
    return next((words for kind, words in kinds.items() if kind in given), "elsewhere")
