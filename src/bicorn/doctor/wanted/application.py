"""From ``main:app`` to what it imports, by reading its source; it is not imported for that."""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions

from packaging.utils import canonicalize_name

from ...errors import DoctorError
from . import text
from .environment import versions
from .gathered import Gathered

MAX_MODULES = 2000

KNOWN = {
    "PIL": "pillow",
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "google.protobuf": "protobuf",
    "jose": "python-jose",
    "jwt": "pyjwt",
    "magic": "python-magic",
    "MySQLdb": "mysqlclient",
    "multipart": "python-multipart",
    "OpenSSL": "pyopenssl",
    "psycopg2": "psycopg2-binary",
    "rest_framework": "djangorestframework",
    "sklearn": "scikit-learn",
    "socketio": "python-socketio",
    "yaml": "pyyaml",
}
"""Projects that are not called what is imported of them."""


def find(target: str, directory: str) -> str:
    """The file of an application's module.

    Raises:
        DoctorError: there is none.
    """
    module = target.partition(":")[0]
    for root in (directory, os.path.join(directory, "src")):
        found = _file(module, root)
        if found:
            return found
    raise DoctorError(f"{target}: there is no module {module} in {directory}. Is it the project's folder?")


def imported(path: str, root: str) -> set[str]:
    """The top-level names that a module, and the project's own that it imports, import and that are not the project's.

    Imports within ``if TYPE_CHECKING`` and ``try`` count as well: what is guarded so is mostly wanted. Relative ones
    lead on within the project.
    """
    waiting, seen, found = [path], {path}, set[str]()
    while waiting and len(seen) < MAX_MODULES:
        file = waiting.pop()
        try:
            tree = ast.parse(text.text(file))
        except (DoctorError, SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        for name in _names(tree, _package(file, root)):
            own = _own(name, root)
            waiting += [one for one in own if one not in seen]
            seen.update(own)
            top = name.partition(".")[0]
            if (
                not own
                and top
                and top not in sys.stdlib_module_names
                and not _file(top, root)
                and not _is_folder(top, root)
            ):
                found.add(top)
    return found


def read(path: str, root: str, into: Gathered) -> None:
    """Adds what a module's imports need: of what is installed in its version, else by name."""
    installed, provided = versions(), packages_distributions()
    for name in sorted(imported(path, root)):
        for project in dict.fromkeys(provided.get(name, ())):
            key = canonicalize_name(project)
            into.add(f"{key}=={installed[key]}" if key in installed else key, f"import {name}")
        if name not in provided:
            project = KNOWN.get(name, canonicalize_name(name))
            into.note(f"import {name}: it is not installed here, {project} is taken for what it belongs to")
            into.add(project, f"import {name}")


def _names(tree: ast.Module, package: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = package.split(".") if package else []
                base = ".".join([*parts[: len(parts) - node.level + 1], *([base] if base else [])])
            yield base
            yield from (f"{base}.{alias.name}" if base else alias.name for alias in node.names if node.level)
            yield from (f"{base}.{alias.name}" for alias in node.names if not node.level and base)


def _own(name: str, root: str) -> list[str]:
    """The project's files that importing a name runs: the packages it is in as well."""
    parts = name.split(".")
    found = [_file(".".join(parts[:count]), root) for count in range(1, len(parts) + 1)]
    return [file for file in found if file]


def _file(module: str, root: str) -> str:
    if not all(part.isidentifier() for part in module.split(".")):
        return ""
    base = os.path.join(root, *module.split("."))
    return next((path for path in (f"{base}.py", os.path.join(base, "__init__.py")) if os.path.isfile(path)), "")


def _is_folder(name: str, root: str) -> bool:
    """Whether it is a package of the project's without an ``__init__.py`` (PEP 420)."""
    folder = os.path.join(root, name)
    return os.path.isdir(folder) and any(item.endswith(".py") for item in os.listdir(folder))


def _package(file: str, root: str) -> str:
    folder = os.path.relpath(os.path.dirname(file), root)
    return "" if folder == "." else folder.replace(os.sep, ".")
