"""The extensions of ASGI's HTTP responses: trailers, early hints, and files the kernel sends."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bicorn.errors import AppProtocolError, ClientDisconnected
from tests.driving import Drive, settle, until

Send = Callable[[dict[str, Any]], Any]
START = {"type": "http.response.start", "status": 200, "headers": []}
WANTS_TRAILERS = "TE: trailers"


def sends(*messages: dict[str, Any]) -> Callable[..., Any]:
    """An application that sends these."""

    async def app(scope: Any, receive: Any, send: Send) -> None:
        for message in messages:
            await send(message)

    return app


def body(data: bytes = b"", *, more: bool = False) -> dict[str, Any]:
    return {"type": "http.response.body", "body": data, "more_body": more}


def error(caplog: pytest.LogCaptureFixture) -> str:
    """The one error that was logged."""
    [record] = caplog.records
    assert record.exc_info is not None
    return str(record.exc_info[1])


# -- Trailers


ANNOUNCED = START | {"trailers": True, "headers": [(b"trailer", b"x-sum")]}
TRAILERS = {"type": "http.response.trailers", "headers": [(b"x-sum", b"5")]}


async def test_trailers_follow_the_body() -> None:
    with Drive(sends(ANNOUNCED, body(b"hello"), TRAILERS)) as drive:
        for _ in range(2):
            answer = await drive.ask("/", WANTS_TRAILERS)
            assert (answer.body, answer.trailers) == (b"hello", {"x-sum": "5"})
            assert answer.headers == {"trailer": "x-sum", "transfer-encoding": "chunked"}


async def test_trailers_may_come_in_several_messages() -> None:
    first = TRAILERS | {"more_trailers": True}
    second = {"type": "http.response.trailers", "headers": [(b"x-more", b"1")]}
    with Drive(sends(ANNOUNCED, body(b"he", more=True), body(b"llo"), first, second)) as drive:
        assert (await drive.ask("/", WANTS_TRAILERS)).trailers == {"x-sum": "5", "x-more": "1"}


@pytest.mark.parametrize(("fields", "version"), [((), "1.1"), (("TE: gzip",), "1.1"), ((WANTS_TRAILERS,), "1.0")])
async def test_a_client_that_did_not_ask_for_trailers_gets_none(
    fields: tuple[str, ...], version: str, caplog: pytest.LogCaptureFixture
) -> None:
    more = TRAILERS | {"more_trailers": True}
    with Drive(sends(ANNOUNCED, body(b"hello"), more, TRAILERS)) as drive:
        answer = await drive.ask("/", *fields, version=version)
        assert (answer.body, answer.trailers) == (b"hello", {})
        assert answer.headers["content-length"] == "5"
        await settle()
    assert caplog.messages == []


async def test_a_head_request_has_no_trailers_to_send(caplog: pytest.LogCaptureFixture) -> None:
    with Drive(sends(ANNOUNCED, body(b"hello"), TRAILERS)) as drive:
        answer = await drive.ask("/", WANTS_TRAILERS, head=True)
        assert answer.body == b""
        await settle()
        assert (await drive.ask("/", WANTS_TRAILERS)).trailers == {"x-sum": "5"}
    assert caplog.messages == []


async def test_a_body_after_the_last_body_is_out_of_order(caplog: pytest.LogCaptureFixture) -> None:
    with Drive(sends(ANNOUNCED, body(b"hello"), body(b"more"))) as drive:
        drive.get("/", WANTS_TRAILERS)
        await settle()
        assert drive.transport.aborted
    assert error(caplog) == "the application sent 'http.response.body' where 'http.response.trailers' is due"


async def test_trailers_that_were_announced_and_never_came_cut_the_response() -> None:
    with Drive(sends(ANNOUNCED, body(b"hello"))) as drive:
        drive.get("/", WANTS_TRAILERS)
        await settle()
        assert drive.transport.aborted


async def test_a_malformed_trailer_is_named(caplog: pytest.LogCaptureFixture) -> None:
    bad = {"type": "http.response.trailers", "headers": [(b"x", b"\r\n")]}
    with Drive(sends(ANNOUNCED, body(b"hello"), bad)) as drive:
        drive.get("/", WANTS_TRAILERS)
        await settle()
    assert error(caplog).startswith("the response trailer b'x' has a control character in its value")


# -- Early hints


HINT = {"type": "http.response.early_hint", "links": [b"</a.css>; rel=preload", b"</b.js>; rel=preload"]}


async def test_early_hints_come_before_the_response() -> None:
    with Drive(sends(HINT, START, HINT, body(b"x"))) as drive:
        answer = await drive.ask()
        links = {"link": "</a.css>; rel=preload, </b.js>; rel=preload"}
        assert answer.informational == [(103, links), (103, links)]
        assert (answer.status, answer.body) == (200, b"x")


async def test_http_1_0_knows_no_early_hints() -> None:
    with Drive(sends(HINT, START, body(b"x"))) as drive:
        assert (await drive.ask(version="1.0")).informational == []


@pytest.mark.parametrize(
    ("messages", "reason"),
    [
        ([{"type": "http.response.early_hint", "links": ["text"]}], "the link field of an informational response"),
        ([{"type": "http.response.early_hint", "links": [b"\n"]}], "the link field of an informational response"),
        ([START, body(b"x", more=True), HINT], "the application sent 'http.response.early_hint' where"),
    ],
)
async def test_early_hints_that_cannot_be_sent(
    caplog: pytest.LogCaptureFixture, messages: list[dict[str, Any]], reason: str
) -> None:
    with Drive(sends(*messages)) as drive:
        drive.get()
        await settle()
    assert error(caplog).startswith(reason)


# -- Files


CONTENT = bytes(range(256)) * 4096  # 1 MiB, more than a socket takes at once


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file.bin"
    path.write_bytes(CONTENT)
    return path


def pathsend(path: object) -> dict[str, Any]:
    return {"type": "http.response.pathsend", "path": path}


def sendfile(file: object, **more: Any) -> dict[str, Any]:
    return {"type": "http.response.zerocopysend", "file": file, **more}


schemes = pytest.mark.parametrize("scheme", ["http", "https"])


@schemes
@pytest.mark.parametrize("kind", [str, Path])
async def test_a_path_is_sent_with_its_length(file: Path, scheme: str, kind: type) -> None:
    with Drive(sends(START, pathsend(kind(file))), scheme=scheme) as drive:
        for _ in range(2):
            answer = await drive.ask()
            assert answer.headers == {"content-length": str(len(CONTENT))}
            assert answer.body == CONTENT


async def test_a_length_of_the_applications_own_is_kept_to(file: Path) -> None:
    """A file that has grown since its size was looked up."""
    head = START | {"headers": [(b"content-length", b"1000")]}
    with Drive(sends(head, pathsend(str(file)))) as drive:
        answer = await drive.ask()
        assert (answer.headers["content-length"], answer.body) == ("1000", CONTENT[:1000])


async def test_a_file_that_is_shorter_than_announced_is_a_500(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    file.write_bytes(b"short")
    head = START | {"headers": [(b"content-length", b"1000")]}
    with Drive(sends(head, pathsend(str(file)))) as drive:
        assert (await drive.ask()).status == 500
    assert error(caplog) == "the response body is 995 bytes shorter than its content-length"


async def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    with Drive(sends(START, pathsend(str(tmp_path / "empty")))) as drive:
        assert (await drive.ask()).headers == {"content-length": "0"}


async def test_a_head_request_for_a_file(file: Path) -> None:
    with Drive(sends(START, pathsend(str(file)))) as drive:
        answer = await drive.ask(head=True)
        assert (answer.headers["content-length"], answer.body) == (str(len(CONTENT)), b"")
        assert (await drive.ask()).body == CONTENT


async def test_a_missing_file_is_the_applications_to_handle(tmp_path: Path) -> None:
    async def app(scope: Any, receive: Any, send: Send) -> None:
        await send(START)
        with pytest.raises(FileNotFoundError):
            await send(pathsend(str(tmp_path / "nothing")))
        await send(body(b"instead"))

    with Drive(app) as drive:
        assert (await drive.ask()).body == b"instead"


async def test_a_missing_file_is_a_500_otherwise(tmp_path: Path) -> None:
    with Drive(sends(START, pathsend(str(tmp_path / "nothing")))) as drive:
        assert (await drive.ask()).status == 500


async def test_part_of_an_open_file(file: Path) -> None:
    with file.open("rb") as opened, Drive(sends(START, sendfile(opened, offset=10, count=20))) as drive:
        answer = await drive.ask()
        assert (answer.headers, answer.body) == ({"content-length": "20"}, CONTENT[10:30])


async def test_an_open_file_is_read_from_where_it_is_and_moved_on(file: Path) -> None:
    with file.open("rb") as opened:
        opened.read(5)
        first, second = sendfile(opened, count=10, more_body=True), sendfile(opened, more_body=True)
        with Drive(sends(START, first, body(b"--", more=True), second, body(b"end"))) as drive:
            answer = await drive.ask()
            assert answer.headers == {"transfer-encoding": "chunked"}
            assert answer.body == CONTENT[5:15] + b"--" + CONTENT[15:] + b"end"


async def test_an_offset_does_not_move_the_file(file: Path) -> None:
    with file.open("rb") as opened:
        first, second = sendfile(opened, offset=100, count=10, more_body=True), sendfile(opened, count=10)
        with Drive(sends(START, first, second)) as drive:
            assert (await drive.ask()).body == CONTENT[100:110] + CONTENT[:10]


async def test_files_count_against_the_content_length(file: Path) -> None:
    head = START | {"headers": [(b"content-length", b"30")]}
    with file.open("rb") as opened:
        parts = [sendfile(opened, count=10, more_body=True), body(b"-" * 10, more=True), sendfile(opened, count=10)]
        with Drive(sends(head, *parts)) as drive:
            assert (await drive.ask()).body == CONTENT[:10] + b"-" * 10 + CONTENT[10:20]


async def test_a_count_beyond_the_end_of_the_file(file: Path) -> None:
    with file.open("rb") as opened, Drive(sends(START, sendfile(opened, offset=len(CONTENT) - 5, count=99))) as drive:
        assert (await drive.ask()).body == CONTENT[-5:]


async def test_an_offset_beyond_the_end_of_the_file(file: Path) -> None:
    with file.open("rb") as opened, Drive(sends(START, sendfile(opened, offset=len(CONTENT) + 5))) as drive:
        assert (await drive.ask()).body == b""


async def test_http_1_0_gets_files_until_the_connection_closes(file: Path) -> None:
    with file.open("rb") as opened, Drive(sends(START, sendfile(opened, more_body=True), body(b"end"))) as drive:
        answer = await drive.ask(version="1.0")
        assert answer.body == CONTENT + b"end"
        assert answer.headers == {"connection": "close"}
        assert drive.transport.closed


async def test_what_was_written_before_goes_out_before_the_file(file: Path) -> None:
    with file.open("rb") as opened:
        app = sends(START, body(bytes(100), more=True), sendfile(opened))
        with Drive(app) as drive:
            drive.transport.hold()
            drive.get()
            await settle()
            assert CONTENT not in drive.sent()
            drive.transport.release()
            await until(lambda: drive.sent().endswith(b"0\r\n\r\n"))
            assert drive.answer().body == bytes(100) + CONTENT


async def test_a_client_that_goes_in_the_middle_of_a_file(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    raised = []

    async def app(scope: Any, receive: Any, send: Send) -> None:
        await send(START)
        try:
            await send(pathsend(str(file)))
        except OSError as error:
            raised.append(type(error))
            raise

    with Drive(app) as drive:
        drive.get()
        await settle()  # the socket is full
        assert not raised
        drive.transport.lose()
        await until(lambda: not drive.running)
    assert raised == [ClientDisconnected]
    assert caplog.messages == []


async def test_a_file_that_is_cut_while_it_is_sent(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    with Drive(sends(START, pathsend(str(file)))) as drive:
        drive.get()
        await settle()
        os.truncate(file, 10)
        await until(lambda: bool(drive.sent()) and drive.transport.aborted)
    assert error(caplog) == "the file became shorter while it was sent"


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ({"type": "http.response.pathsend"}, "http.response.pathsend needs a path, not NoneType: None"),
        (pathsend(5), "http.response.pathsend needs a path, not int: 5"),
        ({"type": "http.response.zerocopysend"}, "http.response.zerocopysend needs a file, not NoneType"),
        (sendfile(7), "http.response.zerocopysend needs a file, not int"),
    ],
)
async def test_what_is_no_file(caplog: pytest.LogCaptureFixture, message: dict[str, Any], reason: str) -> None:
    with Drive(sends(START, message)) as drive:
        assert (await drive.ask()).status == 500
    assert error(caplog) == reason


@pytest.mark.parametrize("first", [[], [START, body(b"x", more=True)]], ids=["before the start", "after a body"])
async def test_a_path_is_a_whole_body(caplog: pytest.LogCaptureFixture, file: Path, first: list[Any]) -> None:
    with Drive(sends(*first, pathsend(str(file)))) as drive:
        drive.get()
        await settle()
    assert error(caplog).startswith("the application sent 'http.response.pathsend' where")


async def test_a_file_before_the_start(file: Path) -> None:
    async def app(scope: Any, receive: Any, send: Send) -> None:
        with file.open("rb") as opened, pytest.raises(AppProtocolError, match=r"'http\.response\.start' is due"):
            await send(sendfile(opened))
        await send(START)
        await send(body(b"x"))

    with Drive(app) as drive:
        assert (await drive.ask()).body == b"x"
