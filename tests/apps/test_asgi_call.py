"""How an ASGI application's call ends, and what that means to the client of either kind of exchange."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import pytest

from bicorn.apps.asgi_call import AsgiCall, refuse_fields
from bicorn.errors import AppProtocolError, ClientDisconnected
from tests.driving import Drive, settle
from tests.sockets import App, Client


def test_what_a_kind_of_exchange_must_add() -> None:
    call = AsgiCall()
    for method in (call.is_owed, call.has_gone, call.returned, call.give_up):
        with pytest.raises(NotImplementedError):
            method()


def test_before_it_begins_there_is_nothing_to_cancel_or_to_show() -> None:
    call = AsgiCall()
    call.setup()
    call.cancel()
    assert call.stack() == ""


@pytest.mark.parametrize("mistake", [TypeError("an int"), ValueError("not enough values")])
def test_fields_that_are_none_are_named(mistake: Exception) -> None:
    with pytest.raises(AppProtocolError, match=f"the trailers must be an iterable of .*: {mistake}") as caught:
        refuse_fields(mistake, "the trailers")
    assert caught.value.__cause__ is mistake


def test_a_mistake_that_is_named_already_keeps_its_words() -> None:
    with pytest.raises(AppProtocolError, match=r"^a field's name is empty$"):
        refuse_fields(AppProtocolError("a field's name is empty"), "the trailers")


# -- The same for a request and for a WebSocket


class Asked:
    """An application that waits and then does as it is told: return, or raise."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.error = error
        self.go_on = asyncio.Event()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await App(self.wait)(scope, receive, send)
        else:
            await self.wait(receive, send)

    async def wait(self, receive: Any, send: Any) -> None:
        await self.go_on.wait()
        if self.error is not None:
            raise self.error


async def begun(drive: Drive, kind: str) -> Any:
    """The exchange of a call that waits."""
    if kind == "http":
        drive.get("/asked")
        await settle()
        return drive.connection.exchange
    assert isinstance(drive, Client)
    await drive.open("/asked")
    return drive.socket.exchange


KINDS = pytest.mark.parametrize("kind", ["http", "websocket"])


@KINDS
async def test_a_call_that_fails_is_logged_with_its_error(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    app = Asked(KeyError("mine"))
    with Client(app) as client:
        exchange = await begun(client, kind)
        assert exchange in client.service.running
        assert "go_on.wait" in exchange.stack()
        app.go_on.set()
        await settle()
        assert exchange not in client.service.running
        assert exchange.stack() == ""
    assert "error in the ASGI application: GET /asked" in caplog.text
    assert "KeyError: 'mine'" in caplog.text


@KINDS
async def test_a_client_that_went_first_is_no_error(kind: str, caplog: pytest.LogCaptureFixture) -> None:
    app = Asked(ClientDisconnected())
    with caplog.at_level(logging.DEBUG, "bicorn"), Client(app) as client:
        exchange = await begun(client, kind)
        exchange.disconnect()
        app.go_on.set()
        await settle()
    assert "the client disconnected: GET /asked" in caplog.text
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


@KINDS
async def test_a_call_that_cancels_itself_is_named_and_one_that_the_server_cancels_is_not(
    kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    app = Asked(asyncio.CancelledError())
    with Client(app) as client:
        await begun(client, kind)
        app.go_on.set()
        await settle()
    assert "was cancelled, not by Bicorn: GET /asked" in caplog.text
    caplog.clear()
    with Client(Asked()) as client:
        exchange = await begun(client, kind)
        exchange.cancel()
        await settle()
        assert exchange not in client.service.running
    assert "cancelled" not in caplog.text
