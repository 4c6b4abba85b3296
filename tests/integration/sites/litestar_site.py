# No "from __future__ import annotations": Litestar reads the annotations of what is defined below.
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any

from litestar import Litestar, Request, Response, get, post
from litestar.background_tasks import BackgroundTask
from litestar.datastructures import Cookie, UploadFile
from litestar.enums import RequestEncodingType
from litestar.params import Body
from litestar.response import File, Stream

done: list[str] = []


@asynccontextmanager
async def lifespan(app: Litestar) -> AsyncIterator[None]:
    app.state.pool = "open"
    yield
    print("the pool is closed", flush=True)


@get("/", media_type="text/plain")
async def hello() -> str:
    return "hello"


@get("/query")
async def query(name: str) -> dict[str, str]:
    return {"name": name}


@post("/json", status_code=200)
async def echo(data: dict[str, Any]) -> dict[str, Any]:
    return data


@post("/form", status_code=200)
async def form(data: Annotated[dict[str, str], Body(media_type=RequestEncodingType.URL_ENCODED)]) -> dict[str, str]:
    return data


@post("/upload", status_code=200)
async def upload(
    data: Annotated[dict[str, UploadFile], Body(media_type=RequestEncodingType.MULTI_PART)],
) -> dict[str, Any]:
    file = data["file"]
    content = await file.read()
    return {"name": file.filename, "size": len(content), "sha256": hashlib.sha256(content).hexdigest()}


@get("/stream")
async def stream() -> Stream:
    async def lines() -> AsyncIterator[str]:
        for number in range(50):
            yield f"line {number}\n"

    return Stream(lines(), media_type="text/plain")


@get("/cookies")
async def cookies() -> Response[dict[str, str]]:
    return Response({}, cookies=[Cookie(key="first", value="1"), Cookie(key="second", value="2")])


@get("/whoami")
async def whoami(request: Request[Any, Any, Any]) -> dict[str, str]:
    return dict(request.cookies)


@get("/boom")
async def boom() -> None:
    raise RuntimeError("boom in the site")


async def note() -> None:
    done.append("task")


@post("/background", status_code=200)
async def background() -> Response[dict[str, bool]]:
    return Response({"started": True}, background=BackgroundTask(note))


@get("/background")
async def background_done() -> list[str]:
    return done


@get("/lifespan")
async def started(request: Request[Any, Any, Any]) -> dict[str, str]:
    return {"pool": request.app.state.pool}


@get("/file")
async def file() -> File:
    return File(Path(__file__), media_type="text/x-python")


app = Litestar(
    [hello, query, echo, form, upload, stream, cookies, whoami, boom, background, background_done, started, file],
    lifespan=[lifespan],
)
