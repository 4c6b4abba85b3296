from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

from quart import Quart, Response, jsonify, make_response, request, send_file

app = Quart(__name__)
done: list[str] = []
state: dict[str, str] = {}


@app.before_serving
async def start() -> None:
    state["pool"] = "open"


@app.after_serving
async def stop() -> None:
    print("the pool is closed", flush=True)


@app.get("/")
async def hello() -> Response:
    return Response("hello", mimetype="text/plain")


@app.get("/query")
async def query() -> Response:
    return jsonify(name=request.args["name"])


@app.post("/json")
async def echo() -> Response:
    return jsonify(await request.get_json())


@app.post("/form")
async def form() -> Response:
    fields = await request.form
    return jsonify(name=fields["name"], colour=fields["colour"])


@app.post("/upload")
async def upload() -> Response:
    file = (await request.files)["file"]
    content = file.read()
    return jsonify(name=file.filename, size=len(content), sha256=hashlib.sha256(content).hexdigest())


@app.get("/stream")
async def stream() -> Response:
    async def lines() -> AsyncIterator[bytes]:
        for number in range(50):
            yield f"line {number}\n".encode()

    return Response(lines(), mimetype="text/plain")


@app.get("/cookies")
async def cookies() -> Response:
    response = await make_response({})
    response.set_cookie("first", "1")
    response.set_cookie("second", "2")
    return response


@app.get("/whoami")
async def whoami() -> Response:
    return jsonify(request.cookies)


@app.get("/boom")
async def boom() -> Response:
    raise RuntimeError("boom in the site")


@app.post("/background")
async def background() -> Response:
    async def task() -> None:
        done.append("task")

    app.add_background_task(task)
    return jsonify(started=True)


@app.get("/background")
async def background_done() -> Response:
    return jsonify(done)


@app.get("/lifespan")
async def started() -> Response:
    return jsonify(state)


@app.get("/file")
async def file() -> Response:
    return await send_file(Path(__file__), mimetype="text/x-python")
