from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

from fastapi import BackgroundTasks, Cookie, FastAPI, Form, Request, Response, UploadFile
from fastapi.responses import FileResponse, PlainTextResponse, StreamingResponse

done: list[str] = []


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[dict[str, str]]:
    yield {"pool": "open"}
    print("the pool is closed", flush=True)


app = FastAPI(lifespan=lifespan)


@app.api_route("/", methods=["GET", "HEAD"], response_class=PlainTextResponse)
def hello() -> str:  # not async: runs in a thread
    return "hello"


@app.get("/query")
async def query(name: str) -> dict[str, str]:
    return {"name": name}


@app.post("/json")
async def echo(body: dict[str, Any]) -> dict[str, Any]:
    return body


@app.post("/form")
async def form(name: Annotated[str, Form()], colour: Annotated[str, Form()]) -> dict[str, str]:
    return {"name": name, "colour": colour}


@app.post("/upload")
async def upload(file: UploadFile) -> dict[str, Any]:
    content = await file.read()
    return {"name": file.filename, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


@app.get("/stream")
async def stream() -> StreamingResponse:
    async def lines() -> AsyncIterator[str]:
        for number in range(50):
            yield f"line {number}\n"

    return StreamingResponse(lines(), media_type="text/plain")


@app.get("/cookies")
async def cookies(response: Response) -> dict[str, str]:
    response.set_cookie("first", "1")
    response.set_cookie("second", "2")
    return {}


@app.get("/whoami")
async def whoami(first: Annotated[str, Cookie()], second: Annotated[str, Cookie()]) -> dict[str, str]:
    return {"first": first, "second": second}


@app.get("/boom")
async def boom() -> None:
    raise RuntimeError("boom in the site")


@app.post("/background")
async def background(tasks: BackgroundTasks) -> dict[str, bool]:
    tasks.add_task(done.append, "task")
    return {"started": True}


@app.get("/background")
async def background_done() -> list[str]:
    return done


@app.get("/lifespan")
async def started(request: Request) -> dict[str, str]:
    return {"pool": request.state.pool}


@app.get("/file")
async def file() -> FileResponse:
    return FileResponse(Path(__file__), media_type="text/x-python")
