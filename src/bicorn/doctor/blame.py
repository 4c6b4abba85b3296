"""An import that has failed: whether a compiled part is to blame, and what to do. The application's boot error asks.

The words of the dynamic linker and of Python are those of a build log's last lines (:mod:`.logs.families.loading`); an
exception tells more, for its package is still on the disk: which Python the compiled module beside it was built for.
"""

from __future__ import annotations

import os
import re
import sys
import traceback
from collections.abc import Iterator, Mapping
from importlib.machinery import EXTENSION_SUFFIXES, PathFinder

from .facts import Ailment
from .logs.explain import examine
from .logs.families import binding, loading
from .logs.journal import read

MAX_LISTED = 10_000
MAX_TEXT = 256 * 1024

_FROM = re.compile(r"cannot import name '(\w+)' from (?:partially initialized module )?'([\w.]+)'")
_BUILT = re.compile(r"\.(?:cpython-|cp)3(\d{1,2})(t?)")
_FAMILIES = (*loading.FAMILIES, *(family for family in binding.FAMILIES if family.kind == "numpy-abi"))


def explain(error: BaseException | str, *, owners: Mapping[str, str] | None = None) -> Ailment | None:
    """What is wrong, where a compiled part is; None for every other failure.

    Args:
        error: an exception, or a traceback's text.
        owners: top-level module → distribution; found out where it is None.
    """
    if isinstance(error, str):
        return _by_words(error, {})
    for each in _chain(error):
        if isinstance(each, ImportError) and (found := _by_files(each, owners)):
            return found
    if not isinstance(error, ImportError | OSError | ValueError | RuntimeError | AttributeError):
        return None
    return _by_words("".join(traceback.format_exception(error))[-MAX_TEXT:], owners)


def message(error: BaseException) -> str:
    """The same as text under a boot error's first line; empty where no compiled part is to blame."""
    found = explain(error)
    if not found:
        return ""
    lines = [found.what, "", f"    {found.cure}", *(f"      {command}" for command in found.commands), ""]
    lines += [f"    ({line})" for line in found.evidence]
    return "\n".join(lines)


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    each: BaseException | None = error
    while each is not None and id(each) not in seen:
        seen.add(id(each))
        yield each
        each = each.__cause__ or (None if each.__suppress_context__ else each.__context__)


def _by_files(error: ImportError, owners: Mapping[str, str] | None) -> Ailment | None:
    """A module that cannot be found, of which there is a compiled one that this Python does not take."""
    name = error.name or ""
    if isinstance(error, ModuleNotFoundError):
        package, _, leaf = name.rpartition(".")
    elif match := re.search(
        r"cannot import name '(\w+)' from (?:partially initialized module )?'([\w.]+)'", str(error)
    ):
        leaf, package = match[1], match[2]
    else:
        return None
    folders = _folders(package) if package else sys.path
    there = [file for folder in folders for file in _compiled(folder, leaf)]
    if not there or any(file == leaf + suffix for file in there for suffix in EXTENSION_SUFFIXES):
        return None
    versions = sorted({f"3.{found[1]}{found[2]}" for file in there if (found := _BUILT.search(file))})
    running = f"{sys.version_info[0]}.{sys.version_info[1]}"
    top = (package or leaf).partition(".")[0]
    built = f"for Python {' and '.join(versions)}" if versions and running not in versions else "for another system"
    return Ailment(
        kind="other-python",
        what=f"{top} has its compiled part {leaf} {built}, and this is Python {running} on {_here()}.",
        where=", ".join(there),
        cure="Install it anew with this Python; an environment cannot be moved from one Python or system to another.",
        commands=(f"{sys.executable} -m pip install --force-reinstall --no-cache-dir {_distribution(top, owners)}",),
        evidence=(f"{type(error).__name__}: {error}", f"there is {', '.join(there[:3])}"),
    )


def _folders(package: str) -> list[str]:
    """Where a package is; found as an import would find it, but nothing of it is run."""
    folders: list[str] | None = None
    for depth in range(package.count(".") + 1):
        name = ".".join(package.split(".")[: depth + 1])
        spec = PathFinder.find_spec(name, folders)
        if spec is None or spec.submodule_search_locations is None:
            return []
        folders = list(spec.submodule_search_locations)
    return folders or []


def _compiled(folder: str, leaf: str) -> Iterator[str]:
    try:
        with os.scandir(folder) as entries:
            for number, entry in enumerate(entries):
                if number >= MAX_LISTED:
                    return
                if entry.name.startswith(leaf + ".") and entry.name.endswith((".so", ".pyd")):
                    yield entry.name
    except OSError:
        return


def _by_words(text: str, owners: Mapping[str, str] | None) -> Ailment | None:
    log = read(text)
    for family in _FAMILIES:
        if found := examine(family, log):
            commands = tuple(_named(command, owners) for command in found.commands)
            return found.replace(commands=commands)
    return None


def _named(command: str, owners: Mapping[str, str] | None) -> str:
    """A command that names a module, naming its distribution instead."""
    start, _, last = command.rpartition(" ")
    if not start.endswith("--no-cache-dir"):
        return command
    return f"{start} {_distribution(last, owners)}"


def _distribution(module: str, owners: Mapping[str, str] | None) -> str:
    if owners is None:
        from importlib.metadata import packages_distributions

        owners = {name: found[0] for name, found in packages_distributions().items() if found}
    return owners.get(module) or module.replace("_", "-").strip("-")


def _here() -> str:
    import platform

    return f"{platform.system()} {platform.machine()}"
