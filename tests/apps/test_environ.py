"""What a WSGI application is told of a request (PEP 3333, "environ Variables")."""

from __future__ import annotations

import asyncio
import io
import logging
import sys
from collections.abc import Iterable
from typing import Any
from unittest import mock

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bicorn.apps.files import FileWrapper
from tests.driving import SSL, Drive


class Recorder:
    """An application that keeps the environs it was called with."""

    wsgi = True

    def __init__(self) -> None:
        self.environs: list[dict[str, Any]] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        environ["body"] = environ.pop("wsgi.input").read()
        self.environs.append(environ)
        start_response("200 OK", [])
        return [b"hello"]


async def environ_of(target: str = "/", *fields: str, on: dict[str, Any] | None = None, **ask: Any) -> dict[str, Any]:
    app = Recorder()
    with Drive(app, **(on or {})) as drive:
        assert (await drive.ask(target, *fields, **ask)).status == 200
    [environ] = app.environs
    return environ


async def test_the_environ_of_a_request() -> None:
    environ = await environ_of("/a/b%20c?q=%20", "Accept: */*", "Content-Type: text/plain", method="PUT", body=b"data")
    assert type(environ) is dict
    assert environ.pop("body") == b"data"
    assert environ == {
        "REQUEST_METHOD": "PUT",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/a/b c",
        "QUERY_STRING": "q=%20",
        "RAW_URI": "/a/b%20c?q=%20",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "8000",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "SERVER_SOFTWARE": "bicorn",
        "REMOTE_ADDR": "127.0.0.1",
        "REMOTE_PORT": "50000",
        "CONTENT_TYPE": "text/plain",
        "CONTENT_LENGTH": "4",
        "HTTP_HOST": "example.org",
        "HTTP_ACCEPT": "*/*",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
        "wsgi.file_wrapper": FileWrapper,
    }


async def test_a_request_without_a_body_has_an_empty_input_and_no_length() -> None:
    environ = await environ_of()
    assert environ["body"] == b""
    assert "CONTENT_LENGTH" not in environ
    assert "CONTENT_TYPE" not in environ


async def test_an_environ_is_the_applications_to_change() -> None:
    app = Recorder()
    with Drive(app) as drive:
        await drive.ask()
        app.environs[0]["SCRIPT_NAME"] = app.environs[0]["MINE"] = "x"
        await drive.ask()
    assert app.environs[1]["SCRIPT_NAME"] == ""
    assert "MINE" not in app.environs[1]


@pytest.mark.parametrize(
    ("target", "path", "query", "raw"),
    [
        ("/caf%C3%A9", "/caf\xc3\xa9", "", "/caf%C3%A9"),  # PEP 3333: the bytes of UTF-8, as latin-1
        ("/%ff", "/\xff", "", "/%ff"),
        ("/a%2Fb%3Fc", "/a/b?c", "", "/a%2Fb%3Fc"),
        ("/a?b?c", "/a", "b?c", "/a?b?c"),
        ("/?", "/", "", "/"),
        ("//a", "//a", "", "//a"),
        ("http://x.example/a?b", "/a", "b", "/a?b"),
    ],
)
async def test_paths_are_decoded_once(target: str, path: str, query: str, raw: str) -> None:
    environ = await environ_of(target)
    assert (environ["PATH_INFO"], environ["QUERY_STRING"], environ["RAW_URI"]) == (path, query, raw)


async def test_the_asterisk() -> None:
    environ = await environ_of("*", method="OPTIONS")
    assert (environ["PATH_INFO"], environ["REQUEST_METHOD"]) == ("*", "OPTIONS")


async def test_the_place_of_an_application_is_its_script_name() -> None:
    site, admin, umlaut = Recorder(), Recorder(), Recorder()
    with Drive(site, mounts=[("/admin", admin), ("/über", umlaut)], root_path="/p") as drive:
        for target in ("/admin", "/admin/", "/%61dmin/a%20b?c", "/%C3%BCber/x", "/administrator"):
            await drive.ask(target)
    names = [(e["SCRIPT_NAME"], e["PATH_INFO"]) for e in admin.environs]
    assert names == [("/p/admin", ""), ("/p/admin", "/"), ("/p/admin", "/a b")]
    assert [(e["SCRIPT_NAME"], e["PATH_INFO"]) for e in umlaut.environs] == [("/p/\xc3\xbcber", "/x")]
    assert [(e["SCRIPT_NAME"], e["PATH_INFO"]) for e in site.environs] == [("/p", "/administrator")]


async def test_repeated_fields_are_joined() -> None:
    environ = await environ_of("/", "X-A: 1", "Cookie: a=1", "x-a: 2", "cookie: b=2", "Accept-Language: de")
    assert environ["HTTP_X_A"] == "1,2"
    assert environ["HTTP_COOKIE"] == "a=1; b=2"
    assert environ["HTTP_ACCEPT_LANGUAGE"] == "de"


@pytest.mark.parametrize("value", ["", "1", "12"])
async def test_a_repeated_value_is_repeated(value: str) -> None:
    """Python has one object for each string of up to one latin-1 character: identity says nothing."""
    environ = await environ_of("/", f"X-A: {value}", f"X-A: {value}")
    assert environ["HTTP_X_A"] == f"{value},{value}"


async def test_values_are_latin_1() -> None:
    assert (await environ_of("/", "X-A: \xe9\xff"))["HTTP_X_A"] == "\xe9\xff"


async def test_fields_that_could_pass_for_others_are_dropped_and_told_of_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = Recorder()
    with Drive(app) as drive, caplog.at_level(logging.INFO, "bicorn"):
        for _ in range(3):
            await drive.ask("/", "X_Seen_Once: 1", "Content_Length: 5", "Proxy: http://evil.example", "X-Ok: 1")
    names = {name for name in app.environs[0] if name.startswith(("HTTP_", "CONTENT"))}
    assert names == {"HTTP_HOST", "HTTP_X_OK"}
    assert [message for message in caplog.messages if "x_seen_once" in message] == [
        "the header 'x_seen_once' is dropped: its underscore would make it look like another one"
    ]


async def test_what_is_learnt_of_names_is_bounded(caplog: pytest.LogCaptureFixture) -> None:
    app = Recorder()
    with Drive(app) as drive:
        for n in range(40):
            fields = [f"X-{n}-{m}: 1" for m in range(40)]
            await drive.ask("/", *fields, f"X_{n}a: 1", f"X_{n}b: 1", f"X-{'long' * 50}: 1")
    assert all(app.environs[n][f"HTTP_X_{n}_39"] == "1" for n in range(40))
    assert len(caplog.messages) <= 64


async def test_http_1_0() -> None:
    assert (await environ_of(version="1.0"))["SERVER_PROTOCOL"] == "HTTP/1.0"


@pytest.mark.parametrize(("scheme", "port"), [("http", "80"), ("https", "443")])
async def test_on_a_unix_socket_nothing_is_empty_that_must_not_be(scheme: str, port: str) -> None:
    extra = {"peername": "", "sockname": "/run/bicorn.sock"}
    environ = await environ_of(on={"extra": extra, "scheme": scheme})
    assert (environ["SERVER_NAME"], environ["SERVER_PORT"]) == ("localhost", port)
    assert environ["REMOTE_ADDR"] == ""
    assert "REMOTE_PORT" not in environ


async def test_addresses_of_ipv6() -> None:
    environ = await environ_of(on={"extra": {"peername": ("::1", 5, 0, 0), "sockname": ("::1", 8, 0, 0)}})
    assert (environ["REMOTE_ADDR"], environ["SERVER_NAME"], environ["SERVER_PORT"]) == ("::1", "::1", "8")


async def test_each_listeners_requests_are_told_its_own_address() -> None:
    app = Recorder()
    with Drive(app) as drive:
        await drive.ask()
        drive.extra = {"sockname": ("10.0.0.1", 9000)}
        drive.connection, drive.transport = drive.connect()
        await drive.ask()
    assert [environ["SERVER_PORT"] for environ in app.environs] == ["8000", "9000"]


async def test_tls_is_told() -> None:
    environ = await environ_of(on={"scheme": "https"})
    assert (environ["wsgi.url_scheme"], environ["HTTPS"]) == ("https", "on")
    assert "SSL_CLIENT_S_DN" not in environ


async def test_a_clients_certificate_is_named() -> None:
    with mock.patch("bicorn.server.connection.tls_extension", return_value={"client_cert_name": "CN=alice"}):
        environ = await environ_of(on={"scheme": "https", "extra": {"ssl_object": SSL}})
    assert environ["SSL_CLIENT_S_DN"] == "CN=alice"


async def test_a_chunked_body_has_a_length_once_it_is_complete() -> None:
    app = Recorder()
    with Drive(app) as drive:
        drive.feed(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
        for chunk in (b"3\r\nabc\r\n", b"2\r\nde\r\n", b"0\r\n\r\n"):
            drive.feed(chunk)
        drive.feed(b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
        assert len(drive.answers()) == 2
    first, second = app.environs
    assert (first["CONTENT_LENGTH"], first["body"]) == ("5", b"abcde")
    assert (second["CONTENT_LENGTH"], second["body"]) == ("0", b"")
    assert "HTTP_TRANSFER_ENCODING" not in first


async def test_settings_that_applications_ask_for() -> None:
    errors = io.StringIO()
    environ = await environ_of(on={"workers": 2, "errors": errors})
    assert environ["wsgi.multiprocess"] is True
    environ["wsgi.errors"].write("a complaint")
    assert errors.getvalue() == "a complaint"


ASKED = st.lists(
    st.tuples(
        st.sampled_from(["GET", "DELETE"]),
        st.sampled_from(["/", "/a", "/a?q", "/%41", "http://other.example/", "*"]),
        st.sampled_from(
            [(), ("X-A: 1",), ("X-A: 1", "X-A: 1"), ("X-A: 1", "X_B: 2"), ("X-A: 1", f"X-B: {'l' * 600}", "X-C: 3")]
        ),
        st.sampled_from(["1.1", "1.1", "1.1", "1.0"]),
    ),
    max_size=12,
)


@settings(deadline=None)
@given(asked=ASKED)
def test_what_a_connection_remembers_changes_nothing(asked: list[tuple[str, str, tuple[str, ...], str]]) -> None:
    """Each request alone, and all on one connection whose application does to its environs what it likes."""

    async def run() -> None:
        app = Spoiler()
        with Drive(app) as drive:
            for method, target, fields, version in asked:
                method = "OPTIONS" if target == "*" else method
                keep = ("Connection: keep-alive",)
                assert (await drive.ask(target, *fields, *keep, method=method, version=version)).status == 200
                seen = app.seen.pop()
                assert seen == await environ_of(target, *fields, *keep, method=method, version=version)

    asyncio.run(run())


class Spoiler(Recorder):
    """Changes what it was given, once it is recorded."""

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        answer = super().__call__(environ, start_response)
        self.seen.append(environ.copy())
        environ["HTTP_X_MINE"] = "spoilt"
        environ["HTTP_HOST"] = "spoilt"
        environ.pop("HTTP_X_A", None)
        return answer

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[dict[str, Any]] = []
