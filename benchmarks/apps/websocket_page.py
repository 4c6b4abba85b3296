"""A page that tries WebSockets in a browser and tells the server how it went: GET /result is what it said."""

from __future__ import annotations

from typing import Any

from asgi_plain import Receive, Send, lifespan

_results: list[bytes] = []

PAGE = b"""<!doctype html>
<title>WebSockets in a browser</title>
<script>
const url = path => `ws://${location.host}${path}`
const opened = (path, protocols) => new Promise((yes, no) => {
  const socket = new WebSocket(url(path), protocols)
  socket.binaryType = "arraybuffer"
  socket.onopen = () => yes(socket)
  socket.onerror = () => no(new Error("could not connect to " + path))
})
const ended = socket => new Promise(yes => socket.onclose = event => yes(event))
const answer = (socket, message) => new Promise((yes, no) => {
  socket.onmessage = event => yes(event.data)
  socket.onclose = event => no(new Error("closed with " + event.code))
  socket.send(message)
})
const told = {}
const expect = (name, right) => { if (!right) throw new Error(name); told[name] = "ok" }
async function all() {
  const socket = await opened("/echo", ["other", "chat"])
  expect("subprotocol", socket.protocol === "chat")
  expect("deflate", socket.extensions.startsWith("permessage-deflate"))
  for (const size of [0, 1, 125, 126, 4096, 65535, 65536, 1 << 20])
    expect("text of " + size, await answer(socket, "\\u00e9".repeat(size)) === "\\u00e9".repeat(size))
  const bytes = crypto.getRandomValues(new Uint8Array(65536))
  const back = new Uint8Array(await answer(socket, bytes))
  expect("bytes", back.length === bytes.length && back.every((byte, index) => byte === bytes[index]))
  let next = 0
  const inOrder = new Promise((yes, no) => socket.onmessage = event =>
    event.data !== String(next++) ? no(new Error("order")) : next === 1000 && yes())
  for (let i = 0; i < 1000; i++) socket.send(String(i))
  await inOrder
  expect("1000 in order", true)
  socket.close(3000, "enough")
  const own = await ended(socket)
  expect("closed by the page", own.code === 3000 && own.wasClean)
  const theirs = await ended(await opened("/close"))
  expect("closed by the app", theirs.code === 4321 && theirs.reason === "that is all" && theirs.wasClean)
  const denied = await opened("/deny").then(() => false, () => true)
  expect("denied", denied)
}
all().catch(error => told.failed = String(error)).then(() =>
  fetch("/result", {method: "POST", body: JSON.stringify(told)}))
</script>
"""


async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
    elif scope["type"] == "http":
        await _http(scope, receive, send)
    else:
        await _websocket(scope, receive, send)


async def _http(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    body = PAGE
    if scope["path"] == "/result":
        if scope["method"] == "POST":
            _results.append((await receive())["body"])
        body = _results[-1] if _results else b""
    kind = b"text/html" if body is PAGE else b"application/json"
    headers = [(b"content-type", kind), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def _websocket(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    await receive()
    if scope["path"] == "/deny":
        await send({"type": "websocket.close"})
        return
    subprotocol = "chat" if "chat" in scope["subprotocols"] else None
    await send({"type": "websocket.accept", "subprotocol": subprotocol, "headers": [(b"x-served", b"yes")]})
    if scope["path"] == "/close":
        await send({"type": "websocket.close", "code": 4321, "reason": "that is all"})
        return
    while (event := await receive())["type"] == "websocket.receive":
        message = {"text": event["text"]} if event.get("text") is not None else {"bytes": event["bytes"]}
        await send({"type": "websocket.send", **message})
