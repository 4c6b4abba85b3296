"""The text that names an application: ``main``, ``main:app``, ``main:site.api``, ``main:create_app("prod")``."""

from __future__ import annotations

import ast
import keyword

from bicorn.errors import AppNotFound
from bicorn.record import Record

_FORMS = "give it as 'module', 'module:attribute' or 'module:factory(\"argument\")'"


class Target(Record):
    """A parsed target.

    Args:
        text: the target as it was given.
        module: the module to import, ``"mysite.wsgi"``.
        expression: what to take from it, or None for ``app`` or ``application``: names, attributes and calls with
            literal arguments, in the order Python would evaluate them.
    """

    text: str
    module: str
    expression: ast.expr | None


def parse_target(text: str) -> Target:
    """Parse ``text``; raise AppNotFound with the nearest right form when it is none.

    Nothing of it is evaluated: arguments are literals, as in Gunicorn.
    """
    module, colon, attribute = [part.strip() for part in text.partition(":")]
    if not module:
        raise AppNotFound(f"{text!r} names no module: {_FORMS}")
    if module.endswith(".py") or "/" in module or module.startswith("."):
        raise AppNotFound(_explain_path(text, module, attribute))
    if not colon:
        return Target(text, module, None)
    if not attribute:
        raise AppNotFound(f"{text!r} names nothing after the colon: {_FORMS}, for example {module + ':app'!r}")
    if attribute.isidentifier() and not keyword.iskeyword(attribute):
        # As it nearly always is. The parser is left out: it would make its own types first, in each worker.
        return Target(text, module, ast.Name(attribute))
    try:
        expression = ast.parse(attribute, mode="eval").body
    except (SyntaxError, ValueError):
        raise AppNotFound(f"{attribute!r} in {text!r} is not an attribute or a call: {_FORMS}") from None
    _check(expression, text)
    return Target(text, module, expression)


def arguments_of(call: ast.Call) -> tuple[list[object], dict[str, object]]:
    """The literal positional and keyword arguments of a checked call."""
    positional = [ast.literal_eval(argument) for argument in call.args]
    return positional, {keyword.arg: ast.literal_eval(keyword.value) for keyword in call.keywords if keyword.arg}


def _check(node: ast.expr, text: str) -> None:
    if isinstance(node, ast.Attribute):
        _check(node.value, text)
    elif isinstance(node, ast.Call):
        if any(keyword.arg is None for keyword in node.keywords):
            raise AppNotFound(f"{text!r} uses '**': the arguments of a factory are written out, as literals")
        for argument in [*node.args, *(keyword.value for keyword in node.keywords)]:
            try:
                ast.literal_eval(argument)
            except (ValueError, TypeError):
                shown = ast.unparse(argument)
                raise AppNotFound(
                    f"{shown!r} in {text!r} is not a literal: only text, numbers, True, False, None, lists, tuples and"
                    " dicts can be given to a factory here"
                ) from None
        _check(node.func, text)
    elif not isinstance(node, ast.Name):
        raise AppNotFound(f"{ast.unparse(node)!r} in {text!r} is not an attribute or a call: {_FORMS}")


def _explain_path(text: str, module: str, attribute: str) -> str:
    """Say how a file is named as a module: ``site/main.py`` is ``--app-dir site main:app``."""
    from pathlib import Path  # here, for only failures need it

    path = Path(module)
    if module.startswith(".") and "/" not in module:
        return f"{text!r} is a relative module name: name it from its topmost package, or from --app-dir"
    if path.suffix != ".py" and not path.is_dir():
        path = path.with_name(path.name + ".py")
    dotted, folder = path.stem, path.parent
    while (folder / "__init__.py").is_file() and folder.name:
        dotted, folder = f"{folder.name}.{dotted}", folder.parent
    option = "" if folder == Path() else f"--app-dir {folder} "
    missing = "" if path.exists() else " (and there is no such file)"
    named = f"{dotted}:{attribute}" if attribute else f"{dotted}:app"
    return f"{text!r} names a file{missing}; an application is named by its module: bicorn {option}{named}"
