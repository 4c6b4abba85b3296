"""Settings that are read again: what is entered, what is opened, and that a failure leaves everything as it was."""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bicorn.config.settings import Config
from bicorn.config.sources import Start, enter, go_back
from bicorn.errors import BindError, ConfigError
from bicorn.process import reread
from bicorn.process.reread import Edition, Editions, reason, want
from bicorn.process.sockets import bind_all
from bicorn.server import tls


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """As if the server had been started in an empty directory; everything is put back afterwards."""
    directory, environ = os.getcwd(), dict(os.environ)
    handlers = {name: list(logging.getLogger(name).handlers) for name in ("bicorn", "bicorn.access")}
    os.chdir(tmp_path)
    yield Start(str(tmp_path), {**environ, "LISTEN_FDS": "1"})
    os.chdir(directory)
    for name in os.environ.keys() - environ.keys():
        del os.environ[name]
    os.environ.update(environ)
    for name, old in handlers.items():
        for handler in list(logging.getLogger(name).handlers):
            logging.getLogger(name).removeHandler(handler)
            handler.close()
        for handler in old:
            logging.getLogger(name).addHandler(handler)


def settings(*bind: str, **more: Any) -> Config:
    return Config(app="main:app", bind=bind or ("127.0.0.1:0",), loop="asyncio", access_log=False, **more)


def begin(config: Config, start: Start, read: Callable[[], Config]) -> Editions:
    enter(config)
    return Editions(Edition(1, config, bind_all(config)), start, read)


def same(config: Config) -> Config:
    return config


def port(edition: Edition) -> int:
    number: int = edition.listeners[0].sock.getsockname()[1]
    return number


def test_back_to_the_environment_and_the_directory_of_the_start(start: Start, tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    enter(Config(chdir=str(tmp_path / "below"), raw_env=("ADDED=1", "PATH=/nowhere")))
    assert (os.getcwd(), os.environ["ADDED"]) == (str(tmp_path / "below"), "1")
    go_back(start)
    assert os.getcwd() == str(tmp_path)
    assert "ADDED" not in os.environ
    assert os.environ["PATH"] == start.environ["PATH"]
    assert "LISTEN_FDS" not in os.environ  # it was for one process alone


def test_the_new_settings_take_the_place_of_the_old_ones(start: Start, tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    seen: list[tuple[str, str | None]] = []

    def read() -> Config:
        seen.append((os.getcwd(), os.environ.get("COLOR")))
        return settings(chdir=str(tmp_path / "new"), raw_env=("SHAPE=round",), workers=3)

    editions = begin(settings(raw_env=("COLOR=red",)), start, read)
    try:
        first = editions.entered
        edition = editions.add(2, same)
        assert seen == [(str(tmp_path), None)]  # the old settings' variables are not the new ones'
        assert (os.getcwd(), os.environ["SHAPE"]) == (str(tmp_path / "new"), "round")
        assert editions.entered is edition is editions[2]
        assert [listener.sock for listener in edition.listeners] == [listener.sock for listener in first.listeners]
        editions.enter(first)
        assert os.environ["COLOR"] == "red"
        assert "SHAPE" not in os.environ
    finally:
        editions.close()


def test_auto_is_counted_again(start: Start) -> None:
    editions = begin(settings(), start, lambda: settings(workers="auto"))
    try:
        edition = editions.add(2, lambda config: config.replace(workers=5))
        assert want(edition.config).workers == 5
    finally:
        editions.close()


def test_a_new_address_is_opened_before_the_old_one_is_let_go(start: Start) -> None:
    editions = begin(settings("127.0.0.1:0"), start, lambda: settings("localhost:0"))
    try:
        first = editions.entered
        second = editions.add(2, same)
        assert len(editions.listeners()) == len(first.listeners) + len(second.listeners)
        for edition in (first, second):
            socket.create_connection(edition.listeners[0].sock.getsockname()[:2], timeout=5).close()
        editions.keep({1, 2})
        assert first.listeners[0].sock.fileno() >= 0
        editions.keep({2})
        assert first.listeners[0].sock.fileno() == -1
        assert second.listeners[0].sock.fileno() >= 0
    finally:
        editions.close()
    assert editions.listeners() == []


def test_a_rejected_edition_closes_what_only_it_listened_on(start: Start) -> None:
    editions = begin(settings("127.0.0.1:0"), start, lambda: settings("127.0.0.1:0", "localhost:0"))
    try:
        first, second = editions.entered, editions.add(2, same)
        editions.enter(first)
        editions.keep({1})
        assert first.listeners[0].sock.fileno() >= 0
        assert [listener.sock.fileno() for listener in second.listeners[1:]] == [-1] * (len(second.listeners) - 1)
    finally:
        editions.close()


@pytest.mark.parametrize("failure", ["read", "bind", "log", "certificate"])
def test_what_cannot_be_had_leaves_everything_as_it_was(start: Start, tmp_path: Path, failure: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:

        def read() -> Config:
            if failure == "read":
                raise ConfigError("workers must be a whole number")
            if failure == "bind":
                return settings("127.0.0.1:0", f"127.0.0.1:{taken.getsockname()[1]}", raw_env=("COLOR=blue",))
            if failure == "log":
                return settings(error_logfile="no/such/folder", raw_env=("COLOR=blue",))
            return settings(certfile=("missing.pem",), raw_env=("COLOR=blue",))

        editions = begin(settings(raw_env=("COLOR=red",), error_logfile="errors.log"), start, read)
        try:
            before = editions.entered
            with pytest.raises((ConfigError, BindError)):
                editions.add(2, same)
            assert editions.entered is before
            assert os.environ["COLOR"] == "red"
            socket.create_connection(("127.0.0.1", port(before)), timeout=5).close()
            logging.getLogger("bicorn.error").error("still here")
            assert "still here" in (tmp_path / "errors.log").read_text()
        finally:
            editions.close()


def test_a_directory_that_is_no_more_is_a_refusal(start: Start, tmp_path: Path) -> None:
    gone = Start(str(tmp_path / "gone"), start.environ)
    editions = begin(settings(), gone, settings)
    try:
        with pytest.raises(ConfigError, match=r"the settings cannot be read: .*gone"):
            editions.add(2, same)
    finally:
        editions.close()


def test_where_nobody_knows_how_it_was_started_only_the_code_is_new(start: Start) -> None:
    config = settings()
    editions = Editions(Edition(1, config, bind_all(config)))
    try:
        edition = editions.add(2, same)
        assert edition.config is config
        editions.keep({2})
        socket.create_connection(("127.0.0.1", port(edition)), timeout=5).close()
    finally:
        editions.close()


def test_the_old_tls_context_is_kept_as_long_as_it_may_be_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tls, "_prepared", [])
    first, second, third = Config(), Config(), Config()
    tls.prepare(first)
    tls.prepare(second, first)
    assert [known is first or known is second for known, _ in tls._prepared] == [True, True]
    tls.prepare(third, first)
    assert [known is second for known, _ in tls._prepared] == [False, False]


def test_the_reason_of_a_refusal() -> None:
    assert reason(ConfigError("workers must be a whole number")) == "workers must be a whole number"
    with pytest.raises(KeyError) as caught:
        os.environ["NO_SUCH_VARIABLE_ANYWHERE"]
    assert reason(caught.value).startswith("the settings cannot be read\nTraceback")


def test_the_users_get_the_log_files_where_workers_are_somebody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    from bicorn.process import privileges

    given: list[Config] = []
    monkeypatch.setattr(privileges, "give_logs", given.append)
    reread.give_logs(Config())
    assert given == []
    config = Config(user=str(os.getuid()))
    reread.give_logs(config)
    assert given == [config]
