from __future__ import annotations

import io
import logging
import logging.config
import os
import re
import sys
from pathlib import Path

import pytest

from bicorn.config.settings import Config
from bicorn.errors import ConfigError
from bicorn.observe import log

logger = logging.getLogger("bicorn.error")


def handlers_of_the_application() -> list[logging.Handler]:
    names = [name for name in logging.root.manager.loggerDict if not name.startswith("bicorn")]
    return [handler for name in ["root", *names] for handler in logging.getLogger(name).handlers]


def test_lines_have_time_process_and_level(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(Config())
    logger.info("listening on %s", "http://127.0.0.1:8000")
    line = capsys.readouterr().err
    pattern = rf"\[\d{{4}}-\d\d-\d\d \d\d:\d\d:\d\d [+-]\d{{4}}\] \[{os.getpid()}\] \[INFO\] listening on http://127.0.0.1:8000\n"
    assert re.fullmatch(pattern, line)


@pytest.mark.parametrize("level", log.LEVELS)
def test_the_level_hides_what_is_below(level: str, tmp_path: Path) -> None:
    log.configure(Config(log_level=level, error_logfile=str(tmp_path / "log")))
    for name, number in log.LEVELS.items():
        logger.log(number, "this is %s", name)
    seen = re.findall(r"\[([A-Z]+)\] this is ([a-z]+)", (tmp_path / "log").read_text())
    names = list(log.LEVELS)
    assert seen == [(name.upper(), name) for name in names[: names.index(level) + 1]]


def test_tracebacks_and_stacks_follow_the_line(tmp_path: Path) -> None:
    log.configure(Config(error_logfile=str(tmp_path / "log")))
    try:
        raise KeyError("missing")
    except KeyError:
        logger.exception("an app failed", stack_info=True)
    lines = (tmp_path / "log").read_text().splitlines()
    assert lines[0].endswith("[ERROR] an app failed")
    assert lines[1] == "Traceback (most recent call last):"
    assert "KeyError: 'missing'" in lines
    assert "Stack (most recent call last):" in lines


def test_colors(tmp_path: Path) -> None:
    log.configure(Config(error_logfile=str(tmp_path / "log"), use_colors=True))
    logger.warning("hot")
    assert "\x1b[33m[WARNING]\x1b[0m hot\n" in (tmp_path / "log").read_text()


def test_the_applications_logging_is_not_touched(tmp_path: Path) -> None:
    mine = logging.getLogger("an.application")
    mine.setLevel(logging.DEBUG)
    before = (handlers_of_the_application(), logging.root.level, logging.getLevelName(log.TRACE))
    log.configure(Config(error_logfile=str(tmp_path / "log"), log_level="trace"))
    assert (handlers_of_the_application(), logging.root.level, logging.getLevelName(log.TRACE)) == before
    assert mine.level == logging.DEBUG
    assert not mine.disabled


def test_nothing_reaches_the_root_logger(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    seen = io.StringIO()
    monkeypatch.setattr(logging.root, "handlers", [logging.StreamHandler(seen)])
    log.configure(Config(error_logfile=str(tmp_path / "log"), access_log=True))
    logger.error("ours")
    logging.getLogger("bicorn.access").info("ours as well")
    assert seen.getvalue() == ""


def test_configuring_twice_writes_once(tmp_path: Path) -> None:
    for name in ("first", "second"):
        log.configure(Config(error_logfile=str(tmp_path / name), access_logfile=str(tmp_path / f"{name}.access")))
    logger.error("once")
    assert (tmp_path / "first").read_text() == ""
    assert (tmp_path / "second").read_text().count("once") == 1
    assert len(logging.getLogger("bicorn.access").handlers) == 1


def test_a_handler_of_the_application_is_kept_and_used(tmp_path: Path) -> None:
    seen = io.StringIO()
    handler = logging.StreamHandler(seen)
    logger.addHandler(handler)
    for _ in range(2):
        log.configure(Config(error_logfile=str(tmp_path / "log")))
    logger.error("both")
    assert seen.getvalue() == "both\n"
    assert (tmp_path / "log").read_text().count("both") == 1


def test_the_applications_dict_config_does_not_silence_the_server(tmp_path: Path) -> None:
    log.configure(Config(error_logfile=str(tmp_path / "log")))
    bystander = logging.getLogger("a.bystander")
    state = logging.root.handlers[:], logging.root.level
    try:
        logging.config.dictConfig({"version": 1})
        assert bystander.disabled, "dictConfig no longer disables loggers: OwnLogger can go"
        logger.error("still heard")
    finally:
        logging.root.handlers[:], logging.root.level = state
        bystander.disabled = False
    assert "still heard" in (tmp_path / "log").read_text()


def test_the_access_log_is_off_without_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    log.configure(Config())
    assert logging.getLogger("bicorn.access").handlers == []


def test_both_logs_are_reopened(tmp_path: Path) -> None:
    log.configure(Config(error_logfile=str(tmp_path / "log"), access_logfile=str(tmp_path / "access")))
    for name in ("log", "access"):
        (tmp_path / name).rename(tmp_path / f"{name}.1")
    log.reopen()
    logger.error("new")
    logging.getLogger("bicorn.access").info("GET /")
    assert "new" in (tmp_path / "log").read_text()
    assert (tmp_path / "access").read_text() == "GET /\n"
    assert (tmp_path / "log.1").read_text() == (tmp_path / "access.1").read_text() == ""


@pytest.mark.parametrize(
    "settings", [{"error_logfile": "no/log"}, {"access_logfile": "no/log"}, {"access_logformat": "%(nope)s"}]
)
def test_a_mistake_leaves_everything_as_it_was(
    settings: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    log.configure(Config(error_logfile=str(tmp_path / "log"), access_log=True))
    with pytest.raises(ConfigError):
        log.configure(Config(**{"access_log": True, "error_logfile": "-"} | settings))
    logger.error("as before")
    assert "as before" in (tmp_path / "log").read_text()


def test_without_a_console(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    log.configure(Config())
    logger.error("nobody hears")
