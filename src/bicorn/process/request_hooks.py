"""``pre_request`` and ``post_request``: around the application, so that a server without them pays nothing.

A header that ``pre_request`` adds to ``request.headers`` reaches the application, as with Gunicorn. ``post_request`` is
called when the answer is complete; where a WSGI application returns a list, which is a complete answer, that is just
before its bytes leave. A ``pre_request`` that raises is an error of the request: 500, and logged.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Any

from ..apps.failure import user_traceback
from ..apps.files import FileWrapper
from ..apps.loader import LoadedApp
from .facades import Worker

logger = logging.getLogger("bicorn.error")

Hook = Callable[..., Any] | None


class Request:
    """What Gunicorn's hooks know of a request.

    Attributes:
        headers: ``[("HOST", "example.org"), ...]``, in capitals, as Gunicorn has them.
        uri: the target as it was sent; ``path`` and ``query`` are its parts.
        version: ``(1, 1)``.
        peer_addr: ``(host, port)`` of the connection.
    """

    fragment = ""
    trailers: tuple[()] = ()

    def __init__(
        self,
        method: str,
        path: str,
        query: str,
        version: str,
        headers: list[tuple[str, str]],
        scheme: str,
        peer: tuple[str, int],
    ) -> None:
        self.method, self.path, self.query, self.headers, self.scheme = method, path, query, headers, scheme
        self.uri = f"{path}?{query}" if query else path
        major, _, minor = version.partition(".")
        self.version = (int(major), int(minor or 0))
        self.peer_addr = self.remote_addr = peer

    def get_header(self, name: str) -> str | None:
        """The first field of that name."""
        wanted = name.upper()
        return next((value for field, value in self.headers if field == wanted), None)


class Response:
    """What Gunicorn's hooks know of an answer.

    Attributes:
        status: ``"200 OK"`` for WSGI, ``200`` for ASGI; "" or 0 where there was none.
        status_code: 200.
        headers: ``[("Content-Type", "text/html"), ...]``.
        sent: bytes of the body.
    """

    def __init__(self) -> None:
        self.status: str | int = ""
        self.status_code = 0
        self.headers: list[tuple[str, str]] = []
        self.sent = 0

    @property
    def headers_sent(self) -> bool:
        """Whether the answer has begun."""
        return self.status_code != 0


class RequestHooks:
    """The two hooks of one worker."""

    def __init__(self, worker: Worker, before: Hook, after: Hook) -> None:
        self._worker, self._before, self._after = worker, before, after

    def application(self, app: LoadedApp) -> Callable[..., Any]:
        """The application with the hooks around it."""
        return self._asgi(app.call) if app.interface == "asgi" else self._wsgi(app.call)

    def _begin(self, request: Request) -> bool:
        """Call ``pre_request``; whether it has changed the headers."""
        self._worker.nr += 1
        if self._before is None:
            return False
        sent = list(request.headers)
        self._before(self._worker, request)
        return request.headers != sent

    def _end(self, request: Request, environ: Any, response: Response) -> None:
        if self._after is None:
            return
        try:
            self._after(self._worker, request, environ, response)
        except (Exception, SystemExit) as error:
            logger.error("the hook post_request failed\n%s", user_traceback(error))

    # WSGI

    def _wsgi(self, app: Callable[..., Any]) -> Callable[..., Any]:
        def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            request, response = _of_environ(environ), Response()
            try:
                if self._begin(request):
                    _into_environ(request.headers, environ)
                if self._after is None:
                    unwatched: Iterable[bytes] = app(environ, start_response)
                    return unwatched
                result = app(environ, _noting(start_response, response))
            except BaseException:
                self._end(request, environ, response)
                raise
            watched: Iterable[bytes] = self._until_closed(
                result, lambda: self._end(request, environ, response), response
            )
            return watched

        return application

    def _until_closed(self, result: Any, end: Callable[[], None], response: Response) -> Any:
        if isinstance(result, (list, tuple)):
            response.sent += sum(len(piece) for piece in result)
            end()
            return result
        if type(result) is FileWrapper:  # which the kernel may send by itself
            close = getattr(result, "close", None)

            def closing() -> None:
                try:
                    if close is not None:
                        close()
                finally:
                    end()

            result.close = closing
            return result
        return _Watched(result, end, response)

    # ASGI

    def _asgi(self, app: Callable[..., Awaitable[None]]) -> Callable[..., Awaitable[None]]:
        async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
            if scope["type"] != "http":
                return await app(scope, receive, send)
            request, response = _of_scope(scope), Response()
            try:
                if self._begin(request):
                    scope["headers"] = [
                        (name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in request.headers
                    ]
                if self._after is None:
                    return await app(scope, receive, send)
                return await app(scope, receive, _noting_messages(send, response))
            finally:
                self._end(request, _summary(scope, request), response)

        return application


class _Watched:
    """A WSGI answer in pieces, counted, whose end is noted."""

    def __init__(self, result: Iterable[bytes], end: Callable[[], None], response: Response) -> None:
        self._result, self._end, self._response = result, end, response

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._result:
            self._response.sent += len(piece)
            yield piece

    def close(self) -> None:
        """PEP 3333: called when the request is over, whichever way."""
        try:
            close = getattr(self._result, "close", None)
            if close is not None:
                close()
        finally:
            self._end()


def _noting(start_response: Callable[..., Any], response: Response) -> Callable[..., Any]:
    def noting(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], None]:
        write = start_response(status, headers, exc_info)
        response.status, response.headers = status, list(headers)
        response.status_code = int(status[:3])

        def counting(data: bytes) -> None:
            response.sent += len(data)
            write(data)

        return counting

    return noting


def _noting_messages(send: Any, response: Response) -> Any:
    def noting(message: dict[str, Any]) -> Any:
        if message["type"] == "http.response.start":
            response.status = response.status_code = message["status"]
            response.headers = [
                (bytes(name).decode("latin-1"), bytes(value).decode("latin-1"))
                for name, value in message.get("headers") or ()
            ]
        elif message["type"] == "http.response.body":
            response.sent += len(message.get("body") or b"")
        return send(message)

    return noting


def _of_environ(environ: dict[str, Any]) -> Request:
    path, _, query = environ["RAW_URI"].partition("?")
    headers = [
        (key.removeprefix("HTTP_").replace("_", "-"), value)
        for key, value in environ.items()
        if key.startswith("HTTP_") or key in ("CONTENT_TYPE", "CONTENT_LENGTH")
    ]
    return Request(
        environ["REQUEST_METHOD"],
        path,
        query,
        environ["SERVER_PROTOCOL"].removeprefix("HTTP/"),
        headers,
        environ["wsgi.url_scheme"],
        (environ["REMOTE_ADDR"], int(environ.get("REMOTE_PORT") or 0)),
    )


def _into_environ(headers: list[tuple[str, str]], environ: dict[str, Any]) -> None:
    """What ``pre_request`` has made of the headers. The body's own two stay as they are."""
    for key in [key for key in environ if key.startswith("HTTP_")]:
        del environ[key]
    for name, value in headers:
        key = "HTTP_" + name.upper().replace("-", "_")
        if key not in ("HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH"):
            environ[key] = f"{environ[key]},{value}" if key in environ else value


def _of_scope(scope: dict[str, Any]) -> Request:
    raw = scope.get("raw_path") or scope["path"].encode("utf-8")
    return Request(
        scope["method"],
        raw.decode("latin-1"),
        scope["query_string"].decode("latin-1"),
        scope["http_version"],
        [(name.decode("latin-1").upper(), value.decode("latin-1")) for name, value in scope["headers"]],
        scope["scheme"],
        scope["client"] or ("", 0),
    )


def _summary(scope: dict[str, Any], request: Request) -> dict[str, Any]:
    """What Gunicorn gives for environ where the application is ASGI."""
    return {
        "REQUEST_METHOD": request.method,
        "RAW_URI": request.uri,
        "PATH_INFO": scope["path"],
        "QUERY_STRING": request.query,
        "SERVER_PROTOCOL": "HTTP/" + ".".join(map(str, request.version)),
        "REMOTE_ADDR": request.peer_addr[0],
    } | {"HTTP_" + name.replace("-", "_"): value for name, value in request.headers}
