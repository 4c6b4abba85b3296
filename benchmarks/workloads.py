"""Every workload: which app is served, what is asked of it, what the right answer is, and who takes part."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from servers import Interface

SCRIPTS = Path(__file__).resolve().parent / "wrk"

_COOKIE = (
    "session=2094175586203194418800217553; _ga=GA1.1.1845937201.1757412388; _ga_QX2V81LMPK=GS2.1.1757499911;"
    " consent=necessary.analytics; currency=EUR; theme=dark; csrftoken=7301948265017364920185"
)
BROWSER_FIELDS = (
    ("Connection", "keep-alive"),
    ("sec-ch-ua", '"Chromium";v="140", "Not=A?Brand";v="24", "Google Chrome";v="140"'),
    ("sec-ch-ua-mobile", "?0"),
    ("sec-ch-ua-platform", '"Linux"'),
    ("Upgrade-Insecure-Requests", "1"),
    ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140 Safari/537.36"),
    ("Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"),
    ("Sec-Fetch-Site", "same-origin"),
    ("Sec-Fetch-Mode", "navigate"),
    ("Sec-Fetch-Dest", "document"),
    ("Referer", "https://shop.example.com/products/484120"),
    ("Accept-Encoding", "gzip, deflate, br, zstd"),
    ("Accept-Language", "en-GB,en-US;q=0.9,en;q=0.8"),
    ("Cookie", _COOKIE),
)
"""What Chrome sends with a page load: fourteen fields, and Host makes fifteen; about 900 bytes."""

CLOSE = (("Connection", "close"),)

ASGI_ALL = ("bicorn", "bicorn-pure", "granian", "fastpysgi", "fastpysgi-uvloop", "uvicorn", "gunicorn-asgi",
            "gunicorn-uvicorn", "hypercorn")  # fmt: skip
ASGI_MAIN = ("bicorn", "bicorn-pure", "granian", "fastpysgi", "uvicorn", "gunicorn-asgi")
WSGI_ALL = ("bicorn", "bicorn-pure", "granian", "fastpysgi", "bjoern", "gunicorn-sync", "gunicorn-gthread",
            "hypercorn", "waitress")  # fmt: skip
WSGI_MAIN = ("bicorn", "bicorn-pure", "granian", "fastpysgi", "bjoern", "gunicorn-gthread")
START_WSGI = ("bicorn", "bicorn-pure", "gunicorn-sync", "gunicorn-gthread", "granian", "fastpysgi", "bjoern")
START_ASGI = ("bicorn", "bicorn-pure", "gunicorn-asgi", "gunicorn-uvicorn", "uvicorn", "granian", "fastpysgi")


@dataclass(frozen=True, slots=True)
class Workload:
    """One row of the comparison."""

    name: str
    title: str
    interface: Interface
    app: str
    length: int | None
    """Length of the right body in bytes; None where the framework may choose its spacing (JSON)."""
    contains: bytes
    """Bytes that the right body contains."""
    servers: tuple[str, ...]
    path: str = "/"
    fields: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    script: Path | None = None
    tls: bool = False
    kind: Literal["load", "start"] = "load"
    """`load`: requests as fast as they are answered. `start`: exec to the first answer, then memory."""
    workers: int = 1


HELLO = b"Hello, World!"
POST_BODY = b"x" * 16384
POST = SCRIPTS / "post.lua"

_TABLE = (
    Workload("asgi-small", "ASGI, 13 bytes", "asgi", "asgi_plain:small", 13, HELLO, ASGI_ALL),
    Workload("asgi-browser", "ASGI, browser-like request", "asgi", "asgi_plain:small", 13, HELLO, ASGI_ALL,
             fields=BROWSER_FIELDS),
    Workload("asgi-browser-varied", "ASGI, browser-like request, no two alike", "asgi", "asgi_plain:small", 13, HELLO,
             ASGI_MAIN, fields=BROWSER_FIELDS, script=SCRIPTS / "varied.lua"),
    Workload("wsgi-small", "WSGI, 13 bytes", "wsgi", "wsgi_plain:small", 13, HELLO, WSGI_ALL),
    Workload("wsgi-browser", "WSGI, browser-like request", "wsgi", "wsgi_plain:small", 13, HELLO, WSGI_ALL,
             fields=BROWSER_FIELDS),
    Workload("wsgi-browser-varied", "WSGI, browser-like request, no two alike", "wsgi", "wsgi_plain:small", 13, HELLO,
             WSGI_MAIN, fields=BROWSER_FIELDS, script=SCRIPTS / "varied.lua"),
    Workload("fastapi", "FastAPI, GET, JSON", "asgi", "fastapi_app:app", None, HELLO, ASGI_MAIN),
    Workload("starlette", "Starlette, GET, text", "asgi", "starlette_app:app", 13, HELLO, ASGI_MAIN),
    Workload("django-asgi", "Django ASGI, asynchronous view", "asgi", "django_app:asgi", 13, HELLO, ASGI_MAIN,
             path="/async"),
    Workload("django-wsgi", "Django WSGI", "wsgi", "django_app:wsgi", 13, HELLO, WSGI_MAIN),
    Workload("flask", "Flask, GET, JSON", "wsgi", "flask_app:app", None, HELLO, WSGI_MAIN),
    Workload("asgi-post", "ASGI, POST 16 KiB", "asgi", "asgi_plain:upload", 5, b"16384", ASGI_MAIN,
             body=POST_BODY, script=POST),
    Workload("wsgi-post", "WSGI, POST 16 KiB", "wsgi", "wsgi_plain:upload", 5, b"16384", WSGI_MAIN,
             body=POST_BODY, script=POST),
    Workload("asgi-stream", "ASGI, 100 x 1 KiB streamed", "asgi", "asgi_plain:stream", 102400, b"x", ASGI_MAIN),
    Workload("wsgi-stream", "WSGI, 100 x 1 KiB from a generator", "wsgi", "wsgi_plain:stream", 102400, b"x",
             WSGI_MAIN),
    Workload("asgi-1mib", "ASGI, 1 MiB body", "asgi", "asgi_plain:large", 1 << 20, b"x", ASGI_MAIN),
    Workload("wsgi-1mib", "WSGI, 1 MiB body", "wsgi", "wsgi_plain:large", 1 << 20, b"x", WSGI_MAIN),
    Workload("asgi-tls", "ASGI, 13 bytes over TLS", "asgi", "asgi_plain:small", 13, HELLO, ASGI_MAIN, tls=True),
    Workload("wsgi-tls", "WSGI, 13 bytes over TLS", "wsgi", "wsgi_plain:small", 13, HELLO, WSGI_MAIN, tls=True),
    Workload("asgi-close", "ASGI, a connection for each request", "asgi", "asgi_plain:small", 13, HELLO, ASGI_MAIN,
             fields=CLOSE),
    Workload("wsgi-close", "WSGI, a connection for each request", "wsgi", "wsgi_plain:small", 13, HELLO,
             (*WSGI_MAIN, "gunicorn-sync"), fields=CLOSE),
    Workload("start-wsgi", "Start-up and memory, 4 workers, plain WSGI", "wsgi", "wsgi_plain:small", 13, HELLO,
             START_WSGI, kind="start", workers=4),
    Workload("start-flask", "Start-up and memory, 4 workers, Flask", "wsgi", "flask_app:app", None, HELLO,
             START_WSGI, kind="start", workers=4),
    Workload("start-asgi", "Start-up and memory, 4 workers, plain ASGI", "asgi", "asgi_plain:small", 13, HELLO,
             START_ASGI, kind="start", workers=4),
    Workload("start-fastapi", "Start-up and memory, 4 workers, FastAPI", "asgi", "fastapi_app:app", None, HELLO,
             START_ASGI, kind="start", workers=4),
)  # fmt: skip

WORKLOADS: dict[str, Workload] = {workload.name: workload for workload in _TABLE}
