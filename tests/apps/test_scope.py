"""What an ASGI application is told of a request."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.driving import Drive

Receive = Callable[[], Any]
Send = Callable[[dict[str, Any]], Any]


async def hello(scope: Any, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


class Recorder:
    """An application that keeps the scopes it was called with."""

    def __init__(self) -> None:
        self.scopes: list[dict[str, Any]] = []

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        self.scopes.append(scope)
        await hello(scope, receive, send)


async def test_the_scope_of_a_request() -> None:
    app = Recorder()
    with Drive(app) as drive:
        await drive.ask("/caf%C3%A9/a%2Fb?q=%20x&y", "X-One: 1", "x-TWO: \t2 ", method="PUT")
    assert app.scopes == [
        {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.5"},
            "http_version": "1.1",
            "method": "PUT",
            "scheme": "http",
            "path": "/café/a/b",
            "raw_path": b"/caf%C3%A9/a%2Fb",
            "query_string": b"q=%20x&y",
            "root_path": "",
            "headers": [(b"host", b"example.org"), (b"x-one", b"1"), (b"x-two", b"2")],
            "client": ("127.0.0.1", 50000),
            "server": ("127.0.0.1", 8000),
            "extensions": {
                "http.response.trailers": {},
                "http.response.early_hint": {},
                "http.response.pathsend": {},
                "http.response.zerocopysend": {},
            },
        }
    ]
    assert type(app.scopes[0]["client"]) is tuple


@pytest.mark.parametrize(
    ("target", "path"),
    [
        ("/", "/"),
        ("/plain", "/plain"),
        ("/%41%42", "/AB"),
        ("/%e2%82%ac", "/€"),
        ("/%ff", "/�"),  # no UTF-8: the application can still look at raw_path
        ("/%zz%4", "/%zz%4"),
        ("//a//b", "//a//b"),
        ("/a/../b", "/a/../b"),
        ("http://other.example/x?y", "/x"),
        ("http://other.example", "/"),
    ],
)
async def test_paths_are_decoded_once_and_not_tidied(target: str, path: str) -> None:
    app = Recorder()
    with Drive(app) as drive:
        await drive.ask(target)
    assert app.scopes[0]["path"] == path


async def test_the_asterisk_is_a_path_too() -> None:
    app = Recorder()
    with Drive(app) as drive:
        await drive.ask("*", method="OPTIONS")
    assert (app.scopes[0]["path"], app.scopes[0]["raw_path"]) == ("*", b"*")


async def test_http_1_0_is_named() -> None:
    app = Recorder()
    with Drive(app) as drive:
        await drive.ask(version="1.0")
    assert app.scopes[0]["http_version"] == "1.0"


async def test_a_root_path_is_put_before_the_path() -> None:
    app = Recorder()
    with Drive(app, root_path="/api") as drive:
        await drive.ask("/users%21?x")
    scope = app.scopes[0]
    assert (scope["root_path"], scope["path"], scope["raw_path"]) == ("/api", "/api/users!", b"/api/users%21")


async def test_a_mounted_application_is_told_where_it_is() -> None:
    site, admin, deep = Recorder(), Recorder(), Recorder()
    with Drive(site, mounts=[("/admin", admin), ("/admin/deep", deep)], root_path="/p") as drive:
        for target in ("/admin", "/admin/", "/%61dmin/x", "/admin/deep/y", "/administrator", "/"):
            await drive.ask(target)
    assert [(s["root_path"], s["path"]) for s in admin.scopes] == [
        ("/p/admin", "/p/admin"),
        ("/p/admin", "/p/admin/"),
        ("/p/admin", "/p/admin/x"),
    ]
    assert [(s["root_path"], s["path"]) for s in deep.scopes] == [("/p/admin/deep", "/p/admin/deep/y")]
    assert [(s["root_path"], s["path"]) for s in site.scopes] == [("/p", "/p/administrator"), ("/p", "/p/")]


async def test_a_unix_socket_has_a_server_and_no_client() -> None:
    app = Recorder()
    with Drive(app, extra={"peername": "", "sockname": "/run/bicorn.sock"}) as drive:
        await drive.ask()
    assert app.scopes[0]["server"] == ("/run/bicorn.sock", None)
    assert app.scopes[0]["client"] is None


async def test_ipv6_addresses_lose_their_flow_and_scope() -> None:
    app = Recorder()
    with Drive(app, extra={"peername": ("::1", 5, 0, 0), "sockname": ("::1", 8, 0, 0)}) as drive:
        await drive.ask()
    assert (app.scopes[0]["client"], app.scopes[0]["server"]) == (("::1", 5), ("::1", 8))


async def test_tls_is_told() -> None:
    app = Recorder()
    with Drive(app, scheme="https") as drive:
        await drive.ask()
    scope = app.scopes[0]
    assert scope["scheme"] == "https"
    assert set(scope["extensions"]["tls"]) >= {"server_cert", "client_cert_chain", "tls_version", "cipher_suite"}


async def test_each_request_gets_a_shallow_copy_of_the_lifespans_state() -> None:
    app = Recorder()
    state = {"pool": ["shared"]}
    with Drive(app, state=state) as drive:
        await drive.ask()
        await drive.ask()
    first, second = (scope["state"] for scope in app.scopes)
    assert first == second == state
    assert first is not second
    assert first is not state
    assert first["pool"] is state["pool"]


async def test_without_a_lifespan_there_is_no_state() -> None:
    app = Recorder()
    with Drive(app) as drive:
        await drive.ask()
    assert "state" not in app.scopes[0]


async def test_what_one_request_does_to_its_scope_another_does_not_see() -> None:
    async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
        assert "seen" not in scope
        assert "mine" not in scope["extensions"]
        scope["seen"] = scope["extensions"]["mine"] = True
        scope["headers"].append((b"x", b"y"))
        assert len(scope["headers"]) == 2
        await hello(scope, receive, send)

    with Drive(app) as drive:
        assert (await drive.ask()).status == 200
        assert (await drive.ask()).status == 200
