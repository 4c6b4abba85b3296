from __future__ import annotations

import ast
from pathlib import Path

import pytest

from bicorn.apps.target import arguments_of, parse_target
from bicorn.errors import AppNotFound


@pytest.mark.parametrize(
    ("text", "module", "expression"),
    [
        ("main", "main", None),
        ("mysite.wsgi", "mysite.wsgi", None),
        ("main:app", "main", "app"),
        (" main : app ", "main", "app"),
        ("my-app:app", "my-app", "app"),
        ("main:site.api.app", "main", "site.api.app"),
        ("main:create_app()", "main", "create_app()"),
        (
            "main:create_app('a:b', {'x': [1, (2,)]}, debug=True)",
            "main",
            "create_app('a:b', {'x': [1, (2,)]}, debug=True)",
        ),
        ("main:create_app(-1).server", "main", "create_app(-1).server"),
    ],
)
def test_parsed(text: str, module: str, expression: str | None) -> None:
    target = parse_target(text)
    assert target.text == text
    assert target.module == module
    assert (ast.unparse(target.expression) if target.expression else None) == expression


def test_arguments() -> None:
    call = parse_target("main:f('a', 2, debug=None)").expression
    assert isinstance(call, ast.Call)
    assert arguments_of(call) == (["a", 2], {"debug": None})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "names no module"),
        (":app", "names no module"),
        ("main:", "names nothing after the colon"),
        ("main:1app", "'1app' in 'main:1app' is not an attribute or a call"),
        ("main:app[0]", "is not an attribute or a call"),
        ("main:'app'", "is not an attribute or a call"),
        ("main:a\0b", "is not an attribute or a call"),
        ("main:f(x)", "'x' in 'main:f(x)' is not a literal"),
        ("main:f(x=g())", "'g()' in 'main:f(x=g())' is not a literal"),
        ("main:f(*[1])", "is not a literal"),
        ("main:f(**{})", "uses '**'"),
        ("main:f().g(x)", "is not a literal"),
        ("..main:app", "is a relative module name"),
    ],
)
def test_refused(text: str, message: str) -> None:
    with pytest.raises(AppNotFound) as caught:
        parse_target(text)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "suggestion"),
    [
        ("main.py", "bicorn main:app"),
        ("main.py:api", "bicorn main:api"),
        ("./main.py", "bicorn main:app"),
        ("site/main.py", "bicorn --app-dir site main:app"),
        ("site/main:api", "bicorn --app-dir site main:api"),
        ("package/sub/views.py:app", "bicorn package.sub.views:app"),
        ("src/package", "bicorn --app-dir src package:app"),
        ("gone.py", "(and there is no such file)"),
    ],
)
def test_a_file_is_explained(text: str, suggestion: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for file in ("main.py", "site/main.py", "package/__init__.py", "package/sub/__init__.py", "package/sub/views.py"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    (tmp_path / "src/package").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AppNotFound) as caught:
        parse_target(text)
    assert suggestion in str(caught.value)
    assert ("no such file" in str(caught.value)) is (text == "gone.py")
