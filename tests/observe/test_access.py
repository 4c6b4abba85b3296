from __future__ import annotations

import io
import logging
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from bicorn.config.settings import Config
from bicorn.errors import ConfigError
from bicorn.observe import access, log
from bicorn.observe.access import AccessLog, AccessRecord
from bicorn.observe.output import Output
from tests.fakes import terminal

logger = logging.getLogger("bicorn.access")


def record(target: str = "/", status: int = 200, duration: float = 0.0012, size: int = 512) -> AccessRecord:
    return AccessRecord("192.0.2.7", "GET", target, "1.1", status, size, duration, [], [], "http")


def open_log(config: Config, schedule: Callable[..., object] | None = None) -> AccessLog:
    log.configure(config)
    opened = access.open_access_log(config, schedule)
    assert opened is not None
    return opened


def test_a_line_is_written_at_once_without_a_loop(tmp_path: Path) -> None:
    lines = open_log(Config(access_logfile=str(tmp_path / "log"), access_logformat="%(m)s %(U)s %(s)s"))
    lines.log(record("/a"))
    assert (tmp_path / "log").read_text() == "GET /a 200\n"


def test_the_lines_of_one_turn_of_the_loop_are_one_write(tmp_path: Path) -> None:
    soon: list[Callable[[], None]] = []
    config = Config(access_logfile=str(tmp_path / "log"), access_logformat="%(U)s")
    lines = open_log(config, soon.append)
    for turn in range(2):
        for target in ("/a", "/b", "/c"):
            lines.log(record(target))
        assert (tmp_path / "log").read_text() == "/a\n/b\n/c\n" * turn
        assert len(soon) == 1
        soon.pop()()
    assert (tmp_path / "log").read_text() == "/a\n/b\n/c\n" * 2


def test_flush_when_nothing_waits_writes_nothing(tmp_path: Path) -> None:
    lines = open_log(Config(access_logfile=str(tmp_path / "log")))
    lines.flush()
    assert (tmp_path / "log").read_text() == ""


def test_a_handler_of_the_application_gets_the_record_too(tmp_path: Path) -> None:
    lines = open_log(Config(access_logfile=str(tmp_path / "log"), access_logformat="%(U)s"))
    seen: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = seen.append  # type: ignore[method-assign]
    logger.addHandler(handler)
    one = record("/a")
    lines.log(one)
    assert (tmp_path / "log").read_text() == "/a\n"
    assert [(each.getMessage(), vars(each)["access"]) for each in seen] == [("/a", one)]


def test_lost_lines_are_reported_once_until_it_works_again(tmp_path: Path) -> None:
    log.configure(Config(error_logfile=str(tmp_path / "errors")))
    output = Output(str(tmp_path / "log"), "stdout")
    lines = AccessLog(lambda record: record.target, output)

    def fail(text: str) -> None:
        output.error = OSError(28, "No space left on device")

    def succeed(text: str) -> None:
        output.error = None

    for write in (fail, fail, succeed, fail):
        output.write = write  # type: ignore[method-assign]
        lines.log(record())
    text = (tmp_path / "errors").read_text()
    assert text.count("The access log cannot be written, lines are lost: [Errno 28] No space left on device") == 2


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        (Config(), False),
        (Config(access_log=True), True),
        (Config(access_log=False, access_logfile="a"), False),
        (Config(access_logfile="a"), True),
        (Config(access_logfile="-", origins={"access_logfile": "--access-logfile"}), True),
    ],
)
def test_when_it_is_on(config: Config, expected: bool, capsys: pytest.CaptureFixture[str]) -> None:
    assert access.is_on(config) is expected


def test_off_is_no_log_at_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert access.open_access_log(Config()) is None
    assert access.open_output(Config(access_logformat="%(nope)s")) is None


def test_on_in_a_terminal_in_lines_for_people() -> None:
    with terminal() as screen:
        open_log(Config(use_colors=False)).log(record("/items?q=1"))
        shown = screen()
    assert re.fullmatch(r"\d\d:\d\d:\d\d 200  1\.20 ms     512 B  GET /items\?q=1  192\.0\.2\.7\r\n", shown)


def test_a_format_that_was_asked_for_is_used_in_a_terminal_too() -> None:
    with terminal() as screen:
        open_log(Config(access_logformat="%(m)s %(U)s")).log(record("/items"))
        assert screen() == "GET /items\r\n"


def test_a_file_gets_gunicorns_atoms(tmp_path: Path) -> None:
    open_log(Config(access_logfile=str(tmp_path / "log"))).log(record("/items"))
    assert '"GET /items HTTP/1.1" 200 512' in (tmp_path / "log").read_text()


def test_an_unwritable_file_and_a_wrong_format_stop_the_start() -> None:
    with pytest.raises(ConfigError, match="cannot open"):
        access.open_output(Config(access_logfile="/dev/null/log"))
    with pytest.raises(ConfigError, match="unknown atoms"):
        access.open_output(Config(access_log=True, access_logformat="%(nope)s"))


def test_without_configured_loggers_lines_go_through_logging() -> None:
    lines = access.open_access_log(Config(access_log=True, access_logformat="%(U)s"))
    assert lines is not None
    seen = io.StringIO()
    logger.addHandler(logging.StreamHandler(seen))
    logger.setLevel(logging.INFO)
    lines.log(record("/a"))
    lines.flush()
    assert seen.getvalue() == "/a\n"


@pytest.mark.parametrize(
    ("status", "color"),
    [(101, ""), (200, "\x1b[32m"), (304, "\x1b[36m"), (404, "\x1b[33m"), (503, "\x1b[31m"), (0, "")],
)
def test_the_status_has_its_color(status: int, color: str) -> None:
    end = "\x1b[0m" if color else ""
    assert f" {color}{status}{end} " in access.human_format(colored=True)(record(status=status))
    assert f" {status} " in access.human_format(colored=False)(record(status=status))


def test_a_terminal_is_safe_from_a_client() -> None:
    line = access.human_format(colored=False)(record('/\x1b]0;title\x07\n"'))
    assert line.isprintable()


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0.00 ms"),
        (0.00042, "0.42 ms"),
        (0.009949, "9.95 ms"),
        (0.00996, "10.0 ms"),
        (0.0994, "99.4 ms"),
        (0.0999, "100 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1.00 s"),
        (9.994, "9.99 s"),
        (75.2, "75 s"),
    ],
)
def test_durations_have_three_digits(seconds: float, text: str) -> None:
    assert access.duration(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 KiB"),
        (1024 * 1024 - 1, "1.0 MiB"),
        (5 * 2**30, "5.0 GiB"),
        (2**40, "1.0 TiB"),
        (2**52, "4096.0 TiB"),
    ],
)
def test_sizes(count: int, text: str) -> None:
    assert access.size(count) == text
