"""The conditions of a C preprocessor, evaluated for one Python (C17, 6.10.1), as far as they can be.

A macro may come from a compiler's command line or from a header that is not here: what is not known for sure is None,
and stays None until something else decides (``0 && x``).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from ..facts import Target
from ..knowledge import api, api_macros

DEEPEST = 60
LONGEST = 2000

Lookup = Callable[[str], tuple[bool | None, int | None]]
"""Of a macro's name: whether it is defined, and its value."""

_TOKEN = re.compile(r"\s*(?:(0[xX][0-9a-fA-F]+|\d+)[uUlL]*|(\w+)|(\|\||&&|[=!<>]=|<<|>>|[-+*/%<>!~&|^()?:,]))")
_LEVELS = (
    ("||",),
    ("&&",),
    ("|",),
    ("^",),
    ("&",),
    ("==", "!="),
    ("<", "<=", ">", ">="),
    ("<<", ">>"),
    ("+", "-"),
    ("*", "/", "%"),
)
_BINDS = {operator: level for level, operators in enumerate(_LEVELS) for operator in operators}
_SIMPLE = re.compile(r"\s*\(?\s*(0[xX][0-9a-fA-F]+|\d+)[uUlL]*\s*\)?\s*")  # most of what is defined is a number, or
_NOTHING = re.compile(r"\s*(?:[\"'{;#\\\[]|$)")  # no expression
_WINDOWS = ("_WIN32", "WIN32", "_WIN64", "MS_WINDOWS", "MS_WIN32", "MS_WIN64", "_MSC_VER", "__MINGW32__")
_ELSEWHERE = {
    "linux": (*_WINDOWS, "__APPLE__"),
    "darwin": (*_WINDOWS, "__linux__"),
    "win32": ("__APPLE__", "__linux__", "__unix__"),
}
_HERE = {"linux": ("__linux__", "__unix__"), "darwin": ("__APPLE__",), "win32": ("_WIN32", "MS_WINDOWS")}
_OTHERS = ("PYPY_VERSION", "PYPY_VERSION_NUM", "GRAALVM_PYTHON", "PYSTON_VERSION")


class _Unclear(Exception):
    """It is no expression that is understood."""


def truth(expression: str, lookup: Lookup) -> bool | None:
    """Whether a condition holds; None where that cannot be said."""
    found = value(expression, lookup)
    return None if found is None else bool(found)


def value(expression: str, lookup: Lookup) -> int | None:
    """An expression's value; None where that cannot be said."""
    names = _asked(expression)
    return None if names is None else _value(expression, tuple(map(lookup, names)))


def depends(expression: str) -> bool:
    """Whether its value depends on macros."""
    return bool(_asked(expression))


@lru_cache(4096)
def _asked(expression: str) -> tuple[str, ...] | None:
    """The macros that its value depends on; None where it is not understood. A header is gone through over and over."""
    if len(expression) > LONGEST or _NOTHING.match(expression):
        return None
    names: dict[str, None] = {}

    def ask(name: str) -> tuple[None, None]:
        names[name] = None
        return None, None

    try:
        reader = _Reader(expression, ask)
        reader.ternary(0)
        return tuple(names) if reader.at_end() else None
    except (_Unclear, RecursionError, OverflowError):
        return None


@lru_cache(8192)
def _value(expression: str, known: tuple[tuple[bool | None, int | None], ...]) -> int | None:
    """Its value, with what is known of those macros."""
    if (number := _SIMPLE.fullmatch(expression)) and expression.count("(") == expression.count(")"):
        return _number(number[1])
    told = dict(zip(_asked(expression) or (), known, strict=True))
    try:
        return _Reader(expression, told.__getitem__).ternary(0)
    except (_Unclear, RecursionError, OverflowError):
        return None


def predefined(target: Target, *, cplusplus: bool) -> dict[str, tuple[bool | None, int | None]]:
    """What is known of macros for a target before a file is read."""
    major, minor, micro = (*target.python.release, 0, 0)[:3]
    system = target.markers.get("sys_platform", "")
    found: dict[str, tuple[bool | None, int | None]] = {
        "PY_MAJOR_VERSION": (True, major),
        "PY_MINOR_VERSION": (True, minor),
        "PY_MICRO_VERSION": (True, micro),
        "PY_VERSION_HEX": (True, major << 24 | minor << 16 | micro << 8 | 0xF0),
        "Py_GIL_DISABLED": (target.free_threaded, 1 if target.free_threaded else None),
        "__cplusplus": (cplusplus, None),
        "Py_PYTHON_H": (True, None),
    }
    found |= dict.fromkeys(api_macros(), (True, None))
    found |= dict.fromkeys((*_OTHERS, *_ELSEWHERE.get(system, ())), (False, None))
    found |= dict.fromkeys(_HERE.get(system, ()), (True, None))
    for name, row in api("name").items():
        if row.is_gone((major, minor)):
            found[name] = (False, None)
    return found


class _Reader:
    """Reads an expression, one token after the other."""

    def __init__(self, text: str, lookup: Lookup) -> None:
        self._tokens = _tokens(text)
        self._at = 0
        self._lookup = lookup

    def at_end(self) -> bool:
        return self._at >= len(self._tokens)

    def ternary(self, depth: int) -> int | None:
        if depth > DEEPEST:
            raise _Unclear
        condition = self._binary(0, depth)
        if not self._take("?"):
            return condition
        yes = self.ternary(depth + 1)
        self._expect(":")
        no = self.ternary(depth + 1)
        return None if condition is None else yes if condition else no

    def _binary(self, level: int, depth: int) -> int | None:
        left = self._unary(depth)
        while (binds := _BINDS.get(operator := self._peek(), -1)) >= level:
            self._at += 1
            left = _applied(operator, left, self._binary(binds + 1, depth))
        return left

    def _unary(self, depth: int) -> int | None:
        if depth > DEEPEST:
            raise _Unclear
        if operator := self._take("!", "-", "+", "~"):
            found = self._unary(depth + 1)
            if found is None:
                return None
            return {"!": int(not found), "-": -found, "+": found, "~": ~found}[operator]
        if self._take("("):
            found = self.ternary(depth + 1)
            self._expect(")")
            return found
        return self._atom()

    def _atom(self) -> int | None:
        token = self._next()
        if token[0].isdigit():
            return _number(token)
        if not re.match(r"\w", token):
            raise _Unclear
        if token == "defined":
            bracket = self._take("(")
            defined, _ = self._lookup(self._next())
            if bracket:
                self._expect(")")
            return None if defined is None else int(defined)
        if self._peek() == "(":  # a function-like macro: __GNUC_PREREQ(4, 3)
            self._skip()
            return None
        defined, known = self._lookup(token)
        return 0 if defined is False else known

    def _skip(self) -> None:
        open_ = 0
        while True:
            token = self._next()
            open_ += (token == "(") - (token == ")")
            if not open_:
                return

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _next(self) -> str:
        if self.at_end():
            raise _Unclear
        self._at += 1
        return self._tokens[self._at - 1]

    def _take(self, *tokens: str) -> str:
        if self._peek() in tokens:
            return self._next()
        return ""

    def _expect(self, token: str) -> None:
        if not self._take(token):
            raise _Unclear


def _number(token: str) -> int:
    if token[:2] in ("0x", "0X"):
        return int(token, 16)
    return int(token, 8) if token[0] == "0" and token.strip("01234567") == "" else int(token)


@lru_cache(4096)
def _tokens(text: str) -> tuple[str, ...]:
    found, at = [], 0
    text = text.rstrip()
    while at < len(text):
        match = _TOKEN.match(text, at)
        if not match:
            raise _Unclear
        found.append(match[1] or match[2] or match[3])
        at = match.end()
    return tuple(found)


def _applied(operator: str, left: int | None, right: int | None) -> int | None:
    if operator == "&&":
        if 0 in (left, right):
            return 0
        return None if left is None or right is None else 1
    if operator == "||":
        if left or right:
            return 1
        return None if left is None or right is None else 0
    if left is None or right is None:
        return None
    if operator in ("/", "%", "<<", ">>"):
        if operator in ("/", "%") and right:
            return left // right if operator == "/" else left % right
        if operator in ("<<", ">>") and 0 <= right < 64:
            return left << right if operator == "<<" else left >> right
        raise _Unclear
    return {
        "|": left | right,
        "^": left ^ right,
        "&": left & right,
        "==": int(left == right),
        "!=": int(left != right),
        "<": int(left < right),
        "<=": int(left <= right),
        ">": int(left > right),
        ">=": int(left >= right),
        "+": left + right,
        "-": left - right,
        "*": left * right,
    }[operator]
