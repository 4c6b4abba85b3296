"""ASGI's connection scope: what an application is told of a request (ASGI HTTP spec 2.5, "HTTP Connection Scope")."""

from __future__ import annotations

from typing import Any

from bicorn.apps.exchange import Channel
from bicorn.types import Scope
from bicorn.wire.escapes import unescape
from bicorn.wire.head import Head


class ScopeBuilder:
    """Builds the scopes of one application's requests.

    Args:
        prefix: where the application is mounted.
        root_path: what a proxy in front has stripped from every path.
        state: the lifespan's state, copied into each scope; None where the application has no lifespan.
    """

    __slots__ = ("_extensions", "_root", "_state", "_template")

    def __init__(self, *, prefix: str, root_path: str, state: dict[str, Any] | None) -> None:
        self._root = root_path
        self._state = state
        self._template: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.5"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": "/",
            "raw_path": b"/",
            "query_string": b"",
            "root_path": root_path + prefix,
            "headers": None,
            "client": None,
            "server": None,
            "extensions": None,
        }
        self._extensions: dict[str, Any] = {
            "http.response.trailers": {},
            "http.response.early_hint": {},
            "http.response.pathsend": {},
            "http.response.zerocopysend": {},
        }
        if state is not None:
            self._template["state"] = state

    def build(self, channel: Channel, head: Head) -> Scope:
        """The scope of one request."""
        scope = self._template.copy()
        if head.minor == 0:
            scope["http_version"] = "1.0"
        scope["method"] = head.method
        origin = channel.origin
        scope["scheme"] = origin.scheme
        if head.escaped:
            path = unescape(head.path).decode("utf-8", "replace")
        else:
            path = head.path.decode("ascii")
        if self._root:
            scope["path"] = self._root + path
            scope["raw_path"] = self._root.encode("utf-8") + head.path
        else:
            scope["path"] = path
            scope["raw_path"] = head.path
        scope["query_string"] = head.query
        scope["headers"] = head.headers
        scope["client"] = channel.client
        scope["server"] = origin.server
        extensions = self._extensions.copy()
        if channel.tls is not None:
            extensions["tls"] = channel.tls
        scope["extensions"] = extensions
        if self._state is not None:
            scope["state"] = self._state.copy()
        return scope
