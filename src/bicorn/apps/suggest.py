"""The nearest right thing to say when an application is not where it was looked for.

Whatever takes long to import is imported where it is needed: an application that is found needs none of it.
"""

from __future__ import annotations

import os
import re
import sys
import types
from collections.abc import Iterable
from typing import Any

from bicorn.apps.detect import Kind, detect
from bicorn.apps.failure import is_library, short_path, user_frames

APPLICATIONS = (Kind.ASGI3, Kind.ASGI2, Kind.WSGI)

# Where objects that are not callable keep the application: Dash's `server`, Socket.IO's and Gradio's `app`, ...
_HOLDERS = ("app", "application", "server", "wsgi_app", "asgi_app", "wsgi", "asgi")
_APP_PARAMETERS = ("scope", "environ", "env")


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The name among ``known`` that ``name`` was most likely meant to be, in any case."""
    import difflib

    by_lower = {candidate.lower(): candidate for candidate in known}
    found = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.6)
    return by_lower[found[0]] if found else None


def applications_in(module: types.ModuleType) -> dict[str, Kind]:
    """The names in ``module`` that look like applications, found without calling anything.

    A function counts only with an application's parameter names: any helper may take two arguments.
    """
    found: dict[str, Kind] = {}
    for name, value in list(vars(module).items()):
        if name.startswith("_") or not callable(value) or isinstance(value, type):
            continue
        interface = detect(value, may_call=False)
        if interface.kind not in APPLICATIONS or interface.shape is None:
            continue
        is_function = hasattr(value, "__qualname__")
        first = (*interface.shape.names, "")[0].strip("_")
        if not is_function or first in _APP_PARAMETERS:
            found[name] = interface.kind
    return found


def describe_contents(module: types.ModuleType) -> str:
    """``"it has: api (ASGI 3), legacy (WSGI)"``."""
    found = applications_in(module)
    if not found:
        return "nothing in it looks like an application"
    return "it has: " + ", ".join(f"{name} ({kind.value})" for name, kind in found.items())


def application_inside(value: object) -> str | None:
    """The attribute of ``value``, which is not callable, that is an application."""
    for name in _HOLDERS:
        inner = getattr(value, name, None)
        if callable(inner) and detect(inner, may_call=False).kind in APPLICATIONS:
            return name
    return None


def submodules_with_apps(module: types.ModuleType) -> list[str]:
    """``mysite.asgi`` and ``mysite.wsgi`` for the package ``mysite`` of a Django project."""
    if not hasattr(module, "__path__"):
        return []
    import importlib.util

    names = (f"{module.__name__}.{part}" for part in ("asgi", "wsgi", "main", "app"))
    return [name for name in names if importlib.util.find_spec(name) is not None]


def explain_missing_module(name: str) -> str:
    """What else the module ``name``, which does not exist, may have meant, and where it was looked for."""
    import pkgutil

    parent_name, _, last = name.rpartition(".")
    parent = sys.modules.get(parent_name) if parent_name else None
    if parent is not None:
        if hasattr(parent, last):
            return f"; did you mean '{parent_name}:{last}'?"
        if not hasattr(parent, "__path__"):
            return f"; '{parent_name}' is a module, not a package"
        meant = nearest(last, (entry.name for entry in pkgutil.iter_modules(parent.__path__)))
        return f"; did you mean '{parent_name}.{meant}'?" if meant else f"; it is not in {next(iter(parent.__path__))}"
    own = [folder for folder in sys.path if not is_library(os.path.join(folder, "x")) and os.path.isdir(folder)]
    meant = nearest(name, (entry.name for entry in pkgutil.iter_modules(own)))
    lines = [f"; did you mean '{meant}'?" if meant else ""]
    lines.append("searched, in this order (start elsewhere with --app-dir, --chdir or --pythonpath):")
    lines += [f"  {folder}{'' if os.path.exists(folder) else '  (does not exist)'}" for folder in sys.path]
    return "\n".join(lines)


def explain_import_error(error: ImportError) -> str:
    """One clause on an import that failed inside the user's code: where it is, what it wants, what may be done."""
    from pathlib import Path

    frames = user_frames(error)
    if not frames:
        return ""
    last = frames[-1]
    place = f"{short_path(last.filename)} line {last.lineno}"
    if isinstance(error, ModuleNotFoundError) and error.name:
        top = error.name.partition(".")[0]
        for folder in Path(last.filename).resolve().parents[1:4]:
            if (folder / f"{top}.py").is_file() or (folder / top).is_dir():
                return f"{place} imports '{error.name}', which is in {folder}: start there, or give --app-dir {folder}"
        if top != error.name and top in sys.modules:
            return f"{place} imports '{error.name}', but there is no such module in the package '{top}'"
        return f"{place} imports '{error.name}', which is not installed for {sys.executable}"
    if "attempted relative import" in str(error):
        folder = Path(last.filename).resolve().parent
        dotted = f"{folder.name}.{Path(last.filename).stem}"
        return (
            f"{place} uses a relative import, which needs its package: name it as '{dotted}'"
            f" and start in {folder.parent} (or give --app-dir {folder.parent})"
        )
    found = re.search(r"cannot import name '([^']+)' from '([^']+)'", str(error))
    if found:
        return f"{place} imports '{found[1]}' from '{found[2]}', which does not have it"
    return place


def is_about(error: ModuleNotFoundError, module: str) -> bool:
    """Whether ``error`` says that ``module`` itself, or a package it is in, does not exist."""
    return bool(error.name) and not user_frames(error) and f"{module}.".startswith(f"{error.name}.")


def describe_value(value: Any) -> str:
    """``"the text 'hello'"``, ``"None"``, ``"a dict"``: a value that is no application."""
    if value is None:
        return "None"
    if isinstance(value, str):
        return f"the text {value[:40]!r}"
    if isinstance(value, types.ModuleType):
        return f"the module '{value.__name__}'"
    kind = type(value).__name__
    return f"{'an' if kind[:1].lower() in 'aeiou' else 'a'} {kind}"
