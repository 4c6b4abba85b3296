"""The applications the proofs serve: FastAPI, Flask or plain, with faults that can be switched on from outside.

Each answers with its process id and the version of its code, so that a client sees who served it and whether a reload
has taken effect. A site is a folder of its own; new code replaces the file in one step.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from servers import Interface

Kind = Literal["fastapi", "flask", "django", "asgi", "wsgi"]

INTERFACES: dict[Kind, Interface] = {"fastapi": "asgi", "flask": "wsgi", "django": "wsgi", "asgi": "asgi",
                                    "wsgi": "wsgi"}  # fmt: skip
TITLES: dict[Kind, str] = {"fastapi": "FastAPI", "flask": "Flask", "django": "Django", "asgi": "plain ASGI",
                           "wsgi": "plain WSGI"}  # fmt: skip

_HEAD = """
import os, sys, time
VERSION = {version!r}
{at_import}

def stick(how):
    if how == "sleep":
        time.sleep(3600)
    elif how == "spin":
        while True:
            pass
    elif how == "gil":
        sum(range(10**15))  # one call into C that never lets go of the interpreter
    elif how == "import":
        import never_imported
    return "no longer stuck"
"""

_FASTAPI = """
import asyncio, contextlib
from fastapi import FastAPI, Request, Response

@contextlib.asynccontextmanager
async def lifespan(app):
    {in_lifespan}
    yield

app = FastAPI(lifespan=lifespan)

@app.get("/")
async def hello():
    return {{"pid": os.getpid(), "version": VERSION}}

@app.get("/ready")
async def ready(request: Request):
    stop = request.scope.get("state", {{}}).get("bicorn.shutdown")
    return Response(status_code=503 if stop is not None and stop.is_set() else 200)

@app.get("/slow")
async def slow(seconds: float = 1.0):
    await asyncio.sleep(seconds)
    return {{"pid": os.getpid(), "version": VERSION}}

@app.get("/stick/{{how}}")
async def stuck(how: str):
    return {{"said": stick(how)}}
"""

_FLASK = """
from flask import Flask, request
app = Flask(__name__)

@app.get("/")
def hello():
    return {{"pid": os.getpid(), "version": VERSION}}

@app.get("/ready")
def ready():
    stop = request.environ.get("bicorn.shutdown")
    return {{}}, 503 if stop and stop.is_set() else 200

@app.get("/slow")
def slow():
    time.sleep(float(request.args.get("seconds", 1)))
    return {{"pid": os.getpid(), "version": VERSION}}

@app.get("/stick/<how>")
def stuck(how):
    return {{"said": stick(how)}}
"""

_DJANGO = """
from django.conf import settings
settings.configure(ALLOWED_HOSTS=["*"], DEBUG=False, ROOT_URLCONF=__name__, SECRET_KEY="only for the proofs",
                   MIDDLEWARE=["django.middleware.security.SecurityMiddleware",
                               "django.middleware.common.CommonMiddleware"],
                   INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "django.contrib.sessions"])
from django.core.wsgi import get_wsgi_application
from django.http import JsonResponse
from django.urls import path

def hello(request):
    return JsonResponse({{"pid": os.getpid(), "version": VERSION}})

urlpatterns = [path("", hello)]
app = get_wsgi_application()
import django.contrib.auth.models, django.forms, django.template  # what most projects load
"""

_ASGI = """
import asyncio

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        {in_lifespan}
        await send({{"type": "lifespan.startup.complete"}})
        await receive()
        await send({{"type": "lifespan.shutdown.complete"}})
        return
    path = scope["path"]
    if path.startswith("/stick/"):
        stick(path[7:])
    if path == "/slow":
        await asyncio.sleep(1)
    body = b'{{"pid":%d,"version":"%s"}}' % (os.getpid(), VERSION.encode())
    await send({{"type": "http.response.start", "status": 200,
                "headers": [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]}})
    await send({{"type": "http.response.body", "body": body}})
"""

_WSGI = """
def app(environ, start_response):
    path = environ["PATH_INFO"]
    if path.startswith("/stick/"):
        stick(path[7:])
    if path == "/slow":
        time.sleep(1)
    body = b'{{"pid":%d,"version":"%s"}}' % (os.getpid(), VERSION.encode())
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
"""

_BODIES: dict[Kind, str] = {"fastapi": _FASTAPI, "flask": _FLASK, "django": _DJANGO, "asgi": _ASGI, "wsgi": _WSGI}

FAULTS = {
    "raises": "raise RuntimeError('the new code is broken')",
    "exits": "sys.exit('the new code gives up')",
    "hangs": "time.sleep(3600)",
}
"""What broken code does when it is imported."""

LIFESPAN_FAULT = "raise RuntimeError('no database')"


class Site:
    """A folder with ``site_app.py`` in it, whose ``app`` is served."""

    app = "site_app:app"

    def __init__(self, folder: Path, kind: Kind, import_seconds: float = 0.0) -> None:
        self.folder = folder
        self.kind: Kind = kind
        self.title = TITLES[kind] + (f", {import_seconds:g} s import" if import_seconds else "")
        self._import_seconds = import_seconds
        self._written = 0
        (folder / "never_imported.py").write_text("import time\ntime.sleep(3600)\n")
        self.write()

    @property
    def interface(self) -> Interface:
        return INTERFACES[self.kind]

    def write(self, fault: str = "") -> str:
        """Put the next version in place, good or with a fault of :data:`FAULTS` or "lifespan"; the version's name."""
        self._written += 1
        version = f"v{self._written}"
        at_import = FAULTS.get(fault, f"time.sleep({self._import_seconds})" if self._import_seconds else "")
        in_lifespan = LIFESPAN_FAULT if fault == "lifespan" else "pass"
        text = (_HEAD + _BODIES[self.kind]).format(version=version, at_import=at_import, in_lifespan=in_lifespan)
        new = self.folder / "site_app.new"
        new.write_text(text)
        os.replace(new, self.folder / "site_app.py")
        return version
