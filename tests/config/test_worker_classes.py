from __future__ import annotations

import pytest

from bicorn.config.settings import OPTIONS
from bicorn.config.worker_classes import WORKER_CLASSES, by_meaning, find, name_of
from bicorn.errors import ConfigError

SERVED = """
    sync gthread gevent gevent_wsgi gevent_pywsgi eventlet tornado asgi
    gunicorn.workers.sync.SyncWorker gunicorn.workers.gthread.ThreadWorker gunicorn.workers.ggevent.GeventWorker
    gunicorn.workers.ggevent.GeventPyWSGIWorker gunicorn.workers.gtornado.TornadoWorker
    gunicorn.workers.gasgi.ASGIWorker uvicorn.workers.UvicornWorker uvicorn.workers.UvicornH11Worker
    uvicorn_worker.UvicornWorker uvicorn_worker.UvicornH11Worker egg:gunicorn#sync egg:gunicorn#gthread
""".split()  # noqa: SIM905 - read as a table


@pytest.mark.parametrize("name", SERVED)
def test_every_name_of_the_two_is_served(name: str) -> None:
    found = find(name)
    assert found.meaning.endswith(".")
    assert not found.refused


def test_what_they_imply_are_settings() -> None:
    for each in WORKER_CLASSES.values():
        for name, value in each.effects.items():
            assert OPTIONS[name].convert(value) == value


def test_uvicorns_workers_force_nothing() -> None:
    for name in ("uvicorn.workers.UvicornWorker", "uvicorn.workers.UvicornH11Worker", "sync", "gthread", "asgi"):
        assert find(name).effects == {}
        assert find(name).notice == ""


@pytest.mark.parametrize("name", ["gevent", "eventlet"])
def test_greenlets_become_threads_and_say_so(name: str) -> None:
    assert find(name).effects == {"threads": 64}
    assert "--threads" in find(name).notice


@pytest.mark.parametrize("name", ["gaiohttp", "aiohttp.GunicornWebWorker", "aiohttp.worker.GunicornUVLoopWebWorker"])
def test_aiohttp_is_refused_with_its_reason(name: str) -> None:
    with pytest.raises(ConfigError, match="neither ASGI nor WSGI") as error:
        find(name, origin="-k")
    assert "(from -k)" in str(error.value)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("gthred", "did you mean 'gthread'?"),
        ("uvicorn.worker.UvicornWorker", "did you mean 'uvicorn.workers.UvicornWorker'?"),
        ("zzzzzz", "leave it out"),
        ("site.workers.MyUvicornWorker", "bicorn --help-all"),
    ],
)
def test_unknown_names_get_a_hint(name: str, hint: str) -> None:
    with pytest.raises(ConfigError) as error:
        find(name)
    assert f"worker_class {name!r} is not known" in str(error.value)
    assert hint in str(error.value)


def test_a_class_is_known_by_its_bases() -> None:
    base = type("UvicornWorker", (), {"__module__": "uvicorn.workers"})
    mine = type("MyWorker", (base,), {"__module__": "site"})
    assert name_of(mine) == "uvicorn.workers.UvicornWorker"
    assert find(mine) is find("uvicorn.workers.UvicornWorker")
    assert name_of(type("Other", (), {"__module__": "site"})) == "site.Other"


def test_by_meaning_has_all() -> None:
    assert sorted(name for names in by_meaning().values() for name in names) == sorted(WORKER_CLASSES)
