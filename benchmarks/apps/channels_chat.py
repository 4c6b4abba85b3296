"""A chat of one room in Django Channels, with its in-memory layer: what anyone says, all hear."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs

import django
from django.conf import settings

settings.configure(
    SECRET_KEY="not a secret",
    ALLOWED_HOSTS=["*"],
    INSTALLED_APPS=["channels"],
    ROOT_URLCONF=__name__,
    CHANNEL_LAYERS={"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}},
)
django.setup()

from channels.generic.websocket import AsyncJsonWebsocketConsumer  # noqa: E402
from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.core.asgi import get_asgi_application  # noqa: E402
from django.http import HttpRequest, HttpResponse  # noqa: E402
from django.urls import path  # noqa: E402

ROOM = "room"


class Chat(AsyncJsonWebsocketConsumer):  # type: ignore[misc]
    async def connect(self) -> None:
        self.name = parse_qs(self.scope["query_string"].decode())["name"][0]
        await self.channel_layer.group_add(ROOM, self.channel_name)
        await self.accept()

    async def receive_json(self, content: dict[str, Any]) -> None:
        await self._say(content["text"])

    async def disconnect(self, code: int) -> None:
        await self.channel_layer.group_discard(ROOM, self.channel_name)
        await self._say("(left)")

    async def _say(self, text: str) -> None:
        await self.channel_layer.group_send(ROOM, {"type": "chat.message", "from": self.name, "text": text})

    async def chat_message(self, event: dict[str, str]) -> None:
        await self.send_json({"from": event["from"], "text": event["text"]})


def hello(request: HttpRequest) -> HttpResponse:
    return HttpResponse("Hello, World!", content_type="text/plain")


urlpatterns = [path("", hello)]
app = ProtocolTypeRouter({"http": get_asgi_application(), "websocket": URLRouter([path("chat", Chat.as_asgi())])})
