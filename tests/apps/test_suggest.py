from __future__ import annotations

import sys
import types
from typing import Any

import pytest

from bicorn.apps import suggest
from bicorn.apps.detect import Kind


@pytest.mark.parametrize(
    ("name", "known", "expected"),
    [
        ("ap", ["app", "application"], "app"),
        ("APP", ["app"], "app"),
        ("applicaton", ["app", "Application"], "Application"),
        ("zzz", ["app"], None),
        ("app", [], None),
    ],
)
def test_nearest(name: str, known: list[str], expected: str | None) -> None:
    assert suggest.nearest(name, known) == expected


def module(**names: Any) -> types.ModuleType:
    made = types.ModuleType("made")
    vars(made).update(names)
    return made


class Callable:
    def __call__(self, environ, start_response): ...


def test_applications_in_a_module() -> None:
    async def handler(scope, receive, send): ...
    def add(a, b): ...
    def wsgi(environ, start_response): ...

    found = suggest.applications_in(
        module(site=Callable(), Site=Callable, _own=Callable(), handler=handler, add=add, wsgi=wsgi, n=1, len=len)
    )
    assert found == {"site": Kind.WSGI, "handler": Kind.ASGI3, "wsgi": Kind.WSGI}
    assert suggest.describe_contents(module(wsgi=wsgi)) == "it has: wsgi (WSGI)"
    assert suggest.describe_contents(module()) == "nothing in it looks like an application"


def test_an_application_inside_an_object() -> None:
    assert suggest.application_inside(types.SimpleNamespace(app=1, server=Callable())) == "server"
    assert suggest.application_inside(object()) is None


def test_submodules_are_only_looked_for_in_packages() -> None:
    assert suggest.submodules_with_apps(module()) == []


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "None"),
        ("x" * 50, f"the text '{'x' * 40}'"),
        (sys, "the module 'sys'"),
        ({}, "a dict"),
        (1, "an int"),
    ],
)
def test_values_in_words(value: object, text: str) -> None:
    assert suggest.describe_value(value) == text


def test_import_errors_without_a_frame_of_the_user() -> None:
    assert suggest.explain_import_error(ImportError("made up")) == ""


def test_other_import_errors_say_where() -> None:
    try:
        raise ImportError("libpq.so: cannot open shared object file")
    except ImportError as error:
        text = suggest.explain_import_error(error)
    assert text.partition(" line ")[0].endswith("test_suggest.py")
