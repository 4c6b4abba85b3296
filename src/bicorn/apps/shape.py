"""The arguments a callable takes, read from its signature, its docstring or its refusal."""

from __future__ import annotations

import inspect
import re
import sys
import types
from typing import Any

from bicorn.record import Record

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class Shape(Record):
    """The arguments a callable takes.

    Args:
        names: its positional parameters, in order.
        required: how many of them have no default.
        is_variadic: whether it takes ``*args`` besides.
        keywords: keyword-only parameters without a default; with any, it cannot be called as an application.
    """

    names: tuple[str, ...]
    required: int
    is_variadic: bool = False
    keywords: tuple[str, ...] = ()

    def takes(self, count: int) -> bool:
        """Whether it can be called with ``count`` positional arguments."""
        return not self.keywords and self.required <= count and (self.is_variadic or count <= len(self.names))

    @property
    def is_open(self) -> bool:
        """Whether it is ``(*args)``: callable with anything, and so saying nothing."""
        return self.is_variadic and not self.names and not self.keywords

    def __str__(self) -> str:
        parts = [name if place < self.required else f"{name}=..." for place, name in enumerate(self.names)]
        if self.is_variadic:
            parts.append("*args")
        elif self.keywords:
            parts.append("*")
        return f"({', '.join([*parts, *self.keywords])})"


def shape_of_signature(call: Any) -> Shape | None:
    """Read ``call``'s own signature, without looking behind ``__wrapped__``; None where it has none."""
    try:
        if plain := _shape_of_code(call):
            return plain
    except Exception:  # a proxy that raises
        return None
    options: dict[str, Any] = {"follow_wrapped": False}
    if sys.version_info >= (3, 14):
        # Annotations are evaluated when they are asked for (PEP 649): a name imported under TYPE_CHECKING must not
        # fail the detection.
        from annotationlib import Format

        options["annotation_format"] = Format.FORWARDREF
    try:
        parameters = inspect.signature(call, **options).parameters.values()
    except Exception:  # a broken __signature__, a builtin without one, a proxy that raises: all say nothing
        return None
    positional = [p for p in parameters if p.kind in _POSITIONAL]
    if isinstance(call, types.BuiltinFunctionType) and positional and positional[0].name == "self":
        del positional[0]  # a builtin is bound already, yet one without a signature text may show its self
    return Shape(
        names=tuple(p.name for p in positional),
        required=sum(p.default is p.empty for p in positional),
        is_variadic=any(p.kind is p.VAR_POSITIONAL for p in parameters),
        keywords=tuple(p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty),
    )


def _shape_of_code(call: Any) -> Shape | None:
    """What :func:`inspect.signature` says of a Python function, a method, or an object whose class has ``__call__``.

    Most applications are one of these. For those inspect would only cost memory: it is a lot of code, and each worker
    gets its own copy of every page with a function that it runs.
    """
    function, bound = call, 0
    if isinstance(call, types.MethodType):
        function, bound = call.__func__, 1
    elif not isinstance(call, (type, types.FunctionType)):
        owner = next((each for each in type(call).__mro__ if "__call__" in vars(each)), object)
        function, bound = vars(owner).get("__call__"), 1
    if type(function) is not types.FunctionType or hasattr(call, "__signature__") or hasattr(function, "__signature__"):
        return None
    code = function.__code__
    names = code.co_varnames[: code.co_argcount]
    if bound and not names:
        return None  # self goes into *args, or the call must fail
    required = max(0, len(names) - len(function.__defaults__ or ()) - bound)
    only_keywords = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    has_default = function.__kwdefaults__ or {}
    return Shape(
        names=names[bound:],
        required=required,
        is_variadic=bool(code.co_flags & inspect.CO_VARARGS),
        keywords=tuple([name for name in only_keywords if name not in has_default]),
    )


def shape_of_docstring(call: Any) -> Shape | None:
    """Read the signature that Cython's ``embedsignature`` puts in the docstring: ``"app(environ, start)"``."""
    name = getattr(call, "__name__", None)
    text = getattr(call, "__doc__", None)
    if not isinstance(name, str) or not isinstance(text, str):
        return None
    found = re.match(rf"\s*(?:\w+\.)*{re.escape(name)}\(([^()]*)\)", text)
    if found is None:
        return None
    names: list[str] = []
    required, is_variadic = 0, False
    for part in filter(None, (part.strip() for part in found[1].split(","))):
        if part.startswith("**") or part == "/":
            continue
        if part.startswith("*"):
            is_variadic = part != "*"
            break
        declared, has_default, _ = part.partition("=")
        names.append(declared.partition(":")[0].split()[-1])  # "int size=0" and "size: int = 0" both declare "size"
        required += not has_default
    if names[:1] == ["self"]:
        names, required = names[1:], required - 1
    return Shape(tuple(names), required, is_variadic)


def shape_of_refusal(call: Any) -> Shape | None:
    """Call ``call`` without arguments and read how many it wants from its refusal.

    Only for compiled callables that show nothing: their argument check comes before any of their code, and Uvicorn
    makes the same call on every application to find factories.
    """
    try:
        call()
    except TypeError as error:
        deeper = error.__traceback__ and error.__traceback__.tb_next
        if deeper and deeper.tb_next:  # raised by code that ran; Cython adds one frame for the argument check itself
            return None
        found = re.search(r"([1-9]\d*) (?:positional )?arguments?\b.*\b(?:0 given|got 0)", str(error))
        if found is None:
            return None
        required = int(found[1])
        return Shape(tuple(f"arg{place}" for place in range(1, required + 1)), required, "at least" in str(error))
    except Exception:
        return None
    return Shape((), 0)
