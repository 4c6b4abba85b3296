from __future__ import annotations

import functools
import inspect
from typing import Any

import pytest

from bicorn.apps.shape import Shape, shape_of_docstring, shape_of_refusal, shape_of_signature


@pytest.mark.parametrize(
    ("shape", "counts"),
    [
        (Shape(("a", "b"), 2), [2]),
        (Shape(("a", "b", "c"), 1), [1, 2, 3]),
        (Shape(("a",), 1, is_variadic=True), [1, 2, 3]),
        (Shape((), 0), [0]),
        (Shape(("a", "b"), 2, keywords=("db",)), []),
    ],
)
def test_takes(shape: Shape, counts: list[int]) -> None:
    assert [count for count in range(4) if shape.takes(count)] == counts


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: 0, "()"),
        (lambda a, b=1: 0, "(a, b=...)"),
        (lambda a, /, b: 0, "(a, b)"),
        (lambda a, *rest: 0, "(a, *args)"),
        (lambda a, *, key, other=1: 0, "(a, *, key)"),
        (lambda *args, key: 0, "(*args, key)"),
        (lambda **kwargs: 0, "()"),
    ],
)
def test_signature(call: Any, text: str) -> None:
    assert str(shape_of_signature(call)) == text


class Methods:
    """Ways to take arguments besides self."""

    def two(self, a, b=1): ...

    def rest(*args): ...

    def nothing(): ...  # type: ignore[misc]

    @classmethod
    def of_class(cls, a): ...

    @staticmethod
    def static(a, b): ...

    def __call__(self, environ, start_response, *, debug=False): ...


class Inherits(Methods):
    """``__call__`` is its base's."""


class Signed(Methods):
    """Says it itself."""

    __signature__ = inspect.signature(lambda scope: 0)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (Methods().two, "(a, b=...)"),
        (Methods.two, "(self, a, b=...)"),
        (Methods().rest, "(*args)"),
        (Methods().nothing, "None"),
        (Methods.of_class, "(a)"),
        (Methods.static, "(a, b)"),
        (Methods(), "(environ, start_response)"),
        (Inherits(), "(environ, start_response)"),
        (Signed(), "(scope)"),
        (Methods, "()"),
        (functools.partial(Methods().two, 1), "(b=...)"),
    ],
)
def test_methods_and_objects(call: Any, text: str) -> None:
    assert str(shape_of_signature(call)) == text


def test_a_function_that_says_its_signature_itself() -> None:
    def call(*args): ...

    call.__signature__ = inspect.signature(lambda scope, receive, send: 0)  # type: ignore[attr-defined]
    assert str(shape_of_signature(call)) == "(scope, receive, send)"


def test_a_proxy_that_raises_says_nothing() -> None:
    class Proxy:
        def __call__(self): ...

        def __getattr__(self, name):
            raise RuntimeError("outside a request")

    assert shape_of_signature(Proxy()) is None


def test_no_signature() -> None:
    assert shape_of_signature(dict.__init__.__get__({})) is not None
    assert shape_of_signature(iter) is None or str(shape_of_signature(iter))
    assert shape_of_signature(3) is None


def documented(text: str | None) -> Any:
    def call(*args): ...

    call.__doc__ = text
    return call


@pytest.mark.parametrize(
    ("doc", "text"),
    [
        ("call(environ, start_response)\nServe.", "(environ, start_response)"),
        ("App.call(self, scope, receive, send)", "(scope, receive, send)"),
        ("call(int size, str name='x')", "(size, name=...)"),
        ("call(a: int, b: str = 'x')", "(a, b=...)"),
        ("call(a, /, *args, **kw)", "(a, *args)"),
        ("call(a, *, b)", "(a)"),
        ("call(**kw)", "()"),
        ("Serve the request.", None),
        (None, None),
    ],
)
def test_docstring(doc: str | None, text: str | None) -> None:
    shape = shape_of_docstring(documented(doc))
    assert (str(shape) if shape else None) == text


def raising(error: Exception) -> Any:
    def call() -> None:
        raise error

    return call


def raising_deep(error: Exception) -> Any:
    return lambda: raising(error)()


@pytest.mark.parametrize(
    ("call", "shape"),
    [
        (lambda a, b, c: 0, None),  # Python's own message names the arguments; only compiled callables are asked
        (isinstance, Shape(("arg1", "arg2"), 2)),
        (raising(TypeError("f() takes at least 2 positional arguments (0 given)")), Shape(("arg1", "arg2"), 2, True)),
        (raising(TypeError("f() takes no arguments (0 given)")), None),
        (raising_deep(TypeError("f() takes exactly 2 arguments (0 given)")), None),
        (raising(ValueError("3 arguments (0 given)")), None),
        (dict, Shape((), 0)),
    ],
)
def test_refusal(call: Any, shape: Shape | None) -> None:
    assert shape_of_refusal(call) == shape
