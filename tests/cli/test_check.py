from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Bicorn = Callable[[str], Any]


@pytest.fixture(autouse=True)
def site(folder: Path) -> None:
    (folder / "checked.py").write_text(
        "async def app(scope, receive, send): ...\ndef wsgi(environ, start_response): ...\ndef make(): return wsgi\n"
    )
    (folder / "broken.py").write_text("1 / 0")


@pytest.mark.parametrize(
    ("line", "out"),
    [
        ("checked", "checked:app: ASGI 3\n"),
        ("checked:wsgi", "checked:wsgi: WSGI\n"),
        ("checked:make --factory", "checked:make(): WSGI\n"),
        ("checked --mount /old=checked:wsgi", "checked:app: ASGI 3\nchecked:wsgi: WSGI, mounted under /old\n"),
    ],
)
def test_what_was_found(bicorn: Bicorn, line: str, out: str) -> None:
    outcome = bicorn(f"check {line}")
    assert (outcome.code, outcome.out, outcome.err, outcome.served) == (0, out, "", [])


@pytest.mark.parametrize(
    ("line", "code", "err"),
    [
        ("", 2, "which application?"),
        ("checked --workers none", 2, "workers must be"),
        ("checked --certfile no-such.pem", 2, ""),
        ("broken", 3, "importing 'broken' failed"),
        ("checked:other", 4, "module 'checked' has no attribute 'other'"),
        ("missing", 4, "there is no module 'missing'"),
        ("checked --mount /a=missing", 4, "there is no module 'missing'"),
        ("checked:wsgi --interface asgi3", 4, "'checked:wsgi' cannot be served as ASGI 3"),
    ],
)
def test_the_exit_code_is_that_of_a_start_that_failed(bicorn: Bicorn, line: str, code: int, err: str) -> None:
    outcome = bicorn(f"check {line}")
    assert outcome.code == code, outcome.err
    assert outcome.err.startswith(f"bicorn: {err}")
    assert "site-packages" not in outcome.err.partition("Traceback")[2]


def test_certificates_are_read(bicorn: Bicorn, monkeypatch: pytest.MonkeyPatch) -> None:
    from bicorn.server import tls

    read: list[Any] = []
    monkeypatch.setattr(tls, "build_context", lambda config: read.append(config.certfile))
    outcome = bicorn("check checked --certfile a.pem")
    assert outcome.out.startswith("TLS: certificates and options can be used\n")
    assert read == [("a.pem",)]
