"""What is in the messages an application sends on a WebSocket, and the close codes the server itself uses."""

from __future__ import annotations

from typing import Any

from bicorn.errors import AppProtocolError
from bicorn.wire.websocket import is_close_code

# RFC 6455 §7.4.1, and IANA's registry for 1012.
NORMAL = 1000
GOING_AWAY = 1001
NO_CLOSE = 1006
"""The connection ended without a close frame; stands in no frame."""
FAILED = 1011
RESTART = 1012


def text_of(text: object) -> str:
    """The text of ``websocket.send``, where it is not a plain string.

    Raises:
        AppProtocolError: it is none at all.
    """
    if isinstance(text, str):
        return "".join(text)  # a template's Markup is one
    raise AppProtocolError(f"the text of websocket.send must be a str, not {type(text).__name__}: {text!r}")


def bytes_of(data: object) -> bytes:
    """The bytes of ``websocket.send``, where they are not plain bytes.

    Raises:
        AppProtocolError: they are none at all.
    """
    if data is None:
        raise AppProtocolError("websocket.send has neither text nor bytes")
    if isinstance(data, (bytes, bytearray, memoryview)):
        return bytes(data)
    raise AppProtocolError(f"the bytes of websocket.send must be bytes, not {type(data).__name__}: {data!r}")


def close_of(fields: dict[str, Any]) -> tuple[int, str]:
    """Code and reason of ``websocket.close``.

    Raises:
        AppProtocolError: the code may not stand in a close frame, or the reason is no text.
    """
    code = fields.get("code", NORMAL)
    reason = fields.get("reason") or ""
    if not isinstance(code, int) or not is_close_code(min(max(code, 0), 9999)):
        raise AppProtocolError(f"websocket.close cannot have the code {code!r} (RFC 6455 §7.4)")
    if not isinstance(reason, str):
        raise AppProtocolError(f"the reason of websocket.close must be a str, not {type(reason).__name__}")
    return int(code), reason
