"""What ``-k``/``--worker-class`` means here: every name Gunicorn and Uvicorn know.

Bicorn has one worker, which serves ASGI on an event loop and WSGI in itself or in threads, so most of them say
only what is found out anyway. What remains of each is in this table.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import ConfigError
from ..record import Record

GREEN_THREADS = 64  # what "many requests at once" becomes for code that was written for greenlets


class WorkerClass(Record):
    """One worker class and what it becomes.

    Args:
        meaning: for the documentation.
        effects: settings it implies where nothing else gives them.
        notice: what to tell whoever starts the server with it.
        refused: why it cannot be served.
    """

    meaning: str
    effects: Mapping[str, Any] = {}
    notice: str = ""
    refused: str = ""


_SYNC = WorkerClass("WSGI in the worker itself, in threads with --threads 2 or more; ASGI as it is.")
_THREADS = WorkerClass("WSGI in --threads threads; ASGI as it is.")
_ASGI = WorkerClass("Nothing to choose: ASGI is served by every worker.")
_GREEN = WorkerClass(
    f"WSGI in {GREEN_THREADS} threads unless --threads says otherwise; the standard library is not patched.",
    {"threads": GREEN_THREADS},
    f"there are no greenlets here: WSGI requests run in threads, {GREEN_THREADS} unless --threads says otherwise",
)
_TORNADO = WorkerClass(
    "WSGI in the worker itself; Tornado's own applications are not served.",
    notice="applications are served as WSGI or ASGI, without Tornado",
)
_AIOHTTP = WorkerClass(
    "Refused: aiohttp's applications are neither ASGI nor WSGI.",
    refused="aiohttp's applications are neither ASGI nor WSGI, only aiohttp's own server can run them",
)

WORKER_CLASSES: Mapping[str, WorkerClass] = {
    "sync": _SYNC,
    "gunicorn.workers.sync.SyncWorker": _SYNC,
    "gthread": _THREADS,
    "gunicorn.workers.gthread.ThreadWorker": _THREADS,
    "gevent": _GREEN,
    "gunicorn.workers.ggevent.GeventWorker": _GREEN,
    "gevent_wsgi": _GREEN,
    "gevent_pywsgi": _GREEN,
    "gunicorn.workers.ggevent.GeventPyWSGIWorker": _GREEN,
    "eventlet": _GREEN,
    "gunicorn.workers.geventlet.EventletWorker": _GREEN,
    "tornado": _TORNADO,
    "gunicorn.workers.gtornado.TornadoWorker": _TORNADO,
    "asgi": _ASGI,
    "gunicorn.workers.gasgi.ASGIWorker": _ASGI,
    "uvicorn.workers.UvicornWorker": _ASGI,
    "uvicorn.workers.UvicornH11Worker": _ASGI,
    "uvicorn_worker.UvicornWorker": _ASGI,
    "uvicorn_worker.UvicornH11Worker": _ASGI,
    "gaiohttp": _AIOHTTP,
    "gunicorn.workers.gaiohttp.AiohttpWorker": _AIOHTTP,
    "aiohttp.GunicornWebWorker": _AIOHTTP,
    "aiohttp.GunicornUVLoopWebWorker": _AIOHTTP,
    "aiohttp.worker.GunicornWebWorker": _AIOHTTP,
    "aiohttp.worker.GunicornUVLoopWebWorker": _AIOHTTP,
}


def by_meaning() -> dict[str, list[str]]:
    """The names of each worker class, by what it means here."""
    found: dict[str, list[str]] = {}
    for name, each in WORKER_CLASSES.items():
        found.setdefault(each.meaning, []).append(name)
    return found


def name_of(value: object) -> str:
    """The name of a worker class given as text, as Gunicorn's ``egg:`` URI, or as the class itself.

    A class of one's own is known by the first of its bases that this table has.
    """
    if isinstance(value, type):
        names = [f"{base.__module__}.{base.__qualname__}" for base in value.__mro__]
        return next((name for name in names if name in WORKER_CLASSES), names[0])
    return str(value).strip().removeprefix("egg:gunicorn#")


def find(value: object, *, origin: str = "") -> WorkerClass:
    """What a worker class means here.

    Raises:
        ConfigError: it is not known, or it cannot be served.
    """
    name = name_of(value)
    found = WORKER_CLASSES.get(name)
    source = f" (from {origin})" if origin else ""
    if found is None:
        from difflib import get_close_matches  # only when there is something to complain about

        nearest = get_close_matches(name, WORKER_CLASSES, n=1)
        hint = (
            f"did you mean {nearest[0]!r}?" if nearest else "leave it out: ASGI and WSGI are told apart by themselves."
        )
        if "." in name:
            hint += " What a class of one's own sets is a setting here, see bicorn --help-all."
        message = f"worker_class {name!r} is not known{source}; {hint}"
    elif found.refused:
        message = f"worker_class {name!r} cannot be used{source}: {found.refused}"
    else:
        return found
    raise ConfigError(message, setting="worker_class", value=name, origin=origin)
