"""The views and URLs of a generated Django project; copied into it as its ``urls.py``."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from django.core.handlers.asgi import ASGIRequest
from django.http import FileResponse, HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.urls import path
from django.views.decorators.csrf import csrf_exempt


def hello(request: HttpRequest) -> HttpResponse:
    return HttpResponse("hello", content_type="text/plain")


def query(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"name": request.GET["name"]})


@csrf_exempt
def echo(request: HttpRequest) -> HttpResponse:
    return JsonResponse(json.loads(request.body))


@csrf_exempt
def form(request: HttpRequest) -> HttpResponse:
    return JsonResponse({"name": request.POST["name"], "colour": request.POST["colour"]})


@csrf_exempt
def upload(request: HttpRequest) -> HttpResponse:
    file = request.FILES["file"]
    digest = hashlib.sha256()
    for chunk in file.chunks():
        digest.update(chunk)
    return JsonResponse({"name": file.name, "size": file.size, "sha256": digest.hexdigest()})


def stream(request: HttpRequest) -> HttpResponse:
    def lines() -> Iterator[str]:
        for number in range(50):
            yield f"line {number}\n"

    async def lines_async() -> AsyncIterator[str]:
        for line in lines():
            yield line

    chosen = lines_async() if isinstance(request, ASGIRequest) else lines()
    return StreamingHttpResponse(chosen, content_type="text/plain")


def cookies(request: HttpRequest) -> HttpResponse:
    response = JsonResponse({})
    response.set_cookie("first", "1")
    response.set_cookie("second", "2")
    return response


def whoami(request: HttpRequest) -> HttpResponse:
    return JsonResponse(request.COOKIES)


def boom(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("boom in the site")


def file(request: HttpRequest) -> HttpResponse:
    return FileResponse(Path(__file__).open("rb"), content_type="text/x-python")


urlpatterns = [
    path("", hello),
    path("query", query),
    path("json", echo),
    path("form", form),
    path("upload", upload),
    path("stream", stream),
    path("cookies", cookies),
    path("whoami", whoami),
    path("boom", boom),
    path("file", file),
]
