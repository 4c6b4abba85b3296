"""Libraries that are imported once: the workers of a process that has them, and what becomes of them without it."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.running import Running, is_alive, poll
from tests.integration.test_manager import WSGI, Site, children, clients

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="the tests read Linux's /proc"),
]

Serve = Callable[..., Running]

FLASK = "import flask\nassert flask.Flask\n" + WSGI
FINDER = "class Finder:\n    def find_spec(self, *_): return None\nimport sys\nsys.meta_path.insert(0, Finder())\n"


def started(folder: Path, serve: Serve, source: str = FLASK, *arguments: str) -> Site:
    site = Site(folder, serve, source)
    site.start("--workers", "4", *arguments)
    return site


def family(site: Site) -> tuple[int, int, list[int]]:
    """The first worker, the process with the libraries, and its workers."""
    first, template = poll(lambda: len(own := children(site.server.pid)) == 2 and own, "a worker and a template")
    workers = poll(lambda: len(own := children(template)) == 3 and own, "three workers")
    return first, template, workers


def has_none(site: Site) -> None:
    """All four workers are ready, and none of them was forked by another process."""
    own = children(site.server.pid)
    assert len(own) >= 4, "what watches files may be one more"
    assert [children(pid) for pid in own] == [[] for _ in own]
    assert site.server.stop() == 0


def test_all_but_the_first_worker_have_the_libraries_from_one_process(folder: Path, serve: Serve) -> None:
    site = started(folder, serve)
    first, template, workers = family(site)
    with clients(site.port) as answers:
        poll(lambda: answers["200 one"], "an answer")
        os.kill(workers[0], signal.SIGTERM)  # it finishes first what it has begun
        site.server.wait_for(rf"worker \d \(pid {workers[0]}\) [^\n]*\[cause: ")
        poll(lambda: len(set(children(template)) - set(workers)) == 1, "its replacement")
    assert set(answers) == {"200 one"}
    assert site.server.stop() == 0
    assert not any(is_alive(pid) for pid in (first, template, *workers))


def test_new_code_has_a_process_of_its_own_and_the_old_one_goes(folder: Path, serve: Serve) -> None:
    site = started(folder, serve)
    _, template, _ = family(site)
    with clients(site.port) as answers:
        for version in ("two", "three"):
            site.deploy(version)
            site.reload()
        poll(lambda: answers["200 three"], "the new code")
    assert set(answers) <= {"200 one", "200 two", "200 three"}
    poll(lambda: not is_alive(template), "the old one to end")
    _, second, workers = family(site)
    assert site.server.stop() == 0
    assert not any(is_alive(pid) for pid in (second, *workers))


def test_new_code_that_fails_leaves_the_old_process(folder: Path, serve: Serve) -> None:
    site = started(folder, serve)
    before = family(site)
    site.deploy("two", "1 / 0")
    site.reload("The reload has failed")
    assert family(site) == before
    assert site.server.stop() == 0


@pytest.mark.parametrize("option", ["--no-share-imports", "--reload"])
def test_there_is_none_where_none_is_wanted(folder: Path, serve: Serve, option: str) -> None:
    has_none(started(folder, serve, FLASK, option))


@pytest.mark.parametrize(
    "source",
    [
        WSGI,
        "import time\ntime.sleep = lambda seconds: None\n" + FLASK,
        FINDER + FLASK,
        "import os\nos.environ['FLASK_X'] = '1'\n" + FLASK,
    ],
    ids=["no library", "patched", "an import hook", "a variable"],
)
def test_there_is_none_where_it_might_make_a_difference(folder: Path, serve: Serve, source: str) -> None:
    has_none(started(folder, serve, source))


def test_the_workers_of_a_killed_one_serve_on_and_later_ones_import_for_themselves(folder: Path, serve: Serve) -> None:
    site = started(folder, serve)
    first, template, workers = family(site)
    with clients(site.port) as answers:
        poll(lambda: answers["200 one"], "an answer")
        os.kill(template, signal.SIGKILL)
        site.server.wait_for("Workers import their libraries themselves from now on: the process that has them was kil")
        site.server.send(signal.SIGTTIN)
        poll(lambda: len(children(site.server.pid)) == 2, "another worker")
        poll(lambda: site.server.log().count("is ready after") == 4, "it to serve")
    assert set(answers) == {"200 one"}
    assert all(is_alive(pid) for pid in (first, *workers))
    assert site.server.stop() == 0
    assert not any(is_alive(pid) for pid in workers)


def test_nothing_of_it_outlives_the_supervisor(folder: Path, serve: Serve) -> None:
    site = started(folder, serve)
    first, template, workers = family(site)
    os.kill(site.server.pid, signal.SIGKILL)
    poll(lambda: not any(is_alive(pid) for pid in (first, template, *workers)), "all of them to end")


def test_its_workers_show_their_stacks(folder: Path, serve: Serve) -> None:
    site = started(folder, serve)
    _, template, workers = family(site)
    os.kill(workers[0], signal.SIGUSR2)
    site.server.wait_for(rf"\(pid {workers[0]}\) shows its stacks\nCurrent thread 0x")
    assert children(template) == workers
    assert site.server.stop() == 0
