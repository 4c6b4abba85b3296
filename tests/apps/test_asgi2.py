from __future__ import annotations

from typing import Any

import pytest

from bicorn.apps.asgi2 import as_asgi3


class Echo:
    def __init__(self, scope: dict[str, Any]) -> None:
        if scope["type"] != "http":
            raise ValueError("only http")
        self.scope = scope

    async def __call__(self, receive: Any, send: Any) -> None:
        await send({"got": await receive(), "asgi": self.scope["asgi"]})


async def receive() -> dict[str, Any]:
    return {"type": "http.request"}


async def test_the_two_steps_are_made_in_one() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    shared = {"version": "3.0", "spec_version": "2.5"}
    await as_asgi3(Echo)({"type": "http", "asgi": shared}, receive, send)
    assert sent == [{"got": {"type": "http.request"}, "asgi": {"version": "2.0", "spec_version": "2.5"}}]
    assert shared["version"] == "3.0"


async def test_a_refusal_comes_before_anything_is_received() -> None:
    async def never() -> Any:
        raise AssertionError("received")

    with pytest.raises(ValueError, match="only http"):
        await as_asgi3(Echo)({"type": "lifespan"}, never, never)
