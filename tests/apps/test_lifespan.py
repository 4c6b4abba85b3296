"""Every way an application may go through its lifespan."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from typing import Any

import pytest

from bicorn.apps import lifespan as module
from bicorn.apps.lifespan import Lifespan, Phase
from bicorn.errors import AppBootError, AppProtocolError

ANSWER = {"type": "lifespan.startup.complete"}


@pytest.fixture(autouse=True)
def short_grace(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CANCEL_GRACE", 0.02)


@pytest.fixture(autouse=True)
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.DEBUG, "bicorn.error")
    return caplog


def levels(log: pytest.LogCaptureFixture) -> list[str]:
    return [record.levelname for record in log.records if record.name == "bicorn.error"]


# Applications that behave


async def by_the_book(scope, receive, send):
    """The specification's example."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            scope["state"]["pool"] = "pool"
            await send(ANSWER)
        elif message["type"] == "lifespan.shutdown":
            scope["state"]["closed"] = True
            await send({"type": "lifespan.shutdown.complete"})
            return


async def loops_for_ever(scope, receive, send):
    while True:
        message = await receive()
        await send({"type": message["type"] + ".complete"})


async def answers_without_asking(scope, receive, send):
    await send(ANSWER)
    assert (await receive())["type"] == "lifespan.shutdown"
    await send({"type": "lifespan.shutdown.complete"})


async def leaves_after_startup(scope, receive, send):
    await receive()
    await send(ANSWER)


async def leaves_without_shutdown_answer(scope, receive, send):
    await receive()
    await send(ANSWER)
    await receive()


WELL_BEHAVED = [
    by_the_book,
    loops_for_ever,
    answers_without_asking,
    leaves_after_startup,
    leaves_without_shutdown_answer,
]


@pytest.mark.parametrize("mode", ["auto", "on"])
@pytest.mark.parametrize("app", WELL_BEHAVED)
async def test_startup_and_shutdown(app: Any, mode: str, log: pytest.LogCaptureFixture) -> None:
    lifespan = Lifespan(app, mode=mode)
    await lifespan.startup()
    assert lifespan.supported
    assert lifespan.phase is Phase.SERVING
    await asyncio.sleep(0)
    await lifespan.shutdown()
    assert lifespan._task is not None
    assert lifespan._task.done()
    assert levels(log) == []


async def test_the_state_is_the_applications() -> None:
    lifespan = Lifespan(by_the_book)
    await lifespan.startup()
    assert lifespan.state == {"pool": "pool"}
    await lifespan.shutdown()
    assert lifespan.state == {"pool": "pool", "closed": True}


async def test_the_scope() -> None:
    scopes: list[Any] = []

    async def app(scope, receive, send):
        scopes.append(scope)
        await by_the_book(scope, receive, send)

    lifespan = Lifespan(app)
    await lifespan.startup()
    await lifespan.shutdown()
    assert scopes == [{"type": "lifespan", "asgi": {"version": "3.0", "spec_version": "2.0"}, "state": lifespan.state}]
    assert scopes[0]["state"] is lifespan.state


async def test_context_variables_do_not_leak() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="outside")

    async def app(scope, receive, send):
        variable.set("inside")
        await by_the_book(scope, receive, send)

    lifespan = Lifespan(app)
    await lifespan.startup()
    assert variable.get() == "outside"
    await lifespan.shutdown()


async def test_off_never_calls() -> None:
    async def app(scope, receive, send):
        raise AssertionError("called")

    lifespan = Lifespan(app, mode="off")
    await lifespan.startup()
    assert not lifespan.supported
    await lifespan.shutdown()


# Applications that do not know lifespan


async def asserts_http(scope, receive, send):
    assert scope["type"] == "http"


async def refuses(scope, receive, send):
    raise ValueError("Django can only handle ASGI/HTTP connections, not lifespan.")


async def reads_the_path(scope, receive, send):
    scope["path"]


async def answers_at_once(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})


async def answers_after_the_body(scope, receive, send):
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200, "headers": []})


async def answers_and_swallows(scope, receive, send):
    await receive()
    try:
        await send({"type": "http.response.start", "status": 200, "headers": []})
    except Exception:
        return


async def returns_at_once(scope, receive, send):
    return


def refuses_when_called(scope, receive, send):
    raise NotImplementedError


STRANGERS = [
    asserts_http,
    refuses,
    reads_the_path,
    answers_at_once,
    answers_after_the_body,
    answers_and_swallows,
    returns_at_once,
    refuses_when_called,
]


@pytest.mark.parametrize("app", STRANGERS)
async def test_auto_accepts_an_application_without_lifespan(app: Any, log: pytest.LogCaptureFixture) -> None:
    lifespan = Lifespan(app)
    await lifespan.startup()
    assert not lifespan.supported
    assert levels(log) == ["DEBUG"]
    await lifespan.shutdown()
    assert levels(log) == ["DEBUG"]


@pytest.mark.parametrize("app", STRANGERS)
async def test_on_wants_a_lifespan(app: Any) -> None:
    with pytest.raises(AppBootError) as caught:
        await Lifespan(app, mode="on").startup()
    assert "the application does not support lifespan (it r" in str(caught.value)
    assert "and lifespan is 'on'" in str(caught.value)


async def test_a_mistake_before_anything_was_received_is_shown(log: pytest.LogCaptureFixture) -> None:
    async def app(scope, receive, send):
        raise RuntimeError("the middleware has no secret")

    await Lifespan(app).startup()
    assert levels(log) == ["WARNING"]
    assert "has no lifespan, or failed before it received anything" in log.messages[0]
    assert "in app\n" in log.messages[0]
    assert log.messages[0].endswith("RuntimeError: the middleware has no secret")


async def forgets_to_answer(scope, receive, send):
    await receive()


async def test_returning_without_an_answer(log: pytest.LogCaptureFixture) -> None:
    lifespan = Lifespan(forgets_to_answer)
    await lifespan.startup()
    assert not lifespan.supported
    assert levels(log) == ["WARNING"]
    with pytest.raises(AppBootError, match="it returned without an answer"):
        await Lifespan(forgets_to_answer, mode="on").startup()


# Start-ups that fail


async def raises_after_receiving(scope, receive, send):
    await receive()
    raise RuntimeError("no database")


async def exits(scope, receive, send):
    raise SystemExit(3)


async def exits_after_receiving(scope, receive, send):
    await receive()
    raise SystemExit(3)


async def cancels_itself(scope, receive, send):
    await receive()
    raise asyncio.CancelledError


async def fails(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no database"})


async def fails_silently(scope, receive, send):
    await send({"type": "lifespan.startup.failed"})
    await receive()


async def fails_as_starlette(scope, receive, send):
    import traceback

    await receive()
    try:
        raise RuntimeError("no database")
    except RuntimeError:
        await send({"type": "lifespan.startup.failed", "message": traceback.format_exc()})
        raise


@pytest.mark.parametrize("mode", ["auto", "on"])
@pytest.mark.parametrize(
    ("app", "expected"),
    [
        (raises_after_receiving, ["failed: RuntimeError: no database\n\nTraceback", "in raises_after_receiving\n"]),
        (exits, ["called sys.exit(3)", "in exits\n"]),
        (exits_after_receiving, ["called sys.exit(3)"]),
        (cancels_itself, ["CancelledError"]),
        (fails, ["failed: no database"]),
        (fails_silently, ["failed: it gave no reason"]),
        (fails_as_starlette, ["failed: RuntimeError: no database\n\nTraceback", "in fails_as_starlette\n"]),
    ],
)
async def test_a_failed_startup_stops_the_boot(
    app: Any, mode: str, expected: list[str], log: pytest.LogCaptureFixture
) -> None:
    lifespan = Lifespan(app, mode=mode)
    with pytest.raises(AppBootError) as caught:
        await lifespan.startup()
    text = str(caught.value)
    assert text.startswith("the lifespan start-up of the application failed")
    assert all(part in text for part in expected), text
    assert "lifespan.py" not in text.replace("test_lifespan.py", "")
    assert not lifespan.supported
    await lifespan.shutdown()
    assert levels(log) == []


async def test_messages_name_where_the_application_is_mounted() -> None:
    with pytest.raises(AppBootError, match="the lifespan start-up of the application at '/api' failed"):
        await Lifespan(fails, root_path="/api").startup()


async def test_an_interrupt_goes_through() -> None:
    async def app(scope, receive, send):
        raise KeyboardInterrupt

    lifespan = Lifespan(app)
    coroutine = lifespan._run()
    with pytest.raises(KeyboardInterrupt):
        coroutine.send(None)
    assert lifespan._finished.is_set()


async def never_starts(scope, receive, send):
    await receive()
    await connect()


async def connect():
    await asyncio.sleep(3600)


async def test_a_startup_that_takes_too_long_says_where_it_is_stuck() -> None:
    lifespan = Lifespan(never_starts, startup_timeout=0.01)
    with pytest.raises(AppBootError) as caught:
        await lifespan.startup()
    text = str(caught.value)
    assert "took longer than 0.01 s (lifespan_startup_timeout); it was waiting here" in text
    assert "in never_starts\n" in text
    assert "in connect\n    await asyncio.sleep(3600)" in text
    assert "CancelledError" not in text
    assert lifespan._task is not None
    assert lifespan._task.done()


async def test_a_startup_that_takes_too_long_and_hides_it() -> None:
    async def converts(scope, receive, send):
        try:
            await connect()
        except asyncio.CancelledError as error:
            raise ValueError("gave up") from error

    async def swallows(scope, receive, send):
        try:
            await connect()
        except asyncio.CancelledError:
            pass

    async def ignores(scope, receive, send):
        for _ in range(2):
            try:
                await connect()
            except asyncio.CancelledError:
                pass

    expected = {converts: "ValueError: gave up", swallows: "(unknown", ignores: "(it ignores being cancelled)"}
    for app, text in expected.items():
        lifespan = Lifespan(app, startup_timeout=0.01)
        with pytest.raises(AppBootError) as caught:
            await lifespan.startup()
        assert text in str(caught.value)
        assert lifespan._task is not None
        lifespan._task.cancel()
        await asyncio.wait({lifespan._task})


async def test_a_cancelled_startup_cancels_the_application() -> None:
    lifespan = Lifespan(never_starts, startup_timeout=0)
    starting = asyncio.create_task(lifespan.startup())
    while lifespan.phase is not Phase.STARTING:
        await asyncio.sleep(0)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert lifespan._task is not None
    assert lifespan._task.done()


# What goes wrong later


async def test_a_lifespan_that_dies_while_serving_is_reported_at_once(log: pytest.LogCaptureFixture) -> None:
    async def app(scope, receive, send):
        await receive()
        await send(ANSWER)
        await asyncio.sleep(0)
        raise RuntimeError("the pool is gone")

    lifespan = Lifespan(app)
    await lifespan.startup()
    assert lifespan._task is not None
    await asyncio.wait({lifespan._task})
    assert levels(log) == ["ERROR"]
    assert "failed while serving: RuntimeError: the pool is gone\n\nTraceback" in log.messages[0]
    await lifespan.shutdown()
    assert levels(log) == ["ERROR"]


async def test_a_lifespan_cancelled_with_the_loop_is_no_error(log: pytest.LogCaptureFixture) -> None:
    lifespan = Lifespan(by_the_book)
    await lifespan.startup()
    assert lifespan._task is not None
    lifespan._task.cancel()
    await asyncio.wait({lifespan._task})
    assert levels(log) == []


async def start_then(scope, receive, send):
    await receive()
    await send(ANSWER)
    assert (await receive())["type"] == "lifespan.shutdown"


async def shutdown_raises(scope, receive, send):
    await start_then(scope, receive, send)
    raise RuntimeError("cannot close")


async def shutdown_fails(scope, receive, send):
    await start_then(scope, receive, send)
    await send({"type": "lifespan.shutdown.failed", "message": "cannot close"})


async def shutdown_fails_as_starlette(scope, receive, send):
    await start_then(scope, receive, send)
    await send({"type": "lifespan.shutdown.failed", "message": "Traceback (most recent call last):\n  ..."})
    raise RuntimeError("cannot close")


async def shutdown_raises_after_its_answer(scope, receive, send):
    await start_then(scope, receive, send)
    await send({"type": "lifespan.shutdown.complete"})
    raise RuntimeError("cannot close")


async def shutdown_hangs(scope, receive, send):
    await start_then(scope, receive, send)
    await connect()


async def shutdown_hangs_after_its_answer(scope, receive, send):
    await start_then(scope, receive, send)
    await send({"type": "lifespan.shutdown.complete"})
    await connect()


async def shutdown_exits(scope, receive, send):
    await start_then(scope, receive, send)
    raise SystemExit(1)


@pytest.mark.parametrize(
    ("app", "expected"),
    [
        (shutdown_raises, "failed in its shutdown: RuntimeError: cannot close\n\nTraceback"),
        (shutdown_fails, "the lifespan shutdown of the application failed: cannot close"),
        (shutdown_fails_as_starlette, "failed: RuntimeError: cannot close\n\nTraceback"),
        (shutdown_raises_after_its_answer, "failed in its shutdown: RuntimeError: cannot close"),
        (shutdown_hangs, "took longer than 0.01 s (lifespan_shutdown_timeout) and was cancelled"),
        (shutdown_hangs_after_its_answer, "in connect\n"),
        (shutdown_exits, "called sys.exit(1)"),
    ],
)
async def test_a_failed_shutdown_is_logged_and_nothing_is_raised(
    app: Any, expected: str, log: pytest.LogCaptureFixture
) -> None:
    lifespan = Lifespan(app, shutdown_timeout=0.01 if "hangs" in app.__name__ else 30)
    await lifespan.startup()
    await lifespan.shutdown()
    [record] = [record for record in log.records if record.name == "bicorn.error"]
    assert record.levelname == "ERROR"
    assert expected in record.message
    assert lifespan._task is not None
    assert lifespan._task.done()


# What may be sent when


@pytest.mark.parametrize(
    ("phase", "kind", "allowed"),
    [
        (Phase.CALLED, "lifespan.startup.complete", True),
        (Phase.STARTING, "lifespan.startup.complete", True),
        (Phase.SERVING, "lifespan.startup.complete", False),
        (Phase.STARTING, "lifespan.startup.failed", True),
        (Phase.SERVING, "lifespan.startup.failed", False),
        (Phase.STARTING, "lifespan.shutdown.complete", False),
        (Phase.SERVING, "lifespan.shutdown.complete", False),
        (Phase.STOPPING, "lifespan.shutdown.complete", True),
        (Phase.STOPPING, "lifespan.shutdown.failed", True),
        (Phase.STOPPED, "lifespan.shutdown.failed", False),
        (Phase.FAILED, "lifespan.startup.complete", False),
        (Phase.STARTING, "http.response.start", False),
        (Phase.STARTING, None, False),
    ],
)
async def test_what_may_be_sent(phase: Phase, kind: str | None, allowed: bool) -> None:
    lifespan = Lifespan(by_the_book)
    lifespan.phase = phase
    if allowed:
        await lifespan._send({"type": kind})
        assert lifespan._answered.is_set()
    else:
        with pytest.raises(AppProtocolError, match="was sent"):
            await lifespan._send({"type": kind})
