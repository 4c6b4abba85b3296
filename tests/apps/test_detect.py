"""Every way people write an application, and what it is taken for."""

from __future__ import annotations

import asyncio
import functools
import importlib
import inspect
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest

from bicorn.apps.detect import Interface, Kind, detect, is_coroutine_function, subject_of


async def asgi3(scope, receive, send): ...
async def asgi3_unnamed(a, b, c): ...
async def asgi3_defaults(scope, receive=None, send=None): ...
def asgi3_sync(scope, receive, send): ...
def wsgi(environ, start_response): ...
def wsgi_unnamed(a, b): ...
def wsgi_third(environ, start_response, exc_info=None): ...
def wsgi_unnamed_third(a, b, c=None): ...
def wsgi_with_rest(environ, *rest): ...
def asgi2(scope): ...
def asgi2_unnamed(s): ...
def factory(): ...
def factory_defaults(config=None, testing=False, extra=None): ...
async def async_factory(): ...


def passing_on(function):
    """A decorator as people write it: the wrapper itself says nothing."""

    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs)

    return wrapper


def async_passing_on(function):
    @functools.wraps(function)
    async def wrapper(*args, **kwargs):
        return await function(*args, **kwargs)

    return wrapper


def unwrapped_passing_on(app):
    """Middleware without functools.wraps."""

    def wrapper(*args):
        return app(*args)

    return wrapper


def converting(function):
    """An outer callable with arguments of its own: they count, not those of what it wraps."""

    @functools.wraps(function)
    def wrapper(environ, start_response):
        return []

    return wrapper


class Asgi3:
    async def __call__(self, scope, receive, send): ...


class Wsgi:
    def __call__(self, environ, start_response): ...


class Asgi2Instance:
    def __call__(self, scope): ...


class Asgi2:
    def __init__(self, scope): ...
    async def __call__(self, receive, send): ...


class WsgiClass:
    def __init__(self, environ, start_response): ...
    def __iter__(self): ...


class Endpoint:
    """Starlette's HTTPEndpoint has this shape."""

    def __init__(self, scope, receive, send): ...
    def __await__(self): ...


class Middleware:
    def __init__(self, app):
        self.app = app

    def __call__(self, *args, **kwargs):
        return self.app(*args, **kwargs)


class Decorated:
    @passing_on
    async def __call__(self, scope, receive, send): ...

    @passing_on
    def handle(self, environ, start_response): ...

    @staticmethod
    def static(environ, start_response): ...

    @classmethod
    async def of_class(cls, scope, receive, send): ...


class Decorator:
    """A decorator that is a class."""

    def __init__(self, function):
        functools.update_wrapper(self, function)

    def __call__(self, *args):
        return self.__wrapped__(*args)


class BrokenSignature:
    __signature__ = "not a signature"

    def __call__(self, environ, start_response): ...


def with_extra(extra, environ, start_response): ...


async def with_keyword(scope, receive, send, *, tracer=None): ...


def annotated(environ: NotImported, start_response: Missing) -> Nothing: ...  # noqa: F821


APPLICATIONS: list[tuple[str, Any, Kind]] = [
    ("ASGI 3 function", asgi3, Kind.ASGI3),
    ("ASGI 3 by count", asgi3_unnamed, Kind.ASGI3),
    ("ASGI 3 with defaults", asgi3_defaults, Kind.ASGI3),
    ("ASGI 3, not a coroutine function", asgi3_sync, Kind.ASGI3),
    ("ASGI 3 with a keyword", with_keyword, Kind.ASGI3),
    ("WSGI function", wsgi, Kind.WSGI),
    ("WSGI by count", wsgi_unnamed, Kind.WSGI),
    ("WSGI with a third argument", wsgi_third, Kind.WSGI),
    ("WSGI by the arguments it insists on", wsgi_unnamed_third, Kind.WSGI),
    ("WSGI by its first name", wsgi_with_rest, Kind.WSGI),
    ("WSGI lambda", lambda environ, start_response: [], Kind.WSGI),
    ("WSGI, annotated with names that do not exist", annotated, Kind.WSGI),
    ("ASGI 2 function", asgi2, Kind.ASGI2),
    ("ASGI 2 by count", asgi2_unnamed, Kind.ASGI2),
    ("factory", factory, Kind.FACTORY),
    ("factory with defaults", factory_defaults, Kind.FACTORY),
    ("async factory", async_factory, Kind.FACTORY),
    ("ASGI 3 instance", Asgi3(), Kind.ASGI3),
    ("WSGI instance", Wsgi(), Kind.WSGI),
    ("ASGI 2 instance", Asgi2Instance(), Kind.ASGI2),
    ("ASGI 2 class", Asgi2, Kind.ASGI2),
    ("WSGI class", WsgiClass, Kind.WSGI),
    ("ASGI 3 class", Endpoint, Kind.ASGI3),
    ("class of ASGI 3 instances", Asgi3, Kind.FACTORY),
    ("partial of WSGI", functools.partial(with_extra, "extra"), Kind.WSGI),
    ("partial of ASGI 3", functools.partial(asgi3), Kind.ASGI3),
    ("partial with a keyword", functools.partial(with_keyword, tracer=1), Kind.ASGI3),
    ("partial of a partial", functools.partial(functools.partial(with_extra, "extra")), Kind.WSGI),
    ("partial of a wrapper", functools.partial(passing_on(with_extra), "extra"), Kind.WSGI),
    ("partial of an instance", functools.partial(Asgi3()), Kind.ASGI3),
    ("wrapped ASGI 3", passing_on(asgi3), Kind.ASGI3),
    ("wrapped WSGI", passing_on(wsgi), Kind.WSGI),
    ("wrapped twice", passing_on(passing_on(asgi3)), Kind.ASGI3),
    ("wrapped by a coroutine function", async_passing_on(asgi3_sync), Kind.ASGI3),
    ("converted to WSGI", converting(asgi3), Kind.WSGI),
    ("wrapped, nothing known but a coroutine", passing_on(async_passing_on(MagicMock(spec=["x"]))), Kind.ASGI3),
    ("middleware without wraps", unwrapped_passing_on(Asgi3()), Kind.ASGI3),
    ("middleware object", Middleware(wsgi), Kind.WSGI),
    ("middleware around middleware", Middleware(Middleware(Asgi3())), Kind.ASGI3),
    ("class-based decorator", Decorator(asgi3), Kind.ASGI3),
    ("instance with a wrapped __call__", Decorated(), Kind.ASGI3),
    ("bound method", Asgi3().__call__, Kind.ASGI3),
    ("wrapped bound method", Decorated().handle, Kind.WSGI),
    ("static method", Decorated.static, Kind.WSGI),
    ("class method", Decorated.of_class, Kind.ASGI3),
    ("broken __signature__", BrokenSignature(), Kind.UNKNOWN),
]


@pytest.mark.parametrize(
    ("app", "kind"), [(app, kind) for _, app, kind in APPLICATIONS], ids=[a[0] for a in APPLICATIONS]
)
def test_kind(app: Any, kind: Kind) -> None:
    assert detect(app).kind is kind, detect(app).reason


class Inner:
    async def __call__(self, receive, send): ...


def handler(event, context): ...
def view(request): ...
def broken_wsgi(environ): ...
def with_config(config): ...
def one_missing(scope, receive, send, more): ...
def needs_keyword(environ, start_response, *, db): ...
async def coroutine_wsgi(environ, start_response): ...
async def coroutine_of_one(scope): ...
async def generator(scope, receive, send):
    yield


class NotAnApp:
    def __init__(self, environ, start_response): ...


class NeedsName:
    def __init__(self, name): ...
    def __call__(self, environ, start_response): ...


class Odd:
    """A class whose ``__call__`` is switched off."""

    __call__ = None

    def __init__(self, a, b): ...


def nothing_known(*args): ...


NO_APPLICATIONS: list[tuple[Any, str]] = [
    (Inner(), "inner half of an ASGI 2 application"),
    (handler, "AWS Lambda"),
    (view, "a view"),
    (broken_wsgi, "a WSGI application takes (environ, start_response)"),
    (with_config, "takes (config): a factory with arguments"),
    (one_missing, "takes (scope, receive, send, more): neither ASGI nor WSGI"),
    (needs_keyword, "takes (environ, start_response, *, db): neither ASGI nor WSGI"),
    (coroutine_wsgi, "a coroutine function that is not an ASGI 3 application"),
    (coroutine_of_one, "a coroutine function that is not an ASGI 3 application"),
    (generator, "asynchronous generator"),
    (Asgi3.__call__, "not bound to an object"),
    (NotAnApp, "a class whose instances are no application"),
    (NeedsName, "a class; its instances take (environ, start_response)"),
    (Odd, "a class whose instances are no application"),
    (nothing_known, "say it with --interface"),
    (Middleware(print), "say it with --interface"),
]


@pytest.mark.parametrize(("app", "reason"), NO_APPLICATIONS, ids=[reason for _, reason in NO_APPLICATIONS])
def test_what_is_no_application_is_explained(app: Any, reason: str) -> None:
    found = detect(app)
    assert found.kind is Kind.UNKNOWN
    assert reason in found.reason


def test_reasons_name_the_object_and_its_arguments() -> None:
    assert detect(wsgi).reason == "function 'wsgi' takes (environ, start_response): WSGI"
    assert (
        detect(asgi3_defaults).reason == "async function 'asgi3_defaults' takes (scope, receive=..., send=...): ASGI 3"
    )
    assert detect(factory).reason == "function 'factory' takes no arguments: a factory"
    assert detect(Asgi3()).reason == "an Asgi3 object takes (scope, receive, send): ASGI 3"


def test_callables_of_other_servers_are_named() -> None:
    application = type("Application", (), {"__module__": "tornado.web", "__call__": lambda self, request: None})
    child = type("Site", (application,), {})
    assert "Tornado's Application speaks neither" in detect(child()).reason


def test_a_callable_that_shows_nothing_is_judged_by_its_words() -> None:
    class MyAsgiApp:
        def __call__(self, *args): ...

    class Opaque:
        def __call__(self, *args): ...

    Opaque.__module__ = "mysite.wsgi"
    assert detect(MyAsgiApp()).kind is Kind.ASGI3
    assert detect(Opaque()).kind is Kind.WSGI
    assert "going by the name 'mysite.wsgi': WSGI" in detect(Opaque()).reason


@pytest.mark.parametrize(
    ("app", "kind", "expected"),
    [
        (wsgi, Kind.ASGI3, True),
        (wsgi, Kind.WSGI, False),
        (asgi3, Kind.WSGI, True),
        (coroutine_wsgi, Kind.WSGI, True),
        (nothing_known, Kind.ASGI3, False),
        (asgi3_defaults, Kind.ASGI2, True),
        (wsgi_third, Kind.ASGI3, False),
    ],
)
def test_cannot_be(app: Any, kind: Kind, expected: bool) -> None:
    assert detect(app).cannot_be(kind) is expected


def test_nothing_known_cannot_be_ruled_out() -> None:
    assert not Interface(Kind.UNKNOWN, "").cannot_be(Kind.WSGI)


def test_endless_wrapping_ends() -> None:
    def wrapper(*args): ...

    wrapper.__wrapped__ = wrapper
    assert detect(wrapper).kind is Kind.UNKNOWN
    assert detect(MagicMock()).kind is Kind.UNKNOWN


def test_an_empty_cell_is_no_application() -> None:
    def middleware():
        def wrapper(*args):
            return app(*args)

        if not wrapper:
            app = None
        return wrapper

    assert detect(middleware()).kind is Kind.UNKNOWN


def test_coroutine_functions_marked_for_asyncio(monkeypatch: pytest.MonkeyPatch) -> None:
    marker = object()
    monkeypatch.setattr(asyncio.coroutines, "_is_coroutine", marker, raising=False)

    def marked(*args): ...

    assert not is_coroutine_function(marked)
    marked._is_coroutine = marker
    assert is_coroutine_function(marked)
    assert detect(marked).kind is Kind.ASGI3


def test_coroutine_functions_known_by_their_code_only() -> None:
    class CompiledLike:
        __code__ = types.SimpleNamespace(co_flags=inspect.CO_COROUTINE)

        def __call__(self, *args): ...

    assert is_coroutine_function(CompiledLike())


@pytest.mark.parametrize(
    ("app", "subject"),
    [
        (wsgi, "function 'wsgi'"),
        (asgi3, "async function 'asgi3'"),
        (Asgi3, "class 'Asgi3'"),
        (Wsgi(), "a Wsgi object"),
        (Asgi3().__call__, "method 'Asgi3.__call__'"),
        (functools.partial(wsgi), "partial of function 'wsgi'"),
        (asyncio, "module 'asyncio'"),
        (print, "compiled function 'print'"),
    ],
)
def test_subject(app: Any, subject: str) -> None:
    assert subject_of(app) == subject


# Compiled applications


COMPILED = """
# cython: language_level=3
import cython

async def asgi(scope, receive, send): pass
def wsgi(environ, start_response): return []
def factory(): return wsgi
class PyAsgi:
    async def __call__(self, scope, receive, send): pass
cdef class ExtensionAsgi:
    async def __call__(self, scope, receive, send): pass
cdef class ExtensionWsgi:
    def __call__(self, environ, start_response): return []
cdef class ExtensionWsgiClass:
    def __init__(self, environ, start_response): pass
    def __iter__(self): return iter([])
@cython.binding(False)
async def bare_asgi(scope, receive, send): pass
@cython.binding(False)
@cython.embedsignature(True)
def documented_wsgi(environ, start_response): return []
@cython.binding(False)
def bare_call(a, b): raise SystemExit
@cython.binding(False)
def bare_factory(): return wsgi
"""


@pytest.fixture(scope="session")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> types.ModuleType:
    """A module of applications compiled by Cython, or a skip where that cannot be had."""
    build = pytest.importorskip("Cython.Build", reason="Cython is not installed")
    pytest.importorskip("setuptools", reason="setuptools is not installed")
    from setuptools import Distribution, Extension
    from setuptools.command.build_ext import build_ext

    folder: Path = tmp_path_factory.mktemp("compiled")
    source = folder / "compiled_applications.pyx"
    source.write_text(COMPILED)
    try:
        extensions = build.cythonize([Extension("compiled_applications", [str(source)])], quiet=True)
        command = build_ext(Distribution({"ext_modules": extensions}))
        command.build_lib, command.build_temp = str(folder), str(folder / "temp")
        command.ensure_finalized()
        command.run()
    except Exception as error:  # no compiler, no Python headers
        pytest.skip(f"cannot compile here: {error}")
    sys.path.insert(0, str(folder))
    try:
        return importlib.import_module("compiled_applications")
    finally:
        sys.path.remove(str(folder))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "make", "kind"),
    [
        ("asgi", None, Kind.ASGI3),
        ("wsgi", None, Kind.WSGI),
        ("factory", None, Kind.FACTORY),
        ("PyAsgi", lambda cls: cls(), Kind.ASGI3),
        ("PyAsgi", None, Kind.FACTORY),
        ("ExtensionAsgi", lambda cls: cls(), Kind.ASGI3),
        ("ExtensionWsgi", lambda cls: cls(), Kind.WSGI),
        ("ExtensionWsgiClass", None, Kind.WSGI),
        ("bare_asgi", None, Kind.ASGI3),
        ("documented_wsgi", None, Kind.WSGI),
        ("bare_factory", None, Kind.FACTORY),
        ("asgi", functools.partial, Kind.ASGI3),
        ("asgi", passing_on, Kind.ASGI3),
    ],
)
def test_compiled_applications(
    compiled: types.ModuleType, name: str, make: Callable[[Any], Any] | None, kind: Kind
) -> None:
    app = getattr(compiled, name)
    assert detect(make(app) if make else app).kind is kind


@pytest.mark.slow
def test_a_compiled_callable_is_not_called_when_it_must_not_be(compiled: types.ModuleType) -> None:
    found = detect(compiled.bare_call, may_call=False)
    assert found.kind is Kind.UNKNOWN
    assert found.reason.startswith("compiled function 'bare_call' does not show which arguments it takes")


# Frameworks, as they are


FRAMEWORKS = {
    "flask": ("import flask; app = flask.Flask('x')", Kind.WSGI),
    "quart": ("import quart; app = quart.Quart('x')", Kind.ASGI3),
    "starlette": ("from starlette.applications import Starlette; app = Starlette()", Kind.ASGI3),
    "fastapi": ("import fastapi; app = fastapi.FastAPI()", Kind.ASGI3),
    "litestar": ("import litestar; app = litestar.Litestar([])", Kind.ASGI3),
    "falcon": ("import falcon; app = falcon.App()", Kind.WSGI),
    "falcon.asgi": ("import falcon.asgi; app = falcon.asgi.App()", Kind.ASGI3),
    "django.core.wsgi": ("from django.core.handlers.wsgi import WSGIHandler as c; app = c.__new__(c)", Kind.WSGI),
    "django.core.asgi": ("from django.core.handlers.asgi import ASGIHandler as c; app = c.__new__(c)", Kind.ASGI3),
    "bottle": ("import bottle; app = bottle.Bottle()", Kind.WSGI),
    "pyramid": ("from pyramid.router import Router as c; app = c.__new__(c)", Kind.WSGI),
    "connexion": ("import connexion; app = connexion.AsyncApp('x')", Kind.ASGI3),
    "a2wsgi": ("import a2wsgi; app = a2wsgi.WSGIMiddleware(print)", Kind.ASGI3),
    "asgiref.wsgi": ("from asgiref.wsgi import WsgiToAsgi; app = WsgiToAsgi(print)", Kind.ASGI3),
    "socketio": (
        "import socketio; app = socketio.ASGIApp(socketio.AsyncServer(async_mode='asgi'))",
        Kind.ASGI3,
    ),
    "whitenoise": ("import whitenoise; app = whitenoise.WhiteNoise(print)", Kind.WSGI),
    "opentelemetry.instrumentation.asgi": (
        "from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware as c; app = c.__new__(c)",
        Kind.ASGI3,
    ),
    "sentry_sdk": (
        "from sentry_sdk.integrations.asgi import SentryAsgiMiddleware as c; app = c(asgi3)",
        Kind.ASGI3,
    ),
    "aiohttp.web": ("import aiohttp.web; app = aiohttp.web.Application()", Kind.UNKNOWN),
    "wrapt": (
        "import wrapt; app = wrapt.decorator(lambda f, i, a, k: f(*a, **k))(lambda environ, respond: [])",
        Kind.WSGI,
    ),
}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", FRAMEWORKS)
def test_frameworks(name: str) -> None:
    pytest.importorskip(name, reason=f"{name} is not installed", exc_type=ImportError)
    source, kind = FRAMEWORKS[name]
    namespace: dict[str, Any] = {"asgi3": asgi3}
    exec(source, namespace)
    assert detect(namespace["app"]).kind is kind, detect(namespace["app"]).reason
