from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from flask import Flask, Response, jsonify, make_response, request, send_file, stream_with_context

app = Flask(__name__)


@app.get("/")
def hello() -> Response:
    return Response("hello", mimetype="text/plain")


@app.get("/query")
def query() -> Response:
    return jsonify(name=request.args["name"])


@app.post("/json")
def echo() -> Response:
    return jsonify(request.get_json())


@app.post("/form")
def form() -> Response:
    return jsonify(name=request.form["name"], colour=request.form["colour"])


@app.post("/upload")
def upload() -> Response:
    file = request.files["file"]
    content = file.read()
    return jsonify(name=file.filename, size=len(content), sha256=hashlib.sha256(content).hexdigest())


@app.get("/stream")
def stream() -> Response:
    @stream_with_context
    def lines() -> Iterator[str]:
        for number in range(50):
            yield f"line {number}\n"

    return Response(lines(), mimetype="text/plain")


@app.get("/cookies")
def cookies() -> Response:
    response = make_response({})
    response.set_cookie("first", "1")
    response.set_cookie("second", "2")
    return response


@app.get("/whoami")
def whoami() -> Response:
    return jsonify(request.cookies)


@app.get("/boom")
def boom() -> Response:
    raise RuntimeError("boom in the site")


@app.get("/file")
def file() -> Response:
    return send_file(Path(__file__), mimetype="text/x-python")
