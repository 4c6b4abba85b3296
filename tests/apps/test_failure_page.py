from __future__ import annotations

import asyncio
from typing import Any

import pytest

from bicorn.apps.failure_page import FailurePage, are_private, is_loopback, is_this_machine

TEXT = "importing 'main' failed: invalid syntax (main.py line 3)\n\n  File \"main.py\", line 3\n    <b> = &\n"


def ask(page: FailurePage, method: str = "GET", kind: str = "http", **fields: str) -> list[dict[str, Any]]:
    fields = {"host": "localhost:8000", "accept": "text/html", **fields}
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "lifespan.startup"}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    scope = {"type": kind, "method": method, "headers": [(k.encode(), v.encode()) for k, v in fields.items()]}
    asyncio.run(page(scope, receive, send))
    return sent


def test_a_browser_sees_why_in_html() -> None:
    start, body = ask(FailurePage(TEXT, True))
    assert start["status"] == 500
    headers = dict(start["headers"])
    assert headers[b"content-type"] == b"text/html; charset=utf-8"
    assert headers[b"content-length"] == str(len(body["body"])).encode()
    assert headers[b"cache-control"] == b"no-store"
    text = body["body"].decode()
    assert "<strong>importing &#x27;main&#x27; failed: invalid syntax (main.py line 3)</strong>" in text
    assert "&lt;b&gt; = &amp;" in text
    assert "<b>" not in text


def test_others_see_it_in_text() -> None:
    start, body = ask(FailurePage(TEXT, True), accept="*/*")
    assert dict(start["headers"])[b"content-type"] == b"text/plain; charset=utf-8"
    assert body["body"].decode().startswith("The application could not start\n\nimporting 'main' failed")
    assert "<b> = &" in body["body"].decode()


def test_head_has_no_body() -> None:
    start, body = ask(FailurePage(TEXT, True), "HEAD")
    assert int(dict(start["headers"])[b"content-length"]) > 0
    assert body["body"] == b""


def test_an_open_page_is_answered_when_the_worker_ends() -> None:
    async def main() -> None:
        over = asyncio.Event()
        sent: list[dict[str, Any]] = []

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        headers = [(b"host", b"localhost"), (b"x-bicorn-wait", b"1")]
        scope = {"type": "http", "method": "HEAD", "headers": headers, "state": {"bicorn.shutdown": over}}
        waiting = asyncio.create_task(FailurePage(TEXT, True)(scope, None, send))
        await asyncio.sleep(0)
        assert sent == []
        over.set()
        await waiting
        assert len(sent) == 2

    asyncio.run(main())


@pytest.mark.parametrize("accept", ["text/html", "*/*"])
@pytest.mark.parametrize(("is_private", "host"), [(False, "localhost"), (True, "evil.example"), (True, "10.0.0.1")])
def test_source_code_is_for_this_machine_only(accept: str, is_private: bool, host: str) -> None:
    start, body = ask(FailurePage(TEXT, is_private), accept=accept, host=host)
    assert start["status"] == 500
    assert b"main.py" not in body["body"]
    assert b"The server&#x27;s log" in body["body"] or b"The server's log" in body["body"]


def test_lifespan_and_websockets() -> None:
    page = FailurePage(TEXT, True)
    assert [message["type"] for message in ask(page, kind="lifespan")] == [
        "lifespan.startup.complete",
        "lifespan.shutdown.complete",
    ]
    assert ask(page, kind="websocket") == [{"type": "websocket.close", "code": 1011}]


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        *((name, True) for name in ("localhost", "localhost:8000", "LOCALHOST", "app.localhost:1", "127.0.0.1:80")),
        *((name, True) for name in ("127.1.2.3", "[::1]", "[::1]:8000", "")),
        *((name, False) for name in ("example.com", "127.0.0.1.example.com", "localhost.example.com", "[::2]:80")),
        *((name, False) for name in ("192.168.0.1", "notlocalhost", "0.0.0.0:80")),
    ],
)
def test_names_of_this_machine(host: str, expected: bool) -> None:
    assert is_this_machine(host.encode()) is expected


@pytest.mark.parametrize(
    ("address", "expected"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("::ffff:127.0.0.1", True)]
    + [("0.0.0.0", False), ("::", False), ("10.0.0.1", False), ("::ffff:10.0.0.1", False)],
)
def test_loopback(address: str, expected: bool) -> None:
    assert is_loopback(address) is expected


def test_one_address_that_others_reach_is_enough() -> None:
    assert are_private([("127.0.0.1", 1), ("::1", 1, 0, 0), "/run/x", b"\0abstract", ""])
    assert not are_private([("127.0.0.1", 1), ("0.0.0.0", 1)])
