"""ASGI 2 applications, served as ASGI 3.

ASGI 2 is a callable in two steps, ``app(scope)(receive, send)`` (ASGI specification, "Legacy applications"). An
application that refuses a scope, a lifespan's for one, does so in the first step, before anything was received.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from bicorn.types import ASGIApp, Receive, Scope, Send

ASGI2App = Callable[[Scope], Callable[[Receive, Send], Awaitable[None]]]


def as_asgi3(app: ASGI2App) -> ASGIApp:
    """Adapt the ASGI 2 application ``app``."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        # The version in the scope is what the application is being spoken to in. Replaced, not changed: the server
        # shares that dictionary between requests.
        versions: dict[str, Any] = {**scope.get("asgi", {}), "version": "2.0"}
        scope["asgi"] = versions
        await app(scope)(receive, send)

    return call
