"""``pre_request`` and ``post_request`` around WSGI and ASGI applications."""

from __future__ import annotations

import asyncio
import io
from typing import Any

import pytest

from bicorn.apps.files import FileWrapper
from bicorn.apps.loader import LoadedApp
from bicorn.config.settings import Config
from bicorn.process.facades import Log, Worker
from bicorn.process.request_hooks import RequestHooks

ENVIRON = {
    "REQUEST_METHOD": "POST",
    "RAW_URI": "/a%20b?c=d",
    "PATH_INFO": "/a b",
    "SERVER_PROTOCOL": "HTTP/1.1",
    "REMOTE_ADDR": "10.0.0.1",
    "REMOTE_PORT": "5",
    "wsgi.url_scheme": "https",
    "HTTP_HOST": "example.org",
    "HTTP_USER_AGENT": "x",
    "CONTENT_TYPE": "text/plain",
}
SCOPE = {
    "type": "http",
    "method": "POST",
    "path": "/a b",
    "raw_path": b"/a%20b",
    "query_string": b"c=d",
    "http_version": "1.1",
    "scheme": "https",
    "client": ("10.0.0.1", 5),
    "headers": [(b"host", b"example.org"), (b"user-agent", b"x"), (b"content-type", b"text/plain")],
}


class Around:
    """The hooks, and what they were called with."""

    def __init__(self, *, before: Any = None, after: Any = None) -> None:
        self.log: list[str] = []
        self.worker = Worker(1, 1, Config(), Log())
        self.before, self.after = before, after
        self.request: Any = None
        self.environ: Any = None
        self.response: Any = None
        self.hooks = RequestHooks(self.worker, self.pre, self.post)

    def pre(self, worker: Any, request: Any) -> None:
        assert worker is self.worker
        self.log.append("pre")
        self.request = request
        if self.before:
            self.before(request)

    def post(self, worker: Any, request: Any, environ: Any, response: Any) -> None:
        assert (worker, request) == (self.worker, self.request)
        self.log.append("post")
        self.environ, self.response = environ, response
        if self.after:
            self.after()

    def wsgi(self, app: Any) -> Any:
        return self.hooks.application(LoadedApp(app, "wsgi", "WSGI", "x"))

    def asgi(self, app: Any) -> Any:
        return self.hooks.application(LoadedApp(app, "asgi", "ASGI 3", "x"))


def shown(request: Any) -> tuple[Any, ...]:
    return (
        *(request.method, request.uri, request.path, request.query, request.version, request.scheme),
        *(request.peer_addr, request.headers, request.get_header("user-agent"), request.get_header("no")),
    )


EXPECTED = (
    *("POST", "/a%20b?c=d", "/a%20b", "c=d", (1, 1), "https", ("10.0.0.1", 5)),
    [("HOST", "example.org"), ("USER-AGENT", "x"), ("CONTENT-TYPE", "text/plain")],
    *("x", None),
)


# WSGI


def started(*_: Any) -> Any:
    return lambda data: None


def test_wsgi_a_whole_answer() -> None:
    around = Around()

    def app(environ: Any, start_response: Any) -> list[bytes]:
        around.log.append("app")
        start_response("201 Created", [("A", "b")])
        return [b"abc", b"d"]

    answer = around.wsgi(app)(dict(ENVIRON), started)
    assert answer == [b"abc", b"d"]
    assert type(answer) is list, "which the server sends with its length"
    assert around.log == ["pre", "app", "post"]
    assert shown(around.request) == EXPECTED
    assert around.environ["HTTP_HOST"] == "example.org"
    response = around.response
    assert (response.status, response.status_code, response.headers, response.sent, response.headers_sent) == (
        "201 Created",
        201,
        [("A", "b")],
        4,
        True,
    )
    assert around.worker.nr == 1


def test_wsgi_an_answer_in_pieces_ends_when_it_is_closed() -> None:
    around = Around()

    def app(environ: Any, start_response: Any) -> Any:
        write = start_response("200 OK", [])
        write(b"ab")
        try:
            yield b"cde"
        finally:
            around.log.append("closed")

    answer = around.wsgi(app)(dict(ENVIRON), started)
    assert list(answer) == [b"cde"]
    assert around.log == ["pre", "closed"]
    answer.close()
    assert around.log == ["pre", "closed", "post"]
    assert around.response.sent == 5


def test_wsgi_a_file_stays_one_the_kernel_can_send() -> None:
    around = Around()
    file = io.BytesIO(b"x")
    answer = around.wsgi(lambda *_: FileWrapper(file))(dict(ENVIRON), started)
    assert type(answer) is FileWrapper
    assert around.log == ["pre"]
    answer.close()
    assert (around.log, file.closed) == (["pre", "post"], True)


def test_wsgi_an_application_that_fails() -> None:
    around = Around()

    def app(environ: Any, start_response: Any) -> list[bytes]:
        raise KeyError("x")

    with pytest.raises(KeyError):
        around.wsgi(app)(dict(ENVIRON), started)
    assert around.log == ["pre", "post"]
    assert (around.response.status_code, around.response.headers_sent) == (0, False)


def test_wsgi_headers_that_pre_request_adds_reach_the_application() -> None:
    def before(request: Any) -> None:
        request.headers.append(("X-Request-Id", "7"))
        request.headers.append(("USER-AGENT", "y"))
        request.headers.remove(("HOST", "example.org"))

    seen: list[Any] = []
    environ = dict(ENVIRON)
    Around(before=before).wsgi(lambda environ, _: seen.append(environ) or [])(environ, started)
    assert seen == [environ]
    assert {name: value for name, value in environ.items() if name.startswith("HTTP_")} == {
        "HTTP_USER_AGENT": "x,y",
        "HTTP_X_REQUEST_ID": "7",
    }
    assert environ["CONTENT_TYPE"] == "text/plain"


def test_a_pre_request_that_fails_is_an_error_of_the_request() -> None:
    def before(request: Any) -> None:
        raise ValueError("of the hook")

    around = Around(before=before)
    with pytest.raises(ValueError, match="of the hook"):
        around.wsgi(lambda *_: pytest.fail("it was called"))(dict(ENVIRON), started)
    assert around.log == ["pre", "post"]


def test_a_post_request_that_fails_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def after() -> None:
        raise ValueError("of the hook")

    assert Around(after=after).wsgi(lambda *_: [b"x"])(dict(ENVIRON), started) == [b"x"]
    assert "the hook post_request failed" in caplog.text
    assert "ValueError: of the hook" in caplog.text


def test_pre_request_alone_leaves_the_answer_alone() -> None:
    called: list[Any] = []
    hooks = RequestHooks(Worker(1, 1, Config(), Log()), lambda worker, request: called.append(request), None)

    def app(environ: Any, start_response: Any) -> Any:
        return environ, start_response

    wrapped = hooks.application(LoadedApp(app, "wsgi", "WSGI", "x"))
    environ = dict(ENVIRON)
    assert wrapped(environ, started) == (environ, started)
    assert len(called) == 1


# ASGI


def call(app: Any, scope: dict[str, Any]) -> list[Any]:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(app(scope, None, send))
    return sent


def test_asgi() -> None:
    around = Around()
    messages = [
        {"type": "http.response.start", "status": 201, "headers": [(b"a", b"b")]},
        {"type": "http.response.body", "body": b"abc", "more_body": True},
        {"type": "http.response.body"},
    ]

    async def app(scope: Any, receive: Any, send: Any) -> None:
        around.log.append("app")
        for message in messages:
            await send(message)

    assert call(around.asgi(app), dict(SCOPE)) == messages
    assert around.log == ["pre", "app", "post"]
    assert shown(around.request) == EXPECTED
    assert (around.environ["REQUEST_METHOD"], around.environ["HTTP_HOST"]) == ("POST", "example.org")
    response = around.response
    assert (response.status, response.status_code, response.headers, response.sent) == (201, 201, [("a", "b")], 3)


def test_asgi_headers_that_pre_request_adds_reach_the_application() -> None:
    scopes: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        scopes.append(scope)

    call(Around(before=lambda request: request.headers.append(("X-Request-Id", "7"))).asgi(app), dict(SCOPE))
    assert scopes[0]["headers"][-2:] == [(b"content-type", b"text/plain"), (b"x-request-id", b"7")]


def test_asgi_an_application_that_fails_has_its_post_request() -> None:
    around = Around()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise KeyError

    with pytest.raises(KeyError):
        call(around.asgi(app), dict(SCOPE))
    assert around.log == ["pre", "post"]


@pytest.mark.parametrize("kind", ["lifespan", "websocket"])
def test_asgi_nothing_else_than_requests(kind: str) -> None:
    around = Around()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        around.log.append(scope["type"])

    call(around.asgi(app), {"type": kind})
    assert around.log == [kind]


def test_asgi_pre_request_alone_passes_send_on() -> None:
    hooks = RequestHooks(Worker(1, 1, Config(), Log()), lambda worker, request: None, None)
    given: list[Any] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        given.append(send)

    send = object()
    asyncio.run(hooks.application(LoadedApp(app, "asgi", "ASGI 3", "x"))(dict(SCOPE), None, send))
    assert given == [send]
