"""What hooks are given has what Gunicorn's objects have."""

from __future__ import annotations

import logging
import os
import signal
from typing import Any

import pytest

from bicorn.config.settings import Config
from bicorn.observe import log as own_log
from bicorn.process.facades import BOOTING, Log, Server, Settings, Worker

CONFIG = Config(
    app="main:app", bind=("127.0.0.1:80", "unix:/run/a", "fd://3"), workers=3, preload=True, raw_env=("A=1", "B=x=y")
)


def test_settings_go_by_both_names() -> None:
    cfg = Settings(CONFIG)
    assert (cfg.workers, cfg.preload, cfg.preload_app, cfg.wsgi_app, cfg.app) == (3, True, True, "main:app", "main:app")
    assert (cfg.loglevel, cfg.errorlog, cfg.pidfile) == ("info", "-", None)
    assert cfg.bind == ["127.0.0.1:80", "unix:/run/a", "fd://3"]
    assert cfg.address == [("127.0.0.1", 80), "/run/a", 3]
    assert cfg.env == {"A": "1", "B": "x=y"}
    assert (cfg.is_ssl, cfg.proc_name) == (False, "bicorn")
    assert (cfg.settings["workers"].get(), cfg.settings["workers"].value) == (3, 3)
    assert cfg.keepalive == 75
    assert Settings(Config(limit_requests_per_connection=1)).keepalive == 0


@pytest.mark.parametrize("name", ["no_such_setting", "statsd_host", "__len__"])
def test_what_is_no_setting_is_an_attribute_error(name: str) -> None:
    with pytest.raises(AttributeError):
        getattr(Settings(CONFIG), name)


def test_the_log_logs(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log()
    with caplog.at_level("INFO", "bicorn.error"):
        log.info("worker %s", 1)
        try:
            raise ValueError("x")
        except ValueError:
            log.exception("it failed")
    assert [record.getMessage() for record in caplog.records] == ["worker 1", "it failed"]
    assert (log.error_log, log.access_log) == (logging.getLogger("bicorn.error"), logging.getLogger("bicorn.access"))
    called: list[bool] = []
    monkeypatch.setattr(own_log, "reopen", lambda: called.append(True))
    log.reopen_files()
    assert called == [True]


def test_a_worker_before_the_fork() -> None:
    worker = Worker(2, 5, CONFIG, Log())
    assert (worker.pid, worker.age, worker.ppid, worker.alive, worker.booted) == (BOOTING, 5, os.getpid(), True, False)
    assert (worker.cfg.workers, worker.timeout, str(worker)) == (3, 15.0, "<Worker [booting]>")
    worker.notify()
    carried: Any = worker
    carried.of_the_hook = 1
    assert carried.of_the_hook == 1


def test_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    server = Server(CONFIG, Log(), 3)
    assert (server.pid, server.num_workers, server.proc_name) == (os.getpid(), 3, "bicorn")
    assert server.address == [("127.0.0.1", 80), "/run/a", 3]
    assert (server.timeout, server.master_pid, server.WORKERS) == (30, 0, {})
    server.use(Config(proc_name="site"))
    assert (server.num_workers, server.proc_name, server.cfg.workers) == (3, "site", 1)
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: sent.append((pid, number)))
    server.WORKERS[7] = Worker(1, 1, CONFIG, Log())
    server.kill_worker(8, signal.SIGTERM)
    server.kill_workers(signal.SIGTERM)
    server.reload()
    server.wakeup()
    assert sent == [(7, signal.SIGTERM), (os.getpid(), signal.SIGHUP)]
