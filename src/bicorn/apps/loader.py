"""Find the application that the command line names, and make sure it is one.

Rules:

1. What the command line names wrongly is :class:`AppNotFound` (exit 4): no such module or attribute, not callable, not
   the interface that was asked for. What fails inside the user's code is :class:`AppBootError` (exit 3).
2. Both carry a complete message; an AppBootError's ends with the user's own traceback, trimmed.
3. Nothing is called but what was asked to be: a factory, written with parentheses, given with ``--factory``, or found
   to take no arguments. A factory runs before there is an event loop, so it cannot be a coroutine function.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import logging
import os
import sys
import types
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal, Protocol

from bicorn.apps import suggest
from bicorn.apps.detect import Interface, Kind, detect, is_coroutine_function, subject_of
from bicorn.apps.failure import explained, headline, is_raised_by_bicorn, user_frames, user_traceback
from bicorn.apps.target import Target, arguments_of, parse_target
from bicorn.errors import AppBootError, AppNotFound, BicornError, ConfigError
from bicorn.record import Record

__all__ = ["LoadedApp", "hold", "importing", "load", "prepare_import_path"]

logger = logging.getLogger("bicorn.error")

DEFAULT_NAMES = ("app", "application")
FACTORY_NAMES = ("create_app", "make_app")
FORCED = {"auto": None, "asgi": Kind.ASGI3, "asgi3": Kind.ASGI3, "asgi2": Kind.ASGI2, "wsgi": Kind.WSGI}
OPTION_OF = {Kind.ASGI3: "asgi3", Kind.ASGI2: "asgi2", Kind.WSGI: "wsgi"}


class LoadedApp(Record):
    """An application that is ready to be called.

    Args:
        call: an ASGI 3 callable (ASGI 2 is adapted already) or a WSGI callable.
        interface: which of the two.
        kind: what the user wrote, for people: ``"ASGI 3"``, ``"ASGI 2"`` or ``"WSGI"``.
        name: its full name, ``"main:app"``.
    """

    call: Any
    interface: Literal["asgi", "wsgi"]
    kind: str
    name: str


class ImportPath(Protocol):
    """The settings that :func:`prepare_import_path` reads."""

    @property
    def app_dir(self) -> str: ...
    @property
    def chdir(self) -> str | None: ...
    @property
    def pythonpath(self) -> str | None: ...


def prepare_import_path(config: ImportPath) -> None:
    """Enter ``chdir``; put ``app_dir`` (or the working directory) and ``pythonpath`` first on ``sys.path``.

    That is the order of ``PYTHONPATH=... python main.py``. A directory named twice keeps its first place.

    Raises:
        ConfigError: a directory that does not exist.
    """
    if config.chdir:
        try:
            os.chdir(os.path.expanduser(config.chdir))
        except OSError as error:
            raise ConfigError(
                f"cannot change to the directory {config.chdir!r}: {error.strerror}",
                setting="chdir",
                value=config.chdir,
            ) from error
    app_dir = os.path.abspath(os.path.expanduser(config.app_dir))
    if not os.path.isdir(app_dir):
        raise ConfigError(
            f"the application directory {config.app_dir!r} does not exist", setting="app_dir", value=config.app_dir
        )
    extra = [part.strip() for part in (config.pythonpath or "").split(",") if part.strip()]
    entries = list(dict.fromkeys([app_dir, *[os.path.abspath(os.path.expanduser(part)) for part in extra]]))
    sys.path[:] = entries + [entry for entry in sys.path if entry not in entries]


_held: dict[str, Any] = {}
_importing: list[str] = []


def hold(app: Any) -> str:
    """Keep the application object ``app``; return the target under which :func:`load` finds it.

    For ``bicorn.run(app)``: settings name an application by text, and workers inherit the object when they are forked.
    """
    target = subject_of(app)
    _held[target] = app
    return target


def importing() -> str:
    """The module that is being imported as an application just now, or ``""``."""
    return _importing[-1] if _importing else ""


def load(target: str, *, interface: str = "auto", factory: bool = False) -> LoadedApp:
    """Import and check the application that ``target`` names.

    Args:
        target: ``"main:app"``, ``"main"``, ``"main:create_app('prod')"``, ``"main:site.api"``; or what
            :func:`hold` gave.
        interface: ``auto`` to find out, or ``asgi3``, ``asgi2`` or ``wsgi`` to say so.
        factory: whether ``target`` is a function that returns the application.

    Raises:
        AppNotFound: the target names nothing, or nothing that can be served.
        AppBootError: the user's code failed.
    """
    if target in _held:
        name, value = target, _held[target]
    else:
        name, value = _resolve(parse_target(target), factory)
    forced = FORCED[interface]
    found = _check_callable(name, value)
    if factory or found.kind is Kind.FACTORY:
        name, value, found = _make(name, value, found, is_expected=factory)
    return _settle(name, value, found, forced)


def _settle(name: str, value: Any, found: Interface, forced: Kind | None) -> LoadedApp:
    kind = forced or found.kind
    if kind not in OPTION_OF:
        raise AppNotFound(f"'{name}' is not an application: {found.reason}")
    if forced is not None and forced is not found.kind and found.cannot_be(forced):
        right = OPTION_OF.get(found.kind)
        advice = f"use --interface {right} or leave it to auto" if right else "leave --interface to auto"
        raise AppNotFound(f"'{name}' cannot be served as {forced.value}: {found.reason}; {advice}")
    if kind is Kind.ASGI2:
        from bicorn.apps.asgi2 import as_asgi3  # few are left

        value = as_asgi3(value)
    return LoadedApp(value, "wsgi" if kind is Kind.WSGI else "asgi", kind.value, name)


# From the target to an object


def _resolve(target: Target, factory: bool) -> tuple[str, Any]:
    module = _import(target)
    if target.expression is None:
        name = _default_name(module, factory)
        return f"{target.module}:{name}", getattr(module, name)
    node = target.expression
    shown = node.id if isinstance(node, ast.Name) else ast.unparse(node)
    return f"{target.module}:{shown}", _evaluate(node, module, target)


def _import(target: Target) -> types.ModuleType:
    with _explained(f"importing '{target.module}' failed"):
        _importing.append(target.module)
        try:
            return importlib.import_module(target.module)
        except ModuleNotFoundError as error:
            if not suggest.is_about(error, target.module):
                raise
            missing = error.name or target.module
            hint = suggest.explain_missing_module(missing)
            raise AppNotFound(f"there is no module '{missing}' (named by {target.text!r}){hint}") from None
        finally:
            _importing.pop()


def _default_name(module: types.ModuleType, factory: bool) -> str:
    """The attribute to serve when only a module was named."""
    for name in (FACTORY_NAMES if factory else ()) + DEFAULT_NAMES:
        # A package often has a submodule called `app`: that is not the application.
        if callable(getattr(module, name, None)):
            return name
    shown = f"module '{module.__name__}' has no 'app' and no 'application'"
    others = suggest.applications_in(module)
    if others:
        advice = f"{suggest.describe_contents(module)}; name one: '{module.__name__}:{next(iter(others))}'"
    elif makers := [name for name in FACTORY_NAMES if callable(getattr(module, name, None))]:
        advice = f"it has a factory: '{module.__name__}:{makers[0]}()'"
    elif modules := suggest.submodules_with_apps(module):
        advice = "did you mean " + " or ".join(f"'{name}'" for name in modules) + "?"
    else:
        advice = f"name the attribute that is, '{module.__name__}:NAME'"
    raise AppNotFound(f"{shown}; {advice}")


def _evaluate(node: ast.expr, module: types.ModuleType, target: Target) -> Any:
    match node:
        case ast.Name(name):
            return _attribute(module, name, f"module '{module.__name__}'")
        case ast.Attribute(owner, name):
            value = _evaluate(owner, module, target)
            return _attribute(value, name, f"'{target.module}:{ast.unparse(owner)}' ({suggest.describe_value(value)})")
        case ast.Call(function):
            call = _evaluate(function, module, target)
            positional, keywords = arguments_of(node)
            return _call_factory(f"{target.module}:{ast.unparse(function)}", call, positional, keywords)
    raise AssertionError(f"parse_target() let {ast.unparse(node)!r} through")


def _attribute(owner: Any, name: str, shown: str) -> Any:
    with _explained(f"looking up '{name}' in {shown} failed"):
        try:
            return getattr(owner, name)
        except AttributeError:
            meant = suggest.nearest(name, (known for known in dir(owner) if not known.startswith("__")))
            message = f"{shown} has no attribute '{name}'" + (f"; did you mean '{meant}'?" if meant else "")
            if isinstance(owner, types.ModuleType):
                if f"{owner.__name__}.{name}" in suggest.submodules_with_apps(owner):
                    message += f"; there is a module '{owner.__name__}.{name}'"
                message += f" ({suggest.describe_contents(owner)})"
            raise AppNotFound(message) from None


def _check_callable(name: str, value: Any) -> Interface:
    if callable(value):
        return detect(value)
    message = f"'{name}' is {suggest.describe_value(value)}, which is not callable, so it is not an application"
    if inner := suggest.application_inside(value):
        message += f"; did you mean '{name}{'.' if ':' in name else ':'}{inner}'?"
    raise AppNotFound(message)


# Factories


def _make(name: str, value: Any, found: Interface, *, is_expected: bool) -> tuple[str, Any, Interface]:
    """Call the factory ``value``; the result is the application, and never another factory."""
    if found.kind in OPTION_OF and found.cannot_be(Kind.FACTORY):
        raise AppNotFound(
            f"'{name}' cannot be called without arguments, as --factory does ({found.reason}): if it is the"
            f" application, leave out --factory; if it is a factory, write its arguments: '{name}(...)'"
        )
    app = _call_factory(name, value, [], {})
    made = f"{name}()"
    if not is_expected:
        logger.info("%s is a factory, called to make the application; say so with --factory or '%s'", name, made)
    if not callable(app):
        raise AppNotFound(
            f"'{made}' returned {suggest.describe_value(app)}, which is not callable, so it is not an application"
            + ("" if is_expected else f" ({found.reason}, so it was called as one)")
        )
    return made, app, detect(app)


def _call_factory(name: str, call: Any, positional: list[object], keywords: dict[str, object]) -> Any:
    if not callable(call):
        raise AppNotFound(f"'{name}' is {suggest.describe_value(call)}, which cannot be called")
    if is_coroutine_function(call):
        raise AppNotFound(
            f"'{name}' is an async function, and a factory runs before there is an event loop:"
            " make it a plain function, and do what needs 'await' in the application's lifespan start-up"
        )
    with _explained(f"the factory '{name}' failed"):
        try:
            app = call(*positional, **keywords)
        except TypeError as error:
            if user_frames(error):
                raise
            # Raised by the call itself: the arguments do not fit.
            shape = detect(call, may_call=False).shape
            takes = f"; {subject_of(call)} takes {shape}" if shape else ""
            raise AppNotFound(f"'{name}' cannot be called like that: {error}{takes}") from None
    if inspect.iscoroutine(app):
        app.close()  # or Python warns that it was never awaited
        raise AppNotFound(
            f"the factory '{name}' returned a coroutine: make it a plain function that returns the application"
        )
    return app


# Failures of the user's code


@contextmanager
def _explained(what: str) -> Iterator[None]:
    """Turn whatever the user's code raises into an AppBootError that tells its author what and where."""
    try:
        yield
    except (BicornError, KeyboardInterrupt):
        raise
    except BaseException as error:
        if isinstance(error, SystemExit) and is_raised_by_bicorn(error):
            raise  # a signal handler of ours ended the worker while it was importing
        if said := explained(error):
            raise AppBootError(f"{what}: {said}") from error
        raise AppBootError(f"{what}: {_summary(error)}\n\n{user_traceback(error)}") from error


def _summary(error: BaseException) -> str:
    if isinstance(error, ImportError) and (clause := suggest.explain_import_error(error)):
        return clause
    return headline(error)
