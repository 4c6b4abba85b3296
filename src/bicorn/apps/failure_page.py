"""An application in the place of one that could not start, while code is reloaded as it is saved: it says why.

Every answer is 500. The traceback is shown to whoever addresses the server as this machine (``localhost``, a loopback
address); under any other name it may have come from a tunnel, a proxy, or a page that has had its name resolved to
127.0.0.1, and source code is not for those. The next save replaces all of it, and an open page then loads again.
"""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import Any

from bicorn.apps.exchange import SHUTDOWN

TITLE = "The application could not start"
AGAIN = "Save the file that mends it, and this page loads again."
ELSEWHERE = "The server's log says why. It is shown here to http://localhost only."

_PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{title}</title>
<style>
:root {{ color-scheme: light dark }}
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 60rem; margin: 3rem auto; padding: 0 1rem }}
pre {{ overflow-x: auto; padding: 1rem; border: 1px solid #8886; border-left: 4px solid #c33; background: #8881;
  font: .875rem/1.5 ui-monospace, monospace }}
</style>
<h1>{title}</h1>
<p><strong>{summary}</strong></p>
{details}
<p>{again}</p>
<script>
const ask = headers => fetch(location.href, {{ method: "HEAD", cache: "no-store", headers }})
const again = () => ask({{}}).then(() => location.reload(), () => setTimeout(again, 500))
ask({{ "x-bicorn-wait": "1" }}).then(again, again)
</script>
"""


class FailurePage:
    """The application.

    Args:
        text: why it could not start: one line, then what there is to say, such as a traceback.
        is_private: all who can connect are on this machine.
    """

    def __init__(self, text: str, is_private: bool) -> None:
        self._text = text
        self._is_private = is_private

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """ASGI 3."""
        if scope["type"] == "lifespan":
            await _be_alive(receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1011})
        else:
            fields = dict(scope["headers"])
            if b"x-bicorn-wait" in fields and (over := scope.get("state", {}).get(SHUTDOWN)) is not None:
                await over.wait()  # an open page asks: the next save ends this worker
            kind, body = self._answer(fields)
            headers = [
                (b"content-type", kind + b"; charset=utf-8"),
                (b"content-length", b"%d" % len(body)),
                (b"cache-control", b"no-store"),
            ]
            await send({"type": "http.response.start", "status": 500, "headers": headers})
            await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    def _answer(self, fields: dict[bytes, bytes]) -> tuple[bytes, bytes]:
        summary, _, details = self._text.partition("\n")
        if not (self._is_private and is_this_machine(fields.get(b"host", b""))):
            summary, details = "", ELSEWHERE
        if b"text/html" not in fields.get(b"accept", b""):
            lines = [TITLE, summary, details.strip("\n"), AGAIN]
            return b"text/plain", ("\n\n".join(line for line in lines if line) + "\n").encode("utf-8", "replace")
        page = _PAGE.format(
            title=TITLE,
            summary=html.escape(summary),
            details=f"<pre>{html.escape(details.strip())}</pre>" if details.strip() else "",
            again=AGAIN,
        )
        return b"text/html", page.encode("utf-8", "replace")


async def _be_alive(receive: Any, send: Any) -> None:
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await receive()
    await send({"type": "lifespan.shutdown.complete"})


def is_this_machine(host: bytes) -> bool:
    """Whether a Host field names the machine as only the machine itself does (RFC 6761, 6.3; RFC 1122, 3.2.1.3)."""
    name = host.decode("latin-1").lower()
    name = name[: name.find("]") + 1] if name.startswith("[") else name.partition(":")[0]
    return name in ("localhost", "[::1]", "") or name.endswith(".localhost") or is_loopback(name)


def is_loopback(address: str) -> bool:
    """Whether an address, as the socket has it, is one that other machines cannot connect to."""
    address = address.removeprefix("::ffff:")
    return address == "::1" or (address.startswith("127.") and not address.strip("0123456789."))


def are_private(names: Iterable[Any]) -> bool:
    """Whether only this machine can connect to sockets with these names (``getsockname()``)."""
    return all(is_loopback(str(name[0])) if isinstance(name, tuple) else True for name in names)
