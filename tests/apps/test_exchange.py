"""What every exchange has, and the awaitable that has its result."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Coroutine
from typing import Any

import pytest

from bicorn.apps.exchange import Channel, Endpoint, Exchange, Origin, Ready, is_disconnect
from bicorn.errors import ClientDisconnected
from tests.driving import Drive

# -- Ready


async def test_ready_gives_its_value_as_often_as_it_is_awaited() -> None:
    message = {"type": "http.request"}
    ready: Any = Ready(message)
    assert await ready is message
    assert await ready is message


@pytest.mark.parametrize("value", [None, (1, 2), ValueError("a value, not an error"), StopIteration(3)], ids=repr)
async def test_ready_gives_any_value_as_it_is(value: object) -> None:
    ready: Any = Ready(value)
    assert await ready is value
    assert await asyncio.create_task(Ready(value)) is value


async def test_ready_costs_no_turn_of_the_loop() -> None:
    turned: list[int] = []
    asyncio.get_running_loop().call_soon(turned.append, 1)
    await Ready(1)
    assert turned == []


async def test_ready_is_taken_for_a_coroutine_where_asyncio_wants_one() -> None:
    ready: Any = Ready(5)
    assert isinstance(ready, Coroutine)
    assert isinstance(ready, Awaitable)
    assert inspect.isawaitable(ready)
    assert await asyncio.create_task(Ready(5)) == 5
    assert await asyncio.wait_for(Ready(5), 1) == 5
    both: list[Any] = [Ready(1), Ready(2)]
    assert await asyncio.gather(*both) == [1, 2]
    async with asyncio.TaskGroup() as group:
        task: asyncio.Task[int] = group.create_task(Ready(7))
    assert task.result() == 7


def test_ready_lets_exceptions_through() -> None:
    ready: Any = Ready(1)
    with pytest.raises(KeyError):
        ready.throw(KeyError("cancelled"))
    with pytest.raises(KeyError):
        ready.throw(KeyError, KeyError("in the old way"), None)
    ready.close()


async def test_a_task_of_ready_can_be_cancelled_before_it_begins() -> None:
    task: asyncio.Task[int] = asyncio.create_task(Ready(1))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


# -- Exchange


async def nothing(scope: Any, receive: Any, send: Any) -> None:
    await asyncio.Event().wait()


async def test_an_exchange_says_what_was_asked_by_whom() -> None:
    with Drive(nothing) as drive:
        drive.get("/shop?id=1", method="POST")
        assert drive.connection.exchange is not None
        assert drive.connection.exchange.describe() == "POST /shop?id=1 from 127.0.0.1:50000"


async def test_an_exchange_on_a_unix_socket_has_no_address_to_name() -> None:
    with Drive(nothing, extra={"peername": "", "sockname": "/run/x.sock"}) as drive:
        drive.get()
        assert drive.connection.exchange is not None
        assert drive.connection.exchange.describe() == "GET / from a unix socket"


def test_what_an_implementation_must_add() -> None:
    exchange, channel, endpoint = Exchange(), Channel(), Endpoint()
    for call in (exchange.start, exchange.disconnect, exchange.cancel, channel.want_body, channel.hold_body):
        with pytest.raises(NotImplementedError):
            call()
    with pytest.raises(NotImplementedError):
        exchange.receive_body(b"", True)
    with pytest.raises(NotImplementedError):
        endpoint.open(channel, None)  # type: ignore[arg-type]
    assert exchange.survives_eof() is False


def test_an_origin_is_shared_by_connections() -> None:
    origin = Origin("https", ("::1", 443))
    assert (origin.scheme, origin.server) == ("https", ("::1", 443))


# -- Whose error it is


def raised_from(error: BaseException, cause: BaseException | None) -> BaseException:
    try:
        raise error from cause
    except BaseException as raised:
        return raised


def raised_while(error: BaseException, handled: BaseException) -> BaseException:
    try:
        try:
            raise handled
        except BaseException:
            raise error
    except BaseException as raised:
        return raised


GONE = ClientDisconnected("the client has disconnected")


@pytest.mark.parametrize(
    "error",
    [
        GONE,
        asyncio.CancelledError(),
        raised_from(RuntimeError("the framework's own"), GONE),
        raised_while(RuntimeError("the framework's own"), GONE),
        ExceptionGroup("a task group", [GONE]),
        BaseExceptionGroup("a task group", [GONE, BaseExceptionGroup("another", [raised_from(RuntimeError(), GONE)])]),
        BaseExceptionGroup("a task group", [GONE, asyncio.CancelledError()]),
    ],
    ids=repr,
)
def test_an_error_that_only_says_the_client_has_gone(error: BaseException) -> None:
    assert is_disconnect(error)


@pytest.mark.parametrize(
    "error",
    [
        ValueError(),
        OSError("a disk, not a client"),
        raised_from(RuntimeError(), ValueError()),
        ExceptionGroup("a task group", [GONE, ValueError("a mistake")]),
        raised_from(ValueError("on purpose"), None),
        raised_from(TimeoutError(), asyncio.CancelledError()),
    ],
    ids=repr,
)
def test_an_error_of_the_applications_own(error: BaseException) -> None:
    assert not is_disconnect(error)
