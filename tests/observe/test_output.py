from __future__ import annotations

import io
import logging
import sys
from pathlib import Path

import pytest

from bicorn.config.settings import Config
from bicorn.errors import ConfigError
from bicorn.observe.output import LineHandler, Output, is_colored
from tests.fakes import terminal


def test_appends_to_a_file(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("before\n")
    output = Output(str(path), "stderr")
    output.write("one\n")
    output.write("zwei \N{LATIN SMALL LETTER U WITH DIAERESIS}\n")
    output.close()
    assert path.read_text(encoding="utf-8") == "before\none\nzwei \N{LATIN SMALL LETTER U WITH DIAERESIS}\n"


def test_two_outputs_share_a_file(tmp_path: Path) -> None:
    first, second = (Output(str(tmp_path / "log"), "stderr") for _ in range(2))
    for number in range(5):
        first.write(f"first {number}\n")
        second.write(f"second {number}\n")
    first.close()
    second.close()
    assert sorted((tmp_path / "log").read_text().split("\n"))[1:] == [
        f"{name} {number}" for name in ("first", "second") for number in range(5)
    ]


def test_a_file_that_cannot_be_opened_is_a_configuration_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"cannot open the log file .*/no/log: No such file or directory") as caught:
        Output(str(tmp_path / "no" / "log"), "stderr", setting="error_logfile")
    assert caught.value.setting == "error_logfile"


def test_reopens_after_rotation_even_from_another_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    output = Output("log", "stderr")
    output.write("one\n")
    (tmp_path / "log").rename(tmp_path / "log.1")
    output.write("two\n")
    monkeypatch.chdir("/")
    output.reopen()
    output.write("three\n")
    output.close()
    assert (tmp_path / "log.1").read_text() == "one\ntwo\n"
    assert (tmp_path / "log").read_text() == "three\n"


def test_a_failed_reopen_keeps_the_old_file(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    output = Output(str(tmp_path / "logs" / "log"), "stderr")
    (tmp_path / "logs").rename(tmp_path / "moved")
    with pytest.raises(ConfigError):
        output.reopen()
    output.write("still here\n")
    output.close()
    assert (tmp_path / "moved" / "log").read_text() == "still here\n"


def test_dash_is_the_standard_stream_of_the_moment(capsys: pytest.CaptureFixture[str]) -> None:
    Output("-", "stderr").write("an error\n")
    Output("-", "stdout").write("a response\n")
    Output("-", "stdout").reopen()
    assert capsys.readouterr() == ("a response\n", "an error\n")


def test_a_stream_that_cannot_show_a_character_shows_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(raw, encoding="ascii"))
    Output("-", "stderr").write("caf\N{LATIN SMALL LETTER E WITH ACUTE}\n")
    assert raw.getvalue() == b"caf\\xe9\n"


def test_no_stream_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    output = Output("-", "stderr")
    output.write("nobody hears\n")
    assert not output.is_terminal()
    assert output.error is None


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_is_remembered_not_raised() -> None:
    output = Output("/dev/full", "stderr")
    output.write("lost\n")
    assert isinstance(output.error, OSError)
    output.close()


def test_a_closed_stream_is_remembered_until_a_write_succeeds(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    stream.close()
    monkeypatch.setattr(sys, "stderr", stream)
    output = Output("-", "stderr")
    output.write("lost\n")
    assert isinstance(output.error, ValueError)
    assert not output.is_terminal()
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    output.write("seen\n")
    assert output.error is None


def test_writing_after_close_is_dropped(tmp_path: Path) -> None:
    output = Output(str(tmp_path / "log"), "stderr")
    output.close()
    output.close()
    output.write("late\n")
    assert (tmp_path / "log").read_text() == ""


def test_colors_are_for_terminals_unless_asked_for() -> None:
    with terminal():
        assert is_colored(Config(), Output("-", "stdout"))
        assert not is_colored(Config(use_colors=False), Output("-", "stdout"))
    assert not is_colored(Config(), Output("/dev/null", "stdout"))
    assert is_colored(Config(use_colors=True), Output("/dev/null", "stdout"))


def test_a_message_that_does_not_fit_its_arguments_is_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    handler = LineHandler(Output(str(tmp_path / "log"), "stderr"))
    handler.handle(logging.makeLogRecord({"msg": "%d", "args": ("x",)}))
    assert "Logging error" in capsys.readouterr().err
    handler.handle(logging.makeLogRecord({"msg": "fine"}))
    handler.close()  # as dictConfig() does
    handler.handle(logging.makeLogRecord({"msg": "still there"}))
    handler.dismiss()
    assert (tmp_path / "log").read_text() == "fine\nstill there\n"
