from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

done: list[str] = []


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[dict[str, str]]:
    yield {"pool": "open"}
    print("the pool is closed", flush=True)


async def hello(request: Request) -> Response:
    return PlainTextResponse("hello")


async def query(request: Request) -> Response:
    return JSONResponse({"name": request.query_params["name"]})


async def echo(request: Request) -> Response:
    return JSONResponse(await request.json())


async def form(request: Request) -> Response:
    async with request.form() as fields:
        return JSONResponse({name: fields[name] for name in ("name", "colour")})


async def upload(request: Request) -> Response:
    async with request.form() as fields:
        file = fields["file"]
        content = await file.read()
        told = {"name": file.filename, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    return JSONResponse(told)


async def stream(request: Request) -> Response:
    async def lines() -> AsyncIterator[str]:
        for number in range(50):
            yield f"line {number}\n"

    return StreamingResponse(lines(), media_type="text/plain")


async def cookies(request: Request) -> Response:
    response = JSONResponse({})
    response.set_cookie("first", "1")
    response.set_cookie("second", "2")
    return response


async def whoami(request: Request) -> Response:
    return JSONResponse(request.cookies)


async def boom(request: Request) -> Response:
    raise RuntimeError("boom in the site")


async def background(request: Request) -> Response:
    if request.method == "GET":
        return JSONResponse(done)
    return JSONResponse({"started": True}, background=BackgroundTask(done.append, "task"))


async def started(request: Request) -> Response:
    return JSONResponse({"pool": request.state.pool})


async def file(request: Request) -> Response:
    return FileResponse(Path(__file__), media_type="text/x-python")


app = Starlette(
    lifespan=lifespan,
    routes=[
        Route("/", hello),
        Route("/query", query),
        Route("/json", echo, methods=["POST"]),
        Route("/form", form, methods=["POST"]),
        Route("/upload", upload, methods=["POST"]),
        Route("/stream", stream),
        Route("/cookies", cookies),
        Route("/whoami", whoami),
        Route("/boom", boom),
        Route("/background", background, methods=["GET", "POST"]),
        Route("/lifespan", started),
        Route("/file", file),
    ],
)
