"""Tell what a callable speaks: ASGI 3, ASGI 2 or WSGI, without calling it.

Rules, strongest first:

1. How many positional arguments it takes decides: three is ASGI 3 (``scope, receive, send``), two is WSGI
   (``environ, start_response``), one is ASGI 2 (``scope``), none is a factory that returns the application.
2. Where several of these fit (defaults, ``*args``), the parameters' names decide, then whether it is a coroutine
   function, then the number of arguments it insists on.
3. A wrapper that only says ``*args`` is asked for what it wraps (``functools.wraps``, ``partial``, ``wrapt``, a
   middleware's ``app``), one layer at a time: the outermost layer that says something decides.
4. What still says nothing (a compiled ``__call__``) is asked by a call without arguments, which its argument check
   refuses with the number it wants; then by the words in its name. What is left is ``Kind.UNKNOWN``, never a guess.

Coroutine functions compiled by Cython are not ``types.FunctionType``, so :func:`inspect.iscoroutinefunction` misses
some of them; rule 1 needs no coroutine function, and :func:`is_coroutine_function` looks at the code flags too.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import re
import types
from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Any

from bicorn.apps.shape import Shape, shape_of_docstring, shape_of_refusal, shape_of_signature
from bicorn.record import Record

__all__ = ["Interface", "Kind", "detect", "is_coroutine_function", "subject_of"]


class Kind(StrEnum):
    """What a callable turned out to be."""

    ASGI3 = "ASGI 3"
    ASGI2 = "ASGI 2"
    WSGI = "WSGI"
    FACTORY = "factory"
    UNKNOWN = "unknown"


class Convention(Record):
    """How one kind of application is called: its parameters, each with the names people give it."""

    kind: Kind
    parameters: tuple[frozenset[str], ...]

    @property
    def count(self) -> int:
        return len(self.parameters)

    def is_named_by(self, shape: Shape) -> bool:
        """Whether the parameters carry this convention's names, as far as both go."""
        pairs = list(zip(self.parameters, shape.names, strict=False))
        return bool(pairs) and all(name.strip("_").lower() in known for known, name in pairs)


_SCOPE, _ENVIRON = frozenset({"scope"}), frozenset({"environ", "env"})
CONVENTIONS = (
    Convention(Kind.ASGI3, (_SCOPE, frozenset({"receive", "recv"}), frozenset({"send"}))),
    Convention(Kind.WSGI, (_ENVIRON, frozenset({"start_response", "start", "respond"}))),
    Convention(Kind.ASGI2, (_SCOPE,)),
    Convention(Kind.FACTORY, ()),
)
_BY_KIND = {convention.kind: convention for convention in CONVENTIONS}

# First parameters that say "this is something else", with what it is.
NOT_AN_APP = {
    "self": "a method that is not bound to an object: name an instance of its class",
    "cls": "a method that is not bound to its class",
    "receive": "the inner half of an ASGI 2 application: name the class or function that takes the scope",
    "event": "an AWS Lambda handler",
    "request": "a view: name the application it belongs to",
    "req": "a view: name the application it belongs to",
    "config": "a factory with arguments: call it, 'module:factory(\"argument\")'",
    "settings": "a factory with arguments: call it, 'module:factory(\"argument\")'",
    "global_config": "a Paste factory: call it, 'module:factory({})'",
}

# Objects that are callable and yet speak neither protocol. The key is looked for among an object's classes, by name, so
# that nothing has to be imported.
NEITHER = {
    "aiohttp.web_app.Application": "aiohttp's Application speaks neither ASGI nor WSGI: run it with web.run_app()",
    "tornado.web.Application": "Tornado's Application speaks neither ASGI nor WSGI: run it with its own listen()",
    "twisted.web.server.Site": "Twisted's Site speaks neither ASGI nor WSGI: run it with Twisted's reactor",
}

# Where middleware that is written without functools.wraps keeps the application it passes ``*args`` on to.
PASSED_ON_TO = ("app", "application", "wsgi_app", "asgi_app", "_app")


class Interface(Record):
    """What :func:`detect` found.

    Args:
        kind: the verdict.
        reason: the verdict with its evidence, for messages: ``"function 'app' takes (environ, start_response): WSGI"``.
        shape: the arguments it takes, or None when nothing tells.
        is_async: whether calling it gives a coroutine for sure.
    """

    kind: Kind
    reason: str
    shape: Shape | None = None
    is_async: bool = False

    def cannot_be(self, kind: Kind) -> bool:
        """Whether calling it as ``kind`` cannot work: wrong number of arguments, or a coroutine where none belongs."""
        if self.shape is not None and not self.shape.takes(_BY_KIND[kind].count):
            return True
        return self.is_async and kind is not Kind.ASGI3


def detect(app: Callable[..., Any], *, may_call: bool = True) -> Interface:
    """Tell which interface ``app`` speaks.

    Args:
        app: any callable.
        may_call: whether a compiled callable that shows nothing may be called without arguments (rule 4).
    """
    subject = subject_of(app)
    for cls in type(app).__mro__:
        if neither := NEITHER.get(f"{cls.__module__}.{cls.__qualname__}"):
            return Interface(Kind.UNKNOWN, neither)
    layers = list(_layers(app))
    shape, depth = _first_telling(layers, may_call)
    is_async = is_coroutine_function(layers[0])
    if shape is None:
        return _detect_by_words(app, subject)
    if inspect.isasyncgenfunction(_function_of(layers[0])):
        return Interface(
            Kind.UNKNOWN, f"{subject} is an asynchronous generator (it contains 'yield'): not an application", shape
        )
    some_async = any(is_coroutine_function(layer) for layer in layers[: depth + 1])
    kind = _choose(shape, some_async)
    taken = f"{subject} takes {shape}"
    objection = _objection(layers[depth], kind, shape, is_async)
    if objection:
        return Interface(Kind.UNKNOWN, f"{taken}: {objection}", shape, is_async)
    if kind is Kind.UNKNOWN and shape.is_open:
        return _detect_by_words(app, subject, shape, is_async)
    if kind is Kind.FACTORY:
        return Interface(kind, f"{subject} takes no arguments: a factory", shape, is_async)
    verdict = kind.value if kind is not Kind.UNKNOWN else "neither ASGI nor WSGI"
    return Interface(kind, f"{taken}: {verdict}", shape, is_async)


def _choose(shape: Shape, some_async: bool) -> Kind:
    """Apply rules 1 and 2 of this module."""
    fitting = [convention for convention in CONVENTIONS if shape.takes(convention.count)]
    if len(fitting) > 1:
        named = [convention for convention in fitting if convention.is_named_by(shape)]
        if named:
            fitting = named
        elif some_async and fitting[0].kind is Kind.ASGI3:
            pass
        elif shape.is_open:
            fitting = []
        else:
            fitting = [convention for convention in fitting if convention.count == shape.required]
    return fitting[0].kind if fitting else Kind.UNKNOWN


def _objection(layer: Any, kind: Kind, shape: Shape, is_async: bool) -> str | None:
    """Why the verdict ``kind`` must not stand, or why there is none."""
    convention = _BY_KIND.get(kind)
    named = convention is not None and convention.is_named_by(shape)
    if isinstance(layer, type) and kind is not Kind.FACTORY:
        return _objection_to_class(layer, kind)
    if shape.names and not named and shape.required:
        first = shape.names[0].strip("_").lower()
        if first in NOT_AN_APP:
            return NOT_AN_APP[first]
        if kind is Kind.ASGI2 and first in _ENVIRON:
            return "a WSGI application takes (environ, start_response)"
    if is_async and kind in (Kind.WSGI, Kind.ASGI2):
        return "a coroutine function that is not an ASGI 3 application, which takes (scope, receive, send)"
    return None


def _objection_to_class(cls: type, kind: Kind) -> str | None:
    """A class is an application when calling it gives what the protocol expects to be given.

    PEP 3333 allows a class whose instances are the iterable; ASGI 2 is a class with ``__call__(receive, send)``;
    Starlette's ``HTTPEndpoint`` is a class taking all three arguments whose instances can be awaited.
    """
    if kind is Kind.WSGI and any(hasattr(cls, name) for name in ("__iter__", "__getitem__")):
        return None
    if kind is Kind.ASGI3 and hasattr(cls, "__await__"):
        return None
    of_instances = _shape_of_instances(cls)
    if kind is Kind.ASGI2 and of_instances is not None and of_instances.takes(2):
        if not _BY_KIND[Kind.WSGI].is_named_by(of_instances):
            return None
    if of_instances is None:
        return "a class whose instances are no application"
    return f"a class; its instances take {of_instances}: name an instance, or create one, 'module:{cls.__name__}(...)'"


def _shape_of_instances(cls: type) -> Shape | None:
    for base in cls.__mro__:
        call = vars(base).get("__call__")
        if call is not None:
            return shape_of_signature(types.MethodType(call, base)) if callable(call) else None
    return None


# The layers of a decorated callable


def _layers(call: Any) -> Iterator[Any]:
    """Yield the callable, then what it wraps, from the outside in."""
    seen: set[int] = set()
    while call is not None and callable(call) and id(call) not in seen and len(seen) < 100:
        seen.add(id(call))
        yield call
        call = _wrapped_by(call)


def _wrapped_by(call: Any) -> Any:
    if isinstance(call, functools.partial):
        inner = _wrapped_by(call.func)
        return None if inner is None else functools.partial(inner, *call.args, **call.keywords)
    if isinstance(call, types.MethodType):
        inner = getattr(call.__func__, "__wrapped__", None)
        return None if inner is None else types.MethodType(inner, call.__self__)
    if isinstance(call, type):
        return None
    inner = getattr(call, "__wrapped__", None)
    if inner is not None:
        return inner
    inner = getattr(getattr(type(call), "__call__", None), "__wrapped__", None)
    if inner is not None:
        return types.MethodType(inner, call)
    held = dict(getattr(call, "__dict__", {}))
    if isinstance(call, types.FunctionType) and call.__closure__:
        held = {
            name: cell.cell_contents
            for name, cell in zip(call.__code__.co_freevars, call.__closure__, strict=True)
            if cell != types.CellType()
        }
    return next((held[name] for name in PASSED_ON_TO if callable(held.get(name))), None)


def _first_telling(layers: list[Any], may_call: bool) -> tuple[Shape | None, int]:
    """The shape of the outermost layer that says more than ``*args``, and which layer that is."""
    last: Shape | None = None
    for depth, layer in enumerate(layers):
        shape = shape_of_signature(layer) or shape_of_docstring(layer)
        if shape is not None and not shape.is_open:
            return shape, depth
        last = last or shape
    if may_call and len(layers) == 1 and not _is_python(layers[0]):
        return shape_of_refusal(layers[0]) or last, 0
    return last, len(layers) - 1


def _function_of(call: Any) -> Any:
    """The function that runs when ``call`` is called: inside a partial, a method or an instance."""
    while isinstance(call, functools.partial):
        call = call.func
    if isinstance(call, types.MethodType):
        return call.__func__
    if isinstance(call, type) or hasattr(call, "__code__"):
        return call
    return getattr(type(call), "__call__", call)


def _is_python(call: Any) -> bool:
    return isinstance(getattr(_function_of(call), "__code__", None), types.CodeType)


def is_coroutine_function(call: Any) -> bool:
    """Whether calling ``call`` gives a coroutine, as far as can be told from outside.

    Besides :func:`inspect.iscoroutinefunction` it knows callables that only carry the flag on their code object
    (Cython) and those marked for asyncio (``_is_coroutine``, which asgiref and Cython set before Python 3.12).
    """
    if type(call) is types.FunctionType and not vars(call):
        return bool(call.__code__.co_flags & inspect.CO_COROUTINE)  # the short way: nothing is marked or wrapped
    function = _function_of(call)
    if inspect.iscoroutinefunction(call) or inspect.iscoroutinefunction(function):
        return True
    flags = getattr(getattr(function, "__code__", None), "co_flags", 0)
    if isinstance(flags, int) and flags & inspect.CO_COROUTINE:
        return True
    marker = getattr(asyncio.coroutines, "_is_coroutine", None)
    return marker is not None and getattr(function, "_is_coroutine", None) is marker


# Names


def subject_of(app: Any) -> str:
    """What ``app`` is, for a sentence: ``"async function 'app'"``, ``"Flask object"``, ``"class 'App'"``."""
    if isinstance(app, functools.partial):
        return f"partial of {subject_of(app.func)}"
    if isinstance(app, type):
        return f"class '{app.__name__}'"
    if isinstance(app, types.ModuleType):
        return f"module '{app.__name__}'"
    name = getattr(app, "__qualname__", None)
    if not isinstance(name, str) or not callable(app):
        kind = type(app).__name__
        return f"{'an' if kind[:1].lower() in 'aeiou' else 'a'} {kind} object"
    if isinstance(app, types.MethodType):
        return f"method '{name}'"
    prefix = "" if _is_python(app) and isinstance(app, types.FunctionType) else "compiled "
    return f"{prefix}{'async ' if is_coroutine_function(app) else ''}function '{name.rpartition('.<locals>.')[2]}'"


def _detect_by_words(app: Any, subject: str, shape: Shape | None = None, is_async: bool = False) -> Interface:
    """Rule 4, last part: nothing tells how it is called, so its name is all there is."""
    named = app if hasattr(app, "__qualname__") else type(app)
    for text in (getattr(named, "__qualname__", ""), getattr(named, "__module__", "")):
        words = set(re.findall(r"asgi|wsgi", str(text).lower()))
        if len(words) == 1:
            kind = Kind.ASGI3 if words == {"asgi"} else Kind.WSGI
            return Interface(
                kind,
                f"{subject} does not show its arguments; going by the name '{text}': {kind.value}",
                shape,
                is_async,
            )
    return Interface(
        Kind.UNKNOWN,
        f"{subject} does not show which arguments it takes, so nothing tells ASGI from WSGI: say it with --interface",
        shape,
        is_async,
    )
